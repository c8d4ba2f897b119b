#include "control/lifecycle/functions.h"

#include <algorithm>
#include <set>

#include "config/functions_config.h"
#include "control/lifecycle/refusal.h"
#include "control/store/mapping_store.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

constexpr std::uint32_t kMostFunctionsAtATime = 1000;
constexpr const char* kCreatingReason = "The function is being created.";

bool is_empty(const FunctionNetwork& network) {
  return network.subnets.empty() && network.groups.empty();
}

bool same_sets(const FunctionNetwork& a, const FunctionNetwork& b) {
  const auto set = [](const std::vector<std::string>& ids) { return std::set<std::string>(ids.begin(), ids.end()); };
  return set(a.subnets) == set(b.subnets) && set(a.groups) == set(b.groups);
}

std::string label(const Function& function) {
  return "function " + function.name + " of " + function.account;
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

std::string function_arn(const std::string& region, const Function& function) {
  return "arn:aws:lambda:" + region + ":" + function.account + ":function:" + function.name;
}

Function Functions::function(const std::string& account, const std::string& name) {
  if (auto found = find_function(parts_.database, account, name)) return *found;
  throw not_found("Function not found: " + name + " of account " + account);
}

Function Functions::invocable(const std::string& account, const std::string& name,
                              const std::vector<config::DataplaneStatus>& live) {
  auto found = function(account, name);
  if (found.state == FunctionState::kActive) return found;
  const auto reason = state_reason(found, live);
  throw conflict("The operation cannot be performed at this time. The function is currently in the following state: " +
                 to_string(found.state) + (reason.empty() ? "" : " (" + reason + ")"));
}

std::vector<NetworkConfiguration> Functions::resolve(const std::string& account, const FunctionNetwork& network) {
  if (network.subnets.empty() != network.groups.empty())
    throw invalid_parameter("VpcConfig: SecurityGroupIds and SubnetIds must coexist or be both empty list.");
  if (network.subnets.size() > config::kMaxSubnetsPerFunction)
    throw invalid_parameter("VpcConfig: found " + std::to_string(network.subnets.size()) +
                            " SubnetIds; expected at most " + std::to_string(config::kMaxSubnetsPerFunction));
  if (network.groups.size() > config::kMaxSecurityGroupsPerFunction)
    throw invalid_parameter("VpcConfig: found " + std::to_string(network.groups.size()) +
                            " SecurityGroupIds; expected at most " +
                            std::to_string(config::kMaxSecurityGroupsPerFunction));
  std::set<std::string> vpcs;
  std::set<std::string> groups;
  for (const auto& id : network.groups) {
    const auto group = find_security_group(parts_.database, account, id);
    if (!group)
      throw invalid_parameter(
          "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 "
          "Error Message: The security group '" +
          id + "' does not exist");
    vpcs.insert(group->vpc);
    groups.insert(id);
  }
  std::vector<NetworkConfiguration> configurations;
  for (const auto& id : network.subnets) {
    const auto subnet = find_subnet(parts_.database, account, id);
    if (!subnet)
      throw invalid_parameter(
          "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 "
          "Error Message: The subnet ID '" +
          id + "' does not exist");
    vpcs.insert(subnet->vpc);
    configurations.push_back({.account = account, .subnet = subnet->number, .groups = {groups.begin(), groups.end()}});
  }
  if (vpcs.size() > 1)
    throw invalid_parameter("VpcConfig: found subnets and security groups of " + *vpcs.begin() + " and " +
                            *std::next(vpcs.begin()) + "; expected all of one VPC");
  return configurations;
}

std::string Functions::vpc_of(const std::string& account, const FunctionNetwork& network) {
  if (network.subnets.empty()) return {};
  const auto subnet = find_subnet(parts_.database, account, network.subnets.front());
  return subnet ? subnet->vpc : std::string();
}

void Functions::refer(const Function& function, const std::vector<NetworkConfiguration>& network, NetworkRole role,
                      TimePoint now) {
  for (const auto& configuration : network)
    add_reference(parts_.database, function, parts_.mappings.acquire(configuration, now), role);
}

Function Functions::create(Function function, TimePoint now) {
  if (!find_account(parts_.database, function.account))
    throw Refusal(RefusalKind::kAccessDenied, "The account " + function.account + " does not exist");
  if (find_function(parts_.database, function.account, function.name))
    throw conflict("Function already exist: " + function.name);
  const auto network = resolve(function.account, function.network);
  const bool needs_network = !network.empty();
  function.state = needs_network ? FunctionState::kPending : FunctionState::kActive;
  function.reason_code = needs_network ? "Creating" : "";
  function.reason = needs_network ? kCreatingReason : "";
  put(parts_.database, function);
  refer(function, network, NetworkRole::kCurrent, now);
  parts_.journal.note(label(function) + " is " + to_string(function.state));
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
  const bool has_failed = function.state == FunctionState::kFailed;
  if (!has_failed && same_sets(network, function.network)) {
    function.network = network;
    return;
  }
  if (is_empty(network) || has_failed) {
    // Nothing that works has to be kept until something better does.
    drop_references(parts_.database, function, NetworkRole::kCurrent);
    refer(function, resolved, NetworkRole::kCurrent, now);
    function.network = network;
    function.state = resolved.empty() ? FunctionState::kActive : FunctionState::kPending;
    function.reason_code = resolved.empty() ? "" : "Creating";
    function.reason = resolved.empty() ? "" : kCreatingReason;
    parts_.journal.note(label(function) + " is " + to_string(function.state));
    return;
  }
  refer(function, resolved, NetworkRole::kNext, now);
  function.next_network = network;
  function.update_status = UpdateStatus::kInProgress;
  function.update_reason_code = "Creating";
  function.update_reason = "The function's network is being changed.";
  parts_.journal.note(label(function) + " is Active, its update InProgress");
}

void Functions::erase(const std::string& account, const std::string& name, TimePoint now) {
  const auto found = function(account, name);
  parts_.leases.erase_all(account, name, now);
  erase_function(parts_.database, account, name);
  parts_.journal.note(label(found) + " is deleted");
}

std::vector<Mapping> Functions::mappings_of(const Function& function, NetworkRole role) {
  std::vector<Mapping> mappings;
  for (const auto uid : referenced_mappings(parts_.database, function, role))
    if (auto mapping = find_mapping(parts_.database, uid)) mappings.push_back(std::move(*mapping));
  return mappings;
}

void Functions::follow() {
  for (auto& function : take_functions_to_follow(parts_.database, kMostFunctionsAtATime)) {
    if (function.state == FunctionState::kPending)
      follow_creation(function, mappings_of(function, NetworkRole::kCurrent));
    else if (function.update_status == UpdateStatus::kInProgress)
      follow_update(function, mappings_of(function, NetworkRole::kNext));
  }
}

void Functions::follow_creation(Function& function, const std::vector<Mapping>& mappings) {
  const auto* failed = first_failed(mappings);
  if (failed == nullptr && !all_active(mappings)) return;
  function.state = failed == nullptr ? FunctionState::kActive : FunctionState::kFailed;
  function.reason_code = failed == nullptr ? "" : failed->reason_code;
  function.reason = failed == nullptr ? "" : failed->reason;
  put(parts_.database, function);
  parts_.journal.note(label(function) + " is " + to_string(function.state) +
                      (function.reason.empty() ? "" : ": " + function.reason));
}

void Functions::follow_update(Function& function, const std::vector<Mapping>& mappings) {
  const auto* failed = first_failed(mappings);
  if (failed == nullptr && !all_active(mappings)) return;
  if (failed == nullptr) {
    promote_references(parts_.database, function);
    function.network = *function.next_network;
  } else {
    drop_references(parts_.database, function, NetworkRole::kNext);
  }
  function.next_network.reset();
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
