// Frames in, packet fields or a drop's name out.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/packet/attach_world.h"

namespace hypernat::dataplane {
namespace attach_decapsulate {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::Ethernet;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

const Datagram kQuery = Ip{.src = "100.64.0.5", .dst = "10.0.1.53"} / Udp{.src = 4000, .dst = 53} / "who";
const Datagram kAnswer = Ip{.src = "10.0.1.53", .dst = "10.0.1.20"} / Udp{.src = 53, .dst = 2000} / "me";

// gtest takes letters, digits and '_'.
struct RowName {
  template <typename Row>
  std::string operator()(const Row& row) const {
    std::string name = row.param.name;
    name.erase(std::remove(name.begin(), name.end(), '\''), name.end());
    return name;
  }
};

struct Good {
  const char* name;
  std::uint16_t port;
  Bytes frame;
  Side side;
  std::uint32_t number;  // of the mapping or subnet
  const char* peer;
};

class Accepts : public testing::TestWithParam<Good> {};

TEST_P(Accepts, AFrameOfItsAttachment) {
  const AttachWorld world;
  const Good& row = GetParam();
  const auto received = world.receive(row.port, row.frame);
  ASSERT_EQ(received.parsed, Parsed::kPacket) << name_of(received.packet.drop);
  const Packet& packet = received.packet;
  EXPECT_EQ(packet.side, row.side);
  EXPECT_EQ(packet.attachment, row.port);  // this world has an attachment for each port, in their order
  const bool inside = row.side == Side::kInside;
  EXPECT_EQ(inside ? to_number(world.tables->mapping_numbers[packet.slot])
                   : to_number(world.tables->subnet_numbers[packet.slot]),
            row.number);
  const Datagram& sent = inside ? kQuery : kAnswer;
  EXPECT_EQ(to_string(packet.src), sent.ip.src);
  EXPECT_EQ(to_string(packet.dst), sent.ip.dst);
  EXPECT_EQ(packet.src_port.host(), std::get<Udp>(sent.l4).src);
  EXPECT_EQ(packet.dst_port.host(), std::get<Udp>(sent.l4).dst);
  EXPECT_EQ(packet.l4_length, 8 + sent.payload.size());
  EXPECT_EQ(to_string(packet.peer), row.peer);
  EXPECT_EQ(packet.environment_mac, inside ? kEnvironmentMac : kServerMac);
  EXPECT_EQ(Bytes(packet.frame, packet.frame + packet.length), row.frame) << "the frame must stay as it came";
}

craft::Vxlan from_other_vtep() {
  craft::Vxlan vxlan = from_vtep();
  vxlan.from = "198.51.100.12";
  return vxlan;
}

Bytes padded(Bytes frame) {
  frame.resize(frame.size() + 14, 0xee);
  return frame;
}

INSTANTIATE_TEST_SUITE_P(
    Attach, Accepts,
    testing::Values(
        Good{"vxlan_inside", kHosts, from_host() / (to_gateway() / kQuery), Side::kInside, 1, "192.0.2.11"},
        Good{"vxlan_outside", kTenants, from_vtep() / (to_interface(1) / kAnswer), Side::kOutside, 1, "198.51.100.11"},
        Good{"vxlan_padded", kTenants, padded(from_vtep(5002) / (to_interface(2) / kAnswer)), Side::kOutside, 2,
             "198.51.100.11"},
        Good{"vxlan_from_the_other_vtep", kTenants, from_other_vtep() / (to_interface(1) / kAnswer), Side::kOutside, 1,
             "198.51.100.12"},
        Good{"geneve_inside", kPods, from_pod() / (to_gateway() / kQuery), Side::kInside, 1, "192.0.2.11"},
        Good{"geneve_outside", kCloud, from_cloud() / (to_interface(5) / kAnswer), Side::kOutside, 5, "198.51.101.11"},
        Good{"geneve_padded", kCloud, padded(from_cloud() / (to_interface(5) / kAnswer)), Side::kOutside, 5,
             "198.51.101.11"},
        Good{"plain_inside", kBench, to_gateway() / kQuery, Side::kInside, 3, "0.0.0.0"},
        Good{"plain_inside_to_the_port", kBench, Ethernet{.dst = port_mac(kBench), .src = kEnvironmentMac} / kQuery,
             Side::kInside, 3, "0.0.0.0"},
        Good{"plain_outside_padded", kLan, padded(to_interface(3) / kAnswer), Side::kOutside, 3, "0.0.0.0"},
        Good{"vlan_inside", kRacks, Ethernet{.dst = kGatewayMac, .src = kEnvironmentMac, .vlan = 2} / kQuery,
             Side::kInside, 2, "0.0.0.0"},
        Good{"vlan_outside_with_priority", kTrunk,
             Ethernet{.dst = interface_mac(4), .src = kServerMac, .vlan = 0xa000 | 104} / kAnswer, Side::kOutside, 4,
             "0.0.0.0"}),
    RowName{});

struct Bad {
  const char* name;
  std::uint16_t port;
  Bytes frame;
  Drop drop;
};

class Drops : public testing::TestWithParam<Bad> {};

TEST_P(Drops, ByName) {
  const AttachWorld world;
  const auto received = world.receive(GetParam().port, GetParam().frame);
  ASSERT_EQ(received.parsed, Parsed::kDropped);
  EXPECT_EQ(name_of(received.packet.drop), name_of(GetParam().drop));
}

// A changed copy of a frame of which byte `at` becomes `value`; the IPv4 checksum stays as it was.
Bytes with_byte(Bytes frame, std::size_t at, std::uint8_t value) {
  frame.at(at) = value;
  return frame;
}
craft::Vxlan tunnel(const std::function<void(craft::Vxlan&)>& change, craft::Vxlan from = from_host()) {
  change(from);
  return from;
}
// Inside, in the plain attachment: byte `at` of the IPv4 packet changed, and the header's checksum right again.
Bytes with_ip_byte(const Datagram& datagram, std::size_t at, std::uint8_t value) {
  Bytes packet = datagram.bytes();
  packet.at(at) = value;
  return to_gateway() / craft::with_ip_checksum(std::move(packet));
}
Datagram with_options(Bytes options) {
  Datagram datagram = kQuery;
  datagram.ip.options = std::move(options);
  return datagram;
}
Datagram with_fragment(std::uint16_t fragment) {
  Datagram datagram = kQuery;
  datagram.ip.fragment = fragment;
  return datagram;
}
Bytes fragment_of_gre() {
  return with_ip_byte(with_fragment(0x2000), 9, 47);
}
Datagram forged_fragment() {
  Datagram datagram = with_fragment(0x00b9);
  datagram.ip.src = "10.0.1.5";
  return datagram;
}
Datagram from(const std::string& src) {
  Datagram datagram = kQuery;
  datagram.ip.src = src;
  return datagram;
}
Datagram icmp(std::uint8_t type, std::uint8_t code) {
  return Ip{.src = "100.64.0.5", .dst = "10.0.1.53"} / Echo{.id = 7, .type = type, .code = code} / "ping";
}

const MacAddress kStranger{{0x02, 9, 9, 9, 9, 9}};
const Datagram kSegment = Ip{.src = "100.64.0.5", .dst = "10.0.1.10"} / Tcp{.src = 4000, .dst = 80};

INSTANTIATE_TEST_SUITE_P(
    Ethernet, Drops,
    testing::Values(Bad{"ipv6", kBench, Ethernet{.dst = kGatewayMac, .src = kEnvironmentMac, .type = 0x86dd} / kQuery,
                        Drop::unknown_ethertype},
                    Bad{"plain_where_only_vlans_are", kRacks, to_gateway() / kQuery, Drop::unknown_attachment},
                    Bad{"vlan_where_only_plain_is", kBench,
                        Ethernet{.dst = kGatewayMac, .src = kEnvironmentMac, .vlan = 3} / kQuery,
                        Drop::unknown_attachment},
                    Bad{"vlan_nobody_has", kRacks,
                        Ethernet{.dst = kGatewayMac, .src = kEnvironmentMac, .vlan = 99} / kQuery,
                        Drop::unknown_segment},
                    Bad{"vlan_zero", kTrunk, Ethernet{.dst = interface_mac(4), .src = kServerMac, .vlan = 0} / kAnswer,
                        Drop::unknown_segment},
                    Bad{"two_vlan_tags", kRacks,
                        Ethernet{.dst = kGatewayMac, .src = kEnvironmentMac, .type = 0x8100, .vlan = 2} / Bytes(40, 0),
                        Drop::unknown_ethertype},
                    Bad{"to_a_stranger_inside", kBench, Ethernet{.dst = kStranger, .src = kEnvironmentMac} / kQuery,
                        Drop::not_ours},
                    Bad{"broadcast_inside", kBench,
                        Ethernet{.dst = MacAddress::broadcast(), .src = kEnvironmentMac} / kQuery, Drop::not_ours},
                    Bad{"to_the_interface_with_a_stranger's_mac", kLan,
                        Ethernet{.dst = kStranger, .src = kServerMac} / kAnswer, Drop::not_ours},
                    Bad{"broadcast_to_the_interface", kLan,
                        Ethernet{.dst = MacAddress::broadcast(), .src = kServerMac} / kAnswer, Drop::not_ours},
                    Bad{"to_no_interface", kLan,
                        to_interface(3) / (Ip{.src = "10.0.1.53", .dst = "10.0.1.99"} / Udp{.src = 53, .dst = 2000}),
                        Drop::not_the_interface},
                    Bad{"multicast_source", kBench,
                        Ethernet{.dst = kGatewayMac, .src = MacAddress::broadcast()} / kQuery, Drop::not_ours}),
    RowName{});

INSTANTIATE_TEST_SUITE_P(
    Tunnel, Drops,
    testing::Values(
        Bad{"to_a_stranger", kHosts, tunnel([](auto& vxlan) { vxlan.dst = kStranger; }) / (to_gateway() / kQuery),
            Drop::not_ours},
        Bad{"broadcast", kHosts,
            tunnel([](auto& vxlan) { vxlan.dst = MacAddress::broadcast(); }) / (to_gateway() / kQuery), Drop::not_ours},
        Bad{"to_another_address", kHosts,
            tunnel([](auto& vxlan) { vxlan.to = "192.0.2.99"; }) / (to_gateway() / kQuery), Drop::not_ours},
        Bad{"to_another_udp_port", kHosts, tunnel([](auto& vxlan) { vxlan.udp_port = 4790; }) / (to_gateway() / kQuery),
            Drop::unknown_attachment},
        Bad{"no_tunnel_at_all", kHosts,
            Ethernet{.dst = port_mac(kHosts), .src = kPeerMac} /
                (Ip{.src = "192.0.2.11", .dst = "192.0.2.1"} / Echo{.id = 1}),
            Drop::unknown_attachment},
        Bad{"no_vni", kHosts, tunnel([](auto& vxlan) { vxlan.flags = 0; }) / (to_gateway() / kQuery),
            Drop::bad_tunnel_header},
        Bad{"group_policy", kHosts, tunnel([](auto& vxlan) { vxlan.flags = 0x88; }) / (to_gateway() / kQuery),
            Drop::bad_tunnel_header},
        Bad{"reserved_byte", kHosts, tunnel([](auto& vxlan) { vxlan.reserved = 1; }) / (to_gateway() / kQuery),
            Drop::bad_tunnel_header},
        Bad{"unregistered_host", kHosts,
            tunnel([](auto& vxlan) { vxlan.from = "192.0.2.13"; }) / (to_gateway() / kQuery),
            Drop::unknown_tunnel_peer},
        Bad{"no_vtep_of_the_segment", kTenants,
            tunnel([](auto& vxlan) { vxlan.from = "198.51.100.13"; }, from_vtep()) / (to_interface(1) / kAnswer),
            Drop::unknown_tunnel_peer},
        Bad{"unknown_mapping", kHosts, from_host(77) / (to_gateway() / kQuery), Drop::unknown_segment},
        Bad{"unknown_segment", kTenants, from_vtep(1) / (to_interface(1) / kAnswer), Drop::unknown_segment},
        Bad{"fragment", kHosts, tunnel([](auto& vxlan) { vxlan.fragment = 0x2000; }) / (to_gateway() / kQuery),
            Drop::fragment},
        Bad{"outer_checksum", kHosts, with_byte(from_host() / (to_gateway() / kQuery), 14 + 8, 63),
            Drop::bad_ip_checksum},
        Bad{"outer_udp_too_long", kHosts, with_byte(from_host() / (to_gateway() / kQuery), 14 + 20 + 4, 0x10),
            Drop::bad_tunnel_header},
        Bad{"outer_udp_too_short", kHosts, with_byte(from_host() / (to_gateway() / kQuery), 14 + 20 + 5, 15),
            Drop::truncated},
        Bad{"outer_udp_shorter_than_itself", kHosts, with_byte(from_host() / (to_gateway() / kQuery), 14 + 20 + 5, 7),
            Drop::bad_tunnel_header},
        Bad{"inner_to_a_stranger", kHosts, from_host() / (Ethernet{.dst = kStranger, .src = kEnvironmentMac} / kQuery),
            Drop::not_ours},
        Bad{"inner_to_the_port", kHosts,
            from_host() / (Ethernet{.dst = port_mac(kHosts), .src = kEnvironmentMac} / kQuery), Drop::not_ours},
        Bad{"inner_vlan", kHosts,
            from_host() / (Ethernet{.dst = kGatewayMac, .src = kEnvironmentMac, .vlan = 1} / kQuery),
            Drop::unknown_ethertype},
        Bad{"another_host's_address", kHosts, from_host() / (to_gateway() / from("100.64.16.5")), Drop::spoofed_source},
        Bad{"a_tenant's_address", kHosts, from_host() / (to_gateway() / from("10.0.1.5")), Drop::spoofed_source},
        Bad{"the_interface's_segment_of_another_tenant", kTenants, from_vtep(5002) / (to_interface(1) / kAnswer),
            Drop::not_ours}),
    RowName{});

INSTANTIATE_TEST_SUITE_P(
    Ipv4, Drops,
    testing::Values(
        Bad{"version_six", kBench, with_ip_byte(kQuery, 0, 0x65), Drop::bad_ip_header},
        Bad{"header_of_sixteen_bytes", kBench, with_ip_byte(kQuery, 0, 0x44), Drop::bad_ip_header},
        Bad{"header_beyond_the_packet", kBench, with_ip_byte(kQuery, 0, 0x4f), Drop::bad_ip_header},
        Bad{"total_length_below_the_header", kBench, with_ip_byte(kQuery, 3, 19), Drop::bad_ip_header},
        Bad{"total_length_beyond_the_frame", kBench, with_ip_byte(kQuery, 3, 32), Drop::truncated},
        Bad{"checksum", kBench, with_byte(to_gateway() / kQuery, 14 + 10, 0x55), Drop::bad_ip_checksum},
        Bad{"loose_source_route", kBench, to_gateway() / with_options({131, 7, 4, 10, 0, 0, 1, 0}),
            Drop::bad_ip_header},
        Bad{"strict_source_route", kBench, to_gateway() / with_options({1, 137, 7, 4, 10, 0, 0, 1}),
            Drop::bad_ip_header},
        Bad{"option_of_length_zero", kBench, to_gateway() / with_options({7, 0, 0, 0}), Drop::bad_ip_header},
        Bad{"option_beyond_the_header", kBench, to_gateway() / with_options({7, 5, 0, 0}), Drop::bad_ip_header},
        Bad{"option_without_length", kBench, to_gateway() / with_options({1, 1, 1, 7}), Drop::bad_ip_header},
        Bad{"fragment_of_gre", kBench, fragment_of_gre(), Drop::unsupported_protocol},
        Bad{"fragment_from_a_stranger's_address", kBench, to_gateway() / forged_fragment(), Drop::spoofed_source},
        Bad{"outside_the_lambda_vpc", kBench, to_gateway() / from("10.0.1.5"), Drop::spoofed_source},
        Bad{"gre", kBench, with_ip_byte(kQuery, 9, 47), Drop::unsupported_protocol},
        Bad{"sctp", kBench, with_ip_byte(kQuery, 9, 132), Drop::unsupported_protocol}),
    RowName{});

INSTANTIATE_TEST_SUITE_P(
    L4, Drops,
    testing::Values(Bad{"udp_length_below_its_header", kBench, with_byte(to_gateway() / kQuery, 14 + 20 + 5, 7),
                        Drop::bad_l4_header},
                    Bad{"udp_length_beyond_the_packet", kBench, with_byte(to_gateway() / kQuery, 14 + 20 + 5, 12),
                        Drop::bad_l4_header},
                    Bad{"tcp_offset_below_its_header", kBench, with_byte(to_gateway() / kSegment, 14 + 20 + 12, 0x40),
                        Drop::bad_l4_header},
                    Bad{"tcp_offset_beyond_the_packet", kBench, with_byte(to_gateway() / kSegment, 14 + 20 + 12, 0x60),
                        Drop::bad_l4_header},
                    Bad{"destination_unreachable", kBench, to_gateway() / icmp(3, 1), Drop::bad_quote},
                    Bad{"redirect", kBench, to_gateway() / icmp(5, 0), Drop::icmp_redirect},
                    Bad{"timestamp", kBench, to_gateway() / icmp(13, 0), Drop::unsupported_icmp},
                    Bad{"echo_with_a_code", kBench, to_gateway() / icmp(8, 1), Drop::unsupported_icmp}),
    RowName{});

TEST(Decapsulate, OptionsThatAreSoundPass) {
  const AttachWorld world;
  const auto received = world.receive(kBench, to_gateway() / with_options({148, 4, 0, 0, 1, 7, 3, 4, 0, 99, 99, 99}));
  ASSERT_EQ(received.parsed, Parsed::kPacket) << name_of(received.packet.drop);
  EXPECT_EQ(received.packet.l4 - reinterpret_cast<std::uint8_t*>(received.packet.ip), 32);
}

TEST(Decapsulate, ReadsTcpAndEcho) {
  const AttachWorld world;
  const auto tcp = world.receive(kBench, to_gateway() / kSegment);
  ASSERT_EQ(tcp.parsed, Parsed::kPacket);
  EXPECT_EQ(tcp.packet.tcp_flags, kTcpSyn);
  EXPECT_EQ(tcp.packet.dst_port.host(), 80);
  const auto echo = world.receive(kBench, to_gateway() / icmp(8, 0));
  ASSERT_EQ(echo.parsed, Parsed::kPacket);
  EXPECT_EQ(echo.packet.src_port.host(), 7);
  EXPECT_EQ(echo.packet.dst_port.host(), 7);
}

// Not even of a first fragment are ports read here, and none is taken for one in a later one's payload.
TEST(Decapsulate, OfAFragmentOnlyTheIpHeaderIsRead) {
  const AttachWorld world;
  for (const auto& [field, fragment] :
       {std::pair{0x2000, Fragment::kFirst}, {0x2001, Fragment::kLater}, {0x00b9, Fragment::kLater}}) {
    const auto received = world.receive(kBench, to_gateway() / with_fragment(static_cast<std::uint16_t>(field)));
    ASSERT_EQ(received.parsed, Parsed::kFragment) << name_of(received.packet.drop);
    EXPECT_EQ(received.packet.fragment, fragment);
    EXPECT_EQ(received.packet.protocol, Protocol::kUdp);
    EXPECT_EQ(received.packet.src_port, L4Port{});
    EXPECT_EQ(received.packet.dst_port, L4Port{});
  }
  EXPECT_EQ(world.receive(kBench, to_gateway() / with_fragment(0x4000)).parsed, Parsed::kPacket) << "do not fragment";
}

TEST(Decapsulate, PeersOutsideTheConfiguredPrefixesAreStrangers) {
  AttachWorld world;
  world.config.attachments[kHosts].peers = {parse_ipv4_prefix("192.0.2.12/32").value()};
  world.attachments = Attachments(world.config, port_macs());
  const auto received = world.receive(kHosts, from_host() / (to_gateway() / kQuery));
  EXPECT_EQ(name_of(received.packet.drop), "unknown_tunnel_peer");
}

TEST(Decapsulate, SubnetsWithoutVtepsHearNobody) {
  config::Table table = every_segment();
  table.subnets[0].vteps.clear();
  const AttachWorld world(every_attachment(), table);
  for (const char* const from : {"198.51.100.11", "0.0.0.0"}) {
    const craft::Vxlan vxlan = tunnel([&](auto& made) { made.from = from; }, from_vtep());
    const auto received = world.receive(kTenants, vxlan / (to_interface(1) / kAnswer));
    EXPECT_EQ(received.parsed, Parsed::kDropped);
    EXPECT_EQ(name_of(received.packet.drop), "unknown_tunnel_peer") << from;
  }
}

// Every length that is too short is refused, and no byte beyond the buffer is read (the sanitizer watches).
TEST(Decapsulate, TruncationAtEveryByteIsRefused) {
  const AttachWorld world;
  const std::pair<std::uint16_t, Bytes> frames[] = {
      {kHosts, from_host() / (to_gateway() / kQuery)},
      {kHosts, from_host() / (to_gateway() / kSegment)},
      {kTenants, from_vtep() / (to_interface(1) / kAnswer)},
      {kPods, from_pod() / (to_gateway() / kQuery)},
      {kTenants, from_vtep() / (to_interface(1) /
                                craft::Arp{.sender_mac = kServerMac, .sender = "10.0.1.10", .target = "10.0.1.20"})},
      {kBench, to_gateway() / with_options({148, 4, 0, 0})},
      {kBench, to_gateway() / icmp(8, 0)},
      {kTrunk, Ethernet{.dst = interface_mac(4), .src = kServerMac, .vlan = 104} / kAnswer},
      {kLan, to_interface(3) / craft::Arp{.sender_mac = kServerMac, .sender = "10.0.1.10", .target = "10.0.1.20"}}};
  for (const auto& [port, frame] : frames) {
    EXPECT_NE(world.receive(port, frame).parsed, Parsed::kDropped);
    for (std::size_t length = 0; length < frame.size(); ++length) {
      const auto received =
          world.receive(port, Bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length)));
      EXPECT_EQ(received.parsed, Parsed::kDropped) << "port " << port << ", " << length << " bytes";
    }
  }
}

// Whatever bytes come, nothing is read beyond them, and what passes keeps its promises.
TEST(Decapsulate, FlippedBytesNeverBreakThePromises) {
  const AttachWorld world;
  const Bytes frames[] = {from_host() / (to_gateway() / kSegment),
                          from_host() / (to_gateway() / with_options({148, 4, 0, 0}))};
  for (const Bytes& frame : frames) {
    for (std::size_t at = 0; at < frame.size(); ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        const auto received = world.receive(kHosts, with_byte(frame, at, static_cast<std::uint8_t>(value)));
        if (received.parsed != Parsed::kPacket) continue;
        const Packet& packet = received.packet;
        ASSERT_LE(packet.l4 + packet.l4_length, packet.frame + packet.length);
        ASSERT_EQ(packet.l4 + packet.l4_length,
                  reinterpret_cast<std::uint8_t*>(packet.ip) + swap16(packet.ip->total_length_be));
      }
    }
  }
}

}  // namespace attach_decapsulate
}  // namespace hypernat::dataplane
