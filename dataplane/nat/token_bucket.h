// How much of a rate is left to a tenant, over all workers: tokens that come with time and go with what is let through.
//
// One word, changed by compare and exchange, so that any number of workers share it without a lock and what they are
// granted together is exact: in any t seconds at most rate * t, and as many as come in one second that may have been
// saved up before. Time is a parameter. Milliseconds times a rate per second are thousandths of tokens, so nothing is
// ever rounded. Nothing is written when nothing is granted: a flood that is refused moves no cache line.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

class TokenBucket {
 public:
  /// Any worker. How many of `wanted` there are at `now`, `rate` tokens coming per second; they are gone then. A rate
  /// that is another one than last time holds from now on.
  std::uint32_t take(std::uint32_t rate, std::uint32_t wanted, Tick now) {
    std::uint64_t seen = state_.load(std::memory_order_relaxed);
    for (;;) {
      Fill fill = filled(unpack(seen), rate, now);
      const std::uint32_t granted = std::min(wanted, fill.level / kToken);
      if (granted == 0) return 0;
      fill.level -= granted * kToken;
      if (state_.compare_exchange_weak(seen, pack(fill), std::memory_order_relaxed)) return granted;
    }
  }

 private:
  static constexpr std::uint32_t kToken = 1000;
  static constexpr std::uint32_t kMostTokens = 0xffffffff / kToken;
  /// By how much at most one worker's clock is behind another's; more than that is a bucket not looked at for weeks.
  static constexpr Tick kClocksApart = 60'000;

  struct Fill {
    Tick counted = 0;         ///< up to when tokens have come
    std::uint32_t level = 0;  ///< thousandths of tokens
  };
  static constexpr Fill unpack(std::uint64_t state) {
    return {static_cast<Tick>(state >> 32), static_cast<std::uint32_t>(state)};
  }
  static constexpr std::uint64_t pack(Fill fill) { return std::uint64_t{fill.counted} << 32 | fill.level; }

  static constexpr Fill filled(Fill fill, std::uint32_t rate, Tick now) {
    const std::uint32_t most = std::min(rate, kMostTokens) * kToken;
    const Tick elapsed = now - fill.counted;
    if (elapsed > -kClocksApart) return {fill.counted, std::min(most, fill.level)};
    return {now, static_cast<std::uint32_t>(std::min<std::uint64_t>(most, fill.level + std::uint64_t{elapsed} * rate))};
  }

  std::atomic<std::uint64_t> state_{0};  ///< empty at tick 0, when the process starts
};

}  // namespace hypernat::dataplane
