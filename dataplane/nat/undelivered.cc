// Packets that were translated and sent on, and whose next hop did not answer: whoever sent one is told that its host
// can not be reached (RFC 1812 5.2.7.1), about the packet as he knows it.
//
// They come back as they were to leave, seconds later perhaps. What they belong to is found as a reply's flow would be;
// when it is gone there is nothing to tell. Errors, our own answers and later fragments have no flow by that, and about
// them nobody is told anything (RFC 1122 3.2.2).
#include <cstring>
#include <utility>

#include "dataplane/nat/nat_state.h"
#include "dataplane/nat/rewrite.h"

namespace hypernat::dataplane {
namespace {

// What a flow carries in that direction, as a reply to it would come.
bool turn_round(Packet& packet) {
  if (packet.fragment == Fragment::kLater) return false;
  std::swap(packet.src, packet.dst);
  std::uint16_t words[4];
  std::memcpy(words, packet.l4, sizeof words);
  if (packet.protocol == Protocol::kIcmp) {
    packet.src_port = packet.dst_port = L4Port::from_network(words[2]);
    return packet.l4[0] == (packet.side == Side::kOutside ? kIcmpEchoRequest : kIcmpEchoReply);
  }
  packet.src_port = L4Port::from_network(words[1]);
  packet.dst_port = L4Port::from_network(words[0]);
  return true;
}

// What rewrite_outbound and rewrite_inbound did, undone: the packet is as it came.
void undo_outbound(const Flow& flow, Ipv4Header& ip, std::uint8_t* l4) {
  ip.src_be = flow.inside.network();
  ++ip.ttl;
  ip.checksum = adjust_checksum(ip.checksum, reverse_delta(add_sums(flow.ip_delta, kTtlDelta)));
  write_port(l4 + (flow.protocol == Protocol::kIcmp ? kIdentifierOffset : kSrcPortOffset), flow.inside_port);
  adjust_l4(l4, flow.protocol, reverse_delta(flow.l4_delta));
}

void undo_inbound(const Flow& flow, Ipv4Header& ip, std::uint8_t* l4) {
  ip.dst_be = flow.interface.network();
  ++ip.ttl;
  ip.checksum = adjust_checksum(ip.checksum, add_sums(flow.ip_delta, reverse_delta(kTtlDelta)));
  write_port(l4 + (flow.protocol == Protocol::kIcmp ? kIdentifierOffset : kDstPortOffset), flow.interface_port);
  adjust_l4(l4, flow.protocol, flow.l4_delta);
}

}  // namespace

bool Nat::return_undelivered(Packet& packet, Tick now) {
  return state_->return_undelivered(packet, now);
}

bool Nat::State::return_undelivered(Packet& packet, Tick now) {
  if (!turn_round(packet)) return false;
  const Flow* const flow = find_flow(packet);
  if (flow == nullptr) return false;
  if (packet.side == Side::kOutside) {
    undo_outbound(*flow, *packet.ip, packet.l4);
    packet.side = Side::kInside;
    packet.slot = flow->mapping_slot;
    packet.peer = flow->peer;
    packet.attachment = flow->attachment;
    packet.environment_mac = flow->environment_mac;
  } else {
    undo_inbound(*flow, *packet.ip, packet.l4);
    packet.side = Side::kOutside;
    packet.slot = tables->mappings[flow->mapping_slot].subnet;
  }
  restore_identification(*packet.ip, packet.flow, packet.side);
  packet.src = packet.ip->src();
  packet.dst = packet.ip->dst();
  tell(packet, {.kind = AnswerKind::kHostUnreachable, .reason = Drop::next_hop_unresolved, .mtu = 0, .flow = flow},
       now);
  return packet.verdict == Verdict::kAnswered;
}

}  // namespace hypernat::dataplane
