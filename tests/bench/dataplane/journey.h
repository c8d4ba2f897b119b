// The journey: cycles of the real worker loop for each packet of open flows, beside its floor and the physics.
#pragma once

#include <cstdint>

#include "tests/bench/dataplane/report.h"
#include "tests/bench/dataplane/world.h"

namespace hypernat::bench {

enum class Order : std::uint8_t { kUniform, kZipf };

struct JourneyPlan {
  World::Options world;
  std::uint32_t runs = 3;
  std::uint32_t packets = 48 * 65'536;  ///< of each figure
  std::vector<Order> orders{Order::kUniform, Order::kZipf};
};

/// For each run: physics, then outbound and inbound, each with the floor of the same frames. First every packet of an
/// unmeasured pass is checked. Throws std::runtime_error when a packet is not what it has to be.
void measure_journey(const JourneyPlan& plan, Report& report);

/// What each stage of the journey takes, outbound and inbound; reading the clock between them costs a little too.
void measure_stages(const JourneyPlan& plan, Report& report);

/// Cycles per packet of rounds of worker 0, in samples of 65,536 packets each, until `packets` have gone through.
std::vector<double> cycles_of_rounds(World& world, std::uint32_t packets);
/// Of the TSC.
double cycles_per_us();
/// The same frames from port to port with nothing in between.
std::vector<double> cycles_of_floor(World& world, Side side, std::uint32_t packets);

}  // namespace hypernat::bench
