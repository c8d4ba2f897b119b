// IPv4 packets with one thing wrong, from the version to the last byte of the transport header.
#include "tests/packet/malformed_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::Ip;
using craft::Udp;

constexpr std::size_t kIpHeader = 20;

std::size_t l4_header_of(Protocol protocol) {
  return protocol == Protocol::kTcp ? 20 : 8;
}

INSTANTIATE_TEST_SUITE_P(Attachments, Malformed, testing::ValuesIn(every_carrier()), CarrierName{});

TEST_P(Malformed, not_at_all_it_passes) {
  for (const Protocol protocol : kProtocols)
    EXPECT_TRUE(packet_meets(datagram(protocol).bytes(), std::nullopt)) << static_cast<int>(protocol);
}

// ---- The IPv4 header

TEST_P(Malformed, by_its_version) {
  const Bytes packet = datagram(Protocol::kUdp).bytes();
  for (unsigned version = 0; version < 16; ++version)
    if (version != 4) {
      EXPECT_TRUE(packet_meets(with_ip_checksum(with8(packet, 0, version << 4 | 5)), Drop::bad_ip_header)) << version;
    }
}

TEST_P(Malformed, by_a_header_length_below_a_header_or_beyond_the_packet) {
  const Bytes packet = (datagram(Protocol::kIcmp) / "").bytes();  // 28 bytes
  for (const unsigned words : {0U, 1U, 2U, 3U, 4U, 8U, 9U, 10U, 11U, 12U, 13U, 14U, 15U})
    EXPECT_TRUE(packet_meets(with_ip_checksum(with8(packet, 0, 0x40 | words)), Drop::bad_ip_header)) << words;
}

