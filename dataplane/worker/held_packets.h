// Packets that wait for a neighbour to answer: first in, first out, bounded in all, for each neighbour and for each
// tenant, so that one who calls many that do not answer leaves the others their share.
//
// Towards one neighbour it is datagrams that are counted: the later fragments of a datagram take a place in all and of
// the tenant's share, but none of the neighbour's. A long datagram that is the first to go there would lose its end
// otherwise, and again with every retransmission that comes before the answer.
#pragma once

#include <algorithm>
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
    std::uint32_t per_tenant = 64;
    std::uint32_t neighbours = 4096;  ///< capacity of the Neighbours whose indices are used
    std::uint32_t tenants = 1024;     ///< slots
  };
  enum class Pushed : std::uint8_t { kHeld, kFull, kTenantHasItsShare };
  struct Held {
    Outgoing outgoing;
    std::uint32_t waits_for = kNone;
    Fragment fragment = Fragment::kWhole;
  };

  explicit HeldPackets(const Options& options)
      : ring_(options.capacity),
        of_neighbour_(options.neighbours),
        of_tenant_(options.tenants + 1),
        per_neighbour_(options.per_neighbour),
        per_tenant_(options.per_tenant) {}

  std::uint32_t size() const { return size_; }
  /// Those that are no tenant's.
  std::uint32_t of_nobody() const { return of_tenant_.back(); }

  Pushed push(const Held& held) {
    if (size_ == ring_.size()) return Pushed::kFull;
    if (counts(held) != 0 && of_neighbour_[held.waits_for] >= per_neighbour_) return Pushed::kFull;
    if (share_of(held) >= per_tenant_) return Pushed::kTenantHasItsShare;
    of_neighbour_[held.waits_for] += counts(held);
    ++share_of(held);
    std::uint32_t at = head_ + size_;
    if (at >= ring_.size()) at -= static_cast<std::uint32_t>(ring_.size());
    ring_[at] = held;
    ++size_;
    return Pushed::kHeld;
  }

  /// The one held longest; there is one.
  Held pop() {
    assert(size_ > 0);
    const Held held = ring_[head_];
    if (++head_ == ring_.size()) head_ = 0;
    --size_;
    of_neighbour_[held.waits_for] -= counts(held);
    --share_of(held);
    return held;
  }

 private:
  static std::uint32_t counts(const Held& held) { return held.fragment == Fragment::kLater ? 0 : 1; }
  // What is no tenant's, as an announcement, has a share of its own, the last.
  std::uint32_t& share_of(const Held& held) {
    return of_tenant_[std::min<std::size_t>(held.outgoing.tenant, of_tenant_.size() - 1)];
  }

  std::vector<Held> ring_;
  std::vector<std::uint32_t> of_neighbour_;
  std::vector<std::uint32_t> of_tenant_;  ///< by slot
  std::uint32_t per_neighbour_;
  std::uint32_t per_tenant_;
  std::uint32_t head_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace hypernat::dataplane
