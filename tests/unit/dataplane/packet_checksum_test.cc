#include "dataplane/packet/checksum.h"

#include <gtest/gtest.h>

#include <random>

#include "dataplane/nat/rewrite.h"
#include "tests/packet/craft.h"

namespace hypernat::dataplane {
namespace {

using craft::Bytes;

std::uint16_t in_host_order(std::uint16_t value) {
  return static_cast<std::uint16_t>(value << 8 | value >> 8);
}

Ipv4Address random_address(std::mt19937_64& random) {
  return Ipv4Address::from_network(static_cast<std::uint32_t>(random()));
}
L4Port random_port(std::mt19937_64& random) {
  return L4Port::from_network(static_cast<std::uint16_t>(random()));
}

craft::Datagram random_datagram(std::mt19937_64& random) {
  craft::Ip ip{.src = to_string(random_address(random)),
               .dst = to_string(random_address(random)),
               .ttl = static_cast<std::uint8_t>(2 + random() % 254),
               .dscp_ecn = static_cast<std::uint8_t>(random()),
               .identification = static_cast<std::uint16_t>(random()),
               .options = Bytes(random() % 11 * 4, 1)};
  const auto src = static_cast<std::uint16_t>(random());
  const auto dst = static_cast<std::uint16_t>(random());
  craft::Datagram datagram = [&]() -> craft::Datagram {
    switch (random() % 3) {
      case 0:
        return ip / craft::Udp{.src = src, .dst = dst};
      case 1:
        return ip / craft::Tcp{.src = src,
                               .dst = dst,
                               .flags = "A",
                               .seq = static_cast<std::uint32_t>(random()),
                               .ack = static_cast<std::uint32_t>(random())};
      default:
        return ip / craft::Echo{.id = src, .seq = dst};
    }
  }();
  datagram.payload.resize(random() % 64);
  for (auto& byte : datagram.payload) byte = static_cast<std::uint8_t>(random());
  return datagram;
}

Flow random_flow(std::mt19937_64& random, const craft::Datagram& datagram) {
  const craft::Seen seen = craft::look_at(datagram.bytes());
  Flow flow;
  flow.protocol = Protocol{seen.protocol};
  flow.inside = parse_ipv4_address(seen.src).value();
  flow.inside_port = L4Port::from_host(seen.src_port);
  flow.interface = random_address(random);
  flow.interface_port = random_port(random);
  compile_rewrite(flow);
  return flow;
}

TEST(ChecksumSum, is_that_of_the_rfc_for_every_length) {
  std::mt19937_64 random(1);
  for (std::size_t length = 0; length < 200; ++length) {
    Bytes bytes(length);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    const auto sum = static_cast<std::uint16_t>(~craft::checksum_of(bytes));
    EXPECT_EQ(in_host_order(sum_of(bytes)), sum) << length;
  }
}

// Bytes of an outbound packet after the rewrite, against the packet crafted anew with its new fields.
TEST(ChecksumByDifference, equals_full_recomputation_on_random_packets_both_ways) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 100'000; ++round) {
    craft::Datagram datagram = random_datagram(random);
    Bytes bytes = datagram.bytes();
    const Flow flow = random_flow(random, datagram);
    auto* ip = reinterpret_cast<Ipv4Header*>(bytes.data());
    std::uint8_t* const l4 = bytes.data() + ip->header_length();
    rewrite_outbound(flow, *ip, l4);
    const craft::Seen out = craft::look_at(bytes);
    ASSERT_TRUE(out.ip_checksum_right && out.l4_checksum_right) << round;
    ASSERT_EQ(out.src, to_string(flow.interface));
    ASSERT_EQ(out.src_port, flow.interface_port.host());

