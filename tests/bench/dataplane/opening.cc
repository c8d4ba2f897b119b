#include "tests/bench/dataplane/opening.h"

#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/bench/dataplane/journey.h"

namespace hypernat::bench {
namespace {

constexpr std::uint32_t kOpenings = 8192;
constexpr std::uint32_t kAtOnce = 64;

const char* name_of(Protocol protocol) {
  return protocol == Protocol::kTcp ? "tcp syn" : "udp";
}

// Cycles of each packet of `draws`, all of which must open a flow.
std::vector<double> cycles_of_openings(World& world, const FrameTemplate& frame, std::span<const Draw> draws) {
  const std::uint32_t before_all = world.worker().nat().open_flows();
  std::vector<double> samples;
  world.port(Side::kInside).offer_once(0, frame, draws);
  for (std::size_t done = 0; done < draws.size();) {
    std::uint32_t moved = 0;
    const std::uint64_t before = rte_rdtsc();
    while (moved < kOpenings && done + moved < draws.size()) moved += world.worker().step(world.now);
    samples.push_back(static_cast<double>(rte_rdtsc() - before) / moved);
    done += moved;
  }
  world.port(Side::kInside).pause(0);
  world.settle();
  world.check_accounts();
  if (world.worker().nat().open_flows() != before_all + draws.size()) throw std::runtime_error("a flow did not open");
  return samples;
}

constexpr std::uint32_t kKept = 65'536;
constexpr std::uint32_t kMostRounds = 4'000'000;

// Microseconds that each round takes, as long as `another` goes one on.
std::vector<double> lengths_of_rounds(const std::function<bool()>& another) {
  std::vector<double> lengths;
  std::uint64_t before = rte_rdtsc();
  while (lengths.size() < kMostRounds && another()) {
    const std::uint64_t after = rte_rdtsc();
    lengths.push_back(static_cast<double>(after - before) / cycles_per_us());
    before = after;
  }
  return lengths;
}

// Forwards from `start` on until hardly more flows are open than are kept; then an idle loop of as many rounds, and as
// long ones, tells what pauses the machine itself makes.
void go_down(World& world, Tick start, const std::string& measure, Report& report) {
  const dataplane::Clock clock;
  std::uint32_t left = world.options().flows;
  std::uint32_t looks = 0;
  const auto lengths = lengths_of_rounds([&] {
    world.now = start + clock.now();
    world.worker().step(world.now);
    if (++looks % 1024 == 0) left = world.worker().nat().open_flows();
    return left > kKept + 4096;
  });
  world.port(Side::kInside).pause(0);
  if (left > kKept + 4096) throw std::runtime_error("flows did not go in " + std::to_string(kMostRounds) + " rounds");
  world.check_accounts();
  const auto idle_round = static_cast<std::uint64_t>(quantile(lengths, 0.5) * cycles_per_us());
  std::uint32_t idle = 0;
  const auto gaps = lengths_of_rounds([&] {
    const std::uint64_t until = rte_rdtsc() + idle_round;
    while (rte_rdtsc() < until) rte_pause();
    return ++idle < lengths.size();
  });
  for (const auto& [name, values] : {std::pair{"round", &lengths}, std::pair{"idle loop", &gaps}})
    report.add_quantiles(
        {.measure = measure, .setting = name, .flows = world.options().flows, .unit = "us", .samples = {}}, *values,
        {{"p50", 0.5}, {"p99.99", 0.9999}, {"max", 1}});
}

}  // namespace

void measure_opening(const OpeningPlan& plan, Report& report) {
  World::Options options = plan.world;
  for (const std::uint32_t standing : plan.standing) options.flows = std::max(options.flows, standing) + plan.openings;
  World world(options);
  const bool tcp = plan.world.protocol == Protocol::kTcp;
  const FrameTemplate frame = tcp ? world.tcp_frame(Side::kInside, "S") : world.frame(Side::kInside);
  std::uint32_t open = 0;
  for (const std::uint32_t standing : plan.standing) {
    for (; open < standing; open = std::min(standing, open + 1'000'000)) {
      cycles_of_openings(world, frame, world.openings(open, std::min(standing, open + 1'000'000)));
    }
    const std::vector<Draw> draws = world.openings(open, open + plan.openings);
    world.port(Side::kInside).offer(0, frame, draws);
    const auto floor = cycles_of_floor(world, Side::kInside, plan.openings);
    world.port(Side::kInside).pause(0);
    report.add({.measure = "floor",
                .setting = std::string("opening ") + name_of(plan.world.protocol),
                .flows = standing,
                .samples = floor});
    report.add({.measure = "opening",
                .setting = name_of(plan.world.protocol),
                .flows = standing,
                .samples = cycles_of_openings(world, frame, draws)});
    open += plan.openings;
  }
  world.check_accounts();
}

void measure_last_ports(Report& report) {
  constexpr std::uint32_t kPorts = 4 * 64'512;
  constexpr std::uint32_t kHundredth = kPorts / 100;
  World world({.flows = kPorts, .remotes = 1, .interfaces = 4});
  const FrameTemplate& frame = world.frame(Side::kInside);
  const auto measure = [&](const char* setting, std::uint32_t first, std::uint32_t last) {
    report.add({.measure = "one remote",
                .setting = setting,
                .flows = first,
                .samples = cycles_of_openings(world, frame, world.openings(first, last))});
  };
  measure("first hundredth", 0, kHundredth);
  cycles_of_openings(world, frame, world.openings(kHundredth, kPorts - kHundredth));
  measure("last hundredth", kPorts - kHundredth, kPorts);
  world.check_accounts();
}

void measure_connections(const World::Options& options, Report& report) {
  struct Packet {
    Side side;
    const char* flags;
  };
  constexpr std::array<Packet, 8> kConnection{{{Side::kInside, "S"},
                                               {Side::kOutside, "SA"},
                                               {Side::kInside, "A"},
                                               {Side::kInside, "PA"},
                                               {Side::kOutside, "PA"},
                                               {Side::kInside, "FA"},
                                               {Side::kOutside, "FA"},
                                               {Side::kInside, "A"}}};
  World::Options tcp = options;
  tcp.protocol = Protocol::kTcp;
  World world(tcp);
  std::array<FrameTemplate, 8> frames;
  for (std::size_t i = 0; i < frames.size(); ++i)
    frames[i] = world.tcp_frame(kConnection[i].side, kConnection[i].flags);
  std::vector<double> samples;
  std::uint64_t cycles = 0;
  for (std::uint32_t first = 0; first + kAtOnce <= tcp.flows; first += kAtOnce) {
    std::vector<std::uint32_t> flows(kAtOnce);
    std::iota(flows.begin(), flows.end(), first);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const Side side = kConnection[i].side;
      const std::vector<Draw> draws = world.draws(side, flows);
      if (i == 0) world.keep_replies(0, flows);
      world.port(side).offer_once(0, frames[i], draws);
      const std::uint64_t before = rte_rdtsc();
      world.worker().step(world.now);
      cycles += rte_rdtsc() - before;
      world.port(side).pause(0);
      world.port(Side::kOutside).unwatch(0);
    }
    if ((first / kAtOnce + 1) % 128 == 0) {
      samples.push_back(static_cast<double>(cycles) / (128 * kAtOnce));
      cycles = 0;
    }
  }
  world.check_accounts();
  report.add({.measure = "connection", .setting = "tcp open, transfer, close", .flows = tcp.flows, .samples = samples});
}

