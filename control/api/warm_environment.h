// An execution environment that stays for one event after another: hypernat-runner, as the worker host runs it.
//
// One event at a time. Destroying it ends the environment. Everything here waits, and so never under the state
// machine's lock.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "control/api/environment_client.h"
#include "control/api/invocation.h"
#include "control/runner/frames.h"

namespace hypernat::control {

class WarmEnvironment {
 public:
  struct Start {
    std::filesystem::path socket;  ///< of the worker host
    EnvironmentRequest request;    ///< whose command is the runner
    std::string_view code;         ///< the zip
  };

  /// Places it and unpacks the code. Throws a Refusal when the worker host cannot be reached, refuses, or does not get
  /// ready, or when `is_stopping` becomes true.
  WarmEnvironment(const Start& start, const std::atomic<bool>& is_stopping);
  ~WarmEnvironment();
  WarmEnvironment(const WarmEnvironment&) = delete;
  WarmEnvironment& operator=(const WarmEnvironment&) = delete;

  /// Whether nothing says that it has ended.
  bool is_alive() const;
  /// One event. After anything but kExited the environment is of no more use.
  InvocationResult invoke(std::string_view payload, std::chrono::milliseconds time,
                          const std::atomic<bool>& is_stopping);

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  void write(std::string_view bytes, Deadline deadline, const std::atomic<bool>& is_stopping);
  runner::Frame read(Deadline deadline, const std::atomic<bool>& is_stopping);
  short wait_for(int descriptor, short events, Deadline deadline, const std::atomic<bool>& is_stopping);
  std::string why_it_ended();

  EnvironmentClient client_;
  int input_ = -1;   ///< the runner's
  int output_ = -1;  ///< the runner's
  runner::FrameReader frames_;
};

}  // namespace hypernat::control
