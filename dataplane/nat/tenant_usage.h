// What each tenant has of what its limits are about, over all workers, and how many workers have no flow entry left:
// the one thing that workers share.
//
// A tenant without a limit is not in it: workers touch a place for a limit that is there, and when they come to the end
// of what they have themselves, or back from it. Exact: a claim is granted exactly when it leaves the tenant at or
// below its limit.
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

  /// Any worker: no more of its flow entries may be the tenant's, or one more again.
  void share_filled(std::uint32_t slot) { places_[slot].full_shares.fetch_add(1, std::memory_order_relaxed); }
  void share_freed(std::uint32_t slot) { places_[slot].full_shares.fetch_sub(1, std::memory_order_relaxed); }
  /// Workers of which that is so.
  std::uint32_t full_shares(std::uint32_t slot) const {
    return places_[slot].full_shares.load(std::memory_order_relaxed);
  }
  /// Any worker: all of its flow entries are in use, or one is free again.
  void pool_filled() { full_pools_.fetch_add(1, std::memory_order_relaxed); }
  void pool_freed() { full_pools_.fetch_sub(1, std::memory_order_relaxed); }
  std::uint32_t full_pools() const { return full_pools_.load(std::memory_order_relaxed); }

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
    std::atomic<std::uint32_t> full_shares{0};
    TokenBucket new_flows;
    alignas(64) TokenBucket packets;  // every burst of a tenant with such a limit, where flows are opened only
  };
  std::vector<Place> places_;
  alignas(64) std::atomic<std::uint32_t> full_pools_{0};
};

}  // namespace hypernat::dataplane
