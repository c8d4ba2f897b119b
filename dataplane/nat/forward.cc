// The last stage: packets of open flows are rewritten, counted, and told where they leave.
//
// All of it is one function for the compiler: nearly every packet comes here, and few go another way than straight on.
#include <algorithm>

#include "dataplane/nat/mss.h"
#include "dataplane/nat/nat_state.h"
#include "dataplane/nat/rewrite.h"
#include "dataplane/nat/tcp_state.h"

namespace hypernat::dataplane {
namespace {

// Entries are asked for so many packets ahead: enough to hide a miss, and no more than a core follows at a time. What
// only they tell of is asked for when they have come, unless it is so little that it is in the cache anyway.
constexpr std::size_t kFlowAhead = 24;
constexpr std::size_t kRestAhead = 8;

void prefetch(const void* address) {
  __builtin_prefetch(address, 1, 3);
}

}  // namespace

void Nat::State::forward_outbound(Packet& packet, Flow& flow, std::uint32_t number, Tick now) {
  const bool another_way = comes_another_way(packet, flow);
  if (another_way && !may_come_another_way(packet)) return;
  if (swap16(packet.ip->total_length_be) > smallest_mtu &&
      refuse_too_big(packet, tables->interface_egress[flow.interface_slot].attachment, &flow, now))
    return;
  if (flow.protocol == Protocol::kTcp) {
    // A SYN on a flow that is closing opens it anew, with its port. It is a new connection: today's rules hold, and it
    // is one of the tenant's new flows.
    const bool revives = flow.state == FlowState::kClosing && opens_tcp(packet.tcp_flags);
    const MappingEntry& mapping = tables->mappings[packet.slot];
    if (revives && !(may_open_now(packet, mapping.tenant, now) && permitted_by_rules(packet, mapping))) return;
    if (revives || another_way) learn_way(packet, flow);
    if (advance_tcp(flow, Side::kInside, packet.tcp_flags, now)) {
      wheel.disarm(flows, number);
      arm(number, now);
    }
    if ((packet.tcp_flags & kTcpSyn) != 0) clamp_mss(packet.l4, largest_mss(flow));
  } else {
    flow.last_seen = now;
  }
  rewrite_outbound(flow, *packet.ip, packet.l4);
  leave_outbound(packet, flow, number);
}

void Nat::State::leave_outbound(Packet& packet, Flow& flow, std::uint32_t number) {
  flow.outbound_bytes += swap16(packet.ip->total_length_be);
  if (++flow.outbound_packets >= kCarryAt) carry_counts(flow, number);
  depart_outbound(packet, flow);
}

void Nat::State::depart_outbound(Packet& packet, const Flow& flow) {
  InterfaceCounters& counters = interface_counters[flow.interface_slot];
  counters.outbound_packets.add();
  counters.outbound_bytes.add(swap16(packet.ip->total_length_be));
  packet.egress.mapping = kNone;
  packet.egress.interface = flow.interface_slot;
  packet.egress.next_hop = flow.next_hop;
  packet.verdict = Verdict::kForward;
}

void Nat::State::forward_inbound(Packet& packet, Flow& flow, std::uint32_t number, Tick now) {
  if (swap16(packet.ip->total_length_be) > smallest_mtu && refuse_too_big(packet, flow.attachment, &flow, now)) return;
  // Datagrams from outside keep no flow alive (RFC 4787 REQ-6); TCP segments do (RFC 6146).
  if (flow.protocol == Protocol::kTcp) {
    if (advance_tcp(flow, Side::kOutside, packet.tcp_flags, now)) {
      wheel.disarm(flows, number);
      arm(number, now);
    }
    if ((packet.tcp_flags & kTcpSyn) != 0) clamp_mss(packet.l4, largest_mss(flow));
  }
  rewrite_inbound(flow, *packet.ip, packet.l4);
  leave_inbound(packet, flow, number);
}

void Nat::State::leave_inbound(Packet& packet, Flow& flow, std::uint32_t number) {
  flow.inbound_bytes += swap16(packet.ip->total_length_be);
  if (++flow.inbound_packets >= kCarryAt) carry_counts(flow, number);
  depart_inbound(packet, flow);
}

void Nat::State::depart_inbound(Packet& packet, const Flow& flow) {
  InterfaceCounters& counters = interface_counters[flow.interface_slot];
  counters.inbound_packets.add();
  counters.inbound_bytes.add(swap16(packet.ip->total_length_be));
  Egress& egress = packet.egress;
  egress.interface = kNone;
  egress.mapping = flow.mapping_slot;
  egress.peer = flow.peer;
  egress.environment_mac = flow.environment_mac;
  egress.attachment = flow.attachment;
  packet.verdict = Verdict::kForward;
}

// Of the narrower of the two attachments, whichever way the SYN goes: segments of both directions cross both. 0: any.
std::uint16_t Nat::State::largest_mss(const Flow& flow) const {
  const std::uint16_t inside = options.attachments[flow.attachment].mss;
  const std::uint16_t outside = options.attachments[tables->interface_egress[flow.interface_slot].attachment].mss;
  return inside == 0 || outside == 0 ? std::max(inside, outside) : std::min(inside, outside);
}

// Only a packet that opens anew may move a flow to another tunnel peer.
bool Nat::State::may_come_another_way(Packet& packet) const {
  if (packet.protocol == Protocol::kTcp && opens_tcp(packet.tcp_flags)) return judge_source(packet);
  drop_packet(packet, Drop::wrong_tunnel_peer);
  return false;
}

void Nat::State::learn_way(const Packet& packet, Flow& flow) {
  flow.peer = packet.peer;
  flow.attachment = packet.attachment;
  flow.environment_mac = packet.environment_mac;
}

void Nat::State::carry_counts(Flow& flow, std::uint32_t number) {
  FlowCold& cold = flows.cold(number);
  cold.outbound_packets += flow.outbound_packets;
  cold.outbound_bytes += flow.outbound_bytes;
  cold.inbound_packets += flow.inbound_packets;
  cold.inbound_bytes += flow.inbound_bytes;
  flow.outbound_packets = flow.inbound_packets = 0;
  flow.outbound_bytes = flow.inbound_bytes = 0;
}

[[gnu::flatten]] void Nat::State::rewrite(Burst& burst) {
  const std::size_t size = burst.size;
  const auto fetch_flow = [&](std::size_t i) {
    if (burst.packets[i]->flow != kNone) prefetch(&flows[burst.packets[i]->flow]);
  };
  const auto fetch_rest = [&](std::size_t i) {
    const Packet& packet = *burst.packets[i];
    if (packet.flow == kNone) return;
    const Flow& flow = flows[packet.flow];
    prefetch(&interface_counters[flow.interface_slot]);
    if (packet.side == Side::kInside) prefetch(&tables->interface_egress[flow.interface_slot]);
  };
  for (std::size_t i = 0; i < std::min(size, kFlowAhead); ++i) fetch_flow(i);
  const bool many = tables->has_many_interfaces();
  for (std::size_t i = 0; many && i < std::min(size, kRestAhead); ++i) fetch_rest(i);
  for (std::size_t i = 0; i < size; ++i) {
    if (i + kFlowAhead < size) fetch_flow(i + kFlowAhead);
    if (many && i + kRestAhead < size) fetch_rest(i + kRestAhead);
    Packet& packet = *burst.packets[i];
    if (packet.verdict != Verdict::kPending) continue;
    Flow& flow = flows[packet.flow];
    if (is_fragment(packet))
      forward_fragment(packet, packet.flow, burst.now);
    else if (packet.side == Side::kInside)
      forward_outbound(packet, flow, packet.flow, burst.now);
    else
      forward_inbound(packet, flow, packet.flow, burst.now);
  }
}

}  // namespace hypernat::dataplane
