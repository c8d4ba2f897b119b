// The flow entries of one worker: a fixed number, handed out and taken back.
//
// The exact limit of flows is here; the index beside it has room to spare. An entry's number is what the index holds.
#pragma once

#include <cstdint>

#include "dataplane/flow/flow.h"
#include "dataplane/flow/memory.h"

namespace hypernat::dataplane {

class FlowPool {
 public:
  /// False when the memory can not be had.
  bool allocate(std::uint32_t capacity) {
    if (!flows_.allocate(capacity) || !cold_.allocate(capacity) || !free_.allocate(capacity)) return false;
    for (std::uint32_t i = 0; i < capacity; ++i) free_[i] = capacity - 1 - i;
    free_count_ = capacity;
    return true;
  }

  /// Number of an entry that is nobody's, both parts as new; kNone when there is none.
  std::uint32_t take() {
    if (free_count_ == 0) return kNone;
    const std::uint32_t number = free_[--free_count_];
    if (free_count_ >= kAhead) fetch(free_[free_count_ - kAhead]);
    flows_[number] = Flow{};
    cold_[number] = FlowCold{};
    return number;
  }
  void give_back(std::uint32_t number) {
    flows_[number].state = FlowState::kFree;
    free_[free_count_++] = number;
  }

  Flow& operator[](std::uint32_t number) { return flows_[number]; }
  const Flow& operator[](std::uint32_t number) const { return flows_[number]; }
  FlowCold& cold(std::uint32_t number) { return cold_[number]; }
  const FlowCold& cold(std::uint32_t number) const { return cold_[number]; }

  std::uint32_t capacity() const { return static_cast<std::uint32_t>(flows_.size()); }
  std::uint32_t in_use() const { return capacity() - free_count_; }

 private:
  // An entry is asked for so many takes before its turn: openings come in bursts.
  static constexpr std::uint32_t kAhead = 4;
  void fetch(std::uint32_t number) const {
    __builtin_prefetch(&flows_[number], 1, 3);
    __builtin_prefetch(&cold_[number], 1, 3);
  }

  FixedArray<Flow> flows_;
  FixedArray<FlowCold> cold_;
  FixedArray<std::uint32_t> free_;  ///< the first free_count_ are numbers of free entries
  std::uint32_t free_count_ = 0;
};

}  // namespace hypernat::dataplane
