#include "dataplane/attach/decapsulate.h"

#include <algorithm>
#include <array>

#include "dataplane/attach/tunnel_header.h"
#include "dataplane/attach/usual_frame.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/quote.h"

// What every packet passes through is one straight line for the compiler.
#define HOT [[gnu::always_inline]] inline

namespace hypernat::dataplane {
namespace {

// What is left of the frame.
struct Bytes {
  std::uint8_t* at = nullptr;
  std::uint32_t left = 0;

  template <typename Header>
  bool has() const {
    return left >= sizeof(Header);
  }
  // The header at the front, which is there.
  template <typename Header>
  Header* take() {
    auto* header = reinterpret_cast<Header*>(at);
    at += sizeof(Header);
    left -= static_cast<std::uint32_t>(sizeof(Header));
    return header;
  }
};

// The Ethernet frame nearest to the IPv4 or ARP packet, and the tunnel it came through.
struct Carrier {
  const EthernetHeader* ethernet = nullptr;
  std::uint16_t ether_type = 0;              // behind a tag
  Ipv4Address tunnel_source{};               // zero: none
  const config::TunnelPeer* peer = nullptr;  // inside tunnels
  bool is_to_port_mac = false;               // of untunnelled frames

  bool is_to(const MacAddress& mac) const { return MacAddress{ethernet->dst} == mac; }
  bool is_to_group() const { return (ethernet->dst[0] & 1) != 0; }
  bool is_from_group() const { return (ethernet->src[0] & 1) != 0; }
};

Parsed fail(Packet& packet, Drop reason) {
  drop_packet(packet, reason);
  return Parsed::kDropped;
}

constexpr std::uint8_t kOptionEnd = 0;
constexpr std::uint8_t kOptionNoOperation = 1;
constexpr std::uint8_t kOptionLooseSourceRoute = 131;
constexpr std::uint8_t kOptionStrictSourceRoute = 137;

// RFC 791 3.1: every option but two carries its length. Source routes would let the sender choose the path.
bool options_are_sound(const std::uint8_t* option, std::uint32_t left) {
  while (left > 0) {
    if (*option == kOptionEnd) return true;
    if (*option == kOptionNoOperation) {
      ++option;
      --left;
      continue;
    }
    if (left < 2 || option[1] < 2 || option[1] > left) return false;
    if (*option == kOptionLooseSourceRoute || *option == kOptionStrictSourceRoute) return false;
    left -= option[1];
    option += option[1];
  }
  return true;
}

HOT bool header_sum_holds(const Ipv4Header& ip, std::uint32_t length) {
  return length == sizeof ip ? usual_ip_sum_holds(&ip)
                             : sum_of({reinterpret_cast<const std::uint8_t*>(&ip), length}) == 0xffff;
}

// The IPv4 header at the front of `bytes`, which is cut to the packet's total length; null: dropped.
HOT Ipv4Header* take_ipv4(Packet& packet, Bytes& bytes) {
  const std::uint32_t available = bytes.left;
  const auto refuse = [&](Drop reason) {
    drop_packet(packet, reason);
    return nullptr;
  };
  if (!bytes.has<Ipv4Header>()) return refuse(Drop::truncated);
  auto* ip = bytes.take<Ipv4Header>();
  const std::uint32_t header_length = ip->header_length();
  const std::uint32_t total_length = swap16(ip->total_length_be);
  if (ip->version_ihl != kUsualVersionIhl && (ip->version_ihl >> 4 != 4 || header_length < sizeof(Ipv4Header))) {
    return refuse(Drop::bad_ip_header);
  }
  if (total_length < header_length) return refuse(Drop::bad_ip_header);
  if (total_length > available) return refuse(Drop::truncated);
  if (!header_sum_holds(*ip, header_length)) return refuse(Drop::bad_ip_checksum);
  const std::uint32_t options = header_length - static_cast<std::uint32_t>(sizeof(Ipv4Header));
  if (options > 0 && !options_are_sound(bytes.at, options)) return refuse(Drop::bad_ip_header);
  bytes = {bytes.at + options, total_length - header_length};
  return ip;
}

// Where ports would be, a later fragment has payload: nothing is read here, not even from a first one.
Parsed parse_fragment(Packet& packet, Bytes bytes) {
  packet.l4 = bytes.at;
  packet.l4_length = static_cast<std::uint16_t>(bytes.left);
  packet.protocol = static_cast<Protocol>(packet.ip->protocol);
  packet.fragment = fragment_of(*packet.ip);
  switch (packet.protocol) {
    case Protocol::kTcp:
    case Protocol::kUdp:
    case Protocol::kIcmp:
      return Parsed::kFragment;
  }
  return fail(packet, Drop::unsupported_protocol);
}

HOT Parsed parse_tcp(Packet& packet, Bytes bytes) {
  if (!bytes.has<TcpHeader>()) return fail(packet, Drop::bad_l4_header);
  const auto* tcp = bytes.take<TcpHeader>();
  if (tcp->header_length() < sizeof(TcpHeader) || tcp->header_length() > packet.l4_length) {
    return fail(packet, Drop::bad_l4_header);
  }
  packet.src_port = L4Port::from_network(tcp->src_be);
  packet.dst_port = L4Port::from_network(tcp->dst_be);
  packet.tcp_flags = tcp->flags;
  return Parsed::kPacket;
}

HOT Parsed parse_udp(Packet& packet, Bytes bytes) {
  if (!bytes.has<UdpHeader>()) return fail(packet, Drop::bad_l4_header);
  const auto* udp = bytes.take<UdpHeader>();
  const unsigned length = swap16(udp->length_be);
  if (length < sizeof(UdpHeader) || length > packet.l4_length) return fail(packet, Drop::bad_l4_header);
  packet.src_port = L4Port::from_network(udp->src_be);
  packet.dst_port = L4Port::from_network(udp->dst_be);
  return Parsed::kPacket;
}

// An error is addressed to the sender of what it quotes, and from inside it comes from whom that was sent to: an
// environment is an end, so no router speaks there.
Parsed parse_icmp_error(Packet& packet) {
  const std::span<std::uint8_t> message{packet.l4, packet.l4_length};
  if (sum_of(message) != 0xffff) return fail(packet, Drop::bad_l4_checksum);
  Quote quote;
  const QuoteFault fault = read_quote(message, quote);
  if (fault != QuoteFault::kSound) return fail(packet, drop_of(fault));
  const bool inside = packet.side == Side::kInside;
  if (quote.ip->src() != packet.dst || (inside && quote.ip->dst() != packet.src)) {
    return fail(packet, Drop::error_misaddressed);
  }
  // Inside, replies are delivered; outside, requests are.
  if (quote.protocol == Protocol::kIcmp && quote.l4[0] != (inside ? kIcmpEchoReply : kIcmpEchoRequest)) {
    return fail(packet, Drop::unsupported_quote);
  }
  packet.content = Content::kError;
  packet.protocol = quote.protocol;
  packet.src = quote.ip->dst();
  packet.dst = quote.ip->src();
  packet.src_port = quote.dst_port;
  packet.dst_port = quote.src_port;
  return Parsed::kPacket;
}

Parsed parse_other_icmp(Packet& packet, std::uint8_t type) {
  if (quotes_a_packet(type)) return parse_icmp_error(packet);
  if (type == kIcmpRedirect) return fail(packet, Drop::icmp_redirect);
  return fail(packet, type == kIcmpSourceQuench ? Drop::icmp_source_quench : Drop::unsupported_icmp);
}

Parsed parse_icmp(Packet& packet, Bytes bytes) {
  if (!bytes.has<IcmpHeader>()) return fail(packet, Drop::bad_l4_header);
  const auto* icmp = bytes.take<IcmpHeader>();
  if ((icmp->type != kIcmpEchoRequest && icmp->type != kIcmpEchoReply) || icmp->code != 0) {
    return parse_other_icmp(packet, icmp->type);
  }
  packet.src_port = packet.dst_port = L4Port::from_network(icmp->identifier_be);
  return Parsed::kPacket;
}

HOT Parsed parse_l4(Packet& packet, Bytes bytes) {
  packet.l4 = bytes.at;
  packet.l4_length = static_cast<std::uint16_t>(bytes.left);
  packet.protocol = static_cast<Protocol>(packet.ip->protocol);
  switch (packet.protocol) {
    case Protocol::kTcp:
      return parse_tcp(packet, bytes);
    case Protocol::kUdp:
      return parse_udp(packet, bytes);
    case Protocol::kIcmp:
      return parse_icmp(packet, bytes);
  }
  return fail(packet, Drop::unsupported_protocol);
}

// Is the frame addressed to whom the packet is for: the gateway inside, the interface outside?
HOT bool right_destination(Packet& packet, const Carrier& carrier, const Ingress& ingress, Drop& reason) {
  reason = Drop::not_ours;
  if (packet.side == Side::kInside) return carrier.is_to(ingress.attachments->gateway_mac()) || carrier.is_to_port_mac;
  const InterfaceMap::Entry& interface = ingress.tables->interface_by_address.find(packet.slot, packet.dst);
  packet.interface = interface.slot;
  if (interface.slot != InterfaceMap::kMissing) return carrier.is_to(interface.mac);
  if (!carrier.is_to_group()) reason = Drop::not_the_interface;
  return false;
}

HOT Parsed parse_ipv4(Packet& packet, const Carrier& carrier, Bytes bytes, const Ingress& ingress) {
  Ipv4Header* const ip = take_ipv4(packet, bytes);
  packet.ip = ip;
  if (ip == nullptr) return Parsed::kDropped;
  packet.src = ip->src();
  packet.dst = ip->dst();
  Drop reason{};
  if (!right_destination(packet, carrier, ingress, reason)) return fail(packet, reason);
  if (packet.side == Side::kInside) {
    const Ipv4Prefix& block = carrier.peer != nullptr ? carrier.peer->block : ingress.attachments->lambda_vpc();
    if (!block.contains(ip->src())) return fail(packet, Drop::spoofed_source);
  }
  if (fragment_of(*ip) != Fragment::kWhole) return parse_fragment(packet, bytes);
  return parse_l4(packet, bytes);
}

Parsed parse_arp(Packet& packet, const Carrier& carrier, Bytes bytes) {
  // Unicast ARP is for whoever it asks about; arp.cc looks at the address, which decides.
  if (carrier.is_to_group() && !carrier.is_to(MacAddress::broadcast())) return fail(packet, Drop::not_ours);
  packet.l4 = bytes.at;
  packet.l4_length = static_cast<std::uint16_t>(bytes.left < 0xffff ? bytes.left : 0xffff);
  return bytes.has<ArpPacket>() ? Parsed::kArp : fail(packet, Drop::truncated);
}

// A frame on a segment of the attachment: `slot` names the mapping or subnet.
HOT Parsed parse_in_segment(Packet& packet, const Attachment& attachment, std::uint32_t slot, const Carrier& carrier,
                            Bytes bytes, const Ingress& ingress) {
  packet.side = attachment.side;
  packet.attachment = attachment.index;
  packet.slot = slot;
  packet.environment_mac = MacAddress{carrier.ethernet->src};
  packet.peer = carrier.tunnel_source;
  if (slot == kNone) return fail(packet, Drop::unknown_segment);
  if (carrier.is_from_group()) return fail(packet, Drop::not_ours);
  switch (carrier.ether_type) {
    case kEtherTypeIpv4:
      return parse_ipv4(packet, carrier, bytes, ingress);
    case kEtherTypeArp:
      return parse_arp(packet, carrier, bytes);
    default:
      return fail(packet, Drop::unknown_ethertype);
  }
}

// Slot of the mapping or subnet that the attachment has under `id`, or kNone.
HOT std::uint32_t find_segment(const Attachment& attachment, std::uint32_t id, const Tables& tables) {
  static_assert(NumberMap::kMissing == kNone);
  if (attachment.side == Side::kInside) return tables.mapping_by_number.find(id);
  if (attachment.index >= tables.subnet_by_segment.size()) return kNone;
  return tables.subnet_by_segment[attachment.index].find(id);
}

Parsed parse_vlan(Packet& packet, Carrier carrier, Bytes bytes, const Ingress& ingress) {
  if (ingress.tagged == nullptr) return fail(packet, Drop::unknown_attachment);
  if (!bytes.has<VlanHeader>()) return fail(packet, Drop::truncated);
  const auto* vlan = bytes.take<VlanHeader>();
  carrier.ether_type = swap16(vlan->ether_type_be);
  carrier.is_to_port_mac = carrier.is_to(ingress.port_mac);
  const std::uint32_t id = vlan->id();
  return parse_in_segment(packet, *ingress.tagged, find_segment(*ingress.tagged, id, *ingress.tables), carrier, bytes,
                          ingress);
}

// Most subnets have one VTEP.
HOT bool is_vtep(const Tables& tables, std::uint32_t subnet, Ipv4Address address) {
  if (tables.first_vteps[subnet] == address && !address.is_zero()) return true;
  const std::vector<Ipv4Address>& vteps = tables.subnets[subnet].vteps;
  return std::find(vteps.begin(), vteps.end(), address) != vteps.end();
}

// What a tunnel carries to one of its segments, from a peer that may send there.
HOT Parsed parse_tunnel(Packet& packet, const Attachment& attachment, Ipv4Address source, Bytes bytes,
                        const Ingress& ingress) {
  packet.side = attachment.side;
  packet.attachment = attachment.index;
  const TunnelHeader header = read_tunnel_header(attachment.encapsulation, {bytes.at, bytes.left});
  if (header.refused) return fail(packet, *header.refused);
  bytes = {bytes.at + header.bytes, bytes.left - header.bytes};
  const bool inside = attachment.side == Side::kInside;
  Carrier carrier{.tunnel_source = source};
  if (inside) carrier.peer = ingress.tables->find_peer(source);
  if (!attachment.may_be_peer(source) || (inside && carrier.peer == nullptr))
    return fail(packet, Drop::unknown_tunnel_peer);
  const std::uint32_t slot = find_segment(attachment, header.vni, *ingress.tables);
  if (!inside && slot != kNone && !is_vtep(*ingress.tables, slot, source)) {
    return fail(packet, Drop::unknown_tunnel_peer);
  }
  if (slot == kNone) return fail(packet, Drop::unknown_segment);
  UsualWay usual = ingress.usual;
  usual.slot = slot;
  if (inside) usual.set_block(carrier.peer->block);
  if (ingress.may_be_usual && parse_usual_frame(packet, bytes.at, bytes.left, usual, *ingress.tables)) {
    packet.peer = source;
    return Parsed::kPacket;
  }
  if (!bytes.has<EthernetHeader>()) return fail(packet, Drop::truncated);
  carrier.ethernet = bytes.take<EthernetHeader>();
  carrier.ether_type = swap16(carrier.ethernet->ether_type_be);
  return parse_in_segment(packet, attachment, slot, carrier, bytes, ingress);
}

// RFC 8926 3.3: an outer checksum that is there must hold. RFC 7348 4.1 leaves it to the receiver, and worker hosts'
// kernels send one with every packet: the inner packet has its own, and a second look at every byte is spared.
bool outer_checksum_holds(const Attachment& attachment, const Ipv4Header& ip, const UdpHeader& udp) {
  if (attachment.encapsulation != Encapsulation::kGeneve || udp.checksum == 0) return true;
  const std::span<const std::uint8_t> datagram{reinterpret_cast<const std::uint8_t*>(&udp), swap16(udp.length_be)};
  const auto length = static_cast<std::uint16_t>(datagram.size());
  return add_sums(pseudo_header_sum(ip.src(), ip.dst(), Protocol::kUdp, length), sum_of(datagram)) == 0xffff;
}

// On a tunnel's underlay: IPv4 to the tunnel's own address and port is the tunnel's, and nothing else is anybody's.
Parsed parse_underlay(Packet& packet, const Attachment& attachment, const Carrier& carrier, Bytes bytes,
                      const Ingress& ingress) {
  if (!carrier.is_to(attachment.port_mac)) return fail(packet, Drop::not_ours);
  const auto* ip = take_ipv4(packet, bytes);
  if (ip == nullptr) return Parsed::kDropped;
  if (ip->dst() != attachment.address) return fail(packet, Drop::not_ours);
  if (fragment_of(*ip) != Fragment::kWhole) return fail(packet, Drop::fragment);
  if (ip->protocol != static_cast<std::uint8_t>(Protocol::kUdp)) return fail(packet, Drop::unknown_attachment);
  const std::uint32_t available = bytes.left;
  if (!bytes.has<UdpHeader>()) return fail(packet, Drop::truncated);
  const auto* udp = bytes.take<UdpHeader>();
  if (swap16(udp->dst_be) != attachment.udp_port) return fail(packet, Drop::unknown_attachment);
  const std::uint32_t length = swap16(udp->length_be);
  if (length < sizeof(UdpHeader) || length > available) return fail(packet, Drop::bad_tunnel_header);
  if (!outer_checksum_holds(attachment, *ip, *udp)) return fail(packet, Drop::bad_l4_checksum);
  bytes.left = length - static_cast<std::uint32_t>(sizeof(UdpHeader));
  return parse_tunnel(packet, attachment, ip->src(), bytes, ingress);
}

// A tunnel's own frames: what it carries, and ARP on its underlay.
Parsed parse_tunnel_port(Packet& packet, const Carrier& carrier, Bytes bytes, const Ingress& ingress) {
  const Attachment& attachment = *ingress.untagged;
  if (carrier.ether_type == kEtherTypeIpv4) return parse_underlay(packet, attachment, carrier, bytes, ingress);
  packet.attachment = attachment.index;
  packet.environment_mac = MacAddress{carrier.ethernet->src};
  return parse_arp(packet, carrier, bytes);
}

HOT Parsed parse_untagged(Packet& packet, Carrier& carrier, Bytes bytes, const Ingress& ingress) {
  if (ingress.untagged == nullptr) return fail(packet, Drop::unknown_attachment);
  if (ingress.is_tunnel) return parse_tunnel_port(packet, carrier, bytes, ingress);
  carrier.is_to_port_mac = carrier.is_to(ingress.port_mac);
  return parse_in_segment(packet, *ingress.untagged, ingress.usual.slot, carrier, bytes, ingress);
}

// Apart from the short way, which it would crowd out of the registers.
[[gnu::noinline, gnu::hot]] Parsed parse_frame(Packet& packet, const Ingress& ingress) {
  Bytes bytes{packet.frame, packet.length};
  if (!bytes.has<EthernetHeader>()) return fail(packet, Drop::truncated);
  Carrier carrier{.ethernet = bytes.take<EthernetHeader>()};
  carrier.ether_type = swap16(carrier.ethernet->ether_type_be);
  switch (carrier.ether_type) {
    case kEtherTypeVlan:
      return parse_vlan(packet, carrier, bytes, ingress);
    case kEtherTypeIpv4:
    case kEtherTypeArp:
      return parse_untagged(packet, carrier, bytes, ingress);
    default:
      return fail(packet, Drop::unknown_ethertype);
  }
}

HOT Parsed parse(Packet& packet, const Ingress& ingress) {
  const bool is_usual = ingress.may_be_usual && !ingress.is_tunnel &&
                        parse_usual_frame(packet, packet.frame, packet.length, ingress.usual, *ingress.tables);
  return is_usual ? Parsed::kPacket : parse_frame(packet, ingress);
}

// Asks for the interface that a frame is for, by where a usual one has segment and destination: a wrong guess costs
// little.
HOT void fetch_interface(const Packet& packet, const Ingress& ingress) {
  Bytes bytes{packet.frame, packet.length};
  if (!bytes.has<EthernetHeader>()) return;
  const bool tagged = bytes.take<EthernetHeader>()->ether_type_be == swap16(kEtherTypeVlan);
  const Attachment* const attachment = tagged ? ingress.tagged : ingress.untagged;
  if (attachment == nullptr || attachment->side == Side::kInside) return;
  std::uint32_t slot = ingress.usual.slot;
  if (tagged) {
    if (!bytes.has<VlanHeader>()) return;
    slot = find_segment(*attachment, bytes.take<VlanHeader>()->id(), *ingress.tables);
  } else if (ingress.is_tunnel) {
    constexpr std::uint32_t kOuter = sizeof(Ipv4Header) + sizeof(UdpHeader);
    constexpr std::uint32_t kTunnel = kOuter + kTunnelHeaderBytes + sizeof(EthernetHeader);
    if (bytes.left < kTunnel) return;
    const TunnelHeader header = read_tunnel_header(attachment->encapsulation, {bytes.at + kOuter, kTunnelHeaderBytes});
    slot = find_segment(*attachment, header.vni, *ingress.tables);
    bytes = {bytes.at + kTunnel, bytes.left - kTunnel};
  }
  if (slot == kNone || !bytes.has<Ipv4Header>()) return;
  ingress.tables->interface_by_address.fetch(slot, bytes.take<Ipv4Header>()->dst());
}

const Attachment* attachment_of(const Attachments& attachments, std::uint8_t index) {
  return index == Attachments::kNoAttachment ? nullptr : &attachments[index];
}

}  // namespace

Ingress::Ingress(const Attachments& its_attachments, const Tables& its_tables, std::uint16_t port)
    : attachments(&its_attachments),
      tables(&its_tables),
      untagged(attachment_of(its_attachments, its_attachments.on_port(port).untagged)),
      tagged(attachment_of(its_attachments, its_attachments.on_port(port).vlan)),
      port_mac(its_attachments.on_port(port).mac) {
  is_tunnel = untagged != nullptr && untagged->is_tunnel();
  if (untagged == nullptr) return;
  usual.side = untagged->side;
  usual.attachment = untagged->index;
  usual.gateway_mac = its_attachments.gateway_mac();
  usual.port_mac = is_tunnel ? usual.gateway_mac : port_mac;
  usual.set_block(its_attachments.lambda_vpc());
  may_be_usual = true;
  if (is_tunnel) return;
  usual.slot = find_segment(*untagged, untagged->side == Side::kInside ? untagged->mapping : 0, its_tables);
  may_be_usual = usual.slot != kNone;
}

std::size_t decapsulate(std::span<Packet> packets, std::span<const Ingress> ingress, std::span<Parsed> parsed) {
  if (!ingress.empty() && ingress[0].tables->has_many_interfaces()) {
    for (const Packet& packet : packets)
      if (packet.verdict == Verdict::kPending) fetch_interface(packet, ingress[packet.port]);
  }
  std::size_t others = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    Packet& packet = packets[i];
    parsed[i] = packet.verdict == Verdict::kPending ? parse(packet, ingress[packet.port]) : Parsed::kDropped;
    others += parsed[i] == Parsed::kArp || parsed[i] == Parsed::kFragment ? 1 : 0;
  }
  return others;
}

}  // namespace hypernat::dataplane
