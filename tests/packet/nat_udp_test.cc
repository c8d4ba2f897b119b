// UDP through the NAT: packets in, packets out.
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace nat_udp {

using craft::Ip;
using craft::Udp;

constexpr const char* kClient = "100.64.0.5";
constexpr const char* kServer = "10.0.1.10";
constexpr const char* kInterface = "10.0.1.20";

craft::Datagram query(std::uint16_t port = 4000) {
  return Ip{.src = kClient, .dst = kServer} / Udp{.src = port, .dst = 53};
}
craft::Datagram answer(std::uint16_t port) {
  return Ip{.src = kServer, .dst = kInterface} / Udp{.src = 53, .dst = port};
}

TEST(UdpTranslation, rewrites_source_on_the_way_out_and_destination_on_the_way_back) {
  NatWorld world;
  const Outcome out = world.outbound(query() / "who");
  ASSERT_TRUE(out.forwarded()) << out.text();
  EXPECT_TRUE(out.opened);
  const std::uint16_t port = out.seen.src_port;
  EXPECT_GE(port, 1024);
  EXPECT_EQ(out.bytes,
            (Ip{.src = kInterface, .dst = kServer, .ttl = 63} / Udp{.src = port, .dst = 53} / "who").bytes());
  EXPECT_EQ(out.egress.interface, world.interface_slot("eni-1"));
  EXPECT_EQ(to_string(world.neighbours()[out.egress.next_hop].address), kServer);

  const Outcome back = world.inbound(answer(port) / "me");
  ASSERT_TRUE(back.forwarded()) << back.text();
  EXPECT_EQ(back.bytes, (Ip{.src = kServer, .dst = kClient, .ttl = 63} / Udp{.src = 53, .dst = 4000} / "me").bytes());
  EXPECT_EQ(to_string(back.egress.peer), "192.0.2.11");
  EXPECT_EQ(to_string(back.egress.environment_mac), "02:00:00:00:00:05");
  EXPECT_EQ(back.egress.mapping, world.tables().mapping_by_number.find(1));

  const Outcome again = world.outbound(query());
  EXPECT_FALSE(again.opened);
  EXPECT_EQ(again.seen.src_port, port) << "a flow keeps its translation";
}

TEST(UdpTranslation, leaves_everything_else_in_the_packet_alone) {
  NatWorld world;
  const Ip ip{.src = kClient,
              .dst = kServer,
              .ttl = 200,
              .dscp_ecn = 0xbb,
              .identification = 0xffff,
              .fragment = 0x4000,
              .options = {0x94, 4, 0, 0, 1, 1, 1, 0}};
  for (std::size_t length = 0; length < 1473; length += length < 70 ? 1 : 97) {
    const std::string payload(length, static_cast<char>('a' + length % 26));
    const Outcome out = world.outbound(ip / Udp{.src = 9, .dst = 53} / payload);
    Ip expected = ip;
    expected.src = kInterface;
    expected.ttl = 199;
    ASSERT_EQ(out.bytes, (expected / Udp{.src = out.seen.src_port, .dst = 53} / payload).bytes()) << length;
  }
}

TEST(UdpTranslation, takes_every_source_port_from_0_to_65535) {
  NatWorld world;
  for (const std::uint16_t port : std::to_array<std::uint16_t>({0, 1, 53, 1023, 1024, 65535})) {
    const Outcome out = world.outbound(query(port));
    ASSERT_TRUE(out.opened) << port;
    EXPECT_EQ(world.inbound(answer(out.seen.src_port)).seen.dst_port, port);
  }
}

TEST(UdpTranslation, never_shares_an_interface_port_towards_one_remote) {
  NatWorld world;
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 1000; ++i) {
    const std::string environment = "100.64.1." + std::to_string(i % 250);
    const auto port = static_cast<std::uint16_t>(i / 250 + 4000);
    const Outcome out = world.outbound(Ip{.src = environment, .dst = kServer} / Udp{.src = port, .dst = 53});
    ASSERT_TRUE(out.opened);
    EXPECT_TRUE(ports.insert(out.seen.src_port).second);
  }
}

TEST(UdpTranslation, draws_ports_that_can_not_be_told_from_those_before) {
  NatWorld world;
  constexpr int kFlows = 2000;
  std::vector<int> ports;
  for (std::uint16_t i = 0; i < kFlows; ++i) ports.push_back(world.outbound(query(i)).seen.src_port);
  int near_the_last = 0;
  double sum = 0;
  for (std::size_t i = 1; i < ports.size(); ++i) {
    near_the_last += std::abs(ports[i] - ports[i - 1]) < 64 ? 1 : 0;
    sum += ports[i];
  }
  EXPECT_LT(near_the_last, 20) << "chance alone gives about four";
  EXPECT_NEAR(sum / kFlows, (1024 + 65535) / 2.0, 2000);
  NatWorld other({.seed = 2});
  EXPECT_NE(other.outbound(query(0)).seen.src_port, ports[0]) << "another start, other ports";
}

