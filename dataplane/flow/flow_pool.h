// The flow entries of one worker: a fixed number, handed out and taken back.
//
// The exact limit of flows is here; the table that finds them (flow_table.h) has room for as many.
#pragma once

#include <cstdint>

#include "dataplane/flow/flow.h"
#include "dataplane/flow/memory.h"

namespace hypernat::dataplane {

class FlowPool {
 public:
  /// False when the memory can not be had.
  bool allocate(std::uint32_t capacity) { return flows_.allocate(capacity) && cold_.allocate(capacity); }

  /// Number of an entry that is nobody's, both parts as new; kNone when there is none.
  std::uint32_t take() {
    const std::uint32_t number = free_ != kNone ? take_again() : take_new();
    if (number == kNone) return kNone;
    flows_[number] = Flow{};
    cold_[number] = FlowCold{};
    ++in_use_;
    return number;
  }
  /// The flow is in no place of the timer wheel.
  void give_back(std::uint32_t number) {
    flows_[number].state = FlowState::kFree;
    cold_[number].timer_next = free_;
    free_ = number;
    --in_use_;
  }

  Flow& operator[](std::uint32_t number) { return flows_[number]; }
  const Flow& operator[](std::uint32_t number) const { return flows_[number]; }
  FlowCold& cold(std::uint32_t number) { return cold_[number]; }
  const FlowCold& cold(std::uint32_t number) const { return cold_[number]; }

  /// Asks for the part that packets touch.
  void fetch(std::uint32_t number) const { __builtin_prefetch(&flows_[number], 1, 3); }

  void fetch_both(std::uint32_t number) const {
    fetch(number);
    __builtin_prefetch(&cold_[number], 1, 3);
  }

  std::uint32_t capacity() const { return static_cast<std::uint32_t>(flows_.size()); }
  std::uint32_t in_use() const { return in_use_; }

 private:
  // Openings come in bursts: the entry that will be next is asked for a turn before.
  std::uint32_t take_again() {
    const std::uint32_t number = free_;
    free_ = cold_[number].timer_next;
    if (free_ != kNone) fetch_both(free_);
    return number;
  }
  std::uint32_t take_new() {
    if (unused_ == capacity()) return kNone;
    const std::uint32_t number = unused_++;
    if (unused_ < capacity()) fetch_both(unused_);
    return number;
  }

  FixedArray<Flow> flows_;
  FixedArray<FlowCold> cold_;
  std::uint32_t free_ = kNone;  ///< the entry given back last; `timer_next` leads to those before it
  std::uint32_t unused_ = 0;    ///< from here on entries have never been taken
  std::uint32_t in_use_ = 0;
};

}  // namespace hypernat::dataplane
