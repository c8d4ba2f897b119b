#include "dataplane/attach/decapsulate.h"

#include <array>
#include <cstring>

#include "dataplane/attach/tunnel_header.h"
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

  // The header at the front, or null when it is cut short.
  template <typename Header>
  Header* take() {
    if (left < sizeof(Header)) return nullptr;
    auto* header = reinterpret_cast<Header*>(at);
    at += sizeof(Header);
    left -= static_cast<std::uint32_t>(sizeof(Header));
    return header;
  }
};

struct Context {
  const Attachments& attachments;
  const Tables& tables;
};

// The Ethernet frame nearest to the IPv4 or ARP packet, and the tunnel it came through.
struct Carrier {
  MacAddress dst;
  MacAddress src;
  std::uint16_t ether_type = 0;
  Ipv4Address tunnel_source;  // zero: none
  const config::TunnelPeer* peer = nullptr;
};

HOT bool take_ethernet(Carrier& carrier, Bytes& bytes) {
  const auto* ethernet = bytes.take<EthernetHeader>();
  if (ethernet == nullptr) return false;
  carrier.dst = MacAddress{ethernet->dst};
  carrier.src = MacAddress{ethernet->src};
  carrier.ether_type = swap16(ethernet->ether_type_be);
  return true;
}

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

// Of the usual length it is five words, and no loop.
HOT std::uint16_t sum_of_header(const Ipv4Header& ip, std::uint32_t length) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&ip);
  if (length != sizeof ip) return sum_of({bytes, length});
  std::array<std::uint32_t, sizeof ip / 4> words;
  std::memcpy(words.data(), bytes, sizeof words);
  return fold_sum(std::uint64_t{words[0]} + words[1] + words[2] + words[3] + words[4]);
}

// The IPv4 header at the front of `bytes`, which is cut to the packet's total length; null: dropped.
HOT Ipv4Header* take_ipv4(Packet& packet, Bytes& bytes) {
  const std::uint32_t available = bytes.left;
  auto* ip = bytes.take<Ipv4Header>();
  const auto refuse = [&](Drop reason) {
    drop_packet(packet, reason);
    return nullptr;
  };
  if (ip == nullptr) return refuse(Drop::truncated);
  const std::uint32_t header_length = ip->header_length();
  const std::uint32_t total_length = swap16(ip->total_length_be);
  if (ip->version_ihl >> 4 != 4 || header_length < sizeof(Ipv4Header) || total_length < header_length) {
    return refuse(Drop::bad_ip_header);
  }
  if (total_length > available) return refuse(Drop::truncated);
  if (sum_of_header(*ip, header_length) != 0xffff) return refuse(Drop::bad_ip_checksum);
  const std::uint32_t options = header_length - static_cast<std::uint32_t>(sizeof(Ipv4Header));
  if (options > 0 && !options_are_sound(bytes.at, options)) return refuse(Drop::bad_ip_header);
  bytes = {bytes.at + options, total_length - header_length};
  return ip;
}

bool is_fragment(const Ipv4Header& ip) {
  return (swap16(ip.fragment_be) & (kIpv4MoreFragments | kIpv4FragmentOffset)) != 0;
}

// Where ports would be, a later fragment has payload: nothing is read here, not even from a first one.
Parsed parse_fragment(Packet& packet, Bytes bytes) {
  packet.l4 = bytes.at;
  packet.l4_length = static_cast<std::uint16_t>(bytes.left);
  packet.protocol = static_cast<Protocol>(packet.ip->protocol);
  const bool first = (swap16(packet.ip->fragment_be) & kIpv4FragmentOffset) == 0;
  packet.fragment = first ? Fragment::kFirst : Fragment::kLater;
  switch (packet.protocol) {
    case Protocol::kTcp:
    case Protocol::kUdp:
    case Protocol::kIcmp:
      return Parsed::kFragment;
  }
  return fail(packet, Drop::unsupported_protocol);
}

HOT Parsed parse_tcp(Packet& packet, Bytes bytes) {
  const auto* tcp = bytes.take<TcpHeader>();
  if (tcp == nullptr || tcp->header_length() < sizeof(TcpHeader) || tcp->header_length() > packet.l4_length) {
    return fail(packet, Drop::bad_l4_header);
  }
  packet.src_port = L4Port::from_network(tcp->src_be);
  packet.dst_port = L4Port::from_network(tcp->dst_be);
  packet.tcp_flags = tcp->flags;
  return Parsed::kPacket;
}

