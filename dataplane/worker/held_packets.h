// Packets that wait for a neighbour to answer: first in, first out, bounded in all and for each neighbour.
#pragma once

#include <cassert>
#include <cstdint>
#include <vector>

#include "dataplane/worker/outgoing.h"

namespace hypernat::dataplane {

class HeldPackets {
 public:
  struct Options {
    std::uint32_t capacity = 256;
    std::uint32_t per_neighbour = 8;
    std::uint32_t neighbours = 4096;  ///< capacity of the Neighbours whose indices are used
  };
  struct Held {
    Outgoing outgoing;
    std::uint32_t waits_for = kNone;
  };

  explicit HeldPackets(const Options& options)
      : ring_(options.capacity), of_neighbour_(options.neighbours), per_neighbour_(options.per_neighbour) {}

  std::uint32_t size() const { return size_; }

  /// False when a bound is reached.
  bool push(const Held& held) {
    if (size_ == ring_.size() || of_neighbour_[held.waits_for] >= per_neighbour_) return false;
    ++of_neighbour_[held.waits_for];
    std::uint32_t at = head_ + size_;
    if (at >= ring_.size()) at -= static_cast<std::uint32_t>(ring_.size());
    ring_[at] = held;
    ++size_;
    return true;
  }

  /// The one held longest; there is one.
  Held pop() {
    assert(size_ > 0);
    const Held held = ring_[head_];
    if (++head_ == ring_.size()) head_ = 0;
    --size_;
    --of_neighbour_[held.waits_for];
    return held;
  }

 private:
  std::vector<Held> ring_;
  std::vector<std::uint32_t> of_neighbour_;
  std::uint32_t per_neighbour_;
  std::uint32_t head_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace hypernat::dataplane
