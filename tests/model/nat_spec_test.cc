// The NAT against its specification, over random sequences of packets, times and tables. What differs is shrunk and
// printed as a story, with the seed that it comes from.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/model/contest.h"
#include "tests/model/shrink.h"

namespace hypernat::model {
namespace {

using dataplane::FlowTimeouts;
using dataplane::FragmentProtocols;
using dataplane::Gathering;
using dataplane::NatWorld;

bool longer() {
  return std::getenv("HYPERNAT_TEST_LONG") != nullptr;
}

// What sanitizers slow down tenfold finds the same faults in fewer steps.
#ifdef HYPERNAT_SANITIZED
constexpr std::size_t kShare = 8;
#else
constexpr std::size_t kShare = 1;
#endif
constexpr std::size_t kBetweenComparisons = 400;
constexpr std::size_t kTriesToShrink = 300;

config::Interface interface_of(std::uint64_t uid, Ipv4Address address) {
  return {.id = "eni-" + std::to_string(uid), .uid = uid, .address = address, .mac = {}};
}

// Beside the two tenants with the same addresses, whose mappings get a second interface each: a subnet of globex's in
// the Lambda VPC's own range, whose interfaces have the addresses of environments and whose number is its mapping's.
config::Table table_of_the_test() {
  config::Table table = dataplane::two_tenants();
  table.mappings[2].number = MappingNumber{4};
  for (std::size_t i = 0; i < table.mappings.size(); ++i)
    table.mappings[i].interfaces.push_back(
        interface_of(11 + i, Ipv4Address::of(10, 0, 1, static_cast<std::uint8_t>(30 + i % 2))));

  config::Subnet subnet = table.subnets[1];
  subnet.number = SubnetNumber{3};
  subnet.id = "subnet-3";
  subnet.prefix = Ipv4Prefix{Ipv4Address::of(100, 64, 0, 0), 28};
  subnet.segment.id = 5003;
  subnet.router = Ipv4Address::of(100, 64, 0, 14);
  subnet.vteps = {Ipv4Address::of(198, 51, 100, 13)};
  table.subnets.push_back(subnet);
  config::Mapping mapping = table.mappings[2];
  mapping.number = MappingNumber{3};
  mapping.uid = 104;
  mapping.subnet = 2;
  mapping.interfaces = {interface_of(21, Ipv4Address::of(100, 64, 0, 2)),
                        interface_of(22, Ipv4Address::of(100, 64, 0, 3))};
  table.mappings.insert(table.mappings.begin() + 2, mapping);
  return table;
}

std::vector<StepSeed> steps_of(std::uint64_t seed, std::size_t count) {
  Dice dice(seed);
  std::vector<StepSeed> steps(count);
  for (StepSeed& step : steps) step = dice.next();
  return steps;
}

// Up to the first difference, or the end.
struct Run {
  std::size_t steps = 0;
  std::string difference;
  std::string story;
  std::map<std::string, std::uint64_t> happened;
};
enum class Telling : std::uint8_t { kNothing, kEverything };
Run run(const Scene& scene, const std::vector<StepSeed>& steps, Telling telling) {
  Contest contest(scene);
  Run result;
  const auto tell = [&] {
    if (telling == Telling::kEverything)
      for (const std::string& line : contest.story()) result.story += "  " + line + '\n';
  };
  for (const StepSeed step : steps) {
    if (!contest.difference().empty()) break;
    contest.step(step);
    tell();
    if (++result.steps % kBetweenComparisons == 0 && contest.difference().empty()) contest.compare();
  }
  if (contest.difference().empty()) contest.compare();
  if (contest.difference().empty()) contest.let_everything_end();
  result.difference = contest.difference();
  result.happened = contest.happened();
  return result;
}

// The sequence in which the two differ, as short as it gets.
std::string told_shortly(const Scene& scene, std::vector<StepSeed> steps) {
  const auto fails = [&](const std::vector<StepSeed>& some) {
    return !run(scene, some, Telling::kNothing).difference.empty();
  };
  if (std::getenv("HYPERNAT_TEST_UNSHRUNK") == nullptr) steps = shrunk(std::move(steps), fails, kTriesToShrink);
  const Run shortest = run(scene, steps, Telling::kEverything);
  return std::to_string(shortest.steps) + " steps:\n" + shortest.story + "and then: " + shortest.difference;
}

void expect_agreement(const Scene& scene, std::uint64_t seed, std::size_t count,
                      const std::vector<std::string>& must_happen) {
  std::vector<StepSeed> steps = steps_of(seed, std::max<std::size_t>(count / kShare, 400));
  const Run all = run(scene, steps, Telling::kNothing);
  if (!all.difference.empty()) {
    steps.resize(all.steps);
    FAIL() << "seed " << seed << ", step " << all.steps << ": " << all.difference << "\nshrunk to "
           << told_shortly(scene, steps);
  }
  if (kShare > 1) return;  // so few steps need not meet everything
  for (const std::string& name : must_happen) EXPECT_TRUE(all.happened.contains(name)) << "never: " << name;
}

// Plenty of room, a little, next to none, and a NAT that takes those of UDP alone.
Gathering::Options fragments_of(std::uint64_t seed) {
  Gathering::Options options{.tenants = 16};
  if (seed % 4 == 1) {
    options.datagrams = 8;
    options.datagrams_per_tenant = 5;
    options.held = 10;
    options.held_per_tenant = 5;
    options.held_per_datagram = 3;
  } else if (seed % 4 == 2) {
    options.datagrams = 3;
    options.held = 2;
    options.timeout = 700;
  } else if (seed % 8 == 3) {
    options.protocols = FragmentProtocols::kUdp;
  }
  return options;
}

// Each seed is another world.
Scene scene_of(std::uint64_t seed) {
  Dice dice(~seed);
  const std::vector<FlowTimeouts> timeouts = {
      {},
      {.tcp_opening = 4'000, .tcp_established = 6'000, .tcp_closing = 1'000, .udp = 3'000, .icmp = 2'000},
      {.tcp_opening = 30'000, .tcp_established = 1'200'000, .tcp_closing = 600'000, .udp = 5'000, .icmp = 531'000}};
  return {.world = {.table = table_of_the_test(),
                    .workers = static_cast<std::uint16_t>(1 + seed % 4),
                    .flows = dice.one_in(2) ? 4096U : 24U,
                    .flows_per_tenant = seed % 3 == 0 ? 3U : 0U,
                    .resets_per_second = dice.one_in(2) ? 100U : 2U,
                    .errors_per_second = dice.one_in(2) ? 100U : 1U,
                    .fragments = fragments_of(seed),
                    .inside = {.mtu = dice.one_in(2) ? std::uint16_t{1500} : std::uint16_t{52}, .mss = 1400},
                    .outside = {.mtu = dice.one_in(2) ? std::uint16_t{1500} : std::uint16_t{56},
                                .mss = dice.one_in(2) ? std::uint16_t{0} : std::uint16_t{1300}},
                    .timeouts = timeouts[seed / 2 % timeouts.size()],
                    .seed = seed,
                    // The clock wraps on the way.
                    .start = dice.one_in(2) ? 1'000U : 0xffff'ffff - 400'000},
          .cast = {},
          .opened_before = 0};
}

class NatAgainstSpecification : public testing::TestWithParam<std::uint64_t> {};

TEST_P(NatAgainstSpecification, agrees_on_random_sequences) {
  const Scene scene = scene_of(GetParam());
  std::vector<std::string> must_happen = {"opened",
                                          "forwarded",
                                          "answered",
                                          "no_flow",
                                          "ttl_expired",
                                          "bad_tcp_flags",
                                          "martian_source",
                                          "spoofed_source",
                                          "egress_refused",
                                          "no_route",
                                          "unknown_segment",
                                          "martian_destination",
                                          "table changed",
                                          "not_the_interface",
                                          "wrong_tunnel_peer",
                                          "error_without_flow",
                                          "held",
                                          "fragment forwarded",
                                          "fragment_duplicate",
                                          "fragment_overlap",
                                          "fragment_misaligned",
                                          "fragment_too_long",
                                          "fragment_refused",
                                          "fragment_timeout"};
  const Gathering::Options& fragments = scene.world.fragments;
  if (fragments.protocols == FragmentProtocols::kUdp) must_happen.emplace_back("fragment");
  if (fragments.protocols == FragmentProtocols::kAll) must_happen.emplace_back("fragment_tiny");
  if (fragments.held < 100) must_happen.emplace_back("fragment_share_full");
  if (fragments.held < 5) must_happen.emplace_back("fragments_full");
  // A small share leaves a limit nothing to do.
  must_happen.emplace_back(scene.world.flows_per_tenant != 0 ? "flow_share_full" : "tenant_flow_limit");
  expect_agreement(scene, GetParam(), longer() ? 130'000 : 40'000, must_happen);
}

INSTANTIATE_TEST_SUITE_P(Seeds, NatAgainstSpecification, testing::Range<std::uint64_t>(1, 9));

// All but a few ports of one interface are taken towards one remote endpoint; the mapping has no other interface, or
// one whose ports are free.
struct LastPorts {
  std::uint16_t workers = 1;
  std::size_t interfaces = 1;
  std::vector<std::string> must_happen;
};
std::ostream& operator<<(std::ostream& out, const LastPorts& last) {
  return out << last.workers << " workers, " << last.interfaces << " interfaces";
}

class NatAtLastPorts : public testing::TestWithParam<LastPorts> {};

TEST_P(NatAtLastPorts, agrees_with_the_specification) {
  const LastPorts& last = GetParam();
  config::Table table = table_of_the_test();
  table.mappings[0].interfaces.resize(last.interfaces);
  const Scene scene{
      .world = {.table = table,
                .workers = last.workers,
                .flows = 70'000,
                .redirects = 70'000,
                .timeouts = {.tcp_opening = 400'000'000, .tcp_established = 400'000'000, .tcp_closing = 1'000},
                .seed = last.workers},
      .cast = {.mappings = {1},
               .ports = {0, 1, 2, 3, 4, 5, 6, 7},
               .remotes = {"10.0.1.10"},
               .remote_ports = {80},
               .protocols = {spec::kTcp}},
      .opened_before = kInterfacePorts - 2};
  expect_agreement(scene, last.workers, longer() ? 20'000 : 1'000, last.must_happen);
}

const LastPorts kOfSeveralWorkers{
    .workers = 3, .interfaces = 1, .must_happen = {"opened", "passed on", "ports_exhausted"}};
#ifdef HYPERNAT_SANITIZED
INSTANTIATE_TEST_SUITE_P(Workers, NatAtLastPorts, testing::Values(kOfSeveralWorkers));
#else
INSTANTIATE_TEST_SUITE_P(
    Workers, NatAtLastPorts,
    testing::Values(LastPorts{.workers = 1, .interfaces = 2, .must_happen = {"opened", "forwarded"}},
                    kOfSeveralWorkers));
#endif

}  // namespace
}  // namespace hypernat::model
