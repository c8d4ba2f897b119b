// The first process of an execution environment, from the fork to the environment's end.
//
// It runs as a copy of the worker host, in which another thread may have held any lock when the copy was made: nothing
// here allocates, logs or throws. From the fork on it is on its own: it ends the environment when its time is up or its
// client goes away, and it tells the client. The worker host is needed for the slot only, and may die meanwhile.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>

namespace hypernat::workerhost {

/// "nobody", and its group.
inline constexpr uid_t kEnvironmentUser = 65534;
inline constexpr gid_t kEnvironmentGroup = 65534;

/// Where an init has what it keeps. The worker host's own descriptors are above them.
enum KeptDescriptor : int { kConnection = 3, kRecord, kDoorbell, kFirstFreeDescriptor };

/// All pointers are to what the caller prepared.
struct EnvironmentInit {
  int network_namespace = -1;
  std::array<int, 3> streams{-1, -1, -1};
  int connection = -1;           ///< the client's: its end is the environment's
  int record = -1;               ///< begins with an EnvironmentLife; locked for as long as the init lives
  int doorbell = -1;             ///< an eventfd, written when the phase is kRunning and when it is kEmpty
  std::int64_t deadline_ns = 0;  ///< on CLOCK_MONOTONIC; 0: none
  const char* started_text = nullptr;
  const char* exited_text = nullptr;
  const char* signalled_text = nullptr;
  const char* failed_text = nullptr;
  const char* resolver_text = nullptr;
  const char* resolver_file = nullptr;
  const char* resolver_target = nullptr;              ///< null: the file is in its place
  const char* const* resolver_directories = nullptr;  ///< to make first; ends with null
  const char* runner = nullptr;  ///< a program of the host to put in the place of runner::kRunnerPath; null: none
  char* const* command = nullptr;
  char** variables = nullptr;
};

[[noreturn]] void run_environment_init(const EnvironmentInit& init);

/// Leaves the calling process no system call that reaches past its network namespace; for good. 0, or -1 and errno.
int confine_system_calls();

}  // namespace hypernat::workerhost
