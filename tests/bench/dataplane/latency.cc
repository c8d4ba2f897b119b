#include "tests/bench/dataplane/latency.h"

#include <rte_cycles.h>

#include <algorithm>
#include <string>
#include <utility>

#include "tests/bench/dataplane/journey.h"

namespace hypernat::bench {
namespace {

constexpr std::uint32_t kTimedPackets = 1'000'000;

// How late somebody is who does nothing but wait for the times at which packets are due: the machine's own pauses.
std::vector<double> lateness_of_an_idle_loop(double interval) {
  std::vector<double> late(kTimedPackets);
  const std::uint64_t start = rte_rdtsc() + rte_get_tsc_hz() / 1000;
  for (std::size_t i = 0; i < late.size(); ++i) {
    const double due = static_cast<double>(start) + static_cast<double>(i) * interval;
    double now = 0;
    do now = static_cast<double>(rte_rdtsc());
    while (now < due);
    late[i] = (now - due) / cycles_per_us();
  }
  return late;
}

}  // namespace

void measure_latency(const World::Options& options, Report& report) {
  constexpr std::uint32_t kMeasuredPackets = 3'000'000;
  World world(options);
  world.open(0, options.flows);
  const std::vector<Draw> draws = world.draws(Side::kInside, world.uniform(kTimedPackets));
  MemoryPort& in = world.port(Side::kInside);
  in.offer(0, world.frame(Side::kInside), draws);
  const double full = quantile(cycles_of_rounds(world, kMeasuredPackets), 0.5);
  in.pause(0);
  world.settle();
  for (const int share : {10, 50, 90}) {
    const double interval = full * 100 / share;
    std::vector<double> late(kTimedPackets);  // written before: a page's first touch takes longer than a packet
    std::size_t seen = 0;
    const std::uint64_t start = rte_rdtsc() + rte_get_tsc_hz() / 1000;
    world.port(Side::kOutside).watch(0, [&](std::span<const std::uint8_t>) {
      const double due = static_cast<double>(start) + static_cast<double>(seen) * interval;
      late[seen++] = (static_cast<double>(rte_rdtsc()) - due) / cycles_per_us();
    });
    in.offer_once(0, world.frame(Side::kInside), draws);
    in.pace(0, start, interval);
    while (seen < kTimedPackets) world.worker().step(world.now);
    in.pause(0);
    world.port(Side::kOutside).unwatch(0);
    world.check_accounts();
    const std::string load = std::to_string(share) + " %";
    const auto add = [&](const std::string& what, const std::vector<double>& values) {
      report.add_quantiles({.measure = "latency", .setting = what, .flows = options.flows, .unit = "us", .samples = {}},
                           values, {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}});
    };
    add(load, late);
    add(load + " of an idle loop", lateness_of_an_idle_loop(interval));
  }
}

}  // namespace hypernat::bench
