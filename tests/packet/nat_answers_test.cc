// What the NAT itself says about packets that die: to whom, about what, in what words, and how often.
#include <gtest/gtest.h>

#include <array>

#include "tests/packet/error_world.h"

namespace hypernat::dataplane {
namespace nat_answers {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::IcmpError;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr const char* kGateway = "169.254.100.1";
constexpr std::size_t kMostQuoted = 576 - 20 - 8;

// The whole answer: TTL 64, internetwork control, DF, the original as it came, as far as 576 bytes go.
Bytes answer(const char* src, const char* dst, const IcmpError& error, const Datagram& about) {
  Bytes quoted = about.bytes();
  if (quoted.size() > kMostQuoted) quoted.resize(kMostQuoted);
  return (Ip{.src = src, .dst = dst, .dscp_ecn = 0xc0, .identification = 0, .fragment = 0x4000} / error / quoted)
      .bytes();
}

Datagram udp_to(const char* dst, std::uint8_t ttl = 64) {
  return Ip{.src = kEnvironment, .dst = dst, .ttl = ttl} / Udp{.src = 4000, .dst = 53} / "who";
}
Datagram with_payload(Datagram datagram, std::size_t bytes) {
  datagram.payload = Bytes(bytes, 0x5a);
  return datagram;
}
Datagram with_fragment(Datagram datagram, std::uint16_t fragment) {
  datagram.ip.fragment = fragment;
  return datagram;
}
constexpr std::uint16_t kDontFragment = 0x4000;

TEST(OwnTimeExceeded, goes_to_the_environment_from_its_gateway) {
  for (const Carried& carried : every_carried()) {
    for (const std::uint8_t ttl : std::to_array<std::uint8_t>({0, 1})) {
      NatWorld world;
      const Datagram sent = carried.out({.src = kEnvironment, .dst = kServer, .ttl = ttl}, 4000, kServerPort);
      const Environment from{.mac = {{2, 0, 0, 0, 0, 9}}};
      const Outcome out = world.outbound(from, sent);
      ASSERT_TRUE(out.answered(Drop::ttl_expired)) << carried.name << ' ' << out.text();
      EXPECT_EQ(out.answer, answer(kGateway, kEnvironment, {.type = 11, .code = 0}, sent)) << carried.name;
      EXPECT_EQ(out.bytes, sent.bytes());
      EXPECT_EQ(out.egress.interface, kNone);
      EXPECT_EQ(out.egress.mapping, world.tables().mapping_by_number.find(1));
      EXPECT_EQ(to_string(out.egress.peer), "192.0.2.11");
      EXPECT_EQ(to_string(out.egress.environment_mac), "02:00:00:00:00:09");
      EXPECT_EQ(world.open_flows(), 0U);
    }
  }
}

TEST(OwnTimeExceeded, goes_to_the_remote_from_the_interface_when_there_is_a_flow) {
  for (const Carried& carried : every_carried()) {
    ErrorWorld world(carried);
    const auto reply = [&](std::uint16_t port) {
      return carried.back({.src = kServer, .dst = kInterface, .ttl = 1}, kServerPort, port);
    };
    const Outcome in = world.nat.inbound(reply(world.port));
    ASSERT_TRUE(in.answered(Drop::ttl_expired)) << carried.name << ' ' << in.text();
    EXPECT_EQ(in.answer, answer(kInterface, kServer, {.type = 11, .code = 0}, reply(world.port)));
    EXPECT_EQ(in.egress.interface, world.nat.interface_slot("eni-1"));
    EXPECT_EQ(in.egress.next_hop, world.next_hop);
    const auto other = static_cast<std::uint16_t>(world.port ^ 1);
    EXPECT_TRUE(world.nat.inbound(reply(other)).dropped(Drop::ttl_expired)) << "silence to strangers";
    EXPECT_TRUE(world.nat.inbound(2, reply(world.port)).dropped(Drop::ttl_expired)) << "another tenant's subnet";
    EXPECT_EQ(world.nat.tenant_counter(1, &TenantCounters::errors_sent), 1U);
    EXPECT_EQ(world.nat.tenant_counter(1, &TenantCounters::drops), 2U);
  }
}

TEST(OwnTimeExceeded, keeps_no_flow_alive) {
  ErrorWorld world(every_carried().front());
  world.nat.pass(5'000);
  const auto syn = Ip{.src = kEnvironment, .dst = kServer, .ttl = 1} / Tcp{.src = kEnvironmentPort, .dst = kServerPort};
  EXPECT_TRUE(world.nat.outbound(syn).answered(Drop::ttl_expired));
  EXPECT_EQ(world.nat.flows().at(0).idle, 5'000U);
}

TEST(OwnUnreachable, is_said_where_no_route_leads) {
  config::Table table = two_tenants();
  table.route_sets[0].routes.erase(table.route_sets[0].routes.begin());  // the default route
  NatWorld world({.table = table});
  for (const char* dst : {"10.9.1.1", "8.8.8.8"}) {
    const Outcome out = world.outbound(udp_to(dst));
    ASSERT_TRUE(out.answered(Drop::no_route)) << dst << ' ' << out.text();
    EXPECT_EQ(out.answer, answer(kGateway, kEnvironment, {.type = 3, .code = 0}, udp_to(dst)));
  }
  const auto syn = Ip{.src = kEnvironment, .dst = "8.8.8.8"} / Tcp{.src = 1, .dst = 80};
  EXPECT_EQ(world.outbound(syn).answer, answer(kGateway, kEnvironment, {.type = 3, .code = 0}, syn));
  EXPECT_EQ(world.open_flows(), 0U);
  EXPECT_EQ(world.flows_of_tenant(1), 0U);
  EXPECT_EQ(world.next_hops_held(), 0U);
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::errors_sent), 3U);
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::drops), 3U);
}

