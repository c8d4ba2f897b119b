#include "tests/bench/dataplane/journey.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <array>
#include <stdexcept>
#include <string>

#include "tests/bench/dataplane/physics.h"
#include "tests/packet/craft.h"

namespace hypernat::bench {
namespace {

constexpr std::uint32_t kSample = 65'536;
constexpr std::uint32_t kChecked = 2 * kSample;
constexpr double kZipfExponent = 0.99;

const char* name_of(Side side) {
  return side == Side::kInside ? "outbound" : "inbound";
}
const char* name_of(Order order) {
  return order == Order::kUniform ? "uniform" : "zipf 0.99";
}

// What leaves, in the order of the draws: translated as the flow says, by checksums computed over the whole packet.
void check(World& world, Side side) {
  const std::vector<std::uint32_t> flows = world.uniform(kChecked);
  const std::vector<Draw> draws = world.draws(side, flows);
  std::size_t seen = 0;
  const Side other = side == Side::kInside ? Side::kOutside : Side::kInside;
  const std::size_t ip_offset = world.frame(other).ip_offset;
  std::string wrong;
  world.other_port(side).watch(0, [&](std::span<const std::uint8_t> frame) {
    if (seen == draws.size() || !wrong.empty() || !world.is_packet(other, frame)) return;
    const std::uint32_t flow = flows[seen];
    const Draw expected = side == Side::kInside ? world.inbound(flow) : world.outbound(flow);
    ++seen;
    const auto packet = craft::look_at({frame.begin() + static_cast<std::ptrdiff_t>(ip_offset), frame.end()});
    const bool right = packet.src == to_string(expected.dst) && packet.dst == to_string(expected.src) &&
                       packet.src_port == expected.dst_port.host() && packet.dst_port == expected.src_port.host() &&
                       packet.ip_checksum_right && packet.l4_checksum_right && packet.ttl == 63;
    if (!right) wrong = "a packet of flow " + std::to_string(flow) + " left as " + packet.src + " > " + packet.dst;
  });
  world.port(side).offer_once(0, world.frame(side), draws);
  world.settle();
  world.port(side).pause(0);
  world.other_port(side).unwatch(0);
  world.check_accounts();
  if (wrong.empty() && seen != draws.size()) wrong = std::to_string(draws.size() - seen) + " packets did not leave";
  if (!wrong.empty()) throw std::runtime_error(std::string(name_of(side)) + ": " + wrong);
}

}  // namespace

double cycles_per_us() {
  return static_cast<double>(rte_get_tsc_hz()) / 1e6;
}

std::vector<double> cycles_of_rounds(World& world, std::uint32_t packets) {
  std::vector<double> samples;
  for (std::uint32_t done = 0; done < packets;) {
    std::uint32_t moved = 0;
    const std::uint64_t before = rte_rdtsc();
    while (moved < kSample) moved += world.worker().step(world.now);
    samples.push_back(static_cast<double>(rte_rdtsc() - before) / moved);
    done += moved;
  }
  return samples;
}

std::vector<double> cycles_of_floor(World& world, Side side, std::uint32_t packets) {
  std::vector<double> samples;
  std::array<rte_mbuf*, dataplane::Worker::kMaxBurst> mbufs;
  for (std::uint32_t done = 0; done < packets;) {
    std::uint32_t moved = 0;
    const std::uint64_t before = rte_rdtsc();
    while (moved < kSample) {
      const std::uint16_t count = rte_eth_rx_burst(world.port(side).device(), 0, mbufs.data(), mbufs.size());
      moved += rte_eth_tx_burst(world.other_port(side).device(), 0, mbufs.data(), count);
    }
    samples.push_back(static_cast<double>(rte_rdtsc() - before) / moved);
    done += moved;
  }
  return samples;
}

void measure_stages(const JourneyPlan& plan, Report& report) {
  World::Options options = plan.world;
  options.stages = true;
  World world(options);
  world.open(0, options.flows);
  for (std::uint32_t run = 0; run < plan.runs; ++run) {
    for (const Side side : {Side::kInside, Side::kOutside}) {
      const std::vector<Draw> draws = world.draws(side, world.uniform(plan.packets));
      world.port(side).offer(0, world.frame(side), draws);
      cycles_of_rounds(world, kSample);
      world.stages() = {};
      cycles_of_rounds(world, plan.packets);
      const dataplane::StageCycles taken = world.stages();
      for (std::size_t stage = 0; stage < taken.cycles.size(); ++stage) {
        report.add({.measure = "stage",
                    .setting = std::string(config::to_string(options.encapsulation)) + " " + name_of(side) + " " +
                               std::string(dataplane::kStageNames[stage]),
                    .flows = options.flows,
                    .run = run,
                    .samples = {static_cast<double>(taken.cycles[stage]) / static_cast<double>(taken.packets)}});
      }
      world.port(side).pause(0);
      world.settle();
      world.check_accounts();
    }
  }
}

void measure_journey(const JourneyPlan& plan, Report& report) {
  World world(plan.world);
  world.open(0, plan.world.flows);
  for (const Side side : {Side::kInside, Side::kOutside}) check(world, side);
  Physics physics(plan.world.flows);
  const std::string where = config::to_string(plan.world.encapsulation);
  for (std::uint32_t run = 0; run < plan.runs; ++run) {
    report.add(physics.measure(run));
    for (const Order order : plan.orders) {
      for (const Side side : {Side::kInside, Side::kOutside}) {
        const std::vector<Draw> draws = world.draws(
            side, order == Order::kUniform ? world.uniform(plan.packets) : world.zipf(plan.packets, kZipfExponent));
        const std::string setting = where + " " + name_of(side) + " " + name_of(order);
        world.port(side).offer(0, world.frame(side), draws);
        report.add({.measure = "floor",
                    .setting = setting,
                    .flows = plan.world.flows,
                    .run = run,
                    .samples = cycles_of_floor(world, side, plan.packets / 4)});
        report.add({.measure = "journey",
                    .setting = setting,
                    .flows = plan.world.flows,
                    .run = run,
                    .samples = cycles_of_rounds(world, plan.packets)});
        world.port(side).pause(0);
        world.settle();
        world.check_accounts();
      }
    }
  }
}

}  // namespace hypernat::bench
