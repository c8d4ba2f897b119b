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
    leave_inbound(packet, flow, number, swap16(packet.ip->total_length_be));
  } else if (packet.peer != flow.peer || packet.attachment != flow.attachment) {
    drop_packet(packet, Drop::wrong_tunnel_peer);
  } else {
    rewrite_address_outbound(flow, *packet.ip);
    leave_outbound(packet, flow, number, swap16(packet.ip->total_length_be));
  }
  if (!outbound || packet.verdict != Verdict::kForward) return;
  const std::uint16_t identification_be = packet.datagram.identification_be;
  // Errors about later fragments find no flow.
  if (packet.fragment == Fragment::kFirst)
    renumbered.remember({.flow = number, .from = Side::kInside, .identification_be = identification_be},
                        packet.ip->identification_be);
  renumber(*packet.ip, identification_be);
}

void Nat::remember_identification(const Renumbered::Datagram& datagram, std::uint16_t original_be) {
  state_->renumbered.remember(datagram, original_be);
}

// As the sender of the packet knows it, as far as it is remembered. `from` is his side.
void Nat::State::restore_identification(Ipv4Header& ip, std::uint32_t flow, Side from) const {
  const auto original = renumbered.original({.flow = flow, .from = from, .identification_be = ip.identification_be});
  if (original) renumber(ip, *original);
}

}  // namespace hypernat::dataplane
