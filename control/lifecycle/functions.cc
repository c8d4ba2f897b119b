#include "control/lifecycle/functions.h"

#include <algorithm>
#include <set>

#include "control/lifecycle/refusal.h"
#include "control/store/mapping_store.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

constexpr std::uint32_t kMostFunctionsAtATime = 1000;
constexpr const char* kCreating = "Creating";
constexpr const char* kCreatingReason = "The function is being created.";
constexpr const char* kRestoring = "Restoring";
constexpr const char* kRestoringReason = "The function is being restored.";

bool same_sets(const FunctionNetwork& a, const FunctionNetwork& b) {
  const auto set = [](const std::vector<std::string>& ids) { return std::set<std::string>(ids.begin(), ids.end()); };
  return set(a.subnets) == set(b.subnets) && set(a.groups) == set(b.groups);
}

const Mapping* first_failed(const std::vector<Mapping>& mappings) {
  const auto failed = std::find_if(mappings.begin(), mappings.end(),
                                   [](const auto& mapping) { return mapping.state == MappingState::kFailed; });
  return failed == mappings.end() ? nullptr : &*failed;
}

bool all_active(const std::vector<Mapping>& mappings) {
  return std::all_of(mappings.begin(), mappings.end(),
                     [](const auto& mapping) { return mapping.state == MappingState::kActive; });
}

}  // namespace

void check_revision(const std::string& known, const FunctionSettings& settings) {
  if (!known.empty() && known != settings.revision)
    throw Refusal(RefusalKind::kPrecondition, "The RevisionId provided does not match the latest Revision Id");
}

std::string label(const Function& function) {
  return "function " + function.name + " of " + function.account +
         (function.version == 0 ? "" : ", version " + std::to_string(function.version) + ",");
}

std::string function_arn(const std::string& region, const Function& function) {
  return "arn:aws:lambda:" + region + ":" + function.account + ":function:" + function.name +
         (function.version == 0 ? "" : ":" + std::to_string(function.version));
}

Function Functions::function(const std::string& account, const std::string& name, std::uint32_t version) {
  if (auto found = find_function(parts_.database, account, name, version)) return *found;
  throw not_found("Function not found: " + name + (version == 0 ? "" : ":" + std::to_string(version)) + " of account " +
                  account);
}

Function Functions::invocable(const std::string& account, const VersionName& name,
                              const std::vector<config::DataplaneStatus>& live) {
  auto found = function(account, name.function, name.version);
  if (found.state == FunctionState::kActive) return found;
  if (found.state == FunctionState::kInactive)
    throw Refusal(RefusalKind::kNotReady,
                  "The function is inactive and its VPC connection is no longer available. Wait for the VPC connection "
                  "to reestablish and try again.");
  const auto reason = state_reason(found, live);
  throw conflict("The operation cannot be performed at this time. The function is currently in the following state: " +
                 to_string(found.state) + (reason.empty() ? "" : " (" + reason + ")"));
}

void Functions::refer(const Function& function, const std::vector<NetworkConfiguration>& network, NetworkRole role,
                      TimePoint now) {
  for (const auto& configuration : network)
    add_reference(parts_.database, function, parts_.mappings.acquire(configuration, now), role);
}

// From nothing that works, or nothing that is wanted any more, to what the network needs.
void Functions::begin(Function& function, const std::vector<NetworkConfiguration>& network, TimePoint now) {
  const bool needs_network = !network.empty();
  function.state = needs_network ? FunctionState::kPending : FunctionState::kActive;
  function.reason_code = needs_network ? kCreating : "";
  function.reason = needs_network ? kCreatingReason : "";
  function.used_at = needs_network ? std::optional(now) : std::nullopt;
  put(parts_.database, function);
  refer(function, network, NetworkRole::kCurrent, now);
  parts_.journal.note(label(function) + " is " + to_string(function.state));
}

Function Functions::create(Function function, TimePoint now) {
  if (!find_account(parts_.database, function.account))
    throw Refusal(RefusalKind::kAccessDenied, "The account " + function.account + " does not exist");
  if (find_function(parts_.database, function.account, function.name))
    throw conflict("Function already exist: " + function.name);
  begin(function, resolve(function.account, function.network), now);
  return function;
}

Function Functions::update(const std::string& account, const std::string& name, const FunctionChanges& changes,
                           TimePoint now) {
  auto found = function(account, name);
  if (found.state == FunctionState::kPending)
    throw conflict(
        "The operation cannot be performed at this time. The function is currently in the following state: "
        "Pending");
  if (found.update_status == UpdateStatus::kInProgress)
    throw conflict("The operation cannot be performed at this time. An update is in progress for resource: " + name);
  if (changes.settings) changes.settings(found.settings);
  found.update_status = UpdateStatus::kSuccessful;
  found.update_reason_code = found.update_reason = {};
  if (changes.network) change_network(found, *changes.network, now);
  put(parts_.database, found);
  return found;
}