// The rules come first: who may not go there is not told whether one could.
TEST(OwnUnreachable, is_not_said_about_what_the_rules_refuse) {
  NatWorld world;
  EXPECT_TRUE(world.outbound({.mapping = 1}, udp_to("10.9.1.1")).answered(Drop::no_route));
  EXPECT_TRUE(world.outbound({.mapping = 2}, udp_to("10.9.1.1")).dropped(Drop::egress_refused));
}

TEST(OwnErrors, are_said_about_nothing_of_which_none_may_be_said) {
  NatWorld world;
  const auto silent = [&](const Datagram& datagram) {
    const Outcome out = world.outbound(datagram);
    EXPECT_EQ(out.verdict, Verdict::kDrop) << out.text();
    EXPECT_TRUE(out.answer.empty());
  };
  silent(with_fragment(udp_to(kServer, 1), 0x00b9));
  for (const char* dst : {"224.0.0.1", "255.255.255.255", "10.0.1.255", "10.0.1.0", "127.0.0.1", "0.0.0.0"})
    silent(udp_to(dst, 1));
  for (const char* src : {"100.64.16.1", "10.0.1.10", "224.0.0.1", "255.255.255.255", "0.0.0.0", "127.0.0.1"})
    silent(Ip{.src = src, .dst = kServer, .ttl = 1} / Udp{.src = 1, .dst = 2});
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::errors_sent), 0U);
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::errors_withheld), 0U);
  EXPECT_TRUE(world.outbound(with_fragment(udp_to(kServer, 1), 0x2000)).answered(Drop::ttl_expired))
      << "a first fragment";
}

TEST(OwnErrors, quote_as_much_as_fits_into_576_bytes) {
  for (const std::size_t payload : {0UL, 1UL, kMostQuoted - 29, kMostQuoted - 28, kMostQuoted - 27, 1400UL}) {
    NatWorld world;
    const Datagram sent = with_payload(udp_to(kServer, 1), payload);
    const Outcome out = world.outbound(sent);
    EXPECT_EQ(out.answer, answer(kGateway, kEnvironment, {.type = 11, .code = 0}, sent)) << payload;
    EXPECT_LE(out.answer.size(), 576U);
  }
}

