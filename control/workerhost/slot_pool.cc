#include "control/workerhost/slot_pool.h"

#include <stdexcept>
#include <string>

namespace hypernat::workerhost {

MacAddress slot_mac(Ipv4Address address) {
  const std::uint32_t number = address.host();
  return {{0x02, 0x00, static_cast<std::uint8_t>(number >> 24), static_cast<std::uint8_t>(number >> 16),
           static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}};
}

SlotPool::SlotPool(std::uint32_t slots, const std::vector<SlotNumber>& in_use) : states_(slots, State::kFree) {
  for (const SlotNumber slot : in_use) state(slot) = State::kUsed;
  for (std::uint32_t slot = 0; slot < slots; ++slot)
    if (states_[slot] == State::kFree) free_.push_back(SlotNumber{slot});
}

std::optional<SlotNumber> SlotPool::take() {
  if (free_.empty()) return std::nullopt;
  const SlotNumber slot = free_.front();
  free_.pop_front();
  state(slot) = State::kUsed;
  return slot;
}

void SlotPool::rest(SlotNumber slot) {
  if (state(slot) != State::kUsed)
    throw std::logic_error("slot " + std::to_string(to_number(slot)) + " rests without having been used");
  state(slot) = State::kResting;
  ++resting_;
}

void SlotPool::give_back(SlotNumber slot) {
  if (state(slot) == State::kFree)
    throw std::logic_error("slot " + std::to_string(to_number(slot)) + " is given back twice");
  if (state(slot) == State::kResting) --resting_;
  state(slot) = State::kFree;
  free_.push_back(slot);
}

}  // namespace hypernat::workerhost
