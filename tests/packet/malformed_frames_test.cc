// Frames with one thing wrong around a packet that is right: Ethernet, 802.1Q, and every header of a tunnel.
#include <random>

#include "tests/packet/malformed_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Bytes;

constexpr std::size_t kTunnelHeader = 14 + 20 + 8;

class MalformedTunnel : public Malformed {
 protected:
  void SetUp() override { good_ = frame(datagram(Protocol::kUdp).bytes()); }
  // The outer header's checksum is set right again: what is wrong is found by itself.
  Bytes with_outer8(std::size_t at, unsigned value) const {
    return with_ip_checksum(with8(good_, at, value), kOuterIp);
  }
  Bytes with_outer16(std::size_t at, unsigned value) const {
    return with_ip_checksum(with16(good_, at, value), kOuterIp);
  }
  const Bytes& good() const { return good_; }

 private:
  Bytes good_;
};

std::vector<Carrier> tunnels() {
  std::vector<Carrier> all;
  for (const Carrier& carrier : every_carrier())
    if (carrier.is_tunnel()) all.push_back(carrier);
  return all;
}
INSTANTIATE_TEST_SUITE_P(Attachments, MalformedTunnel, testing::ValuesIn(tunnels()), CarrierName{});

// ---- Ethernet and 802.1Q

TEST_P(Malformed, by_being_cut_at_every_byte) {
  for (const Protocol protocol : kProtocols) {
    const Bytes whole = frame(datagram(protocol).bytes());
    for (std::size_t length = 0; length < whole.size(); ++length)
      EXPECT_TRUE(meets(cut(whole, length), Drop::truncated)) << length << " bytes";
  }
}

TEST_P(Malformed, by_its_ethertype) {
  const Bytes whole = frame(datagram(Protocol::kUdp).bytes());
  const std::size_t type = packet_offset() - 2;
  for (const unsigned value : {0U, 46U, 0x0801U, 0x86ddU, 0x8847U, 0x88a8U, 0x9100U, 0xffffU})
    EXPECT_TRUE(meets(with16(whole, type, value), Drop::unknown_ethertype)) << value;
}

TEST_P(Malformed, by_the_macs_of_the_frame_around_it) {
  const Bytes whole = frame(datagram(Protocol::kUdp).bytes());
  const std::size_t macs = packet_offset() - 14 - (GetParam().is_vlan() ? 4 : 0);
  for (const MacAddress& mac : {MacAddress{}, MacAddress::broadcast(), MacAddress{{0x01, 0, 0x5e, 0, 0, 1}},
                                MacAddress{{0x02, 9, 9, 9, 9, 9}}}) {
    Bytes to = whole;
    std::copy(mac.bytes.begin(), mac.bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(macs));
    EXPECT_TRUE(meets(to, Drop::not_ours)) << "to " << to_string(mac);
    if (!mac.is_multicast()) continue;
    Bytes from = whole;
    std::copy(mac.bytes.begin(), mac.bytes.end(), from.begin() + static_cast<std::ptrdiff_t>(macs + 6));
    EXPECT_TRUE(meets(from, Drop::not_ours)) << "from " << to_string(mac);
  }
}

TEST_P(Malformed, by_its_vlan_tag) {
  const Bytes whole = frame(datagram(Protocol::kUdp).bytes());
  const auto tagged = [&](unsigned tci) {
    Bytes frame = whole;
    const Bytes tag{0x81, 0x00, static_cast<std::uint8_t>(tci >> 8), static_cast<std::uint8_t>(tci)};
    frame.insert(frame.begin() + 12, tag.begin(), tag.end());
    return frame;
  };
  if (!GetParam().is_vlan()) {
    for (const unsigned tci : {0U, 1U, 0x2001U, 4095U}) {
      // A trunk may share the port with an attachment that is not tagged; here none does.
      EXPECT_TRUE(meets(tagged(tci), Drop::unknown_attachment)) << tci;
    }
    return;
  }
  const unsigned id = get16(whole, 14);
  for (const unsigned priority : {0x1000U, 0x2000U, 0xe000U, 0xf000U})
    EXPECT_TRUE(meets(with16(whole, 14, priority | id), std::nullopt)) << "priority is nobody's business";
  for (const unsigned other : {0U, 99U, 4095U}) EXPECT_TRUE(meets(with16(whole, 14, other), Drop::unknown_segment));
  EXPECT_TRUE(meets(tagged(id), Drop::unknown_ethertype)) << "two tags";
  Bytes bare = whole;
  bare.erase(bare.begin() + 12, bare.begin() + 16);
  EXPECT_TRUE(meets(bare, Drop::unknown_attachment)) << "no tag";
}

// ---- The tunnel's own IPv4 and UDP headers

