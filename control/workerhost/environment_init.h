// The first process of an execution environment, from the fork to the command's end.
//
// It runs as a copy of the worker host, in which another thread may have held any lock when the copy was made: nothing
// here allocates, logs or throws. What goes wrong is written to a pipe.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>

struct sock_fprog;

namespace hypernat::workerhost {

/// "nobody", and its group.
inline constexpr uid_t kEnvironmentUser = 65534;
inline constexpr gid_t kEnvironmentGroup = 65534;

enum class EnvironmentReportKind : std::int32_t { kStarted, kFailed, kEnded };

/// One write to the pipe; smaller than PIPE_BUF, so whole or not at all.
struct EnvironmentReport {
  EnvironmentReportKind kind = EnvironmentReportKind::kFailed;
  std::int32_t value = 0;        ///< failed: errno; ended: the command's wait status
  std::int64_t launched_ns = 0;  ///< started: just before the command was executed, on CLOCK_MONOTONIC
  char step[48] = {};            ///< failed: at what
};

/// All pointers are to what the caller prepared.
struct EnvironmentInit {
  int network_namespace = -1;
  std::array<int, 3> streams{-1, -1, -1};
  int reports = -1;
  const char* resolver_text = nullptr;
  const char* resolver_file = nullptr;
  const char* resolver_target = nullptr;              ///< null: the file is in its place
  const char* const* resolver_directories = nullptr;  ///< to make first; ends with null
  char* const* command = nullptr;
  char** variables = nullptr;
};

[[noreturn]] void run_environment_init(const EnvironmentInit& init);

/// Leaves the calling process no system call that reaches past its network namespace; for good. 0, or -1 and errno.
int confine_system_calls();

}  // namespace hypernat::workerhost
