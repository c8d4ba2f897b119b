// How many flows each tenant has open, over all workers: the one thing that workers share.
//
// Touched at opening and closing only. Exact: a claim is granted exactly when it leaves the tenant at or below its
// limit.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace hypernat::dataplane {

class TenantUsage {
 public:
  /// `slots`: places in Tables::tenants. May throw std::bad_alloc.
  explicit TenantUsage(std::uint32_t slots) : places_(slots) {}

  /// Any worker. False when the tenant has `limit` flows already; 0 is no limit.
  bool claim(std::uint32_t slot, std::uint32_t limit) {
    auto& flows = places_[slot].flows;
    std::uint32_t now = flows.load(std::memory_order_relaxed);
    do {
      if (limit != 0 && now >= limit) return false;
    } while (!flows.compare_exchange_weak(now, now + 1, std::memory_order_relaxed));
    return true;
  }
  /// Any worker: gives one claim back.
  void release(std::uint32_t slot) { places_[slot].flows.fetch_sub(1, std::memory_order_relaxed); }

  std::uint32_t flows(std::uint32_t slot) const { return places_[slot].flows.load(std::memory_order_relaxed); }
  std::uint32_t slots() const { return static_cast<std::uint32_t>(places_.size()); }

 private:
  struct alignas(64) Place {
    std::atomic<std::uint32_t> flows{0};
  };
  std::vector<Place> places_;
};

}  // namespace hypernat::dataplane