    craft::Datagram expected = datagram;
    expected.ip.src = out.src;
    expected.ip.ttl = static_cast<std::uint8_t>(datagram.ip.ttl - 1);
    if (auto* udp = std::get_if<craft::Udp>(&expected.l4)) udp->src = out.src_port;
    if (auto* tcp = std::get_if<craft::Tcp>(&expected.l4)) tcp->src = out.src_port;
    if (auto* echo = std::get_if<craft::Echo>(&expected.l4)) echo->id = out.src_port;
    ASSERT_EQ(bytes, expected.bytes()) << round;
  }
  for (int round = 0; round < 100'000; ++round) {
    craft::Datagram datagram = random_datagram(random);
    const Flow flow = random_flow(random, datagram);
    craft::Datagram reply = datagram;
    reply.ip.dst = to_string(flow.interface);
    const std::uint16_t port = flow.interface_port.host();
    if (auto* udp = std::get_if<craft::Udp>(&reply.l4)) udp->dst = port;
    if (auto* tcp = std::get_if<craft::Tcp>(&reply.l4)) tcp->dst = port;
    if (auto* echo = std::get_if<craft::Echo>(&reply.l4)) echo->id = port;
    Bytes bytes = reply.bytes();
    auto* ip = reinterpret_cast<Ipv4Header*>(bytes.data());
    rewrite_inbound(flow, *ip, bytes.data() + ip->header_length());

    craft::Datagram expected = reply;
    expected.ip.dst = to_string(flow.inside);
    expected.ip.ttl = static_cast<std::uint8_t>(reply.ip.ttl - 1);
    if (auto* udp = std::get_if<craft::Udp>(&expected.l4)) udp->dst = flow.inside_port.host();
    if (auto* tcp = std::get_if<craft::Tcp>(&expected.l4)) tcp->dst = flow.inside_port.host();
    if (auto* echo = std::get_if<craft::Echo>(&expected.l4)) echo->id = flow.inside_port.host();
    ASSERT_EQ(bytes, expected.bytes()) << round;
  }
}

TEST(ChecksumByDifference, of_a_change_undone_gives_back_the_checksum) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 100'000; ++round) {
    const auto checksum = static_cast<std::uint16_t>(random() % 0xffff);  // no complete packet has 0xffff
    const std::uint16_t delta = add_sums(delta_of(random_address(random), random_address(random)),
                                         delta_of(random_port(random), random_port(random)));
    ASSERT_EQ(adjust_checksum(adjust_checksum(checksum, delta), reverse_delta(delta)), checksum);
  }
}

// Every value of the port that is translated to, so that sums which land on 0x0000 and 0xffff are among them.
TEST(ChecksumByDifference, lands_on_zero_and_all_ones_rightly) {
  std::size_t zero_sums = 0;
  for (std::uint32_t port = 0; port < 65536; ++port) {
    for (const bool tcp : {false, true}) {
      const craft::Ip ip{.src = "100.64.0.5", .dst = "10.0.1.10", .ttl = 9};
      craft::Ip out = ip;
      out.src = "10.0.1.20";
      out.ttl = 8;
      const auto new_port = static_cast<std::uint16_t>(port);
      const craft::Datagram before = tcp ? ip / craft::Tcp{.src = 7, .dst = 9} : ip / craft::Udp{.src = 7, .dst = 9};
      const craft::Datagram after =
          tcp ? out / craft::Tcp{.src = new_port, .dst = 9} : out / craft::Udp{.src = new_port, .dst = 9};
      Flow flow;
      flow.protocol = tcp ? Protocol::kTcp : Protocol::kUdp;
      flow.inside = Ipv4Address::of(100, 64, 0, 5);
      flow.inside_port = L4Port::from_host(7);
      flow.interface = Ipv4Address::of(10, 0, 1, 20);
      flow.interface_port = L4Port::from_host(new_port);
      compile_rewrite(flow);
      Bytes bytes = before.bytes();
      rewrite_outbound(flow, *reinterpret_cast<Ipv4Header*>(bytes.data()), bytes.data() + 20);
      ASSERT_EQ(bytes, after.bytes()) << port;
      const std::size_t at = tcp ? 36 : 26;
      if (bytes[at] == bytes[at + 1] && (bytes[at] == 0 || bytes[at] == 0xff)) ++zero_sums;
    }
  }
  EXPECT_GE(zero_sums, 2U) << "the test met neither";
}

}  // namespace
}  // namespace hypernat::dataplane
