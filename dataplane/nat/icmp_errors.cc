// ICMP errors about packets of flows, in both directions (RFC 5508 REQ-3 to REQ-5).
//
// They leave the journey of datagrams before its first stage, one by one: an error has no part in the opening, the life
// and the end of a flow, and what it needs of one is its addresses and the way to its ends.
#include <cassert>

#include "dataplane/nat/nat_state.h"
#include "dataplane/nat/rewrite_error.h"

namespace hypernat::dataplane {

void Nat::State::carry_error(Packet& packet) {
  if (packet.ip->ttl <= 1) {
    drop_packet(packet, Drop::ttl_expired);
    return;
  }
  if (!judge_error_source(packet)) return;
  const Flow* const flow = find_flow(packet);
  if (flow == nullptr) {
    if (packet.side == Side::kOutside || !pass_on(packet)) drop_packet(packet, Drop::error_without_flow);
    return;
  }
  const bool inside = packet.side == Side::kInside;
  if (inside && comes_another_way(packet, *flow)) {
    drop_packet(packet, Drop::wrong_tunnel_peer);
    return;
  }
  const std::span<std::uint8_t> message{packet.l4, packet.l4_length};
  Quote quote;
  [[maybe_unused]] const QuoteFault fault = read_quote(message, quote);
  assert(fault == QuoteFault::kSound && quote.protocol == flow->protocol);
  if (inside) end_with_quote(*packet.ip, message, quote);
  rewrite_error(*flow, packet.side, *packet.ip, packet.l4, quote);
  // The quoted header's checksum follows, so that the message's need not.
  restore_identification(*quote.ip, packet.flow, inside ? Side::kOutside : Side::kInside);
  tenant_counters[tenant_of(packet)].errors_carried.add();
  if (inside)
    depart_outbound(packet, *flow, swap16(packet.ip->total_length_be));
  else
    depart_inbound(packet, *flow, swap16(packet.ip->total_length_be));
}

const Flow* Nat::State::find_flow(Packet& packet) const {
  packet.key = key_of(packet);
  packet.signature = hash(packet.key);
  const std::uint32_t number = table.lookup(packet.key, packet.signature);
  // What does not stand is about to be swept; it is not this packet that ends it.
  if (number == kNone || !stands(flows[number])) return nullptr;
  packet.flow = number;
  return &flows[number];
}

// From inside the environment itself speaks. From outside any router may, as long as it can be spoken to, but not in
// the name of the NAT's own addresses.
bool Nat::State::judge_error_source(Packet& packet) const {
  if (packet.side == Side::kInside) return judge_source(packet);
  if (may_be_destination(packet.ip->src(), packet.slot)) return true;
  drop_packet(packet, Drop::martian_source);
  return false;
}

}  // namespace hypernat::dataplane
