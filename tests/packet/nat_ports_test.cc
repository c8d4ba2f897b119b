// Ports to the very last one, for any number of workers, and what happens then.
#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>
#include <set>
#include <vector>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Echo;
using craft::Ip;
using craft::Udp;

constexpr const char* kServer = "10.0.1.10";

config::Table with_two_interfaces() {
  config::Table table = two_tenants();
  config::Interface second = table.mappings[0].interfaces[0];
  second.id = "eni-9";
  second.uid = 9;
  second.address = Ipv4Address::of(10, 0, 1, 29);
  table.mappings[0].interfaces.push_back(second);
  return table;
}

// The nth opening towards `server`: always another environment and port.
craft::Datagram nth(std::uint32_t n, const std::string& server = kServer, std::uint16_t server_port = 53) {
  const std::string src = to_string(Ipv4Address::from_host(0x64400001 + n % 1000));
  return Ip{.src = src, .dst = server} / Udp{.src = static_cast<std::uint16_t>(n / 1000), .dst = server_port};
}

// Opens flows until one is refused, for want of ports. Returns how many were opened.
std::uint32_t open_until_exhausted(NatWorld& world, std::uint16_t workers = 1) {
  for (std::uint32_t opened = 0;; ++opened) {
    const Outcome out = world.outbound(nth(opened));
    EXPECT_LT(out.passes, workers) << "no worker is asked twice";
    if (out.opened) continue;
    EXPECT_TRUE(out.dropped(Drop::ports_exhausted)) << out.text() << " after " << opened;
    return opened;
  }
}

class PortsOfWorkers : public testing::TestWithParam<std::uint16_t> {};

TEST_P(PortsOfWorkers, are_all_found_once_on_both_interfaces_and_then_exhausted) {
  const std::uint16_t workers = GetParam();
  NatWorld world({.table = with_two_interfaces(), .workers = workers, .flows = 150'000U / workers});
  EXPECT_EQ(open_until_exhausted(world, workers), 2 * kInterfacePorts);
  EXPECT_EQ(world.open_flows(), 2 * kInterfacePorts);

  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::ports_exhausted), 1U);
  EXPECT_EQ(world.interface_counter("eni-9", &InterfaceCounters::ports_exhausted), 1U);
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::ports_exhausted), 1U);

  std::set<std::pair<std::uint32_t, std::uint16_t>> taken;
  std::uint32_t n = 0;
  for (const FlowView& flow : world.flows()) {
    EXPECT_GE(flow.interface_port.host(), kFirstInterfacePort);
    EXPECT_TRUE(taken.emplace(flow.interface.host(), flow.interface_port.host()).second);
    if (++n % 64 != 0) continue;
    const Outcome back = world.inbound(Ip{.src = kServer, .dst = to_string(flow.interface)} /
                                       Udp{.src = 53, .dst = flow.interface_port.host()});
    EXPECT_TRUE(back.forwarded()) << "the reply did not come home";
    EXPECT_EQ(back.seen.dst, to_string(flow.inside));
  }
  EXPECT_EQ(taken.size(), 2 * kInterfacePorts);
  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::flows_open), kInterfacePorts);
  EXPECT_EQ(world.interface_counter("eni-9", &InterfaceCounters::flows_open), kInterfacePorts);
  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::fullest_remote), kInterfacePorts);

  // Whoever owns the flow, a packet of it and its reply find it.
  for (std::uint32_t again = 0; again < 2 * kInterfacePorts; again += 97) {
    const Outcome out = world.outbound(nth(again));
    EXPECT_TRUE(out.forwarded() && !out.opened) << out.text();
    EXPECT_LE(out.passes, 1U);
  }

  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_TRUE(world.outbound(nth(i, "10.0.1.11")).opened) << "another address is unaffected";
    EXPECT_TRUE(world.outbound(nth(i, kServer, 54)).opened) << "another port is unaffected";
    EXPECT_TRUE(world.outbound({.mapping = 2}, nth(i)).opened) << "another mapping is unaffected";
    EXPECT_TRUE(world.outbound({.mapping = 3}, nth(i)).opened) << "another tenant is unaffected";
  }
  world.pass(121'000);
  EXPECT_EQ(world.open_flows(), 0U);
  EXPECT_EQ(world.redirects(), 0U);
  EXPECT_EQ(world.flows_of_tenant(1), 0U);
  EXPECT_EQ(world.next_hops_held(), 0U);
  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::fullest_remote), 0U);
  EXPECT_TRUE(world.outbound(nth(0)).opened);
}

