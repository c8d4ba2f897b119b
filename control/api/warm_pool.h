// Environments that wait for the next event of their function.
//
// Whoever has an event takes one that waits, or makes one; so as many run as there are events at a time. One that
// waited too long is ended. An environment belongs to one revision of one function and to one mapping: nothing that is
// changed is ever invoked in an old one.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "control/api/warm_environment.h"

namespace hypernat::control {

class WarmPool {
 public:
  /// What an environment is for; another never serves.
  struct Purpose {
    std::string function;  ///< ARN and version
    std::string revision;
    std::uint64_t mapping = 0;  ///< uid; 0: none
    bool operator==(const Purpose&) const = default;
  };
  using Make = std::function<std::unique_ptr<WarmEnvironment>()>;

  /// None is invoked in that is older; so an environment is made for longer than that.
  static constexpr std::chrono::hours kLongestLife{12};

  /// `idle_after`: how long one may wait; 0: none does.
  explicit WarmPool(std::chrono::milliseconds idle_after);
  ~WarmPool();
  WarmPool(const WarmPool&) = delete;
  WarmPool& operator=(const WarmPool&) = delete;

  /// Invokes in one that waits, or in what `make` makes.
  InvocationResult invoke(const Purpose& purpose, const Make& make, std::string_view payload,
                          std::chrono::milliseconds time, const std::atomic<bool>& is_stopping);
  /// Ends those that wait for anything else of this function.
  void retire_others(const Purpose& purpose);
  /// Ends those that wait for any version of this function (ARN), which is no more.
  void retire(const std::string& function);

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    Purpose purpose;
    std::unique_ptr<WarmEnvironment> environment;
    Clock::time_point born;
    Clock::time_point since;
  };

  void watch();
  std::list<Waiting> take(const std::function<bool(const Waiting&)>& wanted, std::size_t most);

  const std::chrono::milliseconds idle_after_;
  std::mutex mutex_;  ///< guards everything below
  std::condition_variable changed_;
  std::list<Waiting> waiting_;  ///< the one that waits longest first
  bool is_over_ = false;
  std::thread watcher_;
};

}  // namespace hypernat::control