TEST_P(MalformedTunnel, by_its_outer_ip_header) {
  for (unsigned version = 0; version < 16; ++version)
    if (version != 4) {
      EXPECT_TRUE(meets(with_outer8(kOuterIp, version << 4 | 5), Drop::bad_ip_header)) << version;
    }
  for (unsigned words = 0; words < 5; ++words)
    EXPECT_TRUE(meets(with_outer8(kOuterIp, 0x40 | words), Drop::bad_ip_header)) << words;
  for (unsigned length = 0; length < 20; ++length)
    EXPECT_TRUE(meets(with_outer16(kOuterIp + 2, length), Drop::bad_ip_header)) << length;
  for (const unsigned length : {static_cast<unsigned>(good().size() - kOuterIp + 1), 1500U, 65'535U})
    EXPECT_TRUE(meets(with_outer16(kOuterIp + 2, length), Drop::truncated)) << length;
  for (unsigned bit = 0; bit < 16; ++bit)
    EXPECT_TRUE(
        meets(with16(good(), kOuterIp + 10, get16(good(), kOuterIp + 10) ^ (1U << bit)), Drop::bad_ip_checksum));
  for (unsigned protocol = 0; protocol < 256; ++protocol)
    if (protocol != 17) {
      EXPECT_TRUE(meets(with_outer8(kOuterIp + 9, protocol), Drop::unknown_attachment)) << protocol;
    }
}

TEST_P(MalformedTunnel, by_an_outer_total_length_that_ends_early) {
  const std::size_t whole = good().size() - kOuterIp;
  for (std::size_t length = 20; length < whole; ++length) {
    const auto value = static_cast<unsigned>(length);
    // The UDP length is the first to notice, once there is one.
    EXPECT_TRUE(meets(with_outer16(kOuterIp + 2, value), length < 28 ? Drop::truncated : Drop::bad_tunnel_header))
        << length;
  }
}

TEST_P(MalformedTunnel, by_its_outer_udp_header) {
  const auto whole = static_cast<unsigned>(good().size() - kOuterUdp);
  for (unsigned length = 0; length < 8; ++length)
    EXPECT_TRUE(meets(with16(good(), kOuterUdp + 4, length), Drop::bad_tunnel_header)) << length;
  for (unsigned length = 8; length < whole; ++length)
    EXPECT_TRUE(meets(with16(good(), kOuterUdp + 4, length), Drop::truncated)) << length;
  for (const unsigned length : {whole + 1, 1500U, 65'535U})
    EXPECT_TRUE(meets(with16(good(), kOuterUdp + 4, length), Drop::bad_tunnel_header)) << length;
  for (const unsigned port : {0U, 53U, 4788U, 4790U, 6080U, 65'535U})
    EXPECT_TRUE(meets(with16(good(), kOuterUdp + 2, port), Drop::unknown_attachment)) << port;
}

TEST_P(MalformedTunnel, by_the_ends_of_the_tunnel) {
  for (const unsigned src : {0U, 0x7f000001U, 0xe0000001U, 0xffffffffU, 0xc000020dU, 0xc6336401U}) {
    const Bytes from = with_outer16(kOuterIp + 12, src >> 16);
    EXPECT_TRUE(meets(with_ip_checksum(with16(from, kOuterIp + 14, src & 0xffff), kOuterIp), Drop::unknown_tunnel_peer))
        << src;
  }
  for (const unsigned dst : {0U, 0x7f000001U, 0xe0000001U, 0xffffffffU, 0xc00002ffU, 0xc63364ffU}) {
    const Bytes to = with_outer16(kOuterIp + 16, dst >> 16);
    EXPECT_TRUE(meets(with_ip_checksum(with16(to, kOuterIp + 18, dst & 0xffff), kOuterIp), Drop::not_ours)) << dst;
  }
  for (const unsigned first : {0x01U, 0xffU, 0x06U}) EXPECT_TRUE(meets(with8(good(), 0, first), Drop::not_ours));
}

// ---- The tunnel header

// attach_geneve_test.cc has Geneve's: there they are ignored, or have names of their own.
TEST_P(MalformedTunnel, by_the_flags_and_reserved_bits_of_vxlan) {
  if (!GetParam().is_vxlan()) return;
  const std::size_t vxlan = kTunnelHeader;
  for (unsigned flags = 0; flags < 256; ++flags)
    if (flags != 0x08) {
      EXPECT_TRUE(meets(with8(good(), vxlan, flags), Drop::bad_tunnel_header)) << flags;
    }
  for (const std::size_t reserved : {1U, 2U, 3U, 7U})
    for (unsigned bit = 0; bit < 8; ++bit)
      EXPECT_TRUE(meets(with8(good(), vxlan + reserved, 1U << bit), Drop::bad_tunnel_header)) << reserved;
}

TEST_P(MalformedTunnel, by_a_segment_that_nobody_has) {
  for (const unsigned vni : {0U, 77U, 5000U, 5003U, 0x010001U, 0x800001U, 0xffffffU}) {
    const Bytes other = with16(good(), kTunnelHeader + 4, vni >> 8);
    EXPECT_TRUE(meets(with8(other, kTunnelHeader + 6, vni & 0xff), Drop::unknown_segment)) << vni;
  }
}

// The frame inside is cut, and every outer length agrees.
TEST_P(MalformedTunnel, by_being_cut_inside) {
  for (std::size_t length = kTunnelHeader; length < good().size(); ++length) {
    const Bytes shorter = with16(cut(good(), length), kOuterUdp + 4, static_cast<unsigned>(length - kOuterUdp));
    EXPECT_TRUE(
        meets(with_ip_checksum(with16(shorter, kOuterIp + 2, static_cast<unsigned>(length - kOuterIp)), kOuterIp),
              Drop::truncated))
        << length;
  }
}

// ---- Anything

TEST_P(Malformed, by_being_nothing_but_random_bytes) {
  std::mt19937 random(GetParam().port() + 1U);
  const Bytes whole = frame(datagram(Protocol::kTcp).bytes());
  for (int round = 0; round < 2'000; ++round) {
    // Garbage behind a beginning that is right, so that every layer gets some.
    Bytes garbage(random() % 200);
    for (std::uint8_t& byte : garbage) byte = static_cast<std::uint8_t>(random());
    const std::size_t right = std::min<std::size_t>(random() % (packet_offset() + 20), garbage.size());
    std::copy_n(whole.begin(), right, garbage.begin());
    EXPECT_TRUE(dies(garbage)) << "round " << round;
  }
}

}  // namespace
}  // namespace hypernat::dataplane
