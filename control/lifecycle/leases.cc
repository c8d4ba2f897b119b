#include "control/lifecycle/leases.h"

#include <algorithm>
#include <set>

#include "control/lifecycle/refusal.h"
#include "control/store/counters.h"
#include "control/store/function_store.h"
#include "control/store/mapping_store.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

std::string label(const Lease& lease) {
  return lease.id() + " of function " + lease.function + " of " + lease.account;
}

}  // namespace

Subnet Leases::choose_subnet(const Function& function) {
  std::set<std::string> zones;
  for (const auto& host : parts_.hosts.live()) zones.insert(host.zone);
  std::vector<Subnet> all;
  std::vector<Subnet> near;
  for (const auto& id : function.network.subnets) {
    const auto subnet = find_subnet(parts_.database, function.account, id);
    if (!subnet) continue;
    all.push_back(*subnet);
    if (zones.contains(subnet->zone)) near.push_back(*subnet);
  }
  if (all.empty())
    throw invalid_parameter("FunctionName: found " + function.name +
                            ", which has no network; expected a function with a VpcConfig");
  const auto& candidates = near.empty() ? all : near;
  return candidates[turn_++ % candidates.size()];
}

Lease Leases::request(const LeaseRequest& request, TimePoint now) {
  auto& database = parts_.database;
  const auto function = find_function(database, request.account, request.function);
  if (!function) throw not_found("Function not found: " + request.function + " of account " + request.account);
  const std::set<std::string> groups(function->network.groups.begin(), function->network.groups.end());
  const auto subnet = choose_subnet(*function);
  Lease lease{.uid = take_uid(database),
              .account = request.account,
              .function = request.function,
              .mapping = 0,
              .mapping_number = 0,
              .requested_at = now,
              .provisioned_at = {},
              .published_at = {},
              .active_at = {},
              .expires_at = now + request.lifetime,
              .reason_code = {},
              .reason = {}};
  const auto mapping = parts_.mappings.make_own(
      {.account = request.account, .subnet = subnet.number, .groups = {groups.begin(), groups.end()}},
      {.lease = lease.uid, .provisioning_time = request.provisioning_time}, now);
  lease.mapping = mapping.uid;
  lease.mapping_number = mapping.number;
  put(database, lease);
  parts_.journal.note(label(lease) + " is Pending");
  return lease;
}

LeasedInterface Leases::lease(std::uint64_t uid) {
  if (auto found = find_lease(parts_.database, uid)) return *found;
  throw not_found("The lease " + lease_id(uid) + " does not exist; it was deleted, or has expired");
}

void Leases::end(const Lease& lease, const std::string& why) {
  parts_.mappings.discard(lease.mapping);
  erase_lease(parts_.database, lease.uid);
  parts_.journal.note(label(lease) + " " + why);
}

void Leases::erase(std::uint64_t uid) {
  if (const auto found = find_lease(parts_.database, uid)) end(found->lease, "is deleted");
}

void Leases::erase_all(const std::string& account, const std::string& function) {
  for (const auto& lease : list_leases_of(parts_.database, account, function)) end(lease, "goes with it");
}

void Leases::expire(TimePoint now) {
  for (const auto& lease : list_expired_leases(parts_.database, now)) end(lease, "has expired");
}

void Leases::mark_published(TimePoint now) {
  for (auto& lease : list_leases_in_table(parts_.database)) {
    lease.published_at = now;
    put(parts_.database, lease);
  }
}

void Leases::follow() {
  for (auto& lease : list_leases_behind(parts_.database)) {
    const auto mapping = find_mapping(parts_.database, lease.mapping);
    if (!mapping) throw DatabaseError("database is damaged: " + lease.id() + " has no mapping");
    if (mapping->state == MappingState::kFailed) {
      lease.reason_code = mapping->reason_code;
      lease.reason = mapping->reason;
      parts_.mappings.discard(mapping->uid);
    } else if (mapping->state == MappingState::kActive) {
      lease.active_at = mapping->since;
      if (!lease.published_at)
        lease.published_at = lease.active_at;  // a data plane has it, whatever the store says now
    } else {
      lease.provisioned_at = mapping->since;
    }
    put(parts_.database, lease);
    if (lease.active_at || lease.has_failed())
      parts_.journal.note(label(lease) + (lease.has_failed() ? " is Failed: " + lease.reason : " is Active"));
  }
}

std::string Leases::reason(const LeasedInterface& leased, const std::vector<config::DataplaneStatus>& live) {
  const auto& lease = leased.lease;
  if (lease.has_failed()) return lease.reason;
  if (lease.active_at) return {};
  if (!leased.interface) return "its interface is being made";
  return publication_reason(*leased.interface, read_publication(parts_.database).epoch, live);
}

}  // namespace hypernat::control
