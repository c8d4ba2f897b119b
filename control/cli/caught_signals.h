// Signals that would end this process, taken as events instead: something has to be given back first.
//
// They are blocked from construction on, in the calling thread and those that it starts afterwards.
#pragma once

#include <csignal>

#include <chrono>
#include <optional>

namespace hypernat::cli {

class CaughtSignals {
 public:
  /// SIGINT, SIGTERM and SIGHUP. Throws std::system_error.
  CaughtSignals();
  ~CaughtSignals();
  CaughtSignals(const CaughtSignals&) = delete;
  CaughtSignals& operator=(const CaughtSignals&) = delete;

  /// Waits for one, or for `time` to pass; nothing when none came.
  std::optional<int> wait_for(std::chrono::milliseconds time) const;
  /// Waits for one, or until there is something to be read from `descriptor`; nothing when it is that.
  std::optional<int> wait_or_readable(int descriptor) const;

 private:
  std::optional<int> wait(int descriptor, std::chrono::milliseconds time) const;

  sigset_t before_{};
  int descriptor_ = -1;
};

}  // namespace hypernat::cli
