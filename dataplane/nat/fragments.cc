// Fragments of open flows. A first fragment is a packet like any other, but for its identification; of a later one only
// the IPv4 header is rewritten, and nothing of it is believed: it opens no flow and moves none to another state.
#include "dataplane/nat/nat_state.h"
#include "dataplane/nat/rewrite.h"

namespace hypernat::dataplane {

void Nat::State::forward_fragment(Packet& packet, std::uint32_t number, Tick now) {
  Flow& flow = flows[number];
  const bool outbound = packet.side == Side::kInside;
  if (packet.fragment == Fragment::kFirst) {
    if (outbound)
      forward_outbound(packet, flow, number, now);
    else
      forward_inbound(packet, flow, number, now);
  } else if (!outbound) {
    rewrite_address_inbound(flow, *packet.ip);
    leave_inbound(packet, flow, number);
  } else if (packet.peer != flow.peer || packet.attachment != flow.attachment) {
    drop_packet(packet, Drop::wrong_tunnel_peer);
  } else {
    rewrite_address_outbound(flow, *packet.ip);
    leave_outbound(packet, flow, number);
  }
  if (outbound && packet.verdict == Verdict::kForward) renumber(*packet.ip, packet.datagram.identification_be);
}

}  // namespace hypernat::dataplane
