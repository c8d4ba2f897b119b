#include "control/lifecycle/mappings.h"

#include <algorithm>

#include "control/lifecycle/addresses.h"
#include "control/store/counters.h"
#include "control/store/function_store.h"
#include "control/store/interface_store.h"
#include "control/store/mapping_store.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

constexpr int kBeatsOfLiveDataplane = 3;
constexpr std::uint32_t kMostMappingsAtATime = 1000;

// The generation that every live data plane holds, or a later one; nothing when some has none of this epoch.
std::optional<std::uint64_t> held_by_all(std::uint64_t epoch, const std::vector<config::DataplaneStatus>& live) {
  std::optional<std::uint64_t> held;
  for (const auto& status : live) {
    if (status.epoch != epoch) return std::nullopt;
    held = std::min(held.value_or(status.generation), status.generation);
  }
  return held;
}

// Where a mapping stands, told from its interfaces alone.
MappingState state_of(const std::vector<Interface>& interfaces) {
  if (interfaces.empty()) return MappingState::kProvisioning;
  const bool any_active = std::any_of(interfaces.begin(), interfaces.end(), [](const auto& interface) {
    return interface.state != InterfaceState::kPublishing;
  });
  return any_active ? MappingState::kActive : MappingState::kPublishing;
}

std::vector<std::string> roles_of(const std::vector<Function>& functions) {
  std::vector<std::string> roles;
  for (const auto& function : functions) roles.push_back(function.settings.role);
  return roles;
}

}  // namespace

bool holds(const config::DataplaneStatus& status, std::uint64_t epoch, std::uint64_t generation) {
  return status.epoch == epoch && status.generation >= generation;
}

std::vector<config::DataplaneStatus> live_dataplanes(const std::vector<config::DataplaneStatus>& statuses,
                                                     TimePoint wall) {
  std::vector<config::DataplaneStatus> live;
  for (const auto& status : statuses) {
    // A status from the future is as strange as one from long ago: a clock was set.
    const auto age = std::chrono::abs(wall - from_milliseconds(status.unix_milliseconds));
    if (age < kBeatsOfLiveDataplane * std::chrono::milliseconds(status.beat_milliseconds)) live.push_back(status);
  }
  return live;
}

std::string Mappings::describe(const Mapping& mapping) {
  const auto subnet = find_subnet(parts_.database, mapping.subnet);
  std::string text = "mapping " + std::to_string(mapping.number) + " (" + (subnet ? subnet->id : "?");
  for (const auto& group : mapping.groups) text += " " + group;
  return text + ") of " + mapping.account + (mapping.lease == 0 ? "" : ", of one lease's own,");
}

void Mappings::move_to(Mapping& mapping, MappingState state, TimePoint now) {
  mapping.state = state;
  mapping.since = now;
  if (state != MappingState::kFailed) mapping.reason_code = mapping.reason = {};
  update_state(parts_.database, mapping);
  note_state(mapping);
}

void Mappings::note_state(const Mapping& mapping) {
  parts_.journal.note(describe(mapping) + " is " + to_string(mapping.state) +
                      (mapping.reason.empty() ? "" : ": " + mapping.reason));
}

void Mappings::fail(Mapping& mapping, const std::string& code, const std::string& reason, TimePoint now) {
  mapping.reason_code = code;
  mapping.reason = reason;
  move_to(mapping, MappingState::kFailed, now);
}

Mapping Mappings::make(const NetworkConfiguration& configuration, const OwnMapping& own, TimePoint now) {
  Mapping mapping{.uid = take_uid(parts_.database),
                  .number = take_mapping_number(parts_.database, parts_.clock.wall()),
                  .account = configuration.account,
                  .subnet = configuration.subnet,
                  .groups = configuration.groups,
                  .lease = own.lease,
                  .provisioning_time = own.provisioning_time,
                  .state = MappingState::kProvisioning,
                  .reason_code = {},
                  .reason = {},
                  .since = now};
  insert(parts_.database, mapping);
  note_state(mapping);
  return mapping;
}

