#include "control/lifecycle/scaling.h"

#include <algorithm>
#include <set>

#include "control/store/counters.h"
#include "control/store/interface_store.h"
#include "control/store/mapping_store.h"

namespace hypernat::control {
namespace {

// What a status lists at most; what it leaves out has no more ports in use than the last one listed.
constexpr std::size_t kMostListed = 1024;
// A report that was begun before the data plane knew may be written after: the next one counts.
constexpr int kBeatsUntilSure = 2;

std::uint64_t most_unlisted(const config::DataplaneStatus& status) {
  return status.port_use.size() < kMostListed ? 0 : status.port_use.back().ports_in_use;
}

struct Shares {
  std::vector<Interface> serving;
  std::vector<Interface> draining;
  bool is_settled = true;  ///< all that serve are known to every data plane
};

Shares shares_of(Database& database, std::uint64_t mapping) {
  Shares shares;
  for (auto& interface : list_interfaces(database, mapping)) {
    if (interface.state == InterfaceState::kPublishing) shares.is_settled = false;
    (interface.drains() ? shares.draining : shares.serving).push_back(std::move(interface));
  }
  return shares;
}

std::uint64_t percent_of_ports(std::uint64_t percent, std::size_t interfaces) {
  return percent * kInterfacePorts * interfaces / 100;
}

}  // namespace

Scaling::Load Scaling::Loads::of(std::uint64_t interface) const {
  const auto found = listed.find(interface);
  return found == listed.end() ? Load{.ports = unlisted, .has_run_out = false} : found->second;
}

Scaling::Load Scaling::Loads::of_all(const std::vector<Interface>& interfaces) const {
  Load all;
  for (const auto& interface : interfaces) {
    const auto load = of(interface.uid);
    all.ports += load.ports;
    all.has_run_out = all.has_run_out || load.has_run_out;
  }
  return all;
}

Scaling::Loads Scaling::add_up(const std::vector<config::DataplaneStatus>& live) {
  Loads loads;
  decltype(exhausted_) exhausted;
  for (const auto& status : live) {
    loads.unlisted += most_unlisted(status);
    const auto before = exhausted_.find(status.node);
    auto& counts = exhausted[status.node];
    for (const auto& use : status.port_use) {
      const auto uid = parse_interface_id(use.interface_id);
      if (!uid) continue;
      counts[*uid] = use.exhausted;
      auto& load = loads.listed[*uid];
      load.ports += use.ports_in_use;
      // What a data plane counted before it was first heard of may be long ago.
      if (before == exhausted_.end()) continue;
      const auto count = before->second.find(*uid);
      if (use.exhausted > (count == before->second.end() ? 0 : count->second)) load.has_run_out = true;
    }
  }
  exhausted_ = std::move(exhausted);
  return loads;
}

void Scaling::judge(const std::vector<config::DataplaneStatus>& live, const Moment& moment) {
  if (live.empty()) return;
  const auto loads = add_up(live);
  for (const auto& wanted : list_wanted_interfaces(parts_.database)) forget_vain_wish(wanted, loads);
  std::set<std::uint64_t> suspects;
  for (const auto& [uid, load] : loads.listed) {
    if (!load.has_run_out && load.ports < percent_of_ports(parts_.settings.scaling.widen_percent, 1)) continue;
    if (const auto interface = find_interface(parts_.database, uid)) suspects.insert(interface->mapping);
  }
  for (const auto uid : suspects)
    if (const auto mapping = find_mapping(parts_.database, uid)) consider_widening(*mapping, loads, moment);
  for (const auto uid : list_widened_mappings(parts_.database))
    if (const auto mapping = find_mapping(parts_.database, uid)) consider_narrowing(*mapping, loads, moment);
}

bool Scaling::is_crowded(const Mapping& mapping, const std::vector<Interface>& serving, const Loads& loads) {
  const auto [ports, has_run_out] = loads.of_all(serving);
  if (ports < percent_of_ports(parts_.settings.scaling.widen_percent, serving.size()) && !has_run_out) return false;
  parts_.journal.note("mapping " + std::to_string(mapping.number) + " uses " + std::to_string(ports) + " of " +
                      std::to_string(kInterfacePorts * serving.size()) + " ports towards one remote endpoint" +
                      (has_run_out ? ", and ran out of them" : ""));
  return true;
}

void Scaling::consider_widening(const Mapping& mapping, const Loads& loads, const Moment& moment) {
  if (mapping.state != MappingState::kActive || mapping.lease != 0) return;
  auto shares = shares_of(parts_.database, mapping.uid);
  if (!shares.is_settled || find_wanted_interface(parts_.database, mapping.uid)) return;
  if (!is_crowded(mapping, shares.serving, loads)) return;
  if (!shares.draining.empty()) {
    parts_.mappings.turn(shares.draining.back(), InterfaceState::kPublishing, moment.wall);
    return;
  }
  put(parts_.database, WantedInterface{.mapping = mapping.uid,
                                       .uid = take_uid(parts_.database),
                                       .since = moment.now,
                                       .reason_code = {},
                                       .reason = {}});
}

// What could not be had, and is not needed any more.
void Scaling::forget_vain_wish(const WantedInterface& wanted, const Loads& loads) {
  if (wanted.reason_code.empty()) return;
  const auto shares = shares_of(parts_.database, wanted.mapping);
  if (loads.of_all(shares.serving).ports <
      percent_of_ports(parts_.settings.scaling.widen_percent, shares.serving.size()))
    erase_wanted_interface(parts_.database, wanted.mapping);
}

void Scaling::consider_narrowing(const Mapping& mapping, const Loads& loads, const Moment& moment) {
  auto shares = shares_of(parts_.database, mapping.uid);
  const bool is_little = shares.is_settled && shares.serving.size() > 1 &&
                         loads.of_all(shares.serving).ports <
                             percent_of_ports(parts_.settings.scaling.narrow_percent, shares.serving.size() - 1);
  if (!is_little) {
    little_used_since_.erase(mapping.uid);
    return;
  }
  const auto since = little_used_since_.try_emplace(mapping.uid, moment.now).first->second;
  if (moment.now - since < parts_.settings.scaling.narrow_after) return;
  little_used_since_.erase(mapping.uid);
  // The one made last. The first has the lowest uid, so that it is never the last of several.
  parts_.mappings.turn(shares.serving.back(), InterfaceState::kLeaving, moment.wall);
}

std::optional<TimePoint> Scaling::allot_due(const Moment& moment) {
  std::optional<TimePoint> next;
  AddressFloors floors;
  for (auto& wanted : list_wanted_interfaces(parts_.database)) {
    const auto mapping = find_mapping(parts_.database, wanted.mapping);
    if (!mapping || mapping->state != MappingState::kActive) {
      erase_wanted_interface(parts_.database, wanted.mapping);
      continue;
    }
    const ProvisioningRequest request{.uid = wanted.uid, .since = wanted.since, .time = mapping->provisioning_time};
    if (!parts_.provisioner.is_ready(request, moment.now)) {
      if (const auto at = parts_.provisioner.ready_at(request)) next = std::min(next.value_or(*at), *at);
      continue;
    }
    Interface interface;
    interface.uid = wanted.uid;
    interface.is_extra = true;
    interface.since = moment.wall;
    interface.change = take_uid(parts_.database);
    const auto failure = parts_.mappings.add_interface(*mapping, interface, floors);
    if (!failure) {
      erase_wanted_interface(parts_.database, wanted.mapping);
      continue;
    }
    if (wanted.reason_code != failure->code)
      parts_.journal.note("mapping " + std::to_string(mapping->number) + " gets no other interface: " + failure->code +
                          ": " + failure->reason);
    wanted.since = moment.now + parts_.settings.scaling.retry_after;
    wanted.reason_code = failure->code;
    wanted.reason = failure->reason;
    put(parts_.database, wanted);
  }
  return next;
}

void Scaling::remove_drained(const std::vector<config::DataplaneStatus>& all, TimePoint wall) {
  const auto draining = list_draining_interfaces(parts_.database);
  if (draining.empty()) return;
  const auto live = live_dataplanes(all, wall);
  const auto epoch = read_publication(parts_.database).epoch;
  const auto is_dead = [&](const auto& status) {
    return std::none_of(live.begin(), live.end(), [&](const auto& other) { return other.node == status.node; });
  };
  for (const auto& interface : draining) {
    const auto has_none = [&](const config::DataplaneStatus& status) {
      const auto written = from_milliseconds(status.unix_milliseconds);
      // What it had when it fell silent has timed out by the time that a mapping's number has rested.
      if (is_dead(status)) return wall - written >= parts_.settings.mapping_reuse_after;
      if (!interface.generation || !holds(status, epoch, *interface.generation)) return false;
      if (written < interface.since + kBeatsUntilSure * std::chrono::milliseconds(status.beat_milliseconds))
        return false;
      if (most_unlisted(status) > 0) return false;
      return std::none_of(status.port_use.begin(), status.port_use.end(), [&](const config::PortUse& use) {
        return use.ports_in_use > 0 && use.interface_id == interface.id();
      });
    };
    if (live.empty() || !std::all_of(all.begin(), all.end(), has_none)) continue;
    erase_interface(parts_.database, interface.uid);
    parts_.journal.note("interface " + interface.id() + " has no flow left and is gone");
  }
}

}  // namespace hypernat::control
