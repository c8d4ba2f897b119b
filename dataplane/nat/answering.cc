// Who is told what of a packet that dies, and how often.
#include "dataplane/nat/nat_state.h"

namespace hypernat::dataplane {

// By the way the packet came: to the environment's own tunnel peer and MAC.
void Nat::State::answer_inside(Packet& packet, const PacketAnswer& answer, Drop reason) const {
  drop_packet(packet, reason);
  packet.verdict = Verdict::kAnswered;
  packet.answer = answer;
  packet.egress.mapping = packet.slot;
  packet.egress.peer = packet.peer;
  packet.egress.environment_mac = packet.environment_mac;
  packet.egress.attachment = packet.attachment;
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
  if (!resets[tenant].take(options.resets_per_second, now)) {
    drop_packet(packet, Drop::reset_rate_limited);
    return;
  }
  tenant_counters[tenant].resets.add();
  answer_inside(packet, {.kind = AnswerKind::kReset, .mtu = 0, .source = {}}, Drop::no_flow);
}

}  // namespace hypernat::dataplane
