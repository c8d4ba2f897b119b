"""Faults that the specification must find in the data plane: each one is a text that stands once in a file, and what
would stand there if somebody had been careless. Whoever changes such a line changes the fault with it."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    file: str  # below dataplane/
    text: str
    fault: str
    short: bool = False  # also in the short form


MUTANTS = [
    # Translation
    Mutant("an echo's sum counts addresses", "nat/rewrite.h",
           "flow.protocol == Protocol::kIcmp ? port_delta : add_sums(flow.ip_delta, port_delta)",
           "add_sums(flow.ip_delta, port_delta)"),
    Mutant("the reply's sum goes the wrong way", "nat/rewrite.h",
           "adjust_l4(l4, flow.protocol, reverse_delta(flow.l4_delta));", "adjust_l4(l4, flow.protocol, flow.l4_delta);"),
    Mutant("the time to live stays as it is", "nat/rewrite.h",
           "  --ip.ttl;\n  ip.checksum = adjust_checksum(ip.checksum, add_sums(flow.ip_delta, kTtlDelta));",
           "  ip.checksum = adjust_checksum(ip.checksum, flow.ip_delta);"),
    Mutant("an absent UDP checksum is adjusted", "nat/rewrite.h",
           "  if (protocol == Protocol::kUdp && checksum == 0) return;\n", ""),
    Mutant("a computed UDP checksum of zero says that there is none", "nat/rewrite.h",
           "  if (protocol == Protocol::kUdp && checksum == 0) checksum = 0xffff;\n", ""),
    # TCP
    Mutant("the FIN of one side closes", "nat/tcp_state.h",
           "return (saw & kBothFins) == kBothFins;", "return (saw & kBothFins) != 0;"),
    Mutant("nothing comes back from a RST", "nat/tcp_state.h",
           "    saw &= static_cast<std::uint8_t>(~kSawReset);", "    saw |= 0;"),
    Mutant("strangers keep an opening flow alive", "nat/tcp_state.h",
           "(from == Side::kInside || before == FlowState::kClosing)", "true"),
    Mutant("a shorter timeout waits for the longer one", "nat/tcp_state.h",
           "return after != before;", "return false;"),
    Mutant("a new SYN leaves the old FINs", "nat/tcp_state.h",
           "opens_tcp(flags)) saw = 0;", "opens_tcp(flags)) saw &= kSawRemoteSyn | kSawInsideFin;"),
    Mutant("a new SYN asks no rules", "nat/forward.cc",
           "may_open_now(packet, mapping.tenant, now) && permitted_by_rules(packet, mapping)",
           "may_open_now(packet, mapping.tenant, now)"),
    Mutant("a new SYN does not tell who sent it", "nat/forward.cc",
           "if (revives || another_way) learn_way(packet, flow);", "if (another_way) learn_way(packet, flow);"),
    Mutant("a RST is answered with the wrong number", "nat/answer.cc",
           "tcp.sequence_be = segment.acknowledgment_be;", "tcp.sequence_be = segment.sequence_be;"),
    # Time
    Mutant("a flow goes a second late", "nat/nat.cc",
           "now - flow.last_seen >= state.timeout_of(flow, state.flows.cold(number))",
           "now - flow.last_seen >= state.timeout_of(flow, state.flows.cold(number)) + 1000", short=True),
    Mutant("a reply keeps a datagram's flow", "nat/forward.cc",
           "  rewrite_inbound(flow, *packet.ip, packet.l4);", "  flow.last_seen = now;\n  rewrite_inbound(flow, *packet.ip, packet.l4);"),
    Mutant("allowances are earned twice as fast", "nat/allowance.h", "* per_second / 1000;", "* per_second / 500;"),
    # Who may
    Mutant("another worker host may go on with a flow", "nat/forward.cc",
           "  if (another_way && !may_come_another_way(packet)) return;\n", ""),
    Mutant("any source of the Lambda VPC comes from any host", "nat/open.cc",
           " || (peer != nullptr && !peer->block.contains(packet.src))", ""),
    Mutant("an opening asks no rules", "nat/open.cc",
           "  if (!permitted_by_rules(packet, opening.mapping)) return false;\n", "", short=True),
    Mutant("the last port of a rule is not in it", "nat/rule.h", "port <= last;", "port < last;"),
    Mutant("the subnet's broadcast address is a host", "nat/open.cc",
           "         !is_network_or_broadcast(tables->subnets[subnet_slot].prefix, address) &&\n", ""),
    Mutant("an interface is somebody to talk to", "nat/open.cc",
           "tables->find_interface(subnet_slot, address) == Tables::kMissing;", "true;"),
    Mutant("behind a longer prefix there is no route", "nat/routes.cc",
           "open.empty() ? std::nullopt : std::optional(open.back().target)", "std::nullopt"),
    Mutant("neighbours are reached by the router", "nat/open.cc",
           "*target == config::RouteTarget::kLocal ? packet.dst : opening.subnet.router", "opening.subnet.router"),
    # What senders are told
    Mutant("strangers are told that their time ran out", "nat/answering.cc",
           "!fault_of_source(packet) && ", ""),
    Mutant("nobody counts the errors", "nat/answering.cc", "  tenant_counters[tenant].errors_sent.add();\n", ""),
    Mutant("errors have no limit", "nat/answering.cc",
           "!allowances[tenant].errors.take(options.errors_per_second, now)", "false"),
    Mutant("what just fits is too big", "nat/answering.cc",
           "if (swap16(packet.ip->total_length_be) <= mtu) return false;",
           "if (swap16(packet.ip->total_length_be) < mtu) return false;"),
    Mutant("an MSS at an odd place spoils the sum", "nat/mss.h", "at % 2 == 0 ? delta : swap16(delta)", "delta"),
    # Errors of others
    Mutant("a quoted packet keeps its checksum", "nat/rewrite_error.h",
           "  adjust_l4(quote.l4, protocol, rewrite.l4_delta);\n", ""),
    Mutant("a quoted packet keeps its port", "nat/rewrite_error.h", "  write_port(port, rewrite.port);\n", ""),
    Mutant("what an environment puts behind a quote goes out", "nat/icmp_errors.cc",
           "  if (inside) end_with_quote(*packet.ip, message, quote);\n", ""),
    Mutant("errors speak in an interface's name", "nat/icmp_errors.cc",
           "if (may_be_destination(packet.ip->src(), packet.slot)) return true;", "return true;"),
    Mutant("errors come from any worker host", "nat/icmp_errors.cc",
           "if (inside && comes_another_way(packet, *flow)) {", "if (false) {"),
    # Limits and what is given back
    Mutant("what a limit lets through costs half", "nat/token_bucket.h",
           "fill.level -= granted * kToken;", "fill.level -= granted * kToken / 2;"),
    Mutant("a connection opened anew is no new flow", "nat/forward.cc",
           "may_open_now(packet, mapping.tenant, now) && ", ""),
    Mutant("a tenant's share is one flow larger", "nat/limits.cc",
           "flows_open.read() >= options.flows_per_tenant", "flows_open.read() > options.flows_per_tenant"),
    Mutant("a new limit forgets the flows there are", "nat/limits.cc", "    usage.charge(tenant, here);", "    usage.charge(tenant, 0);"),
    Mutant("nobody has timeouts of its own", "nat/limits.cc",
           "return own != 0 ? own : options.timeouts.of(flow.state);", "return own != 0 ? options.timeouts.of(flow.state) : options.timeouts.of(flow.state);"),
    Mutant("a flow is counted for another tenant", "nat/open.cc",
           "cold.tenant_slot = opening.mapping.tenant;", "cold.tenant_slot = 0;"),
    Mutant("a tenant never gets its flow back", "nat/open.cc", "  release_flow(cold.tenant_slot);\n", ""),
    Mutant("a flow that is gone keeps its next hop", "nat/open.cc", "  neighbours.release(flow.next_hop);\n", ""),
    Mutant("a flow that is gone keeps its port", "nat/port_choice.cc",
           "    parts_.bitmaps[entry->bitmap].clear(parts_.home.reply_ports(flow.ends.protocol).position_of("
           "flow.ends.local_port));\n", ""),
    Mutant("a flow that is gone is found by replies", "nat/open.cc", "  index->erase(inbound, hash(inbound));\n", ""),
    # Ports
    Mutant("ports below 1024 are given away", "nat/port_choice.cc",
           "    if (space.port_at(position).host() >= kFirstInterfacePort) positions[drawn++] = position;",
           "    positions[drawn++] = position;"),
    Mutant("a port is given away twice", "nat/port_choice.cc",
           "    if (values[i] != FlowIndex::kMissing) {", "    if (values[i] != FlowIndex::kMissing && i > 0) {"),
    Mutant("an environment changes its interface", "nat/open.cc",
           "packet.src.host() * 0x9e3779b1U", "packet.dst.host() * 0x9e3779b1U"),
    Mutant("the ports of the last interface are not tried", "nat/open.cc",
           "i < interfaces.size(); ++i)", "i < (interfaces.size() + 1) / 2; ++i)"),
    Mutant("a flow that was passed on reports to itself", "nat/passing.cc",
           "  cold.home = packet.pass.home;", "  cold.home = static_cast<std::uint8_t>(options.worker);"),
    Mutant("directions share their keys", "flow/flow_key.h", " | kInboundBit, ends);", ", ends);"),
    Mutant("two packets of a burst open twice", "nat/nat.cc",
           "if (packet.flow == kNone && opened.test(bit))", "if (packet.flow == kNone && false)"),
    # Tables
    Mutant("a flow outlives its mapping", "nat/nat.cc",
           "    if (!closed && stands(flows[number])) continue;", "    if (!closed) continue;"),
    Mutant("nothing is swept away", "nat/nat.cc",
           "flow.state != FlowState::kFree && !state.stands(flow)", "false && !state.stands(flow)"),
    Mutant("an interface is the one that had its address", "nat/table_compiler.cc",
           "  return {mapping.uid, interface.uid, interface.address.host()};",
           "  return {mapping.uid, 0, interface.address.host()};", short=True),
    Mutant("a new interface counts on from the old", "nat/nat.cc",
           "    state.interface_counters[slot].reset();\n", ""),
]
