// One thread that waits for descriptors and for moments, and calls whoever asked.
//
// A handler may add and remove any descriptor or timer, its own included: events are taken one at a time, so none can
// be for a descriptor that is gone.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include "control/workerhost/unique_fd.h"

namespace hypernat::workerhost {

class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;
  /// Called with the epoll events that are there.
  using Handler = std::function<void(std::uint32_t)>;
  using Timer = std::pair<Clock::time_point, std::uint64_t>;

  /// Throws std::system_error.
  EventLoop();

  /// `events` as for epoll_ctl; hang-ups and errors are always told. Throws std::system_error.
  void watch(int fd, std::uint32_t events, Handler handler);
  /// Before the descriptor is closed.
  void unwatch(int fd);

  Timer at(Clock::time_point when, std::function<void()> action);
  /// Of a timer that went off already: nothing happens.
  void cancel(const Timer& timer) { timers_.erase(timer); }

  /// Until `stop`. Throws what a handler throws.
  void run();
  void stop() { stopped_ = true; }

 private:
  int milliseconds_to_next_timer() const;
  void run_due_timers();

  UniqueFd epoll_;
  // Shared so that a handler that unwatches its own descriptor outlives the call.
  std::unordered_map<int, std::shared_ptr<Handler>> handlers_;
  std::map<Timer, std::function<void()>> timers_;
  std::uint64_t next_timer_ = 0;
  bool stopped_ = false;
};

}  // namespace hypernat::workerhost
