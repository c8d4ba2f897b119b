// Which slot the next environment gets.
//
// A slot's address belongs to one environment after another; the one that has rested longest goes first, so that late
// packets for a former environment find nobody as often as possible. Pure bookkeeping: the devices are SlotNetwork's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "config/types.h"

namespace hypernat::workerhost {

/// Counts slots of a host from 0.
enum class SlotNumber : std::uint32_t {};
constexpr std::uint32_t to_number(SlotNumber slot) {
  return static_cast<std::uint32_t>(slot);
}

/// The first and the last address of a block are given to no slot: a person reads them as network and broadcast.
constexpr std::uint64_t slots_of_block(const Ipv4Prefix& block) {
  return block.size() < 4 ? 0 : block.size() - 2;
}
constexpr Ipv4Address slot_address(const Ipv4Prefix& block, SlotNumber slot) {
  return Ipv4Address::from_host(block.first().host() + 1 + to_number(slot));
}
/// 02:00 and the address: unique wherever the address is.
MacAddress slot_mac(Ipv4Address address);

class SlotPool {
 public:
  /// All slots but those in use are free, in order of their numbers.
  explicit SlotPool(std::uint32_t slots, const std::vector<SlotNumber>& in_use = {});

  /// The free slot that was given back longest ago.
  std::optional<SlotNumber> take();
  /// The environment has ended, but something of it may still live in the slot: neither free nor used.
  void rest(SlotNumber slot);
  /// Of a slot taken or resting.
  void give_back(SlotNumber slot);

  std::size_t total() const { return states_.size(); }
  std::size_t free() const { return free_.size(); }
  std::size_t resting() const { return resting_; }
  std::size_t used() const { return total() - free() - resting(); }

 private:
  enum class State : std::uint8_t { kFree, kUsed, kResting };
  State& state(SlotNumber slot) { return states_.at(to_number(slot)); }

  std::deque<SlotNumber> free_;  ///< oldest first
  std::vector<State> states_;
  std::size_t resting_ = 0;
};

}  // namespace hypernat::workerhost