std::uint64_t Mappings::acquire(const NetworkConfiguration& configuration, TimePoint now) {
  auto& database = parts_.database;
  auto mapping = find_mapping(database, configuration.subnet, configuration.groups);
  if (!mapping) {
    mapping = make(configuration, {}, now);
  } else if (mapping->state == MappingState::kReleasing || mapping->state == MappingState::kFailed) {
    move_to(*mapping, state_of(list_interfaces(database, mapping->uid)), now);
  }
  return mapping->uid;
}

Mapping Mappings::make_own(const NetworkConfiguration& configuration, const OwnMapping& own, TimePoint now) {
  return make(configuration, own, now);
}

void Mappings::discard(std::uint64_t uid) {
  if (const auto mapping = find_mapping(parts_.database, uid)) remove(*mapping);
}

void Mappings::remove(const Mapping& mapping) {
  parts_.journal.note(describe(mapping) + " is gone");
  erase_mapping(parts_.database, mapping, parts_.clock.wall() + parts_.settings.mapping_reuse_after);
}

void Mappings::release_unreferenced(TimePoint now) {
  for (auto& mapping : take_unreferenced_mappings(parts_.database)) move_to(mapping, MappingState::kReleasing, now);
}

std::optional<TimePoint> Mappings::allot_due(const Moment& moment) {
  std::optional<TimePoint> next;
  std::vector<Mapping> ready;
  visit_mappings(parts_.database, MappingState::kProvisioning, [&](Mapping mapping) {
    const ProvisioningRequest request{.uid = mapping.uid, .since = mapping.since, .time = mapping.provisioning_time};
    if (parts_.provisioner.is_ready(request, moment.now)) {
      if (ready.size() == kMostMappingsAtATime) {
        next = moment.now;
        return false;
      }
      ready.push_back(std::move(mapping));
    } else if (const auto at = parts_.provisioner.ready_at(request)) {
      next = std::min(next.value_or(*at), *at);
    }
    return true;
  });
  AddressFloors floors;
  for (auto& mapping : ready) allot(mapping, floors, moment);
  return next;
}

void Mappings::allot(Mapping& mapping, AddressFloors& floors, const Moment& moment) {
  Interface interface;
  interface.uid = take_uid(parts_.database);
  interface.since = moment.wall;
  interface.change = interface.uid;
  if (const auto failure = add_interface(mapping, interface, floors)) {
    fail(mapping, failure->code, failure->reason, moment.now);
  } else {
    move_to(mapping, MappingState::kPublishing, moment.now);
  }
}

std::optional<ProvisioningFailure> Mappings::refuse(const Mapping& mapping, const Subnet& subnet) {
  for (const auto& group : mapping.groups)
    if (!find_security_group(parts_.database, mapping.account, group))
      return ProvisioningFailure{.code = "InvalidSecurityGroup",
                                 .reason = "The security group " + group + " does not exist any more"};
  if (const auto failure =
          parts_.provisioner.outcome({.account = mapping.account,
                                      .subnet = subnet.id,
                                      .groups = mapping.groups,
                                      .roles = roles_of(referring_versions(parts_.database, mapping.uid))}))
    return failure;
  const auto most = parts_.settings.interfaces_per_vpc;
  if (count_interfaces(parts_.database, subnet.account, subnet.vpc) >= most)
    return ProvisioningFailure{
        .code = "EniLimitExceeded",
        .reason = subnet.vpc + " has " + std::to_string(most) + " interfaces, as many as it may"};
  return std::nullopt;
}

