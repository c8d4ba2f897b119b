// ICMP errors about packets of flows, through the NAT: every type that quotes a packet, quotes of every shape, both
// directions. What is expected is crafted whole from the packet as the receiver of the error knows it, with checksums
// computed over all of it, and then cut as the quote was.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/packet/error_world.h"

namespace hypernat::dataplane {
namespace nat_errors {

using craft::Bytes;
using craft::Echo;
using craft::IcmpError;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr const char* kRouter = "10.7.7.7";

struct ErrorKind {
  const char* what;
  IcmpError error;
};

std::vector<ErrorKind> every_error() {
  std::vector<ErrorKind> all;
  for (std::uint8_t code = 0; code <= 15; ++code) all.push_back({"unreachable", {.type = 3, .code = code}});
  all[4] = {"fragmentation needed", {.type = 3, .code = 4, .mtu = 1400}};
  all.push_back({"fragmentation needed by a router of before RFC 1191", {.type = 3, .code = 4, .mtu = 0}});
  all.push_back({"time exceeded in transit", {.type = 11, .code = 0}});
  all.push_back({"reassembly time exceeded", {.type = 11, .code = 1}});
  all.push_back({"parameter problem", {.type = 12, .code = 0, .pointer = 20}});
  all.push_back({"missing option", {.type = 12, .code = 1}});
  return all;
}

class ErrorTranslation : public testing::TestWithParam<Carried> {};

// From outside: a router quotes what left; the environment gets what it sent.
TEST_P(ErrorTranslation, brings_every_type_from_outside_to_the_environment) {
  ErrorWorld world(GetParam());
  for (const ErrorKind& kind : every_error()) {
    for (const std::size_t cut : world.cuts()) {
      const auto error = [&](const char* dst, const Bytes& quoted) {
        return Ip{.src = kRouter, .dst = dst, .ttl = 50} / kind.error / world.cut(quoted, cut);
      };
      const Outcome in = world.nat.inbound(error(kInterface, world.as_left()));
      ASSERT_TRUE(in.forwarded()) << kind.what << ' ' << cut << ": " << in.text();
      auto expected = error(kEnvironment, world.as_sent());
      expected.ip.ttl = 49;
      EXPECT_EQ(in.bytes, expected.bytes()) << kind.what << ", code " << int{kind.error.code} << ", quote of " << cut;
      EXPECT_TRUE(in.seen.ip_checksum_right && in.seen.l4_checksum_right);
      EXPECT_EQ(to_string(in.egress.peer), "192.0.2.11");
      EXPECT_EQ(in.egress.interface, kNone);
    }
  }
}

// From inside: the environment quotes what it got; the remote gets what it sent.
TEST_P(ErrorTranslation, takes_every_type_from_the_environment_to_the_remote) {
  ErrorWorld world(GetParam());
  for (const ErrorKind& kind : every_error()) {
    for (const std::size_t cut : world.cuts()) {
      const auto error = [&](const char* src, const Bytes& quoted) {
        return Ip{.src = src, .dst = kServer, .ttl = 64} / kind.error / world.cut(quoted, cut);
      };
      const Outcome out = world.nat.outbound(error(kEnvironment, world.as_delivered()));
      ASSERT_TRUE(out.forwarded()) << kind.what << ' ' << cut << ": " << out.text();
      auto expected = error(kInterface, world.as_replied());
      expected.ip.ttl = 63;
      EXPECT_EQ(out.bytes, expected.bytes()) << kind.what << ", code " << int{kind.error.code} << ", quote of " << cut;
      EXPECT_TRUE(out.seen.ip_checksum_right && out.seen.l4_checksum_right);
      EXPECT_EQ(out.egress.next_hop, world.next_hop);
      EXPECT_EQ(out.egress.interface, world.nat.interface_slot("eni-1"));
    }
  }
}

// RFC 4884: the quoted packet, padded to at least 128 bytes, and extensions behind it.
Bytes with_extensions(Bytes quoted, const Bytes& objects) {
  Bytes extensions(4 + objects.size());
  extensions[0] = 0x20;
  std::ranges::copy(objects, extensions.begin() + 4);
  const std::uint16_t checksum = craft::checksum_of(extensions);
  extensions[2] = static_cast<std::uint8_t>(checksum >> 8);
  extensions[3] = static_cast<std::uint8_t>(checksum);
  quoted.resize(128);
  quoted.insert(quoted.end(), extensions.begin(), extensions.end());
  return quoted;
}
// An MPLS label (RFC 4950), and the address of an interface (RFC 5837): the environment's own.
const Bytes kLabelAndAddress = {0, 8, 1, 1, 0x12, 0x34, 0x51, 0x01, 0, 12, 2, 0x0a, 0, 1, 0, 0, 100, 64, 0, 5};
constexpr IcmpError kExtended{.type = 11, .code = 0, .length = 32};

TEST_P(ErrorTranslation, keeps_what_a_router_adds_to_the_quote_for_the_environment) {
  ErrorWorld world(GetParam());
  const auto error = [&](const char* dst, const Bytes& quoted) {
    return Ip{.src = kRouter, .dst = dst, .ttl = 9} / kExtended / with_extensions(quoted, kLabelAndAddress);
  };
  const Outcome in = world.nat.inbound(error(kInterface, world.as_left()));
  auto expected = error(kEnvironment, world.as_sent());
  expected.ip.ttl = 8;
  EXPECT_EQ(in.bytes, expected.bytes()) << in.text();
}

// What an environment adds could name addresses that nobody outside is to see: the quote is all that leaves, however
// the rest is attached.
TEST_P(ErrorTranslation, ends_with_the_quote_on_its_way_out) {
  ErrorWorld world(GetParam());
  const Bytes quoted = world.as_delivered();
  Bytes behind = quoted;
  behind.insert(behind.end(), {100, 64, 0, 5, 0xff});
  Bytes padded = quoted;
  padded.resize(128);
  const std::vector<std::pair<IcmpError, Bytes>> errors = {{kExtended, with_extensions(quoted, kLabelAndAddress)},
                                                           {kExtended, with_extensions(quoted, {})},
                                                           {kExtended, padded},
                                                           {{.type = 11, .code = 0}, behind}};
  for (const auto& [message, payload] : errors) {
    const Outcome out = world.nat.outbound(Ip{.src = kEnvironment, .dst = kServer, .ttl = 9} / message / payload);
    const auto expected =
        Ip{.src = kInterface, .dst = kServer, .ttl = 8} / IcmpError{.type = 11, .code = 0} / world.as_replied();
    EXPECT_EQ(out.bytes, expected.bytes()) << out.text();
  }
}

// The error itself may wear options.
TEST_P(ErrorTranslation, goes_past_the_options_of_the_error) {
  ErrorWorld world(GetParam());
  const Bytes alert = {148, 4, 0, 0, 1, 1, 1, 0};
  const auto error = [&](const char* dst, const Bytes& quoted) {
    return Ip{.src = kRouter, .dst = dst, .ttl = 50, .options = alert} / IcmpError{.code = 3} / quoted;
  };
  const Outcome in = world.nat.inbound(error(kInterface, world.as_left()));
  auto expected = error(kEnvironment, world.as_sent());
  expected.ip.ttl = 49;
  EXPECT_EQ(in.bytes, expected.bytes()) << in.text();
}

TEST_P(ErrorTranslation, opens_refreshes_and_ends_nothing) {
  ErrorWorld world(GetParam());
  const auto age = [&] { return world.nat.flows().at(0).idle; };
  const auto state = world.nat.flows().at(0).state;
  world.nat.pass(5'000);
  ASSERT_EQ(age(), 5'000U);
  for (const ErrorKind& kind : every_error()) {
    ASSERT_TRUE(world.nat.inbound(Ip{.src = kRouter, .dst = kInterface} / kind.error / world.as_left()).forwarded());
    ASSERT_TRUE(
        world.nat.outbound(Ip{.src = kEnvironment, .dst = kServer} / kind.error / world.as_delivered()).forwarded());
  }
  ASSERT_EQ(world.nat.open_flows(), 1U);
  EXPECT_EQ(age(), 5'000U);
  EXPECT_EQ(world.nat.flows().at(0).state, state);
  EXPECT_EQ(world.nat.flows().at(0).outbound_packets, 1U) << "errors are none of the flow's packets";
  EXPECT_EQ(world.nat.tenant_counter(1, &TenantCounters::errors_carried), 2 * every_error().size());
  EXPECT_EQ(world.nat.tenant_counter(1, &TenantCounters::errors_sent), 0U);
  EXPECT_EQ(world.nat.tenant_counter(1, &TenantCounters::drops), 0U);
  EXPECT_EQ(world.nat.interface_counter("eni-1", &InterfaceCounters::inbound_packets), every_error().size());
  EXPECT_EQ(world.nat.interface_counter("eni-1", &InterfaceCounters::outbound_packets), 1 + every_error().size());
  world.nat.pass(400'000);
  EXPECT_EQ(world.nat.open_flows(), 0U);
  EXPECT_TRUE(world.nat.inbound(Ip{.src = kRouter, .dst = kInterface} / IcmpError{} / world.as_left())
                  .dropped(Drop::error_without_flow));
}

// One field differs: the tuple is another one, and there is no flow of it.
TEST_P(ErrorTranslation, is_for_the_very_flow_only) {
  ErrorWorld world(GetParam());
  const auto inbound = [&](std::uint32_t subnet, const Bytes& quoted) {
    const std::string dst = craft::look_at_start(quoted).src;
    return world.nat.inbound(subnet, Ip{.src = kRouter, .dst = dst} / IcmpError{} / quoted);
  };
  const auto outbound = [&](std::uint32_t mapping, const Bytes& quoted) {
    const craft::Seen seen = craft::look_at_start(quoted);
    return world.nat.outbound({.mapping = mapping}, Ip{.src = seen.dst, .dst = seen.src} / IcmpError{} / quoted);
  };
  ASSERT_TRUE(inbound(1, world.as_left()).forwarded());
  ASSERT_TRUE(outbound(1, world.as_delivered()).forwarded());
  const Carried carried = GetParam();
  const std::uint16_t port = world.port;
  const auto other = static_cast<std::uint16_t>(port ^ 1);
  std::vector<Outcome> strangers = {
      inbound(2, world.as_left()),
      inbound(1, carried.out({.src = "10.0.1.21", .dst = kServer}, port, kServerPort).bytes()),
      inbound(1, carried.out({.src = kInterface, .dst = "10.0.1.11"}, port, kServerPort).bytes()),
      inbound(1, carried.out({.src = kInterface, .dst = kServer}, other, kServerPort).bytes()),
      outbound(2, world.as_delivered()),
      outbound(3, world.as_delivered()),
      outbound(1, carried.back({.src = kServer, .dst = "100.64.0.6"}, kServerPort, kEnvironmentPort).bytes()),
      outbound(1, carried.back({.src = "10.0.1.11", .dst = kEnvironment}, kServerPort, kEnvironmentPort).bytes()),
      outbound(1, carried.back({.src = kServer, .dst = kEnvironment}, kServerPort, kEnvironmentPort + 1).bytes())};
  if (!carried.echo) {
    strangers.push_back(inbound(1, carried.out({.src = kInterface, .dst = kServer}, port, kServerPort + 1).bytes()));
    strangers.push_back(
        outbound(1, carried.back({.src = kServer, .dst = kEnvironment}, kServerPort + 1, kEnvironmentPort).bytes()));
  }
  for (std::size_t i = 0; i < strangers.size(); ++i)
    EXPECT_TRUE(strangers[i].dropped(Drop::error_without_flow)) << "stranger " << i << ": " << strangers[i].text();
  EXPECT_EQ(world.nat.open_flows(), 1U);
}

// A packet of another protocol with the same ends is not the flow's.
TEST_P(ErrorTranslation, tells_protocols_apart) {
  ErrorWorld world(GetParam());
  for (const Carried& other : every_carried()) {
    if (other.protocol == GetParam().protocol) continue;
    const Bytes quoted = other.out({.src = kInterface, .dst = kServer}, world.port, kServerPort).bytes();
    const Outcome in = world.nat.inbound(Ip{.src = kRouter, .dst = kInterface} / IcmpError{} / quoted);
    EXPECT_TRUE(in.dropped(Drop::error_without_flow)) << other.name << ' ' << in.text();
  }
}

TEST_P(ErrorTranslation, goes_home_whoever_the_worker_is) {
  for (std::uint16_t workers = 1; workers <= 16; ++workers) {
    ErrorWorld world(GetParam(), {.workers = workers});
    for (std::uint16_t flow = 0; flow < 24; ++flow) {
      world.open(static_cast<std::uint16_t>(2000 + flow));
      const Outcome in = world.nat.inbound(Ip{.src = kRouter, .dst = kInterface} / IcmpError{} / world.as_left());
      ASSERT_TRUE(in.forwarded()) << workers << " workers, flow " << flow << ": " << in.text();
      EXPECT_EQ(craft::look_at_start(*craft::quote_in(in.bytes)).src_port, 2000 + flow);
      const Outcome out =
          world.nat.outbound(Ip{.src = kEnvironment, .dst = kServer} / IcmpError{} / world.as_delivered());
      ASSERT_TRUE(out.forwarded()) << workers << " workers, flow " << flow << ": " << out.text();
      EXPECT_EQ(in.worker, world.worker);
      EXPECT_EQ(out.worker, world.worker);
      EXPECT_EQ(in.passes + out.passes, 0U);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Packets, ErrorTranslation, testing::ValuesIn(every_carried()),
                         [](const auto& row) { return std::string(row.param.name); });

// The quote ends within the transport's checksum: the byte that is there can not be known, and stays.
TEST(CutQuotes, leave_half_a_checksum_alone) {
  ErrorWorld world(every_carried().front());
  const Bytes half = ErrorWorld::cut(world.as_left(), 17);
  const Outcome in = world.nat.inbound(Ip{.src = kRouter, .dst = kInterface} / IcmpError{} / half);
  ASSERT_TRUE(in.forwarded()) << in.text();
  Bytes expected = ErrorWorld::cut(world.as_sent(), 17);
  expected.back() = half.back();
  EXPECT_EQ(in.bytes, (Ip{.src = kRouter, .dst = kEnvironment, .ttl = 63} / IcmpError{} / expected).bytes());
}

// RFC 5508 REQ-3 c: a transport checksum that was wrong when the packet was quoted is nobody's business, and stays
// wrong by as much.
TEST(QuotedChecksums, of_the_transport_that_are_wrong_stay_wrong) {
  ErrorWorld world(every_carried().front());
  auto left = world.datagram_as_left();
  std::get<Tcp>(left.l4).checksum = static_cast<std::uint16_t>(0x1234);
  const Outcome in = world.nat.inbound(Ip{.src = kRouter, .dst = kInterface} / IcmpError{} / left.bytes());
  ASSERT_TRUE(in.forwarded()) << in.text();
  const Bytes quoted = *craft::quote_in(in.bytes);
  EXPECT_FALSE(craft::look_at(quoted).l4_checksum_right);
  EXPECT_TRUE(craft::look_at(quoted).ip_checksum_right);
  EXPECT_TRUE(in.seen.l4_checksum_right);
}

TEST(ErrorSources, that_nobody_can_have_or_that_are_the_nats_own_are_refused) {
  ErrorWorld world(every_carried().front());
  for (const char* src : {"0.0.0.0", "127.0.0.1", "169.254.100.1", "224.0.0.1", "255.255.255.255", "10.0.1.0",
                          "10.0.1.255", kInterface, "10.0.1.21"}) {
    const Outcome in = world.nat.inbound(Ip{.src = src, .dst = kInterface} / IcmpError{} / world.as_left());
    EXPECT_TRUE(in.dropped(Drop::martian_source)) << src << ' ' << in.text();
  }
  const Environment elsewhere{.worker_host = "192.0.2.12"};
  const auto error = Ip{.src = kEnvironment, .dst = kServer} / IcmpError{} / world.as_delivered();
  EXPECT_TRUE(world.nat.outbound(elsewhere, error).dropped(Drop::spoofed_source));
  EXPECT_TRUE(world.nat.outbound({.worker_host = "0.0.0.0"}, error).dropped(Drop::wrong_tunnel_peer));
}

TEST(ErrorTimeToLive, ends_like_any_packets_and_nobody_is_told) {
  ErrorWorld world(every_carried().front());
  for (const std::uint8_t ttl : std::to_array<std::uint8_t>({0, 1})) {
    EXPECT_TRUE(world.nat.inbound(Ip{.src = kRouter, .dst = kInterface, .ttl = ttl} / IcmpError{} / world.as_left())
                    .dropped(Drop::ttl_expired));
    EXPECT_TRUE(
        world.nat.outbound(Ip{.src = kEnvironment, .dst = kServer, .ttl = ttl} / IcmpError{} / world.as_delivered())
            .dropped(Drop::ttl_expired));
  }
  EXPECT_EQ(world.nat.tenant_counter(1, &TenantCounters::errors_sent), 0U);
}

// While flows of what was removed are being swept, an error finds none.
TEST(ErrorsAboutRemovedFlows, have_no_flow) {
  ErrorWorld world(every_carried().front());
  config::Table table = two_tenants();
  table.generation = 2;
  table.mappings[0].uid = 999;
  table.mappings[0].interfaces[0].uid = 998;
  world.nat.publish(table);
  EXPECT_TRUE(world.nat.inbound(Ip{.src = kRouter, .dst = kInterface} / IcmpError{} / world.as_left())
                  .dropped(Drop::error_without_flow));
}

// A home without ports left, whose flows others own (nat/passing.cc): errors from inside go the way the flow's packets
// go, and change nothing of it.
class ErrorsAboutPassedFlows : public testing::Test {
 protected:
  // Openings towards one remote until their home passes one on; that one has not been carried yet.
  ErrorsAboutPassedFlows() {
    for (;; ++next_) {
      if (world_.home_of(datagram()) != home_) continue;
      opening_ = world_.send(datagram());
      if (world_.outcome(opening_).verdict == Verdict::kHandedOver) break;
    }
  }

  craft::Datagram datagram() const {
    return Ip{.src = environment(), .dst = kServer} / Udp{.src = static_cast<std::uint16_t>(next_ / 1000), .dst = 53};
  }
  std::string environment() const { return to_string(Ipv4Address::from_host(0x64400001 + next_ % 1000)); }
  std::size_t send_error() {
    const Bytes delivered = (Ip{.src = kServer, .dst = environment()} /
                             Udp{.src = 53, .dst = static_cast<std::uint16_t>(next_ / 1000)} / "an answer")
                                .bytes();
    return world_.send({.datagram = Ip{.src = environment(), .dst = kServer} / IcmpError{.code = 3} / delivered});
  }

  NatWorld world_{{.workers = 16, .flows = 8192, .carrying = NatWorld::Carrying::kByHand}};
  std::uint32_t next_ = 0;
  std::size_t opening_ = 0;
  const std::uint16_t home_ = 3;
};

TEST_F(ErrorsAboutPassedFlows, reach_the_owner_from_both_sides) {
  world_.carry_all();
  const Outcome opened = world_.outcome(opening_);
  ASSERT_TRUE(opened.opened) << opened.text();
  ASSERT_NE(opened.worker, home_);
  const std::size_t error = send_error();
  EXPECT_EQ(world_.outcome(error).verdict, Verdict::kHandedOver);
  world_.carry_all();
  const Outcome out = world_.outcome(error);
  ASSERT_TRUE(out.forwarded()) << out.text();
  EXPECT_EQ(out.worker, opened.worker);
  EXPECT_EQ(out.passes, 1U);
  EXPECT_EQ(craft::look_at_start(*craft::quote_in(out.bytes)).dst_port, opened.seen.src_port);
  EXPECT_TRUE(out.seen.l4_checksum_right);

  const Outcome in = world_.inbound(Ip{.src = kRouter, .dst = kInterface} / IcmpError{} / opened.bytes);
  ASSERT_TRUE(in.forwarded()) << in.text();
  EXPECT_EQ(in.worker, opened.worker);
  EXPECT_EQ(in.seen.dst, environment());
}

TEST_F(ErrorsAboutPassedFlows, follow_the_opening_on_its_way) {
  const std::size_t error = send_error();
  world_.carry_all();
  ASSERT_TRUE(world_.outcome(opening_).opened);
  EXPECT_TRUE(world_.outcome(error).forwarded()) << world_.outcome(error).text();
  EXPECT_EQ(world_.outcome(error).worker, world_.outcome(opening_).worker);
}

// The owner has the flow no more and has not said so yet: the error comes home, and dies there without opening one.
TEST_F(ErrorsAboutPassedFlows, that_are_gone_have_no_flow) {
  world_.carry_all();
  const std::uint32_t redirects = world_.redirects();
  ASSERT_GT(redirects, 0U);
  world_.pass(200'000);
  ASSERT_EQ(world_.open_flows(), 0U);
  const std::size_t error = send_error();
  EXPECT_EQ(world_.outcome(error).verdict, Verdict::kHandedOver);
  world_.carry(home_, world_.outcome(opening_).worker);
  world_.carry(world_.outcome(opening_).worker, home_);
  EXPECT_TRUE(world_.outcome(error).dropped(Drop::error_without_flow)) << world_.outcome(error).text();
  EXPECT_EQ(world_.outcome(error).worker, home_);
  EXPECT_EQ(world_.open_flows(), 0U);
  world_.carry_all();
  EXPECT_EQ(world_.redirects(), 0U);
}

}  // namespace nat_errors
}  // namespace hypernat::dataplane
