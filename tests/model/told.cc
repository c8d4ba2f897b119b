#include "tests/model/told.h"

namespace hypernat::model {

using dataplane::FlowView;
using dataplane::NatWorld;
using dataplane::Outcome;
using dataplane::Verdict;

namespace {

spec::Prefix told(const Ipv4Prefix& prefix) {
  return {.address = prefix.address.host(), .length = prefix.length};
}

spec::Subnet told(const config::Table& table, const config::Subnet& subnet) {
  spec::Subnet made{.tenant = table.tenants[subnet.tenant].number,
                    .prefix = told(subnet.prefix),
                    .router = subnet.router.host(),
                    .routes = {}};
  for (const config::Route& route : table.route_sets[subnet.route_set].routes)
    made.routes.push_back({.prefix = told(route.prefix),
                           .target = route.target == config::RouteTarget::kLocal    ? spec::Target::kLocal
                                     : route.target == config::RouteTarget::kRouter ? spec::Target::kRouter
                                                                                    : spec::Target::kBlackhole});
  return made;
}

spec::Mapping told(const config::Table& table, const config::Mapping& mapping) {
  spec::Mapping made{.uid = mapping.uid,
                     .tenant = table.tenants[mapping.tenant].number,
                     .subnet = to_number(table.subnets[mapping.subnet].number),
                     .rules = {},
                     .interfaces = {}};
  for (const config::EgressRule& rule : table.rule_sets[mapping.rule_set].rules)
    made.rules.push_back({.protocol = rule.protocol,
                          .first = rule.first_port,
                          .last = rule.last_port,
                          .destination = told(rule.destination)});
  for (const config::Interface& interface : mapping.interfaces)
    made.interfaces.push_back(
        {.id = interface.id, .mapping_uid = mapping.uid, .uid = interface.uid, .address = interface.address.host()});
  return made;
}

std::string flow_text(const spec::Tuple& inner, const spec::Tuple& outer, const std::string& state) {
  return std::to_string(inner.protocol) + ' ' + std::to_string(inner.network) + '/' + spec::text_of(inner.local) + ':' +
         std::to_string(inner.local_port) + " > " + spec::text_of(inner.remote) + ':' +
         std::to_string(inner.remote_port) + " as " + std::to_string(outer.network) + '/' + spec::text_of(outer.local) +
         ':' + std::to_string(outer.local_port) + ' ' + state;
}

spec::Tuple tuple_of(std::uint32_t network, const FlowView& view, Ipv4Address local, L4Port port) {
  return {.network = network,
          .protocol = static_cast<unsigned>(view.protocol),
          .local = local.host(),
          .remote = view.remote.host(),
          .remote_port = view.remote_port.host(),
          .local_port = port.host()};
}

std::string counts_text(spec::Time age, spec::Time idle, const std::array<std::uint64_t, 4>& counts) {
  std::string text = ", age " + std::to_string(age) + ", idle " + std::to_string(idle) + ", counts";
  for (const std::uint64_t count : counts) text += ' ' + std::to_string(count);
  return text;
}

std::string name_of(spec::Phase phase, unsigned protocol) {
  switch (phase) {
    case spec::Phase::kInit:
      return "opening";
    case spec::Phase::kEstablished:
    case spec::Phase::kInsideFin:
    case spec::Phase::kRemoteFin:
      return "established";
    case spec::Phase::kBothFins:
    case spec::Phase::kTransitory:
      return "closing";
    case spec::Phase::kDatagram:
      break;
  }
  return protocol == spec::kUdp ? "udp" : "echo";
}

}  // namespace

spec::Settings told(const NatWorld::Options& options) {
  return {.lambda_vpc = {.address = 0x64400000, .length = 10},  // those of NatWorld
          .gateway = 0xa9fe6401,
          .workers = options.workers,
          .resets_per_second = options.resets_per_second,
          .errors_per_second = options.errors_per_second,
          .inside = {.mtu = options.inside.mtu, .mss = options.inside.mss},
          .outside = {.mtu = options.outside.mtu, .mss = options.outside.mss},
          .flows = options.flows,
          .flows_per_tenant = options.flows_per_tenant,
          .redirects = options.redirects,
          .redirects_per_tenant = options.redirects_per_tenant,
          .fragments = {.udp_only = options.fragments.protocols == dataplane::FragmentProtocols::kUdp,
                        .datagrams = options.fragments.datagrams,
                        .datagrams_per_tenant = options.fragments.datagrams_per_tenant,
                        .held = options.fragments.held,
                        .held_per_tenant = options.fragments.held_per_tenant,
                        .held_per_datagram = options.fragments.held_per_datagram,
                        .timeout = options.fragments.timeout},
          .timeouts = {.tcp_opening = options.timeouts.tcp_opening,
                       .tcp_established = options.timeouts.tcp_established,
                       .tcp_closing = options.timeouts.tcp_closing,
                       .udp = options.timeouts.udp,
                       .icmp = options.timeouts.icmp}};
}

spec::Table told(const config::Table& table) {
  spec::Table made;
  for (const auto& peer : table.peers) made.peers[peer.address.host()] = told(peer.block);
  const auto ticks = [](std::chrono::milliseconds timeout) { return static_cast<spec::Time>(timeout.count()); };
  for (const auto& tenant : table.tenants)
    made.tenants[tenant.number] = {.flows = tenant.limits.flows,
                                   .new_flows_per_second = tenant.limits.new_flows_per_second,
                                   .packets_per_second = tenant.limits.packets_per_second,
                                   .timeouts = {.tcp_opening = ticks(tenant.timeouts.tcp_opening),
                                                .tcp_established = ticks(tenant.timeouts.tcp_established),
                                                .tcp_closing = ticks(tenant.timeouts.tcp_closing),
                                                .udp = ticks(tenant.timeouts.udp),
                                                .icmp = ticks(tenant.timeouts.icmp)}};
  for (const auto& subnet : table.subnets) made.subnets[to_number(subnet.number)] = told(table, subnet);
  for (const auto& mapping : table.mappings) made.mappings[to_number(mapping.number)] = told(table, mapping);
  return made;
}

spec::Arrival told(const NatWorld::Arrival& arrival) {
  const bool inside = arrival.side == dataplane::Side::kInside;
  spec::Arrival made{.side = inside ? spec::Side::kInside : spec::Side::kOutside,
                     .way = {},
                     .subnet = arrival.subnet,
                     .packet = arrival.piece.empty() ? arrival.datagram.bytes() : arrival.piece};
  if (inside)
    made.way = {.mapping = arrival.from.mapping,
                .peer = parse_ipv4_address(arrival.from.worker_host).value().host(),
                .attachment = arrival.from.attachment,
                .mac = arrival.from.mac.bytes};
  return made;
}

spec::Fate told(const Outcome& outcome, const NatWorld::Arrival& arrival, NatWorld& world) {
  spec::Fate fate{.packet = outcome.bytes,
                  .opened = outcome.opened,
                  .home = outcome.home,
                  .worker = outcome.worker,
                  .gatherer = arrival.piece.empty() ? 0U : outcome.came_to};
  const dataplane::Egress& egress = outcome.egress;
  const auto to_inside = [&] {
    fate.way = {.mapping = to_number(world.tables().mapping_numbers.at(egress.mapping)),
                .peer = egress.peer.host(),
                .attachment = egress.attachment,
                .mac = egress.environment_mac.bytes};
  };
  const auto to_outside = [&] {
    fate.interface = world.tables().interfaces.at(egress.interface).id;
    fate.next_hop = world.neighbours()[egress.next_hop].address.host();
  };
  switch (outcome.verdict) {
    case Verdict::kForward:
      fate.what = spec::Fate::What::kForwarded;
      if (arrival.side == dataplane::Side::kOutside) {
        to_inside();
      } else {
        to_outside();
      }
      break;
    case Verdict::kAnswered:
      fate.what = spec::Fate::What::kAnswered;
      fate.reason = name_of(outcome.drop);
      fate.packet = outcome.answer;
      if (egress.interface == dataplane::kNone)
        to_inside();
      else
        to_outside();
      break;
    case Verdict::kDrop:
      fate.reason = name_of(outcome.drop);
      break;
    case Verdict::kHeld:
      fate.what = spec::Fate::What::kHeld;
      break;
    default:
      fate.reason = outcome.text();
      break;
  }
  return fate;
}

spec::Tuple inner_of(const FlowView& view) {
  return tuple_of(to_number(view.mapping), view, view.inside, view.inside_port);
}

std::string told(const FlowView& view, NatWorld& world) {
  const spec::Tuple outer = tuple_of(to_number(view.subnet), view, view.interface, view.interface_port);
  return flow_text(inner_of(view), outer, dataplane::name_of(view.state)) + " by " +
         world.tables().interfaces.at(view.interface_slot).id + " and " +
         spec::text_of(world.neighbours()[view.next_hop].address.host()) + " from " + spec::text_of(view.peer.host()) +
         ' ' + to_string(view.environment_mac) +
         counts_text(view.age, view.idle,
                     {view.outbound_packets, view.outbound_bytes, view.inbound_packets, view.inbound_bytes});
}

std::string told(const spec::Flow& flow, spec::Time now) {
  return flow_text(flow.inner, flow.outer, name_of(flow.phase, flow.inner.protocol)) + " by " + flow.interface.id +
         " and " + spec::text_of(flow.next_hop) + " from " + spec::text_of(flow.way.peer) + ' ' +
         to_string(MacAddress{flow.way.mac}) +
         counts_text(now - flow.opened, now - flow.seen,
                     {flow.packets_out, flow.bytes_out, flow.packets_in, flow.bytes_in});
}

}  // namespace hypernat::model