void measure_expiry(const World::Options& options, Report& report) {
  World world(options);
  world.open(0, options.flows);
  const std::vector<Draw> draws = world.openings(0, kKept);  // of flows that are open: they are kept alive
  world.port(Side::kInside).offer(0, world.frame(Side::kInside), draws);
  // The flows were last seen at `world.now`. Kept ones are refreshed all the while; the others go when their time is
  // up.
  go_down(world, world.now + options.timeouts.udp - 200, "expiry", report);
}

void measure_closing(const World::Options& options, Report& report) {
  if (options.flows < 2 * kKept)
    throw std::runtime_error("closing wants at least " + std::to_string(2 * kKept) + " flows");
  World::Options several = options;
  several.encapsulation = Encapsulation::kVxlan;
  several.mappings = options.flows / kKept;
  World world(several);
  world.open(0, options.flows);
  std::vector<std::uint32_t> kept(kKept);
  for (std::uint32_t i = 0; i < kKept; ++i) kept[i] = i * several.mappings;  // those of the first mapping
  const std::vector<Draw> draws = world.draws(Side::kInside, kept);
  world.port(Side::kInside).offer(0, world.frame(Side::kInside), draws);
  config::Table table = world.table(2);
  table.mappings.resize(1);
  world.publish(table);
  go_down(world, world.now, "closing", report);
}

}  // namespace hypernat::bench