// Numbers of workers; in the long form all up to 16.
[[maybe_unused]] std::vector<std::uint16_t> some_or_all(std::vector<std::uint16_t> some) {
  if (std::getenv("HYPERNAT_TEST_LONG") == nullptr) return some;
  some.resize(17U - some.front());
  std::iota(some.begin(), some.end(), some.front());
  return some;
}

// A sanitizer makes each of them ten times as long and finds the same in fewer.
#ifdef HYPERNAT_SANITIZED
INSTANTIATE_TEST_SUITE_P(Workers, PortsOfWorkers, testing::Values(2, 13));
#else
INSTANTIATE_TEST_SUITE_P(Workers, PortsOfWorkers, testing::ValuesIn(some_or_all({1, 2, 3, 13, 16})));
#endif

// Every opening has one worker for its home: what the other workers have is reached all the same.
class PortsOfOneHome : public testing::TestWithParam<std::uint16_t> {};

TEST_P(PortsOfOneHome, are_those_of_all_workers_to_the_very_last) {
  const std::uint16_t workers = GetParam();
  NatWorld world({.workers = workers, .flows = kInterfacePorts, .redirects = kInterfacePorts});
  std::uint32_t n = 0;
  const auto at_home = [&] {
    for (;;) {
      const craft::Datagram datagram = nth(n++);
      if (world.home_of(datagram) == 0) return datagram;
    }
  };
  std::set<std::uint16_t> taken;
  std::set<std::uint16_t> owners;
  for (std::uint32_t opened = 0; opened < kInterfacePorts;) {
    const Outcome out = world.outbound(at_home());
    ASSERT_TRUE(out.opened) << out.text() << " after " << opened;
    ++opened;
    ASSERT_TRUE(taken.insert(out.seen.src_port).second) << "two flows with port " << out.seen.src_port;
    ASSERT_LT(out.passes, workers);
    owners.insert(out.worker);
  }
  EXPECT_EQ(owners.size(), workers);
  EXPECT_EQ(world.redirects(), kInterfacePorts - world.nat(0).open_flows());
  EXPECT_TRUE(world.outbound(at_home()).dropped(Drop::ports_exhausted));
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::ports_exhausted), world.tenant_counter(1, &TenantCounters::drops));
  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::ports_exhausted), 1U);
  world.pass(121'000);
  EXPECT_EQ(world.open_flows(), 0U);
  EXPECT_EQ(world.redirects(), 0U);
  EXPECT_EQ(world.flows_of_tenant(1), 0U);
  EXPECT_EQ(world.next_hops_held(), 0U);
}

#ifdef HYPERNAT_SANITIZED
INSTANTIATE_TEST_SUITE_P(Workers, PortsOfOneHome, testing::Values(3));
#else
INSTANTIATE_TEST_SUITE_P(Workers, PortsOfOneHome, testing::ValuesIn(some_or_all({2, 3, 16})));
#endif

// Ports of a burst's openings are drawn together, so that two of them may draw the same.
TEST(Ports, of_a_burst_are_no_two_flows_of_it) {
  NatWorld world({.flows = 2 * kInterfacePorts});
  std::uint32_t opened = 0;
  for (std::uint32_t n = 0; n < kInterfacePorts;) {
    std::vector<NatWorld::Arrival> burst;
    for (; burst.size() < Nat::kMaxBurst && n < kInterfacePorts; ++n) burst.push_back({.from = {}, .datagram = nth(n)});
    for (const Outcome& out : world.burst(burst)) opened += out.opened ? 1 : 0;
  }
  EXPECT_EQ(opened, kInterfacePorts);
  std::set<std::uint16_t> taken;
  for (const FlowView& flow : world.flows()) taken.insert(flow.interface_port.host());
  EXPECT_EQ(taken.size(), kInterfacePorts);
}

