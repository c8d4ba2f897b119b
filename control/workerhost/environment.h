// One execution environment: a command in namespaces of its own, on a slot's network, with no capability.
//
// The command runs under a small init of its own; whoever kills the init kills everything that the command started.
// The init dies with the worker host. Preparing happens before the fork: after it only system calls are made.
#pragma once

#include <sys/types.h>

#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/workerhost/environment_init.h"
#include "control/workerhost/unique_fd.h"

namespace hypernat::workerhost {

struct EnvironmentLaunch {
  int network_namespace = -1;
  std::array<int, 3> streams{-1, -1, -1};  ///< stdin, stdout, stderr; the caller keeps and closes its own
  std::string resolver;                    ///< an IPv4 address; empty: none
  std::vector<std::string> command;
  std::map<std::string, std::string> variables;
};

/// How an environment ended.
struct EnvironmentEnd {
  bool failed_to_start = false;
  std::string failure{};  ///< what and why, when it failed to start
  int wait_status = 0;    ///< of the command, else
};

class Environment {
 public:
  Environment(pid_t pid, UniqueFd process, UniqueFd reports);
  /// Kills what still runs, and waits for it.
  ~Environment();
  Environment(Environment&&) = delete;

  pid_t pid() const { return pid_; }
  /// Readable when everything in the environment has ended.
  int process() const { return process_.get(); }
  /// Readable when `launched_ns` may have news.
  int reports() const { return reports_.get(); }

  /// From the moment on that the command runs: when it was about to be executed, in nanoseconds of CLOCK_MONOTONIC.
  std::optional<std::int64_t> launched_ns();
  void kill();
  /// Once `process()` is readable: takes the dead away.
  EnvironmentEnd reap();

 private:
  void read_reports();

  pid_t pid_;
  UniqueFd process_;
  UniqueFd reports_;
  std::optional<std::int64_t> launched_ns_;
  std::optional<EnvironmentEnd> end_;
};

class EnvironmentLauncher {
 public:
  /// Looks at the host once. Throws std::runtime_error when environments could not have a resolver of their own.
  EnvironmentLauncher();

  /// Throws std::system_error; a failure in the new process comes as the environment's end.
  std::unique_ptr<Environment> launch(const EnvironmentLaunch& launch) const;

 private:
  std::filesystem::path resolver_file_;    ///< written by each environment, in its own /run
  std::filesystem::path resolver_target_;  ///< what it is mounted over; empty: it is in its place already
  std::vector<std::string> resolver_directories_;
};

}  // namespace hypernat::workerhost
