// How much of something may still be done: so many per second, as many at once.
//
// Time is passed in and counted in whole milliseconds; what is left of them counts next time, so that many short waits
// earn as much as a long one.
#pragma once

#include <cstdint>

#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

class Allowance {
 public:
  Allowance() = default;
  /// Full, at `per_second`.
  explicit Allowance(std::uint32_t per_second) : left_(per_second) {}

  /// One more, if it may be. `per_second` is the same each time.
  bool take(std::uint32_t per_second, Tick now) {
    const std::uint64_t earned = std::uint64_t{now - counted_} * per_second / 1000;
    if (left_ + earned >= per_second) {
      left_ = per_second;
      counted_ = now;
    } else if (earned > 0) {
      left_ += static_cast<std::uint32_t>(earned);
      counted_ += static_cast<Tick>(earned * 1000 / per_second);
    }
    if (left_ == 0) return false;
    --left_;
    return true;
  }

 private:
  std::uint32_t left_ = 0;
  Tick counted_ = 0;  ///< up to when it was topped up
};

}  // namespace hypernat::dataplane
