// When to look at a flow again. Lazy: a packet only writes when it was seen; the wheel looks at the flow once its place
// comes and either frees it or puts it further on.
//
// Places are 256 ms wide and a turn is about 524 s; what is due later comes up a turn early and is put back. So a flow
// is looked at no earlier than its due time says and, as long as the owner keeps calling, at most one place later.
// The links lie in FlowCold.
#pragma once

#include <cstdint>

#include "dataplane/flow/flow_pool.h"

namespace hypernat::dataplane {

class TimerWheel {
 public:
  bool allocate() {
    if (!heads_.allocate(kPlaces)) return false;
    for (std::size_t i = 0; i < kPlaces; ++i) heads_[i] = kNone;
    return true;
  }

  /// Puts a flow that is in no place where it comes up at or after `due`; `due` is not before `now`.
  void arm(FlowPool& flows, std::uint32_t flow, Tick now, Tick due);
  void disarm(FlowPool& flows, std::uint32_t flow);

  /// Hands out one flow whose place has come, disarmed, or kNone. `steps` counts down for each place passed and each
  /// flow handed out; at zero the rest waits for the next call.
  std::uint32_t next_due(FlowPool& flows, Tick now, std::uint32_t& steps);

 private:
  static constexpr unsigned kPlaceBits = 8;
  static constexpr std::uint32_t kPlaces = 2048;
  static constexpr std::uint32_t kTimeMask = 0xffffffff >> kPlaceBits;  // places since the start, which wrap with Tick

  FixedArray<std::uint32_t> heads_;  ///< first flow of each place
  std::uint32_t cursor_ = 0;         ///< the next place to look at; earlier ones are empty
  std::uint32_t armed_ = 0;          ///< flows in the wheel
};

}  // namespace hypernat::dataplane
