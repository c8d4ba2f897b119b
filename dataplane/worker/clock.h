// The one clock: milliseconds since the data plane started, from the time stamp counter, the same for all workers.
#pragma once

#include <rte_cycles.h>
#include <time.h>

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

/// CLOCK_MONOTONIC in nanoseconds, which other processes of the machine read too. For what is compared with theirs; the
/// packet path has ticks.
inline std::int64_t monotonic_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// One moment by both clocks.
struct Instant {
  Tick tick = 0;
  std::int64_t monotonic_ns = 0;  ///< 0 while nobody traces
};

}  // namespace hypernat::dataplane
