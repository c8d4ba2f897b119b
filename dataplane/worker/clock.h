// The one clock: milliseconds since the data plane started, from the time stamp counter, the same for all workers.
#pragma once

#include <rte_cycles.h>

#include <cstdint>

#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

class Clock {
 public:
  Clock() : start_(rte_rdtsc()), cycles_per_millisecond_(rte_get_tsc_hz() / 1000) {}
  Tick now() const { return static_cast<Tick>((rte_rdtsc() - start_) / cycles_per_millisecond_); }

 private:
  std::uint64_t start_;
  std::uint64_t cycles_per_millisecond_;
};

}  // namespace hypernat::dataplane
