// Which interfaces are to be announced, and when: each as soon as it appears, and once more two seconds later.
//
// So that neighbours that remember another MAC learn better (RFC 5227 2.3), though the first announcement met a link
// that was not up yet. A new table adds to what still waits, so that tables that come fast lose nobody's. Everything is
// allocated by the constructor; interfaces are slots in Tables::interfaces.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

class Announcements {
 public:
  static constexpr Tick kInterval = 2'000;

  explicit Announcements(std::uint32_t interface_slots)
      : state_(interface_slots, State::kNothing), first_(interface_slots), again_(interface_slots) {}

  void add(std::span<const std::uint32_t> interfaces) {
    for (const std::uint32_t slot : interfaces) {
      if (slot >= state_.size() || state_[slot] != State::kNothing) continue;
      state_[slot] = State::kFirst;
      first_.push({slot, 0});
    }
  }

  /// The next one, or kNone when none is due.
  std::uint32_t next(Tick now) {
    if (first_.size > 0) {
      const std::uint32_t slot = first_.pop().slot;
      state_[slot] = State::kAgain;
      again_.push({slot, now});
      return slot;
    }
    if (again_.size == 0 || now - again_.front().announced < kInterval) return kNone;
    const std::uint32_t slot = again_.pop().slot;
    state_[slot] = State::kNothing;
    return slot;
  }

 private:
  enum class State : std::uint8_t { kNothing, kFirst, kAgain };
  struct Waiting {
    std::uint32_t slot = 0;
    Tick announced = 0;
  };
  /// Of at most every slot, each at most once.
  struct Queue {
    explicit Queue(std::uint32_t capacity) : ring(capacity) {}
    const Waiting& front() const { return ring[head]; }
    void push(const Waiting& waiting) { ring[(head + size++) % ring.size()] = waiting; }
    Waiting pop() {
      const Waiting waiting = ring[head];
      head = (head + 1) % ring.size();
      --size;
      return waiting;
    }
    std::vector<Waiting> ring;
    std::size_t head = 0;
    std::size_t size = 0;
  };

  std::vector<State> state_;  ///< by slot
  Queue first_;
  Queue again_;
};

}  // namespace hypernat::dataplane
