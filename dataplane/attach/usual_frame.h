// The frames that nearly all are, once a segment is known: untagged, an IPv4 header without options, and all of a UDP
// datagram or a TCP segment behind it. They are taken apart in as few steps as that allows.
//
// It passes only what the long way of decapsulate.cc passes, with the very same result. What is unusual or wrong about
// any other frame is for the long way to say.
#pragma once

#include <cstdint>

#include "dataplane/attach/decapsulate.h"
#include "dataplane/packet/checksum.h"

namespace hypernat::dataplane {

/// `length` is a UDP header's at least. UDP's checksum is nobody's affair here, and what a datagram is padded with
/// neither (RFC 768).
[[gnu::always_inline]] inline bool is_usual_l4(const std::uint8_t* l4, std::uint8_t protocol, std::uint32_t length,
                                               std::uint8_t& tcp_flags) {
  if (protocol == static_cast<std::uint8_t>(Protocol::kUdp)) {
    const std::uint32_t said = swap16(reinterpret_cast<const UdpHeader*>(l4)->length_be);
    return said - sizeof(UdpHeader) <= length - sizeof(UdpHeader);
  }
  if (protocol != static_cast<std::uint8_t>(Protocol::kTcp)) return false;
  const auto& tcp = *reinterpret_cast<const TcpHeader*>(l4);
  tcp_flags = tcp.flags;
  return tcp.header_length() >= sizeof(TcpHeader) && tcp.header_length() <= length;
}

/// Whether the frame comes from somebody who may send it, to whom it is for: the gateway inside, the interface outside.
[[gnu::always_inline]] inline bool is_usual_way(const EthernetHeader& ethernet, const Ipv4Header& ip,
                                                const UsualWay& way, const Tables& tables, std::uint32_t& interface) {
  const MacBytes& dst = ethernet.dst;
  if (way.side == Side::kInside)
    return (way.gateway_mac == dst || way.port_mac == dst) && ((ip.src_be ^ way.block_be) & way.block_mask_be) == 0;
  const InterfaceMap::Entry& known = tables.interface_by_address.find(way.slot, ip.dst());
  interface = known.slot;
  return known.slot != InterfaceMap::kMissing && known.mac == dst;
}

/// Sets all that parse sets but the tunnel peer; when it says no, nothing. `packet` is as receive left it, and the
/// frame of `length` bytes is its own or the inner one of a tunnel that came this way.
[[gnu::always_inline]] inline bool parse_usual_frame(Packet& packet, std::uint8_t* frame, std::uint32_t length,
                                                     const UsualWay& way, const Tables& tables) {
  constexpr std::uint32_t kToIp = sizeof(EthernetHeader);
  constexpr std::uint32_t kToL4 = kToIp + sizeof(Ipv4Header);
  constexpr std::uint32_t kLeast = sizeof(Ipv4Header) + sizeof(UdpHeader);
  if (length < kToL4 + sizeof(TcpHeader)) return false;
  const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(frame);
  auto* const ip = reinterpret_cast<Ipv4Header*>(frame + kToIp);
  std::uint8_t* const l4 = frame + kToL4;
  const std::uint32_t total_length = swap16(ip->total_length_be);
  std::uint32_t interface = kNone;
  if (ethernet.ether_type_be != swap16(kEtherTypeIpv4) || ip->version_ihl != kUsualVersionIhl ||
      (ip->fragment_be & swap16(kIpv4MoreFragments | kIpv4FragmentOffset)) != 0 ||
      total_length - kLeast > length - kToIp - kLeast || (ethernet.src[0] & 1) != 0 || !usual_ip_sum_holds(ip) ||
      !is_usual_way(ethernet, *ip, way, tables, interface))
    return false;
  const std::uint32_t l4_length = total_length - static_cast<std::uint32_t>(sizeof(Ipv4Header));
  const std::uint8_t protocol = ip->protocol;
  std::uint8_t tcp_flags = 0;
  if (!is_usual_l4(l4, protocol, l4_length, tcp_flags)) return false;
  const auto& ports = *reinterpret_cast<const UdpHeader*>(l4);  // TCP has them in the same place
  packet.ip = ip;
  packet.l4 = l4;
  packet.slot = way.slot;
  const Ipv4Address src = ip->src();
  const Ipv4Address dst = ip->dst();
  packet.src = src;
  packet.dst = dst;
  packet.src_port = L4Port::from_network(ports.src_be);
  packet.dst_port = L4Port::from_network(ports.dst_be);
  packet.l4_length = static_cast<std::uint16_t>(l4_length);
  packet.side = way.side;
  packet.attachment = way.attachment;
  packet.protocol = static_cast<Protocol>(protocol);
  packet.tcp_flags = tcp_flags;
  packet.environment_mac.bytes = ethernet.src;
  packet.interface = interface;
  return true;
}

}  // namespace hypernat::dataplane