TEST(Ports, of_echo_are_identifiers_and_found_to_the_last) {
  NatWorld world({.workers = 2, .flows = 70'000});
  Outcome out;
  out.opened = true;
  for (std::uint32_t n = 0; out.opened; ++n) {
    const std::string src = to_string(Ipv4Address::from_host(0x64400001 + n % 1000));
    out = world.outbound(Ip{.src = src, .dst = kServer} / Echo{.id = static_cast<std::uint16_t>(n / 1000)});
  }
  EXPECT_TRUE(out.dropped(Drop::ports_exhausted)) << out.text();
  EXPECT_EQ(world.open_flows(), kInterfacePorts);
}

TEST(Ports, that_come_free_one_by_one_are_found_again) {
  NatWorld world({.flows = 70'000});
  ASSERT_EQ(open_until_exhausted(world), kInterfacePorts);
  constexpr std::uint32_t kForgotten = 31'337;
  std::uint16_t port = 0;
  for (const FlowView& flow : world.flows())
    if (flow.inside_port.host() == kForgotten / 1000 && flow.inside.host() == 0x64400001 + kForgotten % 1000)
      port = flow.interface_port.host();
  world.pass(60'000);
  for (std::uint32_t n = 0; n < kInterfacePorts; ++n) {
    if (n == kForgotten) continue;
    ASSERT_TRUE(world.outbound(nth(n)).forwarded());
  }
  world.pass(61'000);
  ASSERT_EQ(world.open_flows(), kInterfacePorts - 1);
  const Outcome last = world.outbound(nth(64'999));
  EXPECT_TRUE(last.opened) << last.text();
  EXPECT_EQ(last.seen.src_port, port);
  EXPECT_TRUE(world.outbound(nth(64'998)).dropped(Drop::ports_exhausted));
}

TEST(Ports, are_learned_again_when_another_remote_took_the_bitmap) {
  NatWorld world({.flows = 140'000, .port_bitmaps = 1});
  std::uint32_t given_up = 0;
  std::uint32_t opened = 0;
  // Two remotes fill up by turns, so that each opening throws away what the other one knew.
  for (std::uint32_t n = 0; n < 64'000; ++n) {
    for (const char* server : {"10.0.1.10", "10.0.1.11"}) {
      const Outcome out = world.outbound(nth(n, server));
      opened += out.opened ? 1 : 0;
      given_up += out.dropped(Drop::port_search_failed) ? 1 : 0;
      ASSERT_TRUE(out.opened || out.dropped(Drop::port_search_failed)) << out.text();
    }
  }
  EXPECT_EQ(opened + given_up, 128'000U);
  EXPECT_LT(given_up, 10U) << "up to 99 % full it hardly ever happens";
  // One of them alone goes on to its last port, learning as it goes.
  std::uint32_t tries = 0;
  Outcome out;
  for (std::uint32_t n = 64'000; !out.dropped(Drop::ports_exhausted) && tries < 2'000; ++n, ++tries)
    out = world.outbound(nth(n, "10.0.1.10"));
  EXPECT_LT(tries, 600U);
  EXPECT_GE(world.interface_counter("eni-1", &InterfaceCounters::fullest_remote), kInterfacePorts);
}

TEST(Ports, fill_the_environments_own_interface_first) {
  NatWorld world({.table = with_two_interfaces()});
  std::set<std::string> used;
  for (std::uint16_t i = 0; i < 50; ++i)
    used.insert(world.outbound(Ip{.src = "100.64.0.5", .dst = kServer} / Udp{.src = i, .dst = 53}).seen.src);
  EXPECT_EQ(used.size(), 1U) << "one environment stays with one interface";
  for (std::uint32_t i = 0; i < 50; ++i) used.insert(world.outbound(nth(i)).seen.src);
  EXPECT_EQ(used.size(), 2U) << "different ones are spread";
}

TEST(PortUse, is_that_of_the_fullest_remote_and_comes_down_again) {
  NatWorld world({.flows = 2000, .timeouts = {.udp = 10'000}});
  for (std::uint32_t n = 0; n < 500; ++n) world.outbound(nth(n));
  world.pass(5'000);
  for (std::uint32_t n = 0; n < 100; ++n) world.outbound(nth(n, "10.0.1.11"));
  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::fullest_remote), 500U);
  world.pass(6'000);
  for (int i = 0; i < 10; ++i) world.pass(1);
  EXPECT_EQ(world.open_flows(), 100U);
  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::fullest_remote), 100U);
  world.pass(6'000);
  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::fullest_remote), 0U);
}

TEST(PortUse, is_never_more_again_than_the_flows_that_there_are) {
  NatWorld world({.flows = 2000, .timeouts = {.udp = 10'000}});
  for (std::uint32_t n = 0; n < 500; ++n) world.outbound(nth(n));
  world.pass(11'000);
  ASSERT_EQ(world.open_flows(), 0U);
  world.outbound(nth(0));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::fullest_remote), 1U);
    world.pass(1);
  }
}

}  // namespace
}  // namespace hypernat::dataplane
