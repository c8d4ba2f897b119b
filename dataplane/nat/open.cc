// How a flow comes to be and goes: every check that an opening packet must pass, in order, and the undoing of each
// step.
#include <cassert>

#include "dataplane/nat/martians.h"
#include "dataplane/nat/nat_state.h"
#include "dataplane/nat/rewrite.h"
#include "dataplane/nat/routes.h"
#include "dataplane/nat/rules.h"
#include "dataplane/nat/tcp_state.h"

namespace hypernat::dataplane {
namespace {

// Spreads environments over a mapping's interfaces, one environment staying with one (RFC 4787 REQ-2).
std::size_t preferred_interface(const Packet& packet, std::size_t interfaces) {
  return static_cast<std::size_t>(std::uint64_t{packet.src.host() * 0x9e3779b1U} * interfaces >> 32);
}

FlowState first_state_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::kTcp:
      return FlowState::kOpening;
    case Protocol::kUdp:
      return FlowState::kUdp;
    case Protocol::kIcmp:
      return FlowState::kEcho;
  }
  return FlowState::kUdp;
}

}  // namespace

PortChoice::Wanted Nat::State::wanted_port(const Packet& packet, std::uint32_t interface_slot) const {
  const InterfaceEntry& interface = tables->interfaces[interface_slot];
  const bool echo = packet.protocol == Protocol::kIcmp;
  return {.interface_slot = interface_slot,
          .subnet = tables->subnet_numbers[interface.subnet],
          .ends = {.protocol = packet.protocol,
                   .local = interface.address,
                   .local_port = {},
                   .remote = packet.dst,
                   .remote_port = echo ? L4Port{} : packet.dst_port}};
}

// A port for every packet that may be about to open a flow, all asked about at once: one after another, each opening
// would wait for the table.
void Nat::State::propose_ports(Burst& burst) {
  std::array<PortChoice::Wanted, kMaxBurst> wanted;
  std::array<std::size_t, kMaxBurst> places;
  std::size_t count = 0;
  for (std::size_t i = 0; i < burst.size; ++i) {
    const Packet& packet = *burst.packets[i];
    if (packet.flow != kNone || packet.side == Side::kOutside || packet.fragment == Fragment::kLater) continue;
    const auto& interfaces = tables->mappings[packet.slot].interfaces;
    if (interfaces.empty() || (packet.protocol == Protocol::kTcp && !opens_tcp(packet.tcp_flags))) continue;
    wanted[count] = wanted_port(packet, interfaces[preferred_interface(packet, interfaces.size())]);
    places[count++] = i;
  }
  if (count < 2) return;  // alone, it is asked about when its turn comes
  ports->propose({wanted.data(), count});
  for (std::size_t i = 0; i < count; ++i) burst.proposals[places[i]] = wanted[i].ends.local_port;
}

// The steps that claim something come last, and each undoes itself and those before it when a later one fails.
void Nat::State::open(Packet& packet, L4Port proposed, Tick now) {
  const MappingEntry& mapping = tables->mappings[packet.slot];
  if (!judge_source(packet)) return;
  if (packet.protocol == Protocol::kTcp && !opens_tcp(packet.tcp_flags)) {
    refuse_segment(packet, mapping.tenant, now);
    return;
  }
  if (!may_open_more(packet, mapping.tenant, now)) return;
  Opening opening{.packet = packet, .mapping = mapping, .subnet = tables->subnets[mapping.subnet]};
  if (!permit(opening, now)) return;
  std::optional<Drop> lacking = claim(opening);
  if (!lacking) {
    lacking = take_port(opening, proposed, now);
    if (!lacking && enter(opening, now)) {
      packet.flow = opening.number;
      packet.opened = true;
      return;
    }
    neighbours.release(opening.next_hop);
    give_back(opening);
  }
  if (lacking) do_without(packet, mapping, *lacking);
}