void Functions::change_network(Function& function, const FunctionNetwork& network, TimePoint now) {
  const auto resolved = resolve(function.account, network);
  const bool works = function.state == FunctionState::kActive;
  if (function.state != FunctionState::kFailed && same_sets(network, function.network)) {
    function.network = network;
    return;
  }
  if (network.is_empty() || !works) {
    // Nothing that works has to be kept until something better does.
    drop_references(parts_.database, function, NetworkRole::kCurrent);
    function.network = network;
    begin(function, resolved, now);
    return;
  }
  refer(function, resolved, NetworkRole::kNext, now);
  function.next_network = network;
  function.update_status = UpdateStatus::kInProgress;
  function.update_reason_code = kCreating;
  function.update_reason = "The function's network is being changed.";
  parts_.journal.note(label(function) + " is Active, its update InProgress");
}

void Functions::erase(const std::string& account, const std::string& name) {
  const auto found = function(account, name);
  parts_.leases.erase_all(account, name);
  erase_function(parts_.database, account, name);
  parts_.journal.note(label(found) + " is deleted");
}

void Functions::revive(const std::string& account, const VersionName& name, TimePoint now) {
  auto found = function(account, name.function, name.version);
  if (found.state != FunctionState::kInactive) return;
  if (const auto failure = missing(account, found.network)) {
    found.reason_code = failure->code;
    found.reason = failure->reason;
    put(parts_.database, found);
    return;
  }
  found.state = FunctionState::kPending;
  found.reason_code = kRestoring;
  found.reason = kRestoringReason;
  put(parts_.database, found);
  refer(found, resolve(account, found.network), NetworkRole::kCurrent, now);
  parts_.journal.note(label(found) + " is Pending: it is being restored");
}

std::vector<Mapping> Functions::mappings_of(const Function& function, NetworkRole role) {
  std::vector<Mapping> mappings;
  for (const auto uid : referenced_mappings(parts_.database, function, role))
    if (auto mapping = find_mapping(parts_.database, uid)) mappings.push_back(std::move(*mapping));
  return mappings;
}

void Functions::follow(TimePoint now) {
  for (auto& function : take_functions_to_follow(parts_.database, kMostFunctionsAtATime)) {
    if (function.state == FunctionState::kPending)
      follow_creation(function, mappings_of(function, NetworkRole::kCurrent), now);
    else if (function.update_status == UpdateStatus::kInProgress)
      follow_update(function, mappings_of(function, NetworkRole::kNext), now);
  }
}

// What cannot be made leaves a new function Failed and one that was restored Inactive, for the next invocation to try.
void Functions::follow_creation(Function& function, const std::vector<Mapping>& mappings, TimePoint now) {
  const auto* failed = first_failed(mappings);
  if (failed == nullptr && !all_active(mappings)) return;
  const bool was_restored = function.reason_code == kRestoring;
  if (failed != nullptr && was_restored) drop_references(parts_.database, function, NetworkRole::kCurrent);
  function.state = failed == nullptr ? FunctionState::kActive
                   : was_restored    ? FunctionState::kInactive
                                     : FunctionState::kFailed;
  function.reason_code = failed == nullptr ? "" : failed->reason_code;
  function.reason = failed == nullptr ? "" : failed->reason;
  function.used_at = now;
  put(parts_.database, function);
  parts_.journal.note(label(function) + " is " + to_string(function.state) +
                      (function.reason.empty() ? "" : ": " + function.reason));
}

void Functions::follow_update(Function& function, const std::vector<Mapping>& mappings, TimePoint now) {
  const auto* failed = first_failed(mappings);
  if (failed == nullptr && !all_active(mappings)) return;
  if (failed == nullptr) {
    promote_references(parts_.database, function);
    function.network = *function.next_network;
  } else {
    drop_references(parts_.database, function, NetworkRole::kNext);
  }
  function.next_network.reset();
  function.used_at = function.network.is_empty() ? std::nullopt : std::optional(now);
  function.update_status = failed == nullptr ? UpdateStatus::kSuccessful : UpdateStatus::kFailed;
  function.update_reason_code = failed == nullptr ? "" : failed->reason_code;
  function.update_reason = failed == nullptr ? "" : failed->reason;
  put(parts_.database, function);
  parts_.journal.note(label(function) + " is Active, its update " + to_string(function.update_status) +
                      (function.update_reason.empty() ? "" : ": " + function.update_reason));
}

std::string Functions::state_reason(const Function& function, const std::vector<config::DataplaneStatus>& live) {
  if (function.state != FunctionState::kPending) return function.reason;
  for (const auto& mapping : mappings_of(function, NetworkRole::kCurrent))
    if (mapping.state != MappingState::kActive)
      return function.reason + " Mapping " + std::to_string(mapping.number) + ": " +
             parts_.mappings.reason(mapping, live) + ".";
  return function.reason;
}

}  // namespace hypernat::control
