// What the data plane adds to a packet's way, at a share of the rate it can do.
#pragma once

#include "tests/bench/dataplane/report.h"
#include "tests/bench/dataplane/world.h"

namespace hypernat::bench {

/// Packets of open flows, each due at its own time; microseconds from then until the frame is given to the device, at
/// 10, 50 and 90 % of the rate measured just before. What does not come in time is late from when it was due, whoever
/// kept it waiting (no coordinated omission).
void measure_latency(const World::Options& options, Report& report);

}  // namespace hypernat::bench
