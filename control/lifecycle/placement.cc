#include "control/lifecycle/placement.h"

#include <algorithm>
#include <set>

#include "control/lifecycle/refusal.h"
#include "control/store/function_store.h"
#include "control/store/mapping_store.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

// Those that satisfy `wanted`, or all when none does.
template <class Value, class Predicate>
std::vector<Value> prefer(const std::vector<Value>& values, Predicate wanted) {
  std::vector<Value> preferred;
  std::copy_if(values.begin(), values.end(), std::back_inserter(preferred), wanted);
  return preferred.empty() ? values : preferred;
}

}  // namespace

Place Placement::choose(const Function& function) {
  std::vector<Candidate> candidates;
  for (const auto uid : referenced_mappings(database_, function, NetworkRole::kCurrent)) {
    const auto mapping = find_mapping(database_, uid);
    if (!mapping || mapping->state != MappingState::kActive) continue;
    if (const auto subnet = find_subnet(database_, mapping->subnet))
      candidates.push_back({.mapping = *mapping, .subnet = *subnet});
  }
  if (candidates.empty() && !function.network.subnets.empty())
    throw Refusal(RefusalKind::kUnavailable, "No mapping of function " + function.name + " is active");
  return choose_among(candidates);
}

Place Placement::choose(const Lease& lease) {
  const auto mapping = find_mapping(database_, lease.mapping);
  const auto subnet = mapping ? find_subnet(database_, mapping->subnet) : std::nullopt;
  if (!lease.active_at || !subnet)
    throw conflict("Lease: found " + lease.id() + ", which is " + (lease.has_failed() ? "Failed" : "Pending") +
                   "; expected one that is Active");
  return choose_among({{.mapping = *mapping, .subnet = *subnet}});
}

Place Placement::choose_among(const std::vector<Candidate>& candidates) {
  std::set<std::string> zones;
  for (const auto& candidate : candidates) zones.insert(candidate.subnet.zone);
  const auto hosts = prefer(hosts_.live(), [&](const auto& host) { return zones.contains(host.zone); });
  if (hosts.empty()) throw Refusal(RefusalKind::kUnavailable, "No worker host is alive; start hypernat-workerhost");

  const auto turn = turn_++;
  Place place{.host = hosts[turn % hosts.size()], .mapping = 0, .mapping_uid = 0, .resolver = {}};
  if (candidates.empty()) return place;

  const auto near = prefer(candidates, [&](const auto& candidate) { return candidate.subnet.zone == place.host.zone; });
  // The hosts have taken their turn; mappings take theirs once per round of hosts, or some pairs would never be met.
  const auto& chosen = near[turn / hosts.size() % near.size()];
  place.mapping = chosen.mapping.number;
  place.mapping_uid = chosen.mapping.uid;
  if (const auto vpc = find_vpc(database_, chosen.subnet.account, chosen.subnet.vpc)) place.resolver = vpc->resolver;
  return place;
}

}  // namespace hypernat::control
