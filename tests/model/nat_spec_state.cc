// What the specification remembers: flows and their time, ports, counts.
#include <algorithm>

#include "tests/model/nat_spec.h"

namespace hypernat::spec {
namespace {

constexpr Time kPlace = 256;  // of the timer wheel

Tuple without_port(Tuple outer) {
  outer.local_port = 0;
  return outer;
}

}  // namespace

void NatSpec::at(Time now) {
  now_ = now;
  all_are_there_ = false;
  end_old_datagrams();
  if (now_ < nothing_goes_before_) return;
  std::vector<Tuple> gone;
  nothing_goes_before_ = ~Time{0};
  for (const auto& [inner, flow] : flows_) {
    const Time last = std::max(due(flow), flow.looked_at_by) + kPlace;
    if (now_ >= last)
      gone.push_back(inner);
    else
      nothing_goes_before_ = std::min(nothing_goes_before_, last);
  }
  for (const Tuple& inner : gone) erase(inner);
}

void NatSpec::adopt(const Table& table) {
  for (const auto& [number, mapping] : table.mappings) {
    const auto old = table_.mappings.find(number);
    if (old == table_.mappings.end() || old->second.interfaces == mapping.interfaces) continue;
    std::erase_if(paired_, [uid = mapping.uid](const auto& pair) { return pair.first.first == uid; });
  }
  // Timers stay as they were set; when they come, the new timeouts hold.
  for (auto& [inner, flow] : flows_) flow.looked_at_by = std::max(flow.looked_at_by, due(flow));
  nothing_goes_before_ = 0;
  table_ = table;
  std::vector<Tuple> gone;
  for (const auto& [inner, flow] : flows_)
    if (!stands(flow)) gone.push_back(inner);
  for (const Tuple& inner : gone) {
    swept_away_.push_back(flows_.at(inner));
    erase(inner);
  }
}

void NatSpec::count(const Arrival& arrival, const Fate& fate) {
  if (fate.reason == "unknown_segment" || fate.what == Fate::What::kHeld) return;
  const bool inside = arrival.side == Side::kInside;
  const Mapping* mapping = inside ? &table_.mappings.at(arrival.way.mapping) : nullptr;
  TenantCounts& tenant = tenant_counts_[inside ? mapping->tenant : table_.subnets.at(arrival.subnet).tenant];
  if (fate.what == Fate::What::kAnswered) ++(fate.reason == "no_flow" ? tenant.resets : tenant.errors);
  if (fate.what != Fate::What::kForwarded) ++tenant.drops;
  if (fate.reason == "tenant_flow_limit" || fate.reason == "flow_share_full") ++tenant.limit_reached;
  if (fate.reason == "tenant_new_flow_limit") ++tenant.new_flow_limit_reached;
  if (fate.reason == "tenant_packet_limit") ++tenant.packet_limit_reached;
  if (fate.reason == "ports_exhausted" || fate.reason == "port_search_failed") ++tenant.exhausted;
  if (fate.reason == "ports_exhausted")
    for (const Interface& interface : mapping->interfaces) ++interface_counts_[interface].exhausted;
  if (fate.what != Fate::What::kForwarded || !fate.reason.empty()) return;
  const Header header = read(inside ? fate.packet : arrival.packet);
  const unsigned subnet = inside ? mapping->subnet : arrival.subnet;
  Interface used;
  for (const auto& [number, one] : table_.mappings)
    for (const Interface& interface : one.interfaces)
      if (one.subnet == subnet && interface.address == (inside ? header.src : header.dst)) used = interface;
  InterfaceCounts& counts = interface_counts_[used];
  ++(inside ? counts.packets_out : counts.packets_in);
  (inside ? counts.bytes_out : counts.bytes_in) += inside ? fate.packet.size() : arrival.packet.size();
  if (!fate.opened) return;
  ++counts.opened;
  ++tenant.opened;
}

InterfaceCounts NatSpec::interface_counts(const Interface& interface) const {
  const auto known = interface_counts_.find(interface);
  InterfaceCounts counts = known == interface_counts_.end() ? InterfaceCounts{} : known->second;
  for (const auto& [inner, flow] : flows_) {
    if (flow.interface != interface) continue;
    ++counts.open;
    counts.fullest = std::max<std::uint64_t>(counts.fullest, ports_.at(without_port(flow.outer)));
  }
  return counts;
}

TenantCounts NatSpec::tenant_counts(unsigned tenant) const {
  const auto known = tenant_counts_.find(tenant);
  TenantCounts counts = known == tenant_counts_.end() ? TenantCounts{} : known->second;
  for (const auto& [inner, flow] : flows_)
    if (flow.tenant == tenant) ++counts.open;
  return counts;
}

std::set<std::pair<unsigned, Address>> NatSpec::next_hops() const {
  std::set<std::pair<unsigned, Address>> held;
  for (const auto& [inner, flow] : flows_) held.emplace(flow.outer.network, flow.next_hop);
  return held;
}

bool NatSpec::stands(const Flow& flow) const {
  const auto mapping = table_.mappings.find(flow.inner.network);
  return mapping != table_.mappings.end() && mapping->second.uid == flow.interface.mapping_uid &&
         std::ranges::count(mapping->second.interfaces, flow.interface) > 0;
}

Flow* NatSpec::find(Side side, const Tuple& tuple) {
  if (side == Side::kInside) return flows_.contains(tuple) ? &flows_.at(tuple) : nullptr;
  const auto inner = inner_of_.find(tuple);
  return inner == inner_of_.end() ? nullptr : &flows_.at(inner->second);
}

// New, or changed.
void NatSpec::enter(const Flow& flow) {
  if (inner_of_.emplace(flow.outer, flow.inner).second) ++ports_[without_port(flow.outer)];
  flows_[flow.inner] = flow;
  nothing_goes_before_ = std::min(nothing_goes_before_, due(flow) + kPlace);
}

void NatSpec::erase(const Tuple& inner) {
  const Tuple outer = flows_.at(inner).outer;
  --ports_[without_port(outer)];
  inner_of_.erase(outer);
  own_.erase(outer);
  flows_.erase(inner);
}

NatSpec::Range NatSpec::how_many(const std::function<bool(const Flow&)>& which) const {
  Range range;
  for (const auto& [inner, flow] : flows_) {
    if (!which(flow)) continue;
    ++range.at_most;
    if (!may_be_gone(flow)) ++range.surely;
  }
  for (const Flow& flow : swept_away_) range.at_most += which(flow) ? 1 : 0;
  return range;
}

// Towards one remote, on one interface; flows that may be gone counted.
std::size_t NatSpec::ports_taken(const Tuple& outer) const {
  const auto known = ports_.find(without_port(outer));
  return (known == ports_.end() ? 0 : known->second) + swept_away_.size();
}

NatSpec::Range NatSpec::ports_in_use(const Tuple& outer) const {
  if (ports_taken(outer) < kPorts) return {.surely = 0, .at_most = ports_taken(outer)};
  return how_many([&](const Flow& flow) { return without_port(flow.outer) == without_port(outer); });
}

// So many are taken that some worker's share of the ports may be used up, or hard to search.
bool NatSpec::short_of_ports(const Tuple& outer) const {
  return ports_taken(outer) * 2 * settings_.workers > kPorts;
}

bool NatSpec::some_short_of_ports(Tuple outer, const Mapping& mapping) const {
  return std::ranges::any_of(mapping.interfaces, [&](const Interface& interface) {
    outer.local = interface.address;
    return short_of_ports(outer);
  });
}

std::string text_of(const Arrival& arrival) {
  const std::string from = arrival.side == Side::kInside
                               ? "mapping " + std::to_string(arrival.way.mapping) + " by " + text_of(arrival.way.peer)
                               : "subnet " + std::to_string(arrival.subnet);
  return from + ": " + text_of(arrival.packet);
}

std::string text_of(const Fate& fate) {
  if (fate.what == Fate::What::kDropped) return "dropped: " + fate.reason;
  if (fate.what == Fate::What::kHeld) return "held";
  std::string text = fate.what == Fate::What::kAnswered ? "answered: " : (fate.opened ? "opened: " : "forwarded: ");
  if (fate.what == Fate::What::kForwarded && !fate.reason.empty()) return text + fate.reason;
  text += text_of(fate.packet);
  if (fate.interface.empty())
    return text + " to mapping " + std::to_string(fate.way.mapping) + " by " + text_of(fate.way.peer);
  return text + " by " + fate.interface + " and " + text_of(fate.next_hop);
}

}  // namespace hypernat::spec
