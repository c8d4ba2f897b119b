// Ports of closed connections, which rest: towards that remote they are nobody else's until the closing time is over,
// for the remote may still be in TIME_WAIT with them (RFC 9293 3.3.2, RFC 6888 REQ-8).
//
// When nothing else is free, on no interface and with no worker, one that rests is given away after all, rather than
// refuse the opening (RFC 6888 REQ-8, exception A: the NAT has seen the connection close). Of those that are met, it is
// the one that has rested longest; one opening looks at so many, and the next goes on from there, a bounded number in a
// second for each tenant. A connection that a RST may have ended keeps its port: its ends may not know of it.
#include <algorithm>

#include "dataplane/nat/nat_state.h"
#include "dataplane/nat/tcp_state.h"

namespace hypernat::dataplane {
namespace {

bool rests(const Flow& flow) {
  return flow.state == FlowState::kClosing && saw_both_fins(flow.saw);
}

}  // namespace

// Every worker has been asked for a port that is free.
bool Nat::State::may_take_resting(const Packet& packet, std::uint32_t tenant, Tick now) {
  if (packet.protocol != Protocol::kTcp) return false;
  if (home.workers() > 1 && packet.pass.kind != PassKind::kReclaiming) return false;
  return allowances[tenant].resting_ports.take(kRestingSearchesPerSecond, now);
}

// A packet of this burst may have found the flow: it is to have it still.
bool Nat::State::is_in_hand(std::uint32_t number) const {
  return std::ranges::any_of(in_hand, [&](const Packet* packet) { return packet->flow == number; });
}

// Ends the flow whose port is taken.
PortChoice::Result Nat::State::choose_resting_port(Opening& opening, Tick now) {
  std::array<std::uint32_t, PortChoice::kHolders> holders;
  std::uint32_t longest = kNone;
  for (const std::uint32_t slot : opening.mapping.interfaces) {
    const std::size_t met = ports->holders(wanted_port(opening.packet, slot), holders);
    for (const std::uint32_t number : std::span(holders).first(met)) {
      if (!rests(flows[number]) || is_in_hand(number)) continue;
      if (longest != kNone && now - flows[number].last_seen <= now - flows[longest].last_seen) continue;
      longest = number;
    }
  }
  if (longest == kNone) return PortChoice::Result::kExhausted;
  opening.inbound = inbound_tuple_of(flows[longest], flows.cold(longest));
  close(longest);
  return PortChoice::Result::kFound;
}

}  // namespace hypernat::dataplane