HOT Parsed parse_udp(Packet& packet, Bytes bytes) {
  const auto* udp = bytes.take<UdpHeader>();
  if (udp == nullptr) return fail(packet, Drop::bad_l4_header);
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
  const auto* icmp = bytes.take<IcmpHeader>();
  if (icmp == nullptr) return fail(packet, Drop::bad_l4_header);
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
HOT bool right_destination(const Packet& packet, const Carrier& carrier, const Context& context, Drop& reason) {
  const MacAddress& mac = carrier.dst;
  reason = Drop::not_ours;
  if (packet.side == Side::kInside) {
    const bool to_port =
        !context.attachments[packet.attachment].is_tunnel() && mac == context.attachments.on_port(packet.port).mac;
    return to_port || mac == context.attachments.gateway_mac();
  }
  const std::uint32_t interface = context.tables.find_interface(packet.slot, packet.dst);
  if (interface != NumberMap::kMissing) return mac == context.tables.interfaces[interface].mac;
  if (!mac.is_multicast()) reason = Drop::not_the_interface;
  return false;
}

HOT Parsed parse_ipv4(Packet& packet, const Carrier& carrier, Bytes bytes, const Context& context) {
  packet.ip = take_ipv4(packet, bytes);
  if (packet.ip == nullptr) return Parsed::kDropped;
  packet.src = packet.ip->src();
  packet.dst = packet.ip->dst();
  Drop reason{};
  if (!right_destination(packet, carrier, context, reason)) return fail(packet, reason);
  if (packet.side == Side::kInside) {
    const Ipv4Prefix& block = carrier.peer != nullptr ? carrier.peer->block : context.attachments.lambda_vpc();
    if (!block.contains(packet.src)) return fail(packet, Drop::spoofed_source);
  }
  if (is_fragment(*packet.ip)) return parse_fragment(packet, bytes);
  return parse_l4(packet, bytes);
}

Parsed parse_arp(Packet& packet, const Carrier& carrier, Bytes bytes) {
  // Unicast ARP is for whoever it asks about; arp.cc looks at the address, which decides.
  if (carrier.dst.is_multicast() && carrier.dst != MacAddress::broadcast()) return fail(packet, Drop::not_ours);
  packet.l4 = bytes.at;
  packet.l4_length = static_cast<std::uint16_t>(bytes.left < 0xffff ? bytes.left : 0xffff);
  return bytes.take<ArpPacket>() == nullptr ? fail(packet, Drop::truncated) : Parsed::kArp;
}

// A frame on a segment: `packet.slot` names it.
HOT Parsed parse_in_segment(Packet& packet, const Carrier& carrier, Bytes bytes, const Context& context) {
  packet.environment_mac = carrier.src;
  packet.peer = carrier.tunnel_source;
  if (carrier.src.is_multicast()) return fail(packet, Drop::not_ours);
  switch (carrier.ether_type) {
    case kEtherTypeIpv4:
      return parse_ipv4(packet, carrier, bytes, context);
    case kEtherTypeArp:
      return parse_arp(packet, carrier, bytes);
    default:
      return fail(packet, Drop::unknown_ethertype);
  }
}

// Slot of the mapping or subnet that the attachment has under `id`, or kMissing.
HOT std::uint32_t find_segment(const Attachment& attachment, std::uint32_t id, const Tables& tables) {
  if (attachment.side == Side::kInside) return tables.mapping_by_number.find(id);
  if (attachment.index >= tables.subnet_by_segment.size()) return NumberMap::kMissing;
  return tables.subnet_by_segment[attachment.index].find(id);
}

HOT bool enter_segment(Packet& packet, const Attachment& attachment, std::uint32_t id, const Tables& tables) {
  packet.side = attachment.side;
  packet.attachment = attachment.index;
  const std::uint32_t slot = find_segment(attachment, id, tables);
  packet.slot = slot == NumberMap::kMissing ? kNone : slot;
  return packet.slot != kNone;
}

Parsed parse_plain(Packet& packet, const Attachment& attachment, const Carrier& carrier, Bytes bytes,
                   const Context& context) {
  const std::uint32_t id = attachment.side == Side::kInside ? attachment.mapping : 0;
  if (!enter_segment(packet, attachment, id, context.tables)) return fail(packet, Drop::unknown_segment);
  return parse_in_segment(packet, carrier, bytes, context);
}

Parsed parse_vlan(Packet& packet, Carrier carrier, Bytes bytes, const Context& context) {
  const std::uint8_t index = context.attachments.on_port(packet.port).vlan;
  if (index == Attachments::kNoAttachment) return fail(packet, Drop::unknown_attachment);
  const auto* vlan = bytes.take<VlanHeader>();
  if (vlan == nullptr) return fail(packet, Drop::truncated);
  carrier.ether_type = swap16(vlan->ether_type_be);
  const std::uint32_t id = swap16(vlan->tci_be) & 0x0fffU;
  if (!enter_segment(packet, context.attachments[index], id, context.tables)) {
    return fail(packet, Drop::unknown_segment);
  }
  return parse_in_segment(packet, carrier, bytes, context);
}

bool is_vtep(const std::vector<Ipv4Address>& vteps, Ipv4Address address) {
  for (const Ipv4Address vtep : vteps) {
    if (vtep == address) return true;
  }
  return false;
}

// What a tunnel carries to one of its segments, from a peer that may send there.
Parsed parse_tunnel(Packet& packet, const Attachment& attachment, Carrier carrier, Bytes bytes,
                    const Context& context) {
  const TunnelHeader header = read_tunnel_header(attachment.encapsulation, {bytes.at, bytes.left});
  if (header.refused) return fail(packet, *header.refused);
  bytes = {bytes.at + header.bytes, bytes.left - header.bytes};
  if (attachment.side == Side::kInside) carrier.peer = context.tables.find_peer(carrier.tunnel_source);
  const bool may = attachment.may_be_peer(carrier.tunnel_source);
  if (!may || (attachment.side == Side::kInside && carrier.peer == nullptr))
    return fail(packet, Drop::unknown_tunnel_peer);
  if (!enter_segment(packet, attachment, header.vni, context.tables)) return fail(packet, Drop::unknown_segment);
  if (attachment.side == Side::kOutside && !is_vtep(context.tables.subnets[packet.slot].vteps, carrier.tunnel_source)) {
    return fail(packet, Drop::unknown_tunnel_peer);
  }
  if (!take_ethernet(carrier, bytes)) return fail(packet, Drop::truncated);
  return parse_in_segment(packet, carrier, bytes, context);
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
                      const Context& context) {
  if (carrier.dst != attachment.port_mac) return fail(packet, Drop::not_ours);
  const auto* ip = take_ipv4(packet, bytes);
  if (ip == nullptr) return Parsed::kDropped;
  if (ip->dst() != attachment.address) return fail(packet, Drop::not_ours);
  if (is_fragment(*ip)) return fail(packet, Drop::fragment);
  if (ip->protocol != static_cast<std::uint8_t>(Protocol::kUdp)) return fail(packet, Drop::unknown_attachment);
  const std::uint32_t available = bytes.left;
  const auto* udp = bytes.take<UdpHeader>();
  if (udp == nullptr) return fail(packet, Drop::truncated);
  if (swap16(udp->dst_be) != attachment.udp_port) return fail(packet, Drop::unknown_attachment);
  const std::uint32_t length = swap16(udp->length_be);
  if (length < sizeof(UdpHeader) || length > available) return fail(packet, Drop::bad_tunnel_header);
  if (!outer_checksum_holds(attachment, *ip, *udp)) return fail(packet, Drop::bad_l4_checksum);
  bytes.left = length - static_cast<std::uint32_t>(sizeof(UdpHeader));
  Carrier tunnel{};
  tunnel.tunnel_source = ip->src();
  return parse_tunnel(packet, attachment, tunnel, bytes, context);
}

Parsed parse_untagged(Packet& packet, const Carrier& carrier, Bytes bytes, const Context& context) {
  const std::uint8_t index = context.attachments.on_port(packet.port).untagged;
  if (index == Attachments::kNoAttachment) return fail(packet, Drop::unknown_attachment);
  const Attachment& attachment = context.attachments[index];
  if (!attachment.is_tunnel()) return parse_plain(packet, attachment, carrier, bytes, context);
  if (carrier.ether_type == kEtherTypeIpv4) return parse_underlay(packet, attachment, carrier, bytes, context);
  packet.attachment = index;
  packet.environment_mac = carrier.src;
  return parse_arp(packet, carrier, bytes);
}

}  // namespace

Parsed decapsulate(Packet& packet, const Attachments& attachments, const Tables& tables) {
  const Context context{attachments, tables};
  Bytes bytes{packet.frame, packet.length};
  Carrier carrier;
  if (!take_ethernet(carrier, bytes)) return fail(packet, Drop::truncated);
  switch (carrier.ether_type) {
    case kEtherTypeVlan:
      return parse_vlan(packet, carrier, bytes, context);
    case kEtherTypeIpv4:
    case kEtherTypeArp:
      return parse_untagged(packet, carrier, bytes, context);
    default:
      return fail(packet, Drop::unknown_ethertype);
  }
}

}  // namespace hypernat::dataplane