// Whether the packet may open a flow at all; claims nothing.
bool Nat::State::permit(Opening& opening, Tick now) {
  Packet& packet = opening.packet;
  if (!may_be_destination(packet.dst, opening.mapping.subnet)) {
    drop_packet(packet, Drop::martian_destination);
    return false;
  }
  if (opening.mapping.interfaces.empty()) {
    drop_packet(packet, Drop::no_interface);
    return false;
  }
  if (!permitted_by_rules(packet, opening.mapping)) return false;
  const auto target = opening.subnet.routes->find(packet.dst);
  if (!target || *target == config::RouteTarget::kBlackhole) {
    tell(packet, {.kind = AnswerKind::kNetUnreachable, .reason = Drop::no_route, .mtu = 0, .flow = nullptr}, now);
    return false;
  }
  opening.next_hop_address = *target == config::RouteTarget::kLocal ? packet.dst : opening.subnet.router;
  return !refuse_too_big(packet, opening.subnet.attachment, nullptr, now);
}

bool Nat::State::permitted_by_rules(Packet& packet, const MappingEntry& mapping) const {
  const bool icmp = packet.protocol == Protocol::kIcmp;
  packet.rule = mapping.rules->find({.protocol = packet.protocol,
                                     .destination = packet.dst,
                                     .destination_port = packet.dst_port,
                                     .icmp_type = icmp ? packet.l4[0] : std::uint8_t{0},
                                     .icmp_code = icmp ? packet.l4[1] : std::uint8_t{0}});
  if (packet.rule == Rule::kNone) {
    drop_packet(packet, Drop::egress_refused);
    return false;
  }
  return true;
}

// Says what of it there is none of.
std::optional<Drop> Nat::State::claim(Opening& opening) {
  const std::uint32_t tenant = opening.mapping.tenant;
  if (share_is_full(tenant)) return Drop::flow_share_full;
  if (!claim_flow(tenant)) return Drop::tenant_flow_limit;
  opening.number = take_entry();
  if (opening.number == kNone) {
    release_flow(tenant);
    return Drop::flow_table_full;
  }
  opening.next_hop = neighbours.acquire(Link::subnet(opening.subnet.number), opening.next_hop_address, tenant);
  if (opening.next_hop == kNone) {
    give_back(opening);
    return Drop::next_hop_table_full;
  }
  return std::nullopt;
}

// Likewise.
std::optional<Drop> Nat::State::take_port(Opening& opening, L4Port proposed, Tick now) {
  PortChoice::Result port = choose_port(opening, proposed);
  if (port == PortChoice::Result::kExhausted && may_take_resting(opening.packet, opening.mapping.tenant, now))
    port = choose_resting_port(opening, now);
  if (port == PortChoice::Result::kFound) return std::nullopt;
  return port == PortChoice::Result::kGaveUp ? Drop::port_search_failed : Drop::ports_exhausted;
}

void Nat::State::give_back(const Opening& opening) {
  give_entry_back(opening.number);
  release_flow(opening.mapping.tenant);
}

// Tries every interface of the mapping, the environment's own first.
PortChoice::Result Nat::State::choose_port(Opening& opening, L4Port proposed) {
  const Packet& packet = opening.packet;
  const auto& interfaces = opening.mapping.interfaces;
  std::uint32_t questions = PortChoice::kMaxQuestions;
  PortChoice::Result result = PortChoice::Result::kExhausted;
  const std::size_t preferred = preferred_interface(packet, interfaces.size());
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    opening.inbound = wanted_port(packet, interfaces[(preferred + i) % interfaces.size()]);
    if (i == 0) opening.inbound.ends.local_port = proposed;
    const PortChoice::Result one = ports->choose(opening.inbound, questions);
    if (one == PortChoice::Result::kFound) return one;
    if (one == PortChoice::Result::kGaveUp) result = one;
  }
  return result;
}

// Fills the entry, then makes it known under both keys: nobody finds it half made.
bool Nat::State::enter(Opening& opening, Tick now) {
  Packet& packet = opening.packet;
  const FlowEnds& ends = opening.inbound.ends;
  Flow& flow = flows[opening.number];
  flow.inside = packet.src;
  flow.inside_port = packet.src_port;
  flow.remote = ends.remote;
  flow.remote_port = ends.remote_port;
  flow.interface = ends.local;
  flow.interface_port = ends.local_port;
  flow.protocol = packet.protocol;
  flow.state = first_state_of(packet.protocol);
  flow.last_seen = now;
  flow.mapping_slot = packet.slot;
  flow.interface_slot = opening.inbound.interface_slot;
  flow.next_hop = opening.next_hop;
  learn_way(packet, flow);
  compile_rewrite(flow);
  FlowCold& cold = flows.cold(opening.number);
  cold.mapping_number = to_number(opening.mapping.number) & 0xffffff;
  cold.subnet_number = to_number(opening.subnet.number);
  cold.tenant_slot = opening.mapping.tenant;
  cold.opened = now;
  cold.rule = packet.rule;

  const FlowKey inbound = inbound_key(opening.subnet.number, ends);
  const std::uint32_t inbound_signature = hash(inbound);
  if (!table.insert(packet.key, packet.signature, opening.number)) {
    drop_packet(packet, Drop::flow_table_full);
    return false;
  }
  if (!table.insert(inbound, inbound_signature, opening.number)) {
    table.erase(packet.key, packet.signature, opening.number);
    drop_packet(packet, Drop::flow_table_full);
    return false;
  }
  ports->opened(opening.inbound);
  arm(opening.number, now);
  interface_counters[flow.interface_slot].flows_opened.add();
  interface_counters[flow.interface_slot].flows_open.add();
  tenant_counters[opening.mapping.tenant].flows_opened.add();
  return true;
}

