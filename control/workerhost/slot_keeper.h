// Gives slots to environments and takes them back clean.
//
// A command that has ended may leave TCP connections behind that the kernel still closes, or resends for. They stay
// attached for a moment, so that the far end learns of the close; then the slot is detached, and it is free only when
// nothing is left in it that could speak to the next environment's tenant.
#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include "control/workerhost/event_loop.h"
#include "control/workerhost/slot_network.h"
#include "control/workerhost/slot_pool.h"

namespace hypernat::workerhost {

class SlotKeeper {
 public:
  SlotKeeper(EventLoop& loop, SlotNetwork& network, SlotPool pool)
      : loop_(loop), network_(network), pool_(std::move(pool)) {}

  /// A slot, attached to the mapping (number 0: to none). Nothing when all are in use. Throws std::system_error.
  std::optional<SlotNumber> take(MappingNumber mapping);
  /// After every process of the environment has ended.
  void release(SlotNumber slot);

  const SlotPool& pool() const { return pool_; }
  const SlotNetwork& network() const { return network_; }

 private:
  void rest_until_quiet(SlotNumber slot, EventLoop::Clock::time_point detach_at);

  EventLoop& loop_;
  SlotNetwork& network_;
  SlotPool pool_;
};

}  // namespace hypernat::workerhost
