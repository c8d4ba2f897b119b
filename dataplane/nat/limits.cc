// What a tenant may do: flows at a time, new flows and packets per second, how long its flows last, and its share of
// what this worker has.
//
// Each is asked before what it limits costs anything: packets before they are looked up, openings before rules, routes
// and ports are. What is beyond a limit dies by a name of its own and is counted for the tenant. The limits hold over
// all workers (tenant_usage.h), the shares for this one.
#include "dataplane/nat/nat_state.h"

namespace hypernat::dataplane {

std::uint32_t Nat::State::tenant_of(const Packet& packet) const {
  return tables->tenant_of(packet.side, packet.slot);
}

std::uint32_t Nat::State::packet_limit_of(const Packet& packet) const {
  return tables->tenants[tenant_of(packet)].limits.packets_per_second;
}

// What a tenant has of a burst is asked for at once: the workers meet once per burst and tenant, and nothing that was
// granted is ever left over.
void Nat::admit(std::span<Packet* const> burst, Tick now) {
  State& state = *state_;
  if (!state.tables->any_packet_limit) return;
  for (const Packet* packet : burst)
    if (state.packet_limit_of(*packet) != 0) ++state.packet_allowances[state.tenant_of(*packet)].wanted;
  for (Packet* packet : burst) {
    const std::uint32_t limit = state.packet_limit_of(*packet);
    if (limit == 0) continue;
    const std::uint32_t tenant = state.tenant_of(*packet);
    PacketAllowance& allowance = state.packet_allowances[tenant];
    if (allowance.wanted != 0) {
      allowance.granted = state.usage.take_packets(tenant, limit, allowance.wanted, now);
      allowance.wanted = 0;
    }
    if (allowance.granted != 0) {
      --allowance.granted;
      continue;
    }
    drop_packet(*packet, Drop::tenant_packet_limit);
    state.count_drop(*packet);
  }
}

// A new table may have set the tenant's limit of flows, or taken it away: from now on those that it has here are
// counted with the others', or no longer are.
void Nat::State::follow_flow_limit(std::uint32_t tenant) {
  const bool limited = tenant < tables->tenants.size() && tables->tenants[tenant].limits.flows != 0;
  if (limited == under_flow_limit[tenant]) return;
  const auto here = static_cast<std::uint32_t>(tenant_counters[tenant].flows_open.read());
  if (limited)
    usage.charge(tenant, here);
  else
    usage.release(tenant, here);
  under_flow_limit[tenant] = limited;
}

// Claims nothing of the tenant's flows: a tenant that has none left is told so before anything else is done for it.
bool Nat::State::may_open_more(Packet& packet, std::uint32_t tenant, Tick now) {
  const std::uint32_t limit = tables->tenants[tenant].limits.flows;
  if (limit != 0 && usage.flows(tenant) >= limit) {
    drop_packet(packet, Drop::tenant_flow_limit);
    return false;
  }
  if (share_is_full(tenant) && nobody_has(Drop::flow_share_full, tenant)) {
    drop_packet(packet, Drop::flow_share_full);
    return false;
  }
  return may_open_now(packet, tenant, now);
}

bool Nat::State::share_is_full(std::uint32_t tenant) const {
  const bool shared = tables->several_tenants && options.flows_per_tenant != 0;
  return shared && tenant_counters[tenant].flows_open.read() >= options.flows_per_tenant;
}

// Whether it is known here that no worker has what is lacking.
bool Nat::State::nobody_has(Drop lacking, std::uint32_t tenant) const {
  if (lacking == Drop::flow_share_full) return usage.full_shares(tenant) == home.workers();
  if (lacking == Drop::flow_table_full) return usage.full_pools() == home.workers();
  return lacking == Drop::tenant_flow_limit;
}

TenantAllowances Nat::State::full_allowances() const {
  return {.resets = Allowance(options.resets_per_second),
          .errors = Allowance(options.errors_per_second),
          .resting_ports = Allowance(kRestingSearchesPerSecond)};
}

bool Nat::State::may_open_now(Packet& packet, std::uint32_t tenant, Tick now) {
  const std::uint32_t limit = tables->tenants[tenant].limits.new_flows_per_second;
  // An opening that is passed on was counted where it began.
  if (limit == 0 || goes_round(packet.pass.kind) || usage.take_new_flow(tenant, limit, now)) return true;
  drop_packet(packet, Drop::tenant_new_flow_limit);
  return false;
}

bool Nat::State::claim_flow(std::uint32_t tenant) {
  if (under_flow_limit[tenant] && !usage.claim(tenant, tables->tenants[tenant].limits.flows)) return false;
  Counter& open = tenant_counters[tenant].flows_open;
  open.add();
  if (open.read() == options.flows_per_tenant) usage.share_filled(tenant);
  return true;
}

void Nat::State::release_flow(std::uint32_t tenant) {
  if (under_flow_limit[tenant]) usage.release(tenant);
  Counter& open = tenant_counters[tenant].flows_open;
  if (open.read() == options.flows_per_tenant) usage.share_freed(tenant);
  open.set(open.read() - 1);
}

std::uint32_t Nat::State::take_entry() {
  const std::uint32_t number = flows.take();
  if (number != kNone && flows.in_use() == flows.capacity()) usage.pool_filled();
  return number;
}

void Nat::State::give_entry_back(std::uint32_t number) {
  if (flows.in_use() == flows.capacity()) usage.pool_freed();
  flows.give_back(number);
}

void Nat::count_refused(std::uint32_t tenant) {
  if (tenant < state_->tenant_counters.size()) state_->tenant_counters[tenant].drops.add();
}

void Nat::count_undelivered(std::uint32_t tenant) {
  if (tenant < state_->tenant_counters.size()) state_->tenant_counters[tenant].undelivered.add();
}

void Nat::State::count_drop(const Packet& packet) {
  TenantCounters& counters = tenant_counters[tenant_of(packet)];
  counters.drops.add();
  switch (packet.drop) {
    case Drop::tenant_flow_limit:
    case Drop::flow_share_full:
      counters.limit_reached.add();
      break;
    case Drop::tenant_new_flow_limit:
      counters.new_flow_limit_reached.add();
      break;
    case Drop::tenant_packet_limit:
      counters.packet_limit_reached.add();
      break;
    case Drop::ports_exhausted:
    case Drop::port_search_failed:
      counters.ports_exhausted.add();
      break;
    default:
      break;
  }
}

// Asked when a flow's timer is set or comes: a changed timeout holds for a standing flow from then on.
Tick Nat::State::timeout_of(const Flow& flow, const FlowCold& cold) const {
  const bool known = cold.tenant_slot < tables->tenants.size();
  const Tick own = known ? tables->tenants[cold.tenant_slot].timeouts.of(flow.state) : 0;
  return own != 0 ? own : options.timeouts.of(flow.state);
}

}  // namespace hypernat::dataplane
