// What each tenant has of what its limits are about, over all workers: the one thing that workers share.
//
// A tenant without a limit is not in it: workers touch a place for a limit that is there, and for nothing else. Exact:
// a claim is granted exactly when it leaves the tenant at or below its limit.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "dataplane/nat/token_bucket.h"

namespace hypernat::dataplane {

class TenantUsage {
 public:
  /// `slots`: places in Tables::tenants. May throw std::bad_alloc.
  explicit TenantUsage(std::uint32_t slots) : places_(slots) {}

  /// Any worker: one flow. False when the tenant has `limit` flows already.
  bool claim(std::uint32_t slot, std::uint32_t limit) {
    auto& flows = places_[slot].flows;
    std::uint32_t now = flows.load(std::memory_order_relaxed);
    do {
      if (now >= limit) return false;
    } while (!flows.compare_exchange_weak(now, now + 1, std::memory_order_relaxed));
    return true;
  }
  /// Any worker: flows that it has already, from now on under a limit, however many they are.
  void charge(std::uint32_t slot, std::uint32_t flows) {
    places_[slot].flows.fetch_add(flows, std::memory_order_relaxed);
  }
  /// Any worker: gives back what it claimed or charged.
  void release(std::uint32_t slot, std::uint32_t flows = 1) {
    places_[slot].flows.fetch_sub(flows, std::memory_order_relaxed);
  }
  /// Of a tenant with a limit.
  std::uint32_t flows(std::uint32_t slot) const { return places_[slot].flows.load(std::memory_order_relaxed); }

  /// Any worker: one more flow of so many per second, at `now`.
  bool take_new_flow(std::uint32_t slot, std::uint32_t per_second, Tick now) {
    return places_[slot].new_flows.take(per_second, 1, now) == 1;
  }
  /// Any worker: how many packets of `wanted` may pass, of so many per second.
  std::uint32_t take_packets(std::uint32_t slot, std::uint32_t per_second, std::uint32_t wanted, Tick now) {
    return places_[slot].packets.take(per_second, wanted, now);
  }

  std::uint32_t slots() const { return static_cast<std::uint32_t>(places_.size()); }

 private:
  struct alignas(64) Place {
    std::atomic<std::uint32_t> flows{0};
    TokenBucket new_flows;
    alignas(64) TokenBucket packets;  // every burst of a tenant with such a limit, where flows are opened only
  };
  std::vector<Place> places_;
};

}  // namespace hypernat::dataplane
