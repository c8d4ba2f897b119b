// The last stage: packets of open flows are rewritten, counted, and told where they leave.
//
// All of it is one function for the compiler: nearly every packet comes here, and few go another way than straight on.
#include <algorithm>

#include "dataplane/nat/belonging.h"
#include "dataplane/nat/mss.h"
#include "dataplane/nat/nat_state.h"
#include "dataplane/nat/rewrite.h"
#include "dataplane/nat/tcp_state.h"

namespace hypernat::dataplane {
namespace {

void prefetch(const void* address) {
  __builtin_prefetch(address, 1, 3);
}

}  // namespace

bool Nat::State::forward_outbound(Packet& packet, Flow& flow, std::uint32_t number, Tick now) {
  const std::uint32_t length = swap16(packet.ip->total_length_be);
  const bool another_way = comes_another_way(packet, flow);
  if (another_way && !may_come_another_way(packet)) return false;
  if (length > smallest_mtu &&
      refuse_too_big(packet, tables->interface_egress[flow.interface_slot].attachment, &flow, now))
    return false;
  if (flow.protocol == Protocol::kTcp) {
    // A SYN on a flow that is closing opens it anew, with its port. It is a new connection: today's rules hold, and it
    // is one of the tenant's new flows.
    const bool revives = flow.state == FlowState::kClosing && opens_tcp(packet.tcp_flags);
    const MappingEntry& mapping = tables->mappings[packet.slot];
    if (revives && !(may_open_now(packet, mapping.tenant, now) && permitted_by_rules(packet, mapping))) return false;
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
  leave_outbound(packet, flow, number, length);
  return true;
}

void Nat::State::leave_outbound(Packet& packet, Flow& flow, std::uint32_t number, std::uint32_t length) {
  flow.outbound_bytes += length;
  if (++flow.outbound_packets >= kCarryAt) carry_counts(flow, number);
  depart_outbound(packet, flow, length);
}

void Nat::State::depart_outbound(Packet& packet, const Flow& flow, std::uint32_t length) {
  InterfaceCounters& counters = interface_counters[flow.interface_slot];
  counters.outbound_packets.add();
  counters.outbound_bytes.add(length);
  packet.egress.mapping = kNone;
  packet.egress.interface = flow.interface_slot;
  packet.egress.next_hop = flow.next_hop;
  packet.verdict = Verdict::kForward;
}

bool Nat::State::forward_inbound(Packet& packet, Flow& flow, std::uint32_t number, Tick now) {
  const std::uint32_t length = swap16(packet.ip->total_length_be);
  if (length > smallest_mtu && refuse_too_big(packet, flow.attachment, &flow, now)) return false;
  // Datagrams from outside keep no flow alive (RFC 4787 REQ-6); TCP segments do (RFC 6146).
  if (flow.protocol == Protocol::kTcp) {
    if (advance_tcp(flow, Side::kOutside, packet.tcp_flags, now)) {
      wheel.disarm(flows, number);
      arm(number, now);
    }
    if ((packet.tcp_flags & kTcpSyn) != 0) clamp_mss(packet.l4, largest_mss(flow));
  }
  rewrite_inbound(flow, *packet.ip, packet.l4);
  leave_inbound(packet, flow, number, length);
  return true;
}

void Nat::State::leave_inbound(Packet& packet, Flow& flow, std::uint32_t number, std::uint32_t length) {
  flow.inbound_bytes += length;
  if (++flow.inbound_packets >= kCarryAt) carry_counts(flow, number);
  depart_inbound(packet, flow, length);
}

void Nat::State::depart_inbound(Packet& packet, const Flow& flow, std::uint32_t length) {
  InterfaceCounters& counters = interface_counters[flow.interface_slot];
  counters.inbound_packets.add();
  counters.inbound_bytes.add(length);
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

inline bool Nat::State::forward(Packet& packet, Flow& flow, std::uint32_t number, Tick now) {
  return packet.side == Side::kInside ? forward_outbound(packet, flow, number, now)
                                      : forward_inbound(packet, flow, number, now);
}

// Packets whose hint is right are done with here; the others stay in the burst.
[[gnu::flatten]] void Nat::State::forward_hinted(const Group& group, Burst& burst) {
  const bool all_stand = sweep_cursor == flows.capacity();
  if (all_stand && tables->has_many_interfaces()) fetch_interfaces(group);
  std::size_t size = burst.size;
  std::size_t forwarded = burst.forwarded;
  for (std::size_t i = 0; i < group.size; ++i) {
    Packet& packet = *group.packets[i];
    const std::uint32_t number = group.hints[i];
    if (number != kNone && !is_fragment(packet) && packet.pass.kind == PassKind::kAtHome) {
      Flow& flow = flows[number];
      if (belongs_to(packet, flow) && (all_stand || stands(flow))) {
        packet.flow = number;
        forwarded += forward(packet, flow, number, burst.now) ? 1 : 0;
        continue;
      }
    }
    burst.packets[size++] = &packet;
  }
  burst.size = size;
  burst.forwarded = forwarded;
}

// Of interfaces, what only their flows tell; so little of few that it is in the cache anyway.
void Nat::State::fetch_interfaces(const Group& group) const {
  for (std::size_t i = 0; i < group.size; ++i) {
    if (group.hints[i] == kNone) continue;
    const Flow& flow = flows[group.hints[i]];
    if (flow.state == FlowState::kFree) continue;  // a hint may be wrong
    prefetch(&interface_counters[flow.interface_slot]);
    if (group.packets[i]->side == Side::kInside) prefetch(&tables->interface_egress[flow.interface_slot]);
  }
}

// What was looked up, or opened.
void Nat::State::rewrite(Burst& burst) {
  for (Packet* const packet : std::span(burst.packets).first(burst.size)) {
    if (packet->flow != kNone) flows.fetch(packet->flow);
  }
  for (Packet* const packet : std::span(burst.packets).first(burst.size)) {
    if (packet->verdict != Verdict::kPending) continue;
    if (is_fragment(*packet))
      forward_fragment(*packet, packet->flow, burst.now);
    else
      forward(*packet, flows[packet->flow], packet->flow, burst.now);
  }
}

}  // namespace hypernat::dataplane
