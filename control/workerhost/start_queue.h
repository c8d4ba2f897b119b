// Lets environments start a few at a time, in the order in which they came.
//
// All at once would not be ready sooner: they share the same CPUs, each would be slowed by all others, and the first of
// them would be ready hardly before the last. An environment that waits here is attached already.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>

#include "control/workerhost/event_loop.h"

namespace hypernat::workerhost {

class StartQueue {
 public:
  /// None is 0.
  using Turn = std::uint64_t;

  struct Limits {
    std::size_t at_once = 1;
    EventLoop::Clock::duration patience = std::chrono::seconds(1);  ///< a start that hangs is waited for no longer
  };
  /// The loop outlives the queue.
  StartQueue(EventLoop& loop, const Limits& limits) : loop_(loop), limits_(limits) {}

  /// `begin` is called from the loop, when its turn has come.
  Turn join(std::function<void()> begin);
  /// It has started, it failed, or it starts no more; a second time does no harm.
  void leave(Turn turn);

 private:
  void call_soon();
  void call_next();

  EventLoop& loop_;
  Limits limits_;
  Turn last_ = 0;
  std::map<Turn, std::function<void()>> waiting_;
  std::map<Turn, EventLoop::Timer> starting_;  ///< and when it is waited for no longer
};

/// As many starts at a time as keep the CPUs busy that this process may use.
std::size_t starts_at_once();

}  // namespace hypernat::workerhost