TEST(UdpChecksum, that_is_absent_stays_absent_both_ways) {
  NatWorld world;
  const Outcome out =
      world.outbound(Ip{.src = kClient, .dst = kServer} / Udp{.src = 1, .dst = 53, .checksum = 0} / "x");
  const std::uint16_t port = out.seen.src_port;
  EXPECT_EQ(
      out.bytes,
      (Ip{.src = kInterface, .dst = kServer, .ttl = 63} / Udp{.src = port, .dst = 53, .checksum = 0} / "x").bytes());
  const Outcome back =
      world.inbound(Ip{.src = kServer, .dst = kInterface} / Udp{.src = 53, .dst = port, .checksum = 0} / "y");
  EXPECT_EQ(back.bytes,
            (Ip{.src = kServer, .dst = kClient, .ttl = 63} / Udp{.src = 53, .dst = 1, .checksum = 0} / "y").bytes());
}

// All flows of one environment to one server, so that among the translated checksums every value is met with some
// chance; a payload is then made that lands on zero for sure.
TEST(UdpChecksum, that_would_become_zero_is_sent_as_all_ones) {
  NatWorld world;
  const std::uint16_t port = world.outbound(query()).seen.src_port;
  const Ip after{.src = kInterface, .dst = kServer, .ttl = 63};
  const craft::Bytes with_zeros = (after / Udp{.src = port, .dst = 53} / std::string(2, '\0')).bytes();
  const std::string payload{static_cast<char>(with_zeros[26]), static_cast<char>(with_zeros[27])};
  const Outcome out = world.outbound(query() / payload);
  EXPECT_EQ(out.bytes[26], 0xff);
  EXPECT_EQ(out.bytes[27], 0xff);
  EXPECT_EQ(out.bytes, (after / Udp{.src = port, .dst = 53} / payload).bytes());
}

TEST(UdpChecksum, that_arrives_wrong_leaves_wrong) {
  NatWorld world;
  for (const std::uint16_t wrong : std::to_array<std::uint16_t>({0x0001, 0x1234, 0xfffe})) {
    const Outcome out =
        world.outbound(Ip{.src = kClient, .dst = kServer} / Udp{.src = 1, .dst = 53, .checksum = wrong} / "x");
    ASSERT_TRUE(out.forwarded());
    EXPECT_TRUE(out.seen.ip_checksum_right);
    EXPECT_FALSE(out.seen.l4_checksum_right);
  }
}

TEST(UdpTimer, counts_from_the_last_packet_from_inside_and_lasts_120_seconds) {
  NatWorld world;
  const std::uint16_t port = world.outbound(query()).seen.src_port;
  world.pass(100'000);
  EXPECT_EQ(world.outbound(query()).seen.src_port, port);
  world.pass(100'000);
  EXPECT_TRUE(world.inbound(answer(port)).forwarded()) << "which does not prolong it";
  world.pass(19'999);
  EXPECT_TRUE(world.inbound(answer(port)).forwarded()) << "a reply that races the expiry reaches its owner";
  world.pass(1 + 256);
  EXPECT_TRUE(world.inbound(answer(port)).dropped(Drop::no_flow)) << "or nobody";
  EXPECT_EQ(world.open_flows(), 0U);
  EXPECT_EQ(world.next_hops_held(), 0U);
}

TEST(UdpTimer, goes_on_over_the_end_of_the_clock) {
  NatWorld world({.start = 0xffff'ffff - 60'000});
  const std::uint16_t port = world.outbound(query()).seen.src_port;
  world.pass(119'000);
  EXPECT_TRUE(world.inbound(answer(port)).forwarded());
  world.pass(2'000);
  EXPECT_EQ(world.open_flows(), 0U);
}

TEST(Timeouts, are_settings) {
  NatWorld world({.timeouts = {.udp = 5'000, .icmp = 2'000}});
  world.outbound(query());
  world.outbound(Ip{.src = kClient, .dst = kServer} / craft::Echo{.id = 1});
  world.pass(2'300);
  EXPECT_EQ(world.open_flows(), 1U);
  world.pass(3'000);
  EXPECT_EQ(world.open_flows(), 0U);
}

// ---- Bursts
// ----------------------------------------------------------------------------------------------------------

TEST(Burst, in_which_two_packets_open_one_flow_opens_it_once) {
  NatWorld world;
  const NatWorld::Arrival arrival{.datagram = query()};
  const auto outcomes = world.burst({arrival, arrival, arrival});
  EXPECT_TRUE(outcomes[0].opened);
  EXPECT_FALSE(outcomes[1].opened || outcomes[2].opened);
  EXPECT_EQ(outcomes[1].bytes, outcomes[0].bytes);
  EXPECT_EQ(outcomes[2].bytes, outcomes[0].bytes);
  EXPECT_EQ(world.open_flows(), 1U);
}

TEST(Burst, of_64_packets_of_all_kinds_treats_each_as_if_it_came_alone) {
  NatWorld together({.seed = 5});
  NatWorld alone({.seed = 5});
  for (NatWorld* world : {&together, &alone})
    for (std::uint16_t i = 0; i < 16; ++i) world->outbound(query(i));
  std::vector<NatWorld::Arrival> arrivals;
  for (std::uint16_t i = 0; i < 64; ++i) {
    const auto tcp =
        Ip{.src = kClient, .dst = kServer} / craft::Tcp{.src = i, .dst = 80, .flags = i % 2 == 0 ? "S" : "A"};
    switch (i % 6) {
      case 0:
        arrivals.push_back({.datagram = query(static_cast<std::uint16_t>(i / 6))});
        break;
      case 1:
        arrivals.push_back({.side = Side::kOutside, .datagram = answer(static_cast<std::uint16_t>(2000 + i))});
        break;
      case 2:
        arrivals.push_back({.datagram = query(static_cast<std::uint16_t>(100 + i))});
        break;
      case 3:
        arrivals.push_back({.datagram = Ip{.src = kClient, .dst = kServer, .ttl = 1} / Udp{.src = 1, .dst = 1}});
        break;
      case 4:
        arrivals.push_back({.datagram = tcp});
        break;
      default:
        arrivals.push_back({.from = {.mapping = 3}, .datagram = tcp});
        break;
    }
  }
  const auto outcomes = together.burst(arrivals);
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    const Outcome one = alone.burst({arrivals[i]}).front();
    EXPECT_EQ(outcomes[i].text(), one.text()) << i;
    EXPECT_EQ(outcomes[i].bytes, one.bytes) << i;
  }
  EXPECT_EQ(together.open_flows(), alone.open_flows());
}

// ---- Counters and lists
// ----------------------------------------------------------------------------------------------

TEST(Counters, of_an_interface_count_both_ways_in_ip_bytes) {
  NatWorld world;
  const std::uint16_t port = world.outbound(query() / "12").seen.src_port;
  world.outbound(query() / "1234");
  world.inbound(answer(port) / "123456");
  world.outbound({.mapping = 3}, query());
  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::outbound_packets), 2U);
  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::outbound_bytes), 30U + 32U);
  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::inbound_packets), 1U);
  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::inbound_bytes), 34U);
  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::flows_open), 1U);
  EXPECT_EQ(world.interface_counter("eni-1", &InterfaceCounters::flows_opened), 1U);
  EXPECT_EQ(world.interface_counter("eni-3", &InterfaceCounters::flows_opened), 1U);
  EXPECT_EQ(world.interface_counter("eni-2", &InterfaceCounters::flows_opened), 0U);
}

