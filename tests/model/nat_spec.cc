#include "tests/model/nat_spec.h"

#include <algorithm>

namespace hypernat::spec {
namespace {

// RFC 1812 5.3.7, RFC 6890: this network, loopback, link-local, multicast, reserved, broadcast.
bool martian(Address address) {
  const unsigned first = address >> 24;
  return first == 0 || first == 127 || address >> 16 == 0xa9fe || first >= 224;
}

bool is_open_request(const Header& header) {
  return header.protocol != kTcp || (header.syn && !header.ack);
}

}  // namespace

// What a TCP sends: SYN, SYN ACK, RST, RST ACK, ACK, FIN ACK.
bool legal_flags(const Header& header) {
  const int kinds = header.syn + header.fin + header.rst;
  if (kinds > 1 || (kinds == 0 && !header.ack)) return false;
  return !header.fin || header.ack;
}

Fate dropped(const std::string& reason, const Arrival& arrival, const Fate& seen) {
  return {
      .reason = reason, .packet = arrival.packet, .home = seen.home, .worker = seen.worker, .gatherer = seen.gatherer};
}

std::string NatSpec::step(const Arrival& arrival, const Fate& seen) {
  const Fate fate = decide(arrival, seen);
  count(arrival, fate);
  return fate == seen ? "" : text_of(fate);
}

Fate NatSpec::decide(const Arrival& arrival, const Fate& seen) {
  const Header header = read(arrival.packet);
  const bool inside = arrival.side == Side::kInside;
  if (inside ? !table_.mappings.contains(arrival.way.mapping) : !table_.subnets.contains(arrival.subnet))
    return dropped("unknown_segment", arrival, seen);
  if (!may_come(arrival)) return dropped("tenant_packet_limit", arrival, seen);
  if (header.is_fragment()) return gather(arrival, seen);
  return is_error(arrival.packet) ? carry_error(arrival, seen) : translate(arrival, header, seen);
}

Tuple NatSpec::tuple_of(const Arrival& arrival, const Header& header) {
  const bool inside = arrival.side == Side::kInside;
  const bool echo = header.protocol == kIcmp;
  return {.network = inside ? arrival.way.mapping : arrival.subnet,
          .protocol = header.protocol,
          .local = inside ? header.src : header.dst,
          .remote = inside ? header.dst : header.src,
          .remote_port = echo ? 0 : (inside ? header.dst_port : header.src_port),
          .local_port = inside ? header.src_port : header.dst_port};
}

// Nothing behind the IP header of a later fragment is looked at: `header` has its datagram's ports.
Fate NatSpec::translate(const Arrival& arrival, const Header& header, const Fate& seen) {
  const bool inside = arrival.side == Side::kInside;
  const bool later = header.offset != 0;
  const Tuple tuple = tuple_of(arrival, header);
  if (header.ttl <= 1) return expired(tuple, arrival, seen);
  if (header.protocol == kTcp && !later && !legal_flags(header)) return dropped("bad_tcp_flags", arrival, seen);
  if (header.protocol == kIcmp && !later && header.icmp_type != (inside ? 8U : 0U))
    return dropped("no_flow", arrival, seen);

  if (Flow* const flow = find(arrival.side, tuple); flow != nullptr) {
    Flow after = *flow;
    Fate fate = later    ? later_fragment(after, arrival, seen)
                : inside ? outbound(after, arrival, seen)
                         : inbound(after, arrival, seen);
    if (fate.reason == "too_big") {
      const unsigned mtu = inside ? settings_.outside.mtu : size_inside(after).mtu;
      fate = told({.reason = fate.reason, .type = 3, .code = 4, .mtu = mtu}, arrival, seen, flow);
    }
    if (!may_be_gone(*flow) || fate == seen) {
      enter(after);
      return fate;
    }
    erase(flow->inner);
  }
  // Behind a first one for which nobody had a port a later one may go round all workers, as often as that.
  const bool went_round = later && header.protocol == kTcp && settings_.workers > 1 && seen.reason == "redirect_stale";
  if (inside && later) return dropped(went_round ? seen.reason : "no_flow", arrival, seen);
  if (inside) return open(tuple, arrival, seen);
  const auto is_there = [&](const Interface& interface) { return interface.address == header.dst; };
  for (const auto& [number, mapping] : table_.mappings)
    if (mapping.subnet == arrival.subnet && std::ranges::any_of(mapping.interfaces, is_there))
      return dropped("no_flow", arrival, seen);
  return dropped("not_the_interface", arrival, seen);
}

Fate NatSpec::outbound(Flow& flow, const Arrival& arrival, const Fate& seen) {
  const Header header = read(arrival.packet);
  const bool opens = header.protocol == kTcp && is_open_request(header);
  const bool moves = flow.way.peer != arrival.way.peer || flow.way.attachment != arrival.way.attachment;
  if (moves && !opens) return dropped("wrong_tunnel_peer", arrival, seen);
  if (moves && !refused_source(header, arrival.way).empty())
    return dropped(refused_source(header, arrival.way), arrival, seen);
  if (arrival.packet.size() > settings_.outside.mtu && !header.may_be_cut) return dropped("too_big", arrival, seen);
  const bool revives = opens && (flow.phase == Phase::kBothFins || flow.phase == Phase::kTransitory);
  if (revives && !may_open_now(flow.tenant)) return dropped("tenant_new_flow_limit", arrival, seen);
  if (revives && !permitted(header, table_.mappings.at(arrival.way.mapping)))
    return dropped("egress_refused", arrival, seen);
  if (moves || revives) flow.way = arrival.way;
  advance(flow, Side::kInside, header);
  ++flow.packets_out;
  flow.bytes_out += arrival.packet.size();
  return {.what = Fate::What::kForwarded,
          .packet = translated(arrival.packet, {.end = End::kSource,
                                                .address = flow.outer.local,
                                                .port = flow.outer.local_port,
                                                .mss = largest_mss(flow),
                                                .wrong = checksum_field(seen.packet)}),
          .interface = flow.interface.id,
          .next_hop = flow.next_hop,
          .home = flow.home,
          .worker = flow.worker};
}

// It keeps no flow alive and moves none to another state.
Fate NatSpec::later_fragment(Flow& flow, const Arrival& arrival, const Fate& seen) const {
  const bool inside = arrival.side == Side::kInside;
  const bool moves = flow.way.peer != arrival.way.peer || flow.way.attachment != arrival.way.attachment;
  if (inside && moves) return dropped("wrong_tunnel_peer", arrival, seen);
  ++(inside ? flow.packets_out : flow.packets_in);
  (inside ? flow.bytes_out : flow.bytes_in) += arrival.packet.size();
  Fate fate{.what = Fate::What::kForwarded,
            .packet = translated(arrival.packet, {.end = inside ? End::kSource : End::kDestination,
                                                  .address = inside ? flow.outer.local : flow.inner.local}),
            .home = inside ? flow.home : flow.worker,
            .worker = flow.worker};
  if (inside) {
    fate.interface = flow.interface.id;
    fate.next_hop = flow.next_hop;
  } else {
    fate.way = flow.way;
  }
  return fate;
}

Fate NatSpec::inbound(Flow& flow, const Arrival& arrival, const Fate& seen) const {
  const Header header = read(arrival.packet);
  if (arrival.packet.size() > size_inside(flow).mtu && !header.may_be_cut) return dropped("too_big", arrival, seen);
  advance(flow, Side::kOutside, header);
  ++flow.packets_in;
  flow.bytes_in += arrival.packet.size();
  return {.what = Fate::What::kForwarded,
          .packet = translated(arrival.packet, {.end = End::kDestination,
                                                .address = flow.inner.local,
                                                .port = flow.inner.local_port,
                                                .mss = largest_mss(flow),
                                                .wrong = checksum_field(seen.packet)}),
          .way = flow.way,
          .home = flow.worker,  // a reply comes to the owner at once
          .worker = flow.worker};
}

// RFC 6146 section 3.5.2.2, with what is stricter here: before the handshake only SYNs and packets from inside refresh;
// when both ends have sent FIN nothing does; a RST brings a flow to the transitory state, the next packet that is none
// back to where it was, with that state's time. A SYN from inside opens a flow anew that is closing.
void NatSpec::advance(Flow& flow, Side from, const Header& header) const {
  const bool inside = from == Side::kInside;
  if (flow.phase == Phase::kDatagram) {
    if (inside) flow.seen = now_;
    return;
  }
  if (header.rst) {
    if (flow.phase == Phase::kTransitory) return;
    if (flow.phase != Phase::kBothFins) flow.seen = now_;
    flow.before_reset = flow.phase;
    flow.phase = Phase::kTransitory;
    return;
  }
  if ((flow.phase == Phase::kTransitory || flow.phase == Phase::kBothFins) && inside && is_open_request(header))
    flow.phase = Phase::kInit;
  if (flow.phase == Phase::kTransitory) {
    flow.phase = flow.before_reset;
    if (flow.phase == Phase::kInit) flow.seen = now_;
  }
  if (flow.phase == Phase::kBothFins) return;
  if (flow.phase == Phase::kInit) {
    if (inside || header.syn) flow.seen = now_;
    if (!inside && header.syn) flow.phase = Phase::kEstablished;
    return;
  }
  flow.seen = now_;
  if (!header.fin) return;
  const Phase mine = inside ? Phase::kInsideFin : Phase::kRemoteFin;
  if (flow.phase == Phase::kEstablished)
    flow.phase = mine;
  else if (flow.phase != mine)
    flow.phase = Phase::kBothFins;
}

Fate NatSpec::open(const Tuple& inner, const Arrival& arrival, const Fate& seen) {
  const Header header = read(arrival.packet);
  const Mapping& mapping = table_.mappings.at(arrival.way.mapping);
  if (!refused_source(header, arrival.way).empty()) return dropped(refused_source(header, arrival.way), arrival, seen);
  if (!is_open_request(header)) return refuse_segment(header, arrival, seen);
  if (too_many_flows(mapping.tenant, seen)) return dropped("tenant_flow_limit", arrival, seen);
  if (all_lack("flow_share_full", mapping.tenant, seen)) return dropped("flow_share_full", arrival, seen);
  if (!may_open_now(mapping.tenant)) return dropped("tenant_new_flow_limit", arrival, seen);
  std::string refused = refused_destination(header, mapping);
  if (refused == "no_route") return told({.reason = refused, .type = 3, .code = 0}, arrival, seen, nullptr);
  if (refused.empty() && arrival.packet.size() > settings_.outside.mtu && !header.may_be_cut)
    return told({.reason = "too_big", .type = 3, .code = 4, .mtu = settings_.outside.mtu}, arrival, seen, nullptr);
  if (refused.empty()) refused = out_of_something(inner, mapping, seen);
  if (!refused.empty()) return dropped(refused, arrival, seen);

  const Fate opened{.what = Fate::What::kForwarded, .reason = "opening with a free port", .opened = true};
  if (seen.what != Fate::What::kForwarded || !seen.opened || seen.packet.size() != arrival.packet.size()) return opened;
  const Header chosen = read(seen.packet);
  const Subnet& subnet = table_.subnets.at(mapping.subnet);
  Flow flow{.inner = inner, .outer = inner, .tenant = mapping.tenant, .way = arrival.way};
  flow.outer.network = mapping.subnet;
  flow.outer.local = chosen.src;
  flow.outer.local_port = chosen.src_port;
  flow.next_hop = route_to(header.dst, subnet)->target == Target::kLocal ? header.dst : subnet.router;
  flow.phase = header.protocol == kTcp ? Phase::kInit : Phase::kDatagram;
  flow.opened = flow.seen = now_;
  flow.home = seen.home;
  flow.worker = seen.worker;
  for (const Interface& interface : mapping.interfaces)
    if (interface.address == chosen.src) flow.interface = interface;
  std::string wrong = wrong_worker(flow, mapping);
  if (wrong.empty()) wrong = wrong_choice(flow, mapping);
  if (!wrong.empty()) return {.what = Fate::What::kForwarded, .reason = wrong, .opened = true};

  Fate fate = outbound(flow, arrival, seen);
  fate.opened = true;
  enter(flow);
  return fate;
}

std::string NatSpec::refused_source(const Header& header, const Way& way) const {
  if (martian(header.src)) return "martian_source";
  const auto peer = table_.peers.find(way.peer);
  const bool foreign = peer != table_.peers.end() && !peer->second.contains(header.src);
  return foreign || !settings_.lambda_vpc.contains(header.src) ? "spoofed_source" : "";
}

std::string NatSpec::refused_destination(const Header& header, const Mapping& mapping) const {
  const Subnet& subnet = table_.subnets.at(mapping.subnet);
  if (no_destination(header.dst, mapping.subnet)) return "martian_destination";
  if (mapping.interfaces.empty()) return "no_interface";
  if (!permitted(header, mapping)) return "egress_refused";
  const Route* route = route_to(header.dst, subnet);
  return route == nullptr || route->target == Target::kBlackhole ? "no_route" : "";
}

// Nobody that a packet can be sent to.
bool NatSpec::no_destination(Address address, unsigned number) const {
  const Subnet& subnet = table_.subnets.at(number);
  const bool no_host =
      subnet.prefix.length < 31 && (address == subnet.prefix.first() || address == subnet.prefix.last());
  if (martian(address) || address == settings_.gateway || no_host) return true;
  for (const auto& [mapping_number, mapping] : table_.mappings)
    for (const Interface& interface : mapping.interfaces)
      if (mapping.subnet == number && interface.address == address) return true;
  return false;
}

bool NatSpec::permitted(const Header& header, const Mapping& mapping) const {
  return std::ranges::any_of(mapping.rules, [&](const Rule& rule) {
    if (!rule.destination.contains(header.dst)) return false;
    if (rule.protocol == -1) return true;
    if (rule.protocol != static_cast<int>(header.protocol)) return false;
    if (header.protocol == kIcmp)
      return (rule.first == kAny || rule.first == header.icmp_type) &&
             (rule.last == kAny || rule.last == header.icmp_code);
    return rule.first <= header.dst_port && header.dst_port <= rule.last;
  });
}

const Route* NatSpec::route_to(Address destination, const Subnet& subnet) const {
  const Route* longest = nullptr;
  for (const Route& route : subnet.routes)
    if (route.prefix.contains(destination) && (longest == nullptr || route.prefix.length > longest->prefix.length))
      longest = &route;
  return longest;
}

// What else is limited. A worker that has no entry or no port asks the next one: only when none has both does the
// opening fail, for want of ports only if that is all that they lack.
std::string NatSpec::out_of_something(const Tuple& inner, const Mapping& mapping, const Fate& seen) const {
  Tuple outer = inner;
  outer.network = mapping.subnet;
  const bool some_short = some_short_of_ports(outer, mapping);
  const std::string& reason = seen.reason;
  bool all_lack_entries = true;
  bool all_may_lack = true;
  bool some_may_lack_so = reason == "port_search_failed" && some_short;
  for (unsigned worker = 0; worker < settings_.workers; ++worker) {
    all_lack_entries &= lacks_entry(mapping.tenant, worker, &Range::surely);
    all_may_lack &= some_short || lacks_entry(mapping.tenant, worker, &Range::at_most);
    if (reason == "flow_share_full" || reason == "flow_table_full")
      some_may_lack_so |= lacks(reason, mapping.tenant, worker, &Range::at_most);
  }
  if (some_may_lack_so && all_may_lack) return reason;
  if (all_lack("flow_table_full", mapping.tenant, seen)) return "flow_table_full";
  if (reason == "redirect_table_full" && redirects_are_full(mapping.tenant, seen.home) &&
      (some_short || lacks_entry(mapping.tenant, seen.home, &Range::at_most)))
    return reason;
  if (all_lack_entries) return "flow_share_full or flow_table_full";
  const bool exhausted = std::ranges::all_of(mapping.interfaces, [&](const Interface& interface) {
    outer.local = interface.address;
    const Range used = ports_in_use(outer);
    return used.surely >= kPorts || (used.at_most >= kPorts && reason == "ports_exhausted");
  });
  // Then ports of closed connections are taken, as far as they are come upon.
  return exhausted && !(seen.opened && inner.protocol == kTcp) ? "ports_exhausted" : "";
}

// A closed connection keeps its port from others for as long as there is another that they could have.
bool NatSpec::may_be_taken(const Flow& flow, const Mapping& mapping) const {
  return flow.phase == Phase::kBothFins && std::ranges::all_of(mapping.interfaces, [&](const Interface& interface) {
           Tuple outer = flow.outer;
           outer.local = interface.address;
           return ports_in_use(outer).at_most >= kPorts;
         });
}

// The first worker from home on that has what it takes.
std::string NatSpec::wrong_worker(const Flow& flow, const Mapping& mapping) const {
  if (lacks_entry(flow.tenant, flow.worker, &Range::surely))
    return "opening with another worker than " + std::to_string(flow.worker);
  if (some_short_of_ports(flow.outer, mapping)) return "";
  for (unsigned worker = flow.home; worker != flow.worker; worker = (worker + 1) % settings_.workers)
    if (!lacks_entry(flow.tenant, worker, &Range::at_most)) return "opening with worker " + std::to_string(worker);
  return "";
}

// A port is wrong when it is no interface's, when somebody has it towards that remote, or when the environment could
// have kept its interface (RFC 4787 REQ-2).
std::string NatSpec::wrong_choice(const Flow& flow, const Mapping& mapping) {
  if (flow.interface.uid == 0) return "opening with an address of the mapping's, not " + text_of(flow.outer.local);
  if (flow.outer.local_port < 1024 || flow.outer.local_port > 65535) return "opening with a port from 1024 on";
  if (find(Side::kOutside, flow.outer) != nullptr) {
    const Tuple holder = inner_of_.at(flow.outer);
    const bool taken = may_be_taken(flows_.at(holder), mapping);
    if (!taken && !may_be_gone(flows_.at(holder)))
      return "opening with another port: that one is " + text_of(holder.local) + "'s";
    erase(holder);
  }
  if (some_short_of_ports(flow.outer, mapping)) return "";
  const auto [pair, first] = paired_.try_emplace({mapping.uid, flow.inner.local}, flow.interface);
  return pair->second == flow.interface ? "" : "opening on the environment's own interface " + pair->second.id;
}

}  // namespace hypernat::spec
