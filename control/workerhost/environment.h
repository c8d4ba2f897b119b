// One execution environment: a command in namespaces of its own, on a slot's network, with no capability.
//
// The command runs under a small init of its own; whoever kills the init kills everything that the command started.
// Preparing happens before the fork: after it only system calls are made. An Environment is a hold on what runs, and
// not its life: the environment goes on when the worker host is gone.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "control/api/environment_protocol.h"
#include "control/workerhost/environment_init.h"
#include "control/workerhost/environment_record.h"
#include "control/workerhost/unique_fd.h"

namespace hypernat::workerhost {

struct EnvironmentLaunch {
  EnvironmentFacts facts;
  int network_namespace = -1;
  int connection = -1;                     ///< the client's; the caller keeps and closes its own
  std::chrono::nanoseconds deadline{};     ///< on CLOCK_MONOTONIC; 0: none
  control::EnvironmentEvent started;       ///< all but what only the environment's init knows
  std::array<int, 3> streams{-1, -1, -1};  ///< stdin, stdout, stderr; the caller keeps and closes its own
  std::string resolver;                    ///< an IPv4 address; empty: none
  std::vector<std::string> command;
  std::map<std::string, std::string> variables;
};

class Environment {
 public:
  struct Handles {
    pid_t pid = -1;
    UniqueFd process;  ///< a pidfd
    UniqueFd doorbell;
  };
  Environment(EnvironmentRecord record, Handles handles) : record_(std::move(record)), handles_(std::move(handles)) {}

  EnvironmentRecord& record() { return record_; }
  const EnvironmentRecord& record() const { return record_; }
  pid_t pid() const { return handles_.pid; }
  /// Readable when everything in the environment has ended.
  int process() const { return handles_.process.get(); }
  /// Readable when the command runs, and when nothing but the init is left: the record says which. -1 when the init's
  /// could not be had.
  int doorbell() const { return handles_.doorbell.get(); }
  /// Not readable until it rings again.
  void quiet_doorbell() const;

  void kill();
  /// Waits until everything in it has ended, and takes the dead away.
  void wait();

 private:
  EnvironmentRecord record_;
  Handles handles_;
};

class EnvironmentLauncher {
 public:
  /// `records` is where environments are written down. Looks at the host once. Throws std::runtime_error when
  /// environments could not have a resolver of their own.
  explicit EnvironmentLauncher(std::filesystem::path records);

  /// Writes the record first. Throws std::system_error, leaving none; a failure in the new process is told to the
  /// client.
  Environment launch(const EnvironmentLaunch& launch) const;

 private:
  std::filesystem::path records_;
  std::filesystem::path runner_;           ///< hypernat-runner, for environments that are to run it
  std::filesystem::path resolver_file_;    ///< written by each environment, in its own /run
  std::filesystem::path resolver_target_;  ///< what it is mounted over; empty: it is in its place already
  std::vector<std::string> resolver_directories_;
};

}  // namespace hypernat::workerhost
