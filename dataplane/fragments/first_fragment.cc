#include "dataplane/fragments/first_fragment.h"

#include "dataplane/nat/tcp_state.h"

namespace hypernat::dataplane {
namespace {

constexpr std::uint32_t kLongestDatagram = 0xffff;

std::uint32_t offset_of(const Packet& packet) {
  return (swap16(packet.ip->fragment_be) & kIpv4FragmentOffset) * kFragmentUnit;
}

bool more_follow(const Packet& packet) {
  return (swap16(packet.ip->fragment_be) & kIpv4MoreFragments) != 0;
}

std::optional<Drop> read_tcp(const Packet& packet, DatagramMark& mark) {
  if (packet.l4_length < sizeof(TcpHeader)) return Drop::fragment_tiny;
  const auto& tcp = *reinterpret_cast<const TcpHeader*>(packet.l4);
  if (tcp.header_length() < sizeof(TcpHeader)) return Drop::bad_l4_header;
  if (tcp.header_length() > packet.l4_length) return Drop::fragment_tiny;
  if (!legal_tcp_flags(tcp.flags)) return Drop::bad_tcp_flags;
  mark.src_port = L4Port::from_network(tcp.src_be);
  mark.dst_port = L4Port::from_network(tcp.dst_be);
  mark.tcp_flags = tcp.flags;
  return std::nullopt;
}

// The length is the whole datagram's.
std::optional<Drop> read_udp(const Packet& packet, DatagramMark& mark) {
  if (packet.l4_length < sizeof(UdpHeader)) return Drop::fragment_tiny;
  const auto& udp = *reinterpret_cast<const UdpHeader*>(packet.l4);
  if (swap16(udp.length_be) < sizeof(UdpHeader)) return Drop::bad_l4_header;
  mark.src_port = L4Port::from_network(udp.src_be);
  mark.dst_port = L4Port::from_network(udp.dst_be);
  return std::nullopt;
}

// Only requests go out and only replies come in. An error message is never so long that somebody had to cut it.
std::optional<Drop> read_icmp(const Packet& packet, DatagramMark& mark) {
  if (packet.l4_length < sizeof(IcmpHeader)) return Drop::fragment_tiny;
  const auto& icmp = *reinterpret_cast<const IcmpHeader*>(packet.l4);
  if ((icmp.type != kIcmpEchoRequest && icmp.type != kIcmpEchoReply) || icmp.code != 0) return Drop::unsupported_icmp;
  if (icmp.type != (packet.side == Side::kInside ? kIcmpEchoRequest : kIcmpEchoReply)) return Drop::no_flow;
  mark.src_port = mark.dst_port = L4Port::from_network(icmp.identifier_be);
  return std::nullopt;
}

}  // namespace

std::optional<Drop> fault_of_fragment(const Packet& packet) {
  const std::uint32_t offset = offset_of(packet);
  if (offset + swap16(packet.ip->total_length_be) > kLongestDatagram) return Drop::fragment_too_long;
  if (packet.l4_length == 0 || (more_follow(packet) && packet.l4_length % kFragmentUnit != 0)) {
    return Drop::fragment_misaligned;
  }
  // Behind a first fragment with the whole header nothing begins within it.
  if (packet.protocol == Protocol::kTcp && offset != 0 && offset < sizeof(TcpHeader)) return Drop::fragment_tiny;
  return std::nullopt;
}

DatagramCover::Range range_of_fragment(const Packet& packet) {
  const std::uint32_t offset = offset_of(packet);
  return {.first = offset / kFragmentUnit,
          .end = (offset + packet.l4_length + kFragmentUnit - 1) / kFragmentUnit,
          .last = !more_follow(packet)};
}

std::optional<Drop> read_first_fragment(const Packet& packet, DatagramMark& mark) {
  switch (packet.protocol) {
    case Protocol::kTcp:
      return read_tcp(packet, mark);
    case Protocol::kUdp:
      return read_udp(packet, mark);
    case Protocol::kIcmp:
      return read_icmp(packet, mark);
  }
  return Drop::unsupported_protocol;
}

}  // namespace hypernat::dataplane