TEST(OwnErrors, are_limited_per_tenant_and_second) {
  NatWorld world({.resets_per_second = 3, .errors_per_second = 10});
  const auto errors = [&](std::uint32_t mapping, int packets) {
    int count = 0;
    for (int i = 0; i < packets; ++i) {
      const Outcome out = world.outbound({.mapping = mapping}, udp_to(kServer, 1));
      EXPECT_EQ(out.drop, Drop::ttl_expired);
      count += out.verdict == Verdict::kAnswered ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(errors(1, 50), 10);
  EXPECT_EQ(errors(2, 50), 0) << "another mapping of the same tenant";
  EXPECT_EQ(errors(3, 50), 10) << "another tenant has his own";
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::errors_withheld), 90U);
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::errors_sent), 10U);
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::drops), 100U);
  const auto segment = Ip{.src = kEnvironment, .dst = kServer} / Tcp{.src = 1, .dst = 80, .flags = "A"};
  EXPECT_TRUE(world.outbound(segment).answered(Drop::no_flow)) << "RSTs have an allowance of their own";
  world.pass(500);
  EXPECT_EQ(errors(1, 50), 5);
  world.pass(3'600'000);
  EXPECT_EQ(errors(1, 50), 10);
}

// ------------------------------------------------------------------------

NatWorld::Options narrow_outside() {
  return {.inside = {.mtu = 1450}, .outside = {.mtu = 1000}};
}

TEST(OwnTooBig, tells_the_environment_what_would_fit) {
  NatWorld world(narrow_outside());
  const Datagram fits = with_fragment(with_payload(udp_to(kServer), 1000 - 28), kDontFragment);
  const Datagram too_big = with_fragment(with_payload(udp_to(kServer), 1001 - 28), kDontFragment);
  Outcome out = world.outbound(too_big);
  ASSERT_TRUE(out.answered(Drop::too_big)) << out.text();
  EXPECT_EQ(out.answer, answer(kGateway, kEnvironment, {.type = 3, .code = 4, .mtu = 1000}, too_big));
  EXPECT_EQ(world.open_flows(), 0U) << "it does not open a flow either";
  EXPECT_EQ(world.flows_of_tenant(1), 0U);
  EXPECT_TRUE(world.outbound(fits).opened);
  world.pass(5'000);
  out = world.outbound(too_big);
  ASSERT_TRUE(out.answered(Drop::too_big)) << out.text();
  EXPECT_EQ(out.answer, answer(kGateway, kEnvironment, {.type = 3, .code = 4, .mtu = 1000}, too_big));
  EXPECT_EQ(out.bytes, too_big.bytes()) << "as it came in";
  EXPECT_EQ(world.flows().at(0).idle, 5'000U) << "nor refreshes one";
  EXPECT_TRUE(world.outbound(fits).forwarded());
}

TEST(OwnTooBig, tells_the_remote_of_a_flow_what_would_fit) {
  NatWorld world({.inside = {.mtu = 800}, .outside = {.mtu = 1500}});
  const std::uint16_t port = world.outbound(udp_to(kServer)).seen.src_port;
  const auto reply = [](std::uint16_t to, std::size_t length) {
    return with_fragment(with_payload(Ip{.src = kServer, .dst = kInterface} / Udp{.src = 53, .dst = to}, length - 28),
                         kDontFragment);
  };
  const Outcome in = world.inbound(reply(port, 801));
  ASSERT_TRUE(in.answered(Drop::too_big)) << in.text();
  EXPECT_EQ(in.answer, answer(kInterface, kServer, {.type = 3, .code = 4, .mtu = 800}, reply(port, 801)));
  EXPECT_EQ(in.egress.interface, world.interface_slot("eni-1"));
  EXPECT_TRUE(world.inbound(reply(port, 800)).forwarded());
  EXPECT_TRUE(world.inbound(reply(static_cast<std::uint16_t>(port ^ 1), 801)).dropped(Drop::no_flow));
}

// What may be cut goes on, whatever its size; and an error that is too big is not answered with another.
TEST(OwnTooBig, is_not_said_to_who_lets_his_packets_be_cut_nor_about_errors) {
  NatWorld world(narrow_outside());
  const Datagram big = with_payload(udp_to(kServer), 1300);
  const Outcome out = world.outbound(big);
  EXPECT_TRUE(out.forwarded()) << out.text();
  Bytes quoted = (Ip{.src = kServer, .dst = kEnvironment} / Udp{.src = 53, .dst = 4000} / Bytes(1200, 1)).bytes();
  const Outcome error = world.outbound(
      with_fragment(Ip{.src = kEnvironment, .dst = kServer} / IcmpError{.type = 3, .code = 3} / quoted, kDontFragment));
  EXPECT_TRUE(error.forwarded()) << error.text();
}

}  // namespace nat_answers
}  // namespace hypernat::dataplane
