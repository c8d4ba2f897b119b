#include "dataplane/flow/timer_wheel.h"

#include <algorithm>

namespace hypernat::dataplane {

void TimerWheel::arm(FlowPool& flows, std::uint32_t flow, Tick now, Tick due) {
  if (armed_++ == 0) cursor_ = now >> kPlaceBits;
  // Rounded up: when the place has come, the flow is due.
  const std::uint32_t time = ((due >> kPlaceBits) + 1) & kTimeMask;
  // Counted from the cursor, which may be late but is never ahead of the present.
  const std::uint32_t ahead = (time - cursor_) & kTimeMask;
  const std::uint32_t place = (cursor_ + std::min(ahead, kPlaces - 1)) % kPlaces;

  FlowCold& cold = flows.cold(flow);
  cold.timer_place = static_cast<std::uint16_t>(place);
  cold.timer_previous = kNone;
  cold.timer_next = heads_[place];
  if (cold.timer_next != kNone) flows.cold(cold.timer_next).timer_previous = flow;
  heads_[place] = flow;
}

void TimerWheel::disarm(FlowPool& flows, std::uint32_t flow) {
  --armed_;
  const FlowCold& cold = flows.cold(flow);
  if (cold.timer_previous == kNone)
    heads_[cold.timer_place] = cold.timer_next;
  else
    flows.cold(cold.timer_previous).timer_next = cold.timer_next;
  if (cold.timer_next != kNone) flows.cold(cold.timer_next).timer_previous = cold.timer_previous;
}

std::uint32_t TimerWheel::next_due(FlowPool& flows, Tick now, std::uint32_t& steps) {
  const std::uint32_t present = now >> kPlaceBits;
  while (steps > 0 && armed_ > 0) {
    const std::uint32_t flow = heads_[cursor_ % kPlaces];
    --steps;
    if (flow != kNone) {
      disarm(flows, flow);
      return flow;
    }
    if (cursor_ == present) return kNone;
    cursor_ = (cursor_ + 1) & kTimeMask;
  }
  return kNone;
}

}  // namespace hypernat::dataplane