// With a checksum that is right, what lies about the total length is found by it.
TEST_P(Malformed, by_its_total_length) {
  for (const Protocol protocol : kProtocols) {
    const Bytes packet = datagram(protocol).bytes();
    for (unsigned length = 0; length < kIpHeader; ++length)
      EXPECT_TRUE(packet_meets(with_ip_checksum(with16(packet, 2, length)), Drop::bad_ip_header)) << length;
    for (const std::size_t length : {packet.size() + 1, packet.size() + 7, std::size_t{1500}, std::size_t{65'535}}) {
      const auto value = static_cast<unsigned>(length);
      EXPECT_TRUE(packet_meets(with_ip_checksum(with16(packet, 2, value)), Drop::truncated)) << length;
    }
  }
}

TEST_P(Malformed, by_being_cut_at_every_byte_under_a_total_length_that_agrees) {
  for (const Protocol protocol : kProtocols) {
    const Bytes packet = datagram(protocol).bytes();
    for (std::size_t length = kIpHeader; length < packet.size(); ++length) {
      const Bytes shorter = with_ip_checksum(with16(cut(packet, length), 2, static_cast<unsigned>(length)));
      // Of TCP and echo only the payload is shorter then; that is for the checksum to say, where it ends.
      const bool has_header = length >= kIpHeader + l4_header_of(protocol) && protocol != Protocol::kUdp;
      EXPECT_TRUE(packet_meets(shorter, has_header ? std::nullopt : std::optional(Drop::bad_l4_header)))
          << static_cast<int>(protocol) << ", " << length << " bytes";
    }
  }
}

TEST_P(Malformed, by_any_bit_of_its_header) {
  for (const Protocol protocol : kProtocols) {
    const Bytes packet = datagram(protocol).bytes();
    for (std::size_t bit = 0; bit < 8 * kIpHeader; ++bit)
      EXPECT_TRUE(dies(frame(with8(packet, bit / 8, packet[bit / 8] ^ (1U << bit % 8))))) << "bit " << bit;
    for (unsigned bit = 0; bit < 16; ++bit)
      EXPECT_TRUE(packet_meets(with16(packet, 10, get16(packet, 10) ^ (1U << bit)), Drop::bad_ip_checksum)) << bit;
  }
}

TEST_P(Malformed, by_a_protocol_that_is_not_translated) {
  const Bytes packet = datagram(Protocol::kUdp).bytes();
  for (unsigned protocol = 0; protocol < 256; ++protocol)
    if (protocol != 1 && protocol != 6 && protocol != 17) {
      EXPECT_TRUE(packet_meets(with_ip_checksum(with8(packet, 9, protocol)), Drop::unsupported_protocol)) << protocol;
    }
}

// RFC 791 3.1 says that it is zero, and nothing of what to do when it is not: left alone, as a router does.
TEST_P(Malformed, by_its_reserved_flag_it_passes_as_it_is) {
  const Bytes packet = datagram(Protocol::kTcp).bytes();
  EXPECT_TRUE(packet_meets(with_ip_checksum(with16(packet, 6, 0x8000)), std::nullopt));
}

TEST_P(Malformed, by_its_options) {
  const auto with_options = [&](Bytes options) {
    Datagram changed = datagram(Protocol::kUdp);
    changed.ip.options = std::move(options);
    return changed.bytes();
  };
  for (const Bytes& sound : {Bytes{0, 0, 0, 0}, Bytes{1, 1, 1, 1}, Bytes{148, 4, 0, 0}, Bytes{7, 7, 4, 0, 0, 0, 0, 0},
                             Bytes{68, 8, 9, 0, 0, 0, 0, 0}, Bytes{0, 131, 7, 4}, Bytes(40, 1)})
    EXPECT_TRUE(packet_meets(with_options(sound), std::nullopt)) << "option " << int{sound[0]};
  for (const unsigned route : {131U, 137U}) {  // RFC 791 3.1: loose and strict source routes
    const auto type = static_cast<std::uint8_t>(route);
    for (const Bytes& options :
         {Bytes{type, 3, 4, 0}, Bytes{type, 7, 4, 10, 0, 1, 9, 0}, Bytes{1, type, 7, 4, 10, 0, 1, 9},
          Bytes{148, 4, 0, 0, type, 7, 8, 10, 0, 1, 9, 0}, Bytes{1, 1, type, 2}})
      EXPECT_TRUE(packet_meets(with_options(options), Drop::bad_ip_header)) << route;
  }
  for (unsigned type = 2; type < 256; ++type) {
    const auto option = static_cast<std::uint8_t>(type);
    for (const Bytes& options : {Bytes{option, 0, 0, 0}, Bytes{option, 1, 0, 0}, Bytes{option, 5, 0, 0},
                                 Bytes{option, 255, 0, 0}, Bytes{1, 1, 1, option}, Bytes{1, 1, option, 3}})
      EXPECT_TRUE(packet_meets(with_options(options), Drop::bad_ip_header)) << type << " " << int{options[1]};
  }
}

// ---- Transport headers

TEST_P(Malformed, by_its_udp_length) {
  const Bytes packet = datagram(Protocol::kUdp).bytes();
  const auto whole = static_cast<unsigned>(packet.size() - kIpHeader);
  for (unsigned length = 0; length < 8; ++length)
    EXPECT_TRUE(packet_meets(with16(packet, kIpHeader + 4, length), Drop::bad_l4_header)) << length;
  for (const unsigned length : {whole + 1, whole + 2, 1500U, 65'535U})
    EXPECT_TRUE(packet_meets(with16(packet, kIpHeader + 4, length), Drop::bad_l4_header)) << length;
}

TEST_P(Malformed, by_its_tcp_data_offset) {
  const Bytes packet = datagram(Protocol::kTcp).bytes();  // 25 bytes of TCP: a longer header does not fit
  for (unsigned words = 0; words < 16; ++words)
    if (words != 5 && words != 6) {
      EXPECT_TRUE(packet_meets(with8(packet, kIpHeader + 12, words << 4), Drop::bad_l4_header)) << words;
    }
}

// RFC 9293 3.1: a receiver ignores them, and so does who only passes them on.
TEST_P(Malformed, by_reserved_tcp_bits_it_passes_as_it_is) {
  const Bytes packet = datagram(Protocol::kTcp).bytes();
  for (unsigned bits = 1; bits < 16; ++bits)
    EXPECT_TRUE(packet_meets(with8(packet, kIpHeader + 12, 0x50 | bits), std::nullopt)) << bits;
}

// Every type but those that are about a packet, which are judged by what they quote or by a name of their own; and echo
// only with code 0.
TEST_P(Malformed, by_an_icmp_message_that_does_not_cross) {
  const bool inside = GetParam().side == Side::kInside;
  const Bytes packet = datagram(Protocol::kIcmp).bytes();
  for (unsigned type = 0; type < 256; ++type) {
    if (type == 3 || type == 4 || type == 5 || type == 11 || type == 12) continue;
    for (const unsigned code : {0U, 1U, 4U, 255U}) {
      if (type == (inside ? 8U : 0U) && code == 0) continue;
      const bool echo_back = type == (inside ? 0U : 8U) && code == 0;
      EXPECT_TRUE(packet_meets(with8(with8(packet, kIpHeader, type), kIpHeader + 1, code),
                               echo_back ? Drop::no_flow : Drop::unsupported_icmp))
          << "type " << type << " code " << code;
    }
  }
}

// ---- Addresses

constexpr const char* kNobodys[] = {"0.0.0.0",   "0.1.2.3",         "127.0.0.1", "127.255.255.255", "169.254.100.1",
                                    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"};

TEST_P(Malformed, by_a_source_that_nobody_has) {
  const bool inside = GetParam().side == Side::kInside;
  for (const char* src : kNobodys) {
    for (const Protocol protocol : kProtocols) {
      Datagram forged = datagram(protocol);
      forged.ip.src = src;
      EXPECT_TRUE(packet_meets(forged.bytes(), inside ? Drop::spoofed_source : Drop::no_flow)) << src;
    }
  }
}

TEST_P(Malformed, by_a_destination_that_nobody_has) {
  const bool inside = GetParam().side == Side::kInside;
  for (const char* dst : kNobodys) {
    Datagram stray = datagram(Protocol::kUdp);
    stray.ip.dst = dst;
    EXPECT_TRUE(packet_meets(stray.bytes(), inside ? Drop::martian_destination : Drop::not_the_interface)) << dst;
  }
  // The subnet's own first and last address, and its interface.
  for (const char* dst : {"10.0.1.0", "10.0.1.255", "10.0.1.20"}) {
    Datagram stray = datagram(Protocol::kUdp);
    if (!inside && stray.ip.dst == dst) continue;
    stray.ip.dst = dst;
    EXPECT_TRUE(packet_meets(stray.bytes(), inside ? Drop::martian_destination : Drop::not_the_interface)) << dst;
  }
}

// LAND: from and to the same address and port.
TEST_P(Malformed, by_being_from_whom_it_is_for) {
  const bool inside = GetParam().side == Side::kInside;
  const std::string interface = "10.0.1.20";
  const Ip to_itself{.src = interface, .dst = interface};
  const auto fate = inside ? Drop::spoofed_source : Drop::no_flow;
  for (const std::uint16_t port : {std::uint16_t{80}, world().port_of_flow(3 * GetParam().way)}) {
    EXPECT_TRUE(packet_meets((to_itself / craft::Tcp{.src = port, .dst = port}).bytes(), fate)) << port;
    EXPECT_TRUE(packet_meets((to_itself / Udp{.src = port, .dst = port}).bytes(), fate)) << port;
    EXPECT_TRUE(packet_meets((to_itself / Echo{.id = port, .type = craft::kReply}).bytes(), fate)) << port;
  }
}

}  // namespace
}  // namespace hypernat::dataplane