std::optional<ProvisioningFailure> Mappings::add_interface(const Mapping& mapping, Interface interface,
                                                           AddressFloors& floors) {
  auto& database = parts_.database;
  const auto subnet = find_subnet(database, mapping.subnet);
  const auto vpc = subnet ? find_vpc(database, subnet->account, subnet->vpc) : std::nullopt;
  if (!vpc) return ProvisioningFailure{.code = "InvalidSubnet", .reason = "The subnet does not exist any more"};
  if (auto failure = refuse(mapping, *subnet)) return failure;
  const auto floor = floors.try_emplace(subnet->number, subnet->cidr.first()).first;
  const auto address = lowest_free_address(*subnet, *vpc, floor->second, [&](Ipv4Address wanted) {
    return is_address_used(database, subnet->number, wanted);
  });
  if (!address)
    return ProvisioningFailure{.code = "SubnetOutOfIPAddresses",
                               .reason = subnet->id + " (" + to_string(subnet->cidr) + ") has no free address"};
  floor->second = *address;
  interface.mapping = mapping.uid;
  interface.address = *address;
  insert_interface(database, interface, subnet->number);
  parts_.journal.note("interface " + interface.id() + " of mapping " + std::to_string(mapping.number) + " is " +
                      to_string(*address) + " in " + subnet->id + " of " + subnet->account);
  return std::nullopt;
}

void Mappings::turn(Interface& interface, InterfaceState state, TimePoint wall) {
  interface.state = state;
  interface.since = wall;
  interface.generation.reset();
  interface.change = take_uid(parts_.database);
  update_state(parts_.database, interface);
  parts_.journal.note("interface " + interface.id() + " is " + to_string(state));
}

void Mappings::confirm(const std::vector<config::DataplaneStatus>& live, const Moment& moment) {
  auto& database = parts_.database;
  const auto held = held_by_all(read_publication(database).epoch, live);
  if (!held) return;
  for (auto& interface : list_interfaces_to_confirm(database, *held, kMostMappingsAtATime)) {
    const bool leaves = interface.state == InterfaceState::kLeaving;
    interface.state = leaves ? InterfaceState::kDraining : InterfaceState::kActive;
    interface.since = moment.wall;
    update_state(database, interface);
    if (interface.is_extra) parts_.journal.note("interface " + interface.id() + " is " + to_string(interface.state));
    auto mapping = find_mapping(database, interface.mapping);
    if (mapping && mapping->state == MappingState::kPublishing) move_to(*mapping, MappingState::kActive, moment.now);
  }
}

void Mappings::remove_due(TimePoint now) {
  const auto since = now - parts_.settings.release_after;
  for (const auto& mapping : list_mappings(parts_.database, MappingState::kReleasing, since, kMostMappingsAtATime))
    remove(mapping);
}

std::string Mappings::reason(const Mapping& mapping, const std::vector<config::DataplaneStatus>& live) {
  switch (mapping.state) {
    case MappingState::kActive:
      return {};
    case MappingState::kFailed:
      return mapping.reason;
    case MappingState::kReleasing:
      return "no function refers to it";
    case MappingState::kProvisioning:
      return "its interface is being made";
    case MappingState::kPublishing:
      break;
  }
  const auto interfaces = list_interfaces(parts_.database, mapping.uid);
  if (interfaces.empty()) return "its table has not been published yet";
  return publication_reason(interfaces.front(), read_publication(parts_.database).epoch, live);
}

std::string publication_reason(const Interface& interface, std::uint64_t epoch,
                               const std::vector<config::DataplaneStatus>& live) {
  if (!interface.generation) return "its table has not been published yet";
  if (live.empty())
    return "no data plane is alive (none has reported within three of its beats); start hypernat-dataplane";
  const auto generation = *interface.generation;
  for (const auto& status : live) {
    if (holds(status, epoch, generation)) continue;
    return "data plane " + status.node + " is at generation " + std::to_string(status.generation) +
           (status.epoch == epoch ? "" : " of another epoch") + ", not yet at " + std::to_string(generation) +
           (status.refusal.empty() ? "" : "; it refuses the table: " + status.refusal);
  }
  return "every data plane holds it; it becomes active on the next beat";
}

}  // namespace hypernat::control
