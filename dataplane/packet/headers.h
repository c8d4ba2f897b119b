// The headers of the wire, byte for byte. Multi-byte fields are in network order; those that arithmetic is done on
// are plain integers with a `_be` name, the rest are strong types. Packed, so that they may lie at any address.
#pragma once

#include <array>
#include <cstdint>

#include "config/types.h"

namespace hypernat::dataplane {

constexpr std::uint16_t swap16(std::uint16_t value) {
  return __builtin_bswap16(value);
}
constexpr std::uint32_t swap32(std::uint32_t value) {
  return __builtin_bswap32(value);
}

inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;
inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;

/// MacAddress::bytes as a header holds them: `MacAddress{header.src}` and `header.src = mac.bytes` convert.
using MacBytes = std::array<std::uint8_t, 6>;

/// IEEE 802.3.
struct [[gnu::packed]] EthernetHeader {
  MacBytes dst;
  MacBytes src;
  std::uint16_t ether_type_be;
};
static_assert(sizeof(EthernetHeader) == 14);

/// IEEE 802.1Q, behind an EthernetHeader whose type is kEtherTypeVlan.
struct [[gnu::packed]] VlanHeader {
  std::uint16_t tci_be;
  std::uint16_t ether_type_be;

  std::uint32_t id() const { return swap16(tci_be) & 0x0fffU; }
};
static_assert(sizeof(VlanHeader) == 4);

/// RFC 791, without options.
struct [[gnu::packed]] Ipv4Header {
  std::uint8_t version_ihl;
  std::uint8_t dscp_ecn;
  std::uint16_t total_length_be;
  std::uint16_t identification_be;
  std::uint16_t fragment_be;
  std::uint8_t ttl;
  std::uint8_t protocol;
  std::uint16_t checksum;
  std::uint32_t src_be;
  std::uint32_t dst_be;

  Ipv4Address src() const { return Ipv4Address::from_network(src_be); }
  Ipv4Address dst() const { return Ipv4Address::from_network(dst_be); }
  unsigned header_length() const { return (version_ihl & 0x0fU) * 4; }
};
static_assert(sizeof(Ipv4Header) == 20);
inline constexpr std::uint8_t kUsualVersionIhl = 0x45;  ///< IPv4 without options
inline constexpr std::uint16_t kIpv4DontFragment = 0x4000;
inline constexpr std::uint16_t kIpv4MoreFragments = 0x2000;
inline constexpr std::uint16_t kIpv4FragmentOffset = 0x1fff;

/// RFC 768.
struct [[gnu::packed]] UdpHeader {
  std::uint16_t src_be;
  std::uint16_t dst_be;
  std::uint16_t length_be;
  std::uint16_t checksum;
};
static_assert(sizeof(UdpHeader) == 8);

/// RFC 9293, without options.
struct [[gnu::packed]] TcpHeader {
  std::uint16_t src_be;
  std::uint16_t dst_be;
  std::uint32_t sequence_be;
  std::uint32_t acknowledgment_be;
  std::uint8_t data_offset;  ///< upper four bits, in 32-bit words
  std::uint8_t flags;
  std::uint16_t window_be;
  std::uint16_t checksum;
  std::uint16_t urgent_be;

  unsigned header_length() const { return (data_offset >> 4U) * 4U; }
};
static_assert(sizeof(TcpHeader) == 20);
inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpPsh = 0x08;
inline constexpr std::uint8_t kTcpAck = 0x10;
inline constexpr std::uint8_t kTcpUrg = 0x20;

/// RFC 792; `identifier_be` and `sequence_be` as in echo messages.
struct [[gnu::packed]] IcmpHeader {
  std::uint8_t type;
  std::uint8_t code;
  std::uint16_t checksum;
  std::uint16_t identifier_be;
  std::uint16_t sequence_be;
};
static_assert(sizeof(IcmpHeader) == 8);
inline constexpr std::uint8_t kIcmpEchoReply = 0;
inline constexpr std::uint8_t kIcmpEchoRequest = 8;

/// The messages of RFC 792 that quote a packet, which follows; fields that a message does not have are zero.
struct [[gnu::packed]] IcmpErrorHeader {
  std::uint8_t type;
  std::uint8_t code;
  std::uint16_t checksum;
  std::uint8_t pointer;  ///< parameter problem: the byte that is wrong
  std::uint8_t length;   ///< of the quoted packet in 32-bit words, when an extension follows it (RFC 4884)
  std::uint16_t mtu_be;  ///< fragmentation needed: of the next hop (RFC 1191)
};
static_assert(sizeof(IcmpErrorHeader) == 8);
inline constexpr std::uint8_t kIcmpUnreachable = 3;
inline constexpr std::uint8_t kIcmpSourceQuench = 4;
inline constexpr std::uint8_t kIcmpRedirect = 5;
inline constexpr std::uint8_t kIcmpTimeExceeded = 11;
inline constexpr std::uint8_t kIcmpParameterProblem = 12;
inline constexpr std::uint8_t kIcmpNetUnreachable = 0;  ///< codes of kIcmpUnreachable
inline constexpr std::uint8_t kIcmpHostUnreachable = 1;
inline constexpr std::uint8_t kIcmpFragmentationNeeded = 4;
inline constexpr std::uint8_t kIcmpTtlExceeded = 0;  ///< a code of kIcmpTimeExceeded

/// RFC 7348.
struct [[gnu::packed]] VxlanHeader {
  std::uint8_t flags;
  std::uint8_t reserved0[3];
  std::uint8_t vni[3];
  std::uint8_t reserved1;
};
static_assert(sizeof(VxlanHeader) == 8);
inline constexpr std::uint8_t kVxlanVniPresent = 0x08;

/// RFC 8926 3.4, without options.
struct [[gnu::packed]] GeneveHeader {
  std::uint8_t version_options;  ///< version:2 | length of all options in 32-bit words:6
  std::uint8_t flags;
  std::uint16_t protocol_be;
  std::uint8_t vni[3];
  std::uint8_t reserved;
};
static_assert(sizeof(GeneveHeader) == 8);
inline constexpr std::uint8_t kGeneveControl = 0x80;
inline constexpr std::uint16_t kEtherTypeBridging = 0x6558;  ///< an Ethernet frame follows

/// RFC 8926 3.5, without its data.
struct [[gnu::packed]] GeneveOption {
  std::uint16_t class_be;
  std::uint8_t type;
  std::uint8_t length;  ///< reserved:3 | length of the data in 32-bit words:5
};
static_assert(sizeof(GeneveOption) == 4);
inline constexpr std::uint8_t kGeneveCriticalOption = 0x80;  ///< in the type

/// RFC 826 for IPv4 over Ethernet.
struct [[gnu::packed]] ArpPacket {
  std::uint16_t hardware_be;
  std::uint16_t protocol_be;
  std::uint8_t hardware_length;
  std::uint8_t protocol_length;
  std::uint16_t operation_be;
  MacBytes sender_mac;
  std::uint32_t sender_be;
  MacBytes target_mac;
  std::uint32_t target_be;
};
static_assert(sizeof(ArpPacket) == 28);
inline constexpr std::uint16_t kArpRequest = 1;
inline constexpr std::uint16_t kArpReply = 2;

}  // namespace hypernat::dataplane