TEST(Counters, of_a_tenant_count_his_drops_and_no_others) {
  NatWorld world;
  world.outbound(query());
  world.outbound({.mapping = 2}, query(9) / "ok");
  world.outbound({.mapping = 2}, Ip{.src = kClient, .dst = "8.8.8.8"} / Udp{.src = 1, .dst = 53});
  world.inbound(1, answer(1));
  world.inbound(2, answer(1));
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::flows_opened), 2U);
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::drops), 2U);
  EXPECT_EQ(world.tenant_counter(2, &TenantCounters::drops), 1U);
}

TEST(FlowList, shows_every_flow_once_with_its_counts_and_ages) {
  NatWorld world({.workers = 2});
  for (std::uint16_t i = 0; i < 200; ++i) world.outbound(query(i));
  world.pass(1'000);
  const Outcome out = world.outbound(query(7) / "12345");
  world.pass(500);
  world.inbound(answer(out.seen.src_port) / "123");
  const auto flows = world.flows();
  ASSERT_EQ(flows.size(), 200U);
  std::set<std::uint16_t> inside_ports;
  for (const FlowView& flow : flows) {
    EXPECT_TRUE(inside_ports.insert(flow.inside_port.host()).second);
    EXPECT_EQ(to_number(flow.mapping), 1U);
    EXPECT_EQ(to_string(flow.interface), kInterface);
    EXPECT_EQ(flow.age, 1'500U);
    if (flow.inside_port.host() != 7) continue;
    EXPECT_EQ(flow.idle, 500U);
    EXPECT_EQ(flow.outbound_packets, 2U);
    EXPECT_EQ(flow.outbound_bytes, 28U + 33U);
    EXPECT_EQ(flow.inbound_packets, 1U);
    EXPECT_EQ(flow.inbound_bytes, 31U);
  }
}

TEST(FlowCounts, do_not_overflow_when_they_are_carried_over) {
  NatWorld world;
  const std::uint16_t port = world.outbound(query()).seen.src_port;
  constexpr std::uint64_t kPackets = 70'000;
  for (std::uint64_t i = 0; i < kPackets; ++i) world.inbound(answer(port) / "12");
  const auto flow = world.flows().front();
  EXPECT_EQ(flow.inbound_packets, kPackets);
  EXPECT_EQ(flow.inbound_bytes, kPackets * 30);
  EXPECT_EQ(flow.outbound_packets, 1U);
}

}  // namespace nat_udp
}  // namespace hypernat::dataplane
