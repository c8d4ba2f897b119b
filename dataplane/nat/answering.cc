// Who is told what of a packet that dies, and how often.
//
// To the inside the environments' gateway speaks. To the outside the interface does, and only about packets of flows:
// whoever has none there gets silence, so that nobody learns what is open.
#include "dataplane/nat/nat_state.h"

namespace hypernat::dataplane {

// By the way the packet came: to the environment's own tunnel peer and MAC.
void Nat::State::answer_inside(Packet& packet, const PacketAnswer& answer, Drop reason) const {
  drop_packet(packet, reason);
  packet.verdict = Verdict::kAnswered;
  packet.answer = answer;
  packet.egress = {.mapping = packet.slot,
                   .peer = packet.peer,
                   .environment_mac = packet.environment_mac,
                   .attachment = packet.attachment};
}

// A TCP segment from inside that has no flow and opens none: answered, so that the client does not hang.
void Nat::State::refuse_segment(Packet& packet, std::uint32_t tenant, Tick now) {
  // What a RST has to acknowledge when nothing is acknowledged to it is the segment's length: a fragment's is not
  // known.
  const bool unanswerable = is_fragment(packet) && (packet.tcp_flags & kTcpAck) == 0;
  if ((packet.tcp_flags & kTcpRst) != 0 || unanswerable) {
    drop_packet(packet, Drop::no_flow);
    return;
  }
  if (!allowances[tenant].resets.take(options.resets_per_second, now)) {
    drop_packet(packet, Drop::reset_rate_limited);
    return;
  }
  tenant_counters[tenant].resets.add();
  answer_inside(packet, {.kind = AnswerKind::kReset, .mtu = 0, .source = {}}, Drop::no_flow);
}

// RFC 1812 4.3.2.7: no error about a later fragment, nor when either end is no single host. Errors about errors can not
// be: those take another way.
bool Nat::State::may_be_told(const Packet& packet) const {
  if (fragment_of(*packet.ip) == Fragment::kLater) return false;
  if (packet.side == Side::kOutside) return true;  // of a flow: both ends were judged at its opening
  return !fault_of_source(packet) && may_be_destination(packet.dst, tables->mappings[packet.slot].subnet);
}

// Drops the packet, and tells its sender, when there is room for one more answer to the tenant.
void Nat::State::tell(Packet& packet, const Told& told, Tick now) {
  drop_packet(packet, told.reason);
  if (!may_be_told(packet)) return;
  const std::uint32_t tenant = tenant_of(packet);
  if (!allowances[tenant].errors.take(options.errors_per_second, now)) {
    tenant_counters[tenant].errors_withheld.add();
    return;
  }
  tenant_counters[tenant].errors_sent.add();
  if (packet.side == Side::kInside) {
    answer_inside(packet, {.kind = told.kind, .mtu = told.mtu, .source = options.gateway}, told.reason);
    return;
  }
  packet.verdict = Verdict::kAnswered;
  packet.answer = {.kind = told.kind, .mtu = told.mtu, .source = told.flow->interface};
  packet.egress = {.interface = told.flow->interface_slot, .next_hop = told.flow->next_hop};
}

// The time to live ran out here. It comes before the search for a flow, so outside the flow is looked for now.
void Nat::State::expire(Packet& packet, Tick now) {
  const Flow* const flow = packet.side == Side::kOutside ? find_flow(packet) : nullptr;
  if (packet.side == Side::kOutside && flow == nullptr) {
    drop_packet(packet, Drop::ttl_expired);
    return;
  }
  tell(packet, {.kind = AnswerKind::kTimeExceeded, .reason = Drop::ttl_expired, .mtu = 0, .flow = flow}, now);
}

// A packet that does not fit where it is to leave, and may not be cut: told how much would (RFC 1191). `flow` is null
// when the packet would open one. What may be cut goes on.
bool Nat::State::refuse_too_big(Packet& packet, std::uint8_t egress, const Flow* flow, Tick now) {
  const std::uint16_t mtu = options.attachments[egress].mtu;
  if (swap16(packet.ip->total_length_be) <= mtu) return false;
  if ((swap16(packet.ip->fragment_be) & kIpv4DontFragment) == 0) return false;
  tell(packet, {.kind = AnswerKind::kTooBig, .reason = Drop::too_big, .mtu = mtu, .flow = flow}, now);
  return true;
}

}  // namespace hypernat::dataplane
