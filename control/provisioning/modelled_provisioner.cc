#include "control/provisioning/modelled_provisioner.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace hypernat::control {
namespace {

constexpr double kRarest = 1e-4;

// Where among all interfaces the one of this uid stands, in (0, 1): SplitMix64.
double share_below(std::uint64_t uid) {
  std::uint64_t bits = uid + 0x9e3779b97f4a7c15;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
  bits ^= bits >> 31;
  return std::clamp(static_cast<double>(bits >> 11) * 0x1p-53, kRarest, 1 - kRarest);
}

const std::map<std::string, std::string>& reasons() {
  static const std::map<std::string, std::string> kReasons{
      {"EniLimitExceeded", "The limit of network interfaces of the VPC was reached."},
      {"InsufficientRolePermissions",
       "The provided execution role does not have permissions to call CreateNetworkInterface on EC2"},
      {"InternalError", "Lambda is not able to create the function's network interfaces."},
      {"InvalidConfiguration", "The function's network configuration cannot be used."},
      {"InvalidSecurityGroup", "A security group of the function's network does not exist."},
      {"InvalidSubnet", "A subnet of the function's network does not exist."},
      {"SubnetOutOfIPAddresses", "A subnet of the function's network has no free address."},
  };
  return kReasons;
}

bool fits(const FailureOrder& order, const ProvisioningTarget& target) {
  const auto same = [](const std::optional<std::string>& wanted, const std::string& value) {
    return !wanted || *wanted == value;
  };
  const auto of_order = [&](const std::string& role) { return same(order.role, role); };
  return same(order.account, target.account) && same(order.subnet, target.subnet) &&
         (!order.group || std::find(target.groups.begin(), target.groups.end(), *order.group) != target.groups.end()) &&
         (!order.role || (!target.roles.empty() && std::all_of(target.roles.begin(), target.roles.end(), of_order)));
}

}  // namespace

std::chrono::milliseconds modelled_time(const ProvisioningModel& model, std::uint64_t uid) {
  const double share = share_below(uid);
  const double exponent = std::log(model.slowest_percent / 100.0) / std::log(99.0);
  const double factor = std::pow(share / (1 - share), exponent);
  return std::chrono::milliseconds(std::llround(static_cast<double>(model.time.count()) * factor));
}

const std::vector<std::string>& failure_codes() {
  static const std::vector<std::string> kCodes = [] {
    std::vector<std::string> codes;
    for (const auto& [code, reason] : reasons()) codes.push_back(code);
    return codes;
  }();
  return kCodes;
}

std::optional<ProvisioningFailure> ModelledProvisioner::outcome(const ProvisioningTarget& target) {
  for (const auto& order : list_failure_orders(database_)) {
    if (!fits(order, target)) continue;
    carry_out(database_, order);
    return ProvisioningFailure{.code = order.code, .reason = reasons().at(order.code)};
  }
  return std::nullopt;
}

}  // namespace hypernat::control
