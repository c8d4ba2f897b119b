// Something that is asked again and again beside the invocations, on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace hypernat::coldstart {

class Poller {
 public:
  /// Calls `ask` at once and then every `interval`; what it throws ends the asking and is kept as `problem`.
  Poller(std::chrono::milliseconds interval, std::function<void()> ask);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Asks for the last time, and waits for it.
  void stop();
  /// After `stop`: why it ended early; empty when it did not.
  const std::string& problem() const { return problem_; }

 private:
  void run();

  std::chrono::milliseconds interval_;
  std::function<void()> ask_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_over_ = false;  ///< guarded by mutex_
  std::string problem_;   ///< written by the thread, read after its end
  std::thread thread_;
};

}  // namespace hypernat::coldstart