// Silence to the outside; the reason tells the operator which of the two it was.
void Nat::State::refuse_inbound(Packet& packet) const {
  const bool known = tables->find_interface(packet.slot, packet.dst) != Tables::kMissing;
  drop_packet(packet, known ? Drop::no_flow : Drop::not_the_interface);
}

std::optional<Drop> Nat::State::fault_of_source(const Packet& packet) const {
  if (is_martian(packet.src)) return Drop::martian_source;
  const config::TunnelPeer* peer = packet.peer.is_zero() ? nullptr : tables->find_peer(packet.peer);
  // A tunnel peer that the table does not name is one that the configuration lets in; it has no block of its own.
  const bool forged =
      !options.lambda_vpc.contains(packet.src) || (peer != nullptr && !peer->block.contains(packet.src));
  return forged ? std::optional(Drop::spoofed_source) : std::nullopt;
}

bool Nat::State::judge_source(Packet& packet) const {
  const std::optional<Drop> fault = fault_of_source(packet);
  if (fault) drop_packet(packet, *fault);
  return !fault;
}

bool Nat::State::may_be_destination(Ipv4Address address, std::uint32_t subnet_slot) const {
  return !is_martian(address) && address != options.gateway &&
         !is_network_or_broadcast(tables->subnets[subnet_slot].prefix, address) &&
         tables->find_interface(subnet_slot, address) == Tables::kMissing;
}

void Nat::State::close(std::uint32_t number) {
  wheel.disarm(flows, number);
  free_flow(number);
}

// The flow is in no place of the wheel.
void Nat::State::free_flow(std::uint32_t number) {
  const Flow& flow = flows[number];
  const FlowCold& cold = flows.cold(number);
  const PortChoice::Wanted tuple = inbound_tuple_of(flow, cold);
  for (const FlowKey& key : {outbound_key_of(flow, cold), inbound_key_of(flow, cold)})
    table.erase(key, hash(key), number);
  ports->closed(tuple);
  if (!cold.ticket.is_none())
    reports.add(static_cast<std::uint16_t>(cold.home),
                {.ticket = cold.ticket, .kind = RedirectReport::Kind::kReleased});
  neighbours.release(flow.next_hop);
  release_flow(cold.tenant_slot);
  InterfaceCounters& counters = interface_counters[flow.interface_slot];
  counters.flows_open.set(counters.flows_open.read() - 1);
  if (counters.flows_open.read() == 0) remote_use.forget(flow.interface_slot);
  give_entry_back(number);
}

void Nat::State::arm(std::uint32_t number, Tick now) {
  const Flow& flow = flows[number];
  wheel.arm(flows, number, now, flow.last_seen + timeout_of(flow, flows.cold(number)));
}

bool Nat::State::stands(const Flow& flow) const {
  return mapping_stands(flow.mapping_slot) && flow.interface_slot < tables->interfaces.size() &&
         tables->interfaces[flow.interface_slot].uid != 0;
}

bool Nat::State::mapping_stands(std::uint32_t slot) const {
  return slot < tables->mappings.size() && tables->mappings[slot].uid != 0;
}

PortChoice::Wanted Nat::State::inbound_tuple_of(const Flow& flow, const FlowCold& cold) const {
  return {
      .interface_slot = flow.interface_slot, .subnet = SubnetNumber{cold.subnet_number}, .ends = inbound_ends_of(flow)};
}

}  // namespace hypernat::dataplane
