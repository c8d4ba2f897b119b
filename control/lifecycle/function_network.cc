// What a function's VpcConfig asks for: which network configurations, and whether they can be had.
#include <set>

#include "config/functions_config.h"
#include "control/lifecycle/functions.h"
#include "control/lifecycle/refusal.h"
#include "control/store/network_store.h"

namespace hypernat::control {

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

std::optional<ProvisioningFailure> Functions::missing(const std::string& account, const FunctionNetwork& network) {
  for (const auto& id : network.subnets)
    if (!find_subnet(parts_.database, account, id))
      return ProvisioningFailure{.code = "InvalidSubnet", .reason = "The subnet " + id + " does not exist any more"};
  for (const auto& id : network.groups)
    if (!find_security_group(parts_.database, account, id))
      return ProvisioningFailure{.code = "InvalidSecurityGroup",
                                 .reason = "The security group " + id + " does not exist any more"};
  return std::nullopt;
}

}  // namespace hypernat::control
