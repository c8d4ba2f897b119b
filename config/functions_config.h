// functions.yaml: what the tenants want: their networks, their security groups, their functions.
//
// The database of the control plane is the truth; this is a wish that `hypernat apply` turns into calls. The loader has
// resolved every reference: a subnet's route table and a function's subnets and groups exist, in the right VPC.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config_error.h"
#include "config/dataplane_config.h"
#include "config/group_rule.h"
#include "config/table.h"
#include "config/types.h"

namespace hypernat::config {

inline constexpr std::size_t kMaxSecurityGroupsPerFunction = 5;
inline constexpr std::size_t kMaxSubnetsPerFunction = 16;

struct SubnetConfig {
  std::string id;  ///< "subnet-…"
  Ipv4Prefix cidr;
  std::string zone = "a";
  Ipv4Address router;
  Segment segment;
  std::vector<Ipv4Address> vteps;          ///< ends of the segment's tunnels, on a tunnel attachment
  std::vector<Ipv4Address> reserved{};     ///< of the tenant's own machines; never an interface's
  std::optional<std::string> route_table;  ///< an id of the VPC's route tables; absent: nothing beyond the VPC
  bool operator==(const SubnetConfig&) const = default;
};

/// Routes beyond those that every subnet has: its own prefix is local, the VPC's goes to the router.
struct RouteTableConfig {
  std::string id;             ///< "rtb-…"
  std::vector<Route> routes;  ///< to kRouter or kBlackhole, destinations all different
  bool operator==(const RouteTableConfig&) const = default;
};

struct SecurityGroupConfig {
  std::string id;  ///< "sg-…"
  std::vector<GroupRule> egress;
  std::vector<Ipv4Address> members{};  ///< in it beside the interfaces that carry it: the tenant's servers
  bool operator==(const SecurityGroupConfig&) const = default;
};

struct VpcConfig {
  std::string id;  ///< "vpc-…"
  Ipv4Prefix cidr;
  std::optional<Ipv4Address> resolver;  ///< named in every environment's resolv.conf
  std::vector<SubnetConfig> subnets;
  std::vector<RouteTableConfig> route_tables;
  std::vector<SecurityGroupConfig> security_groups;
  bool operator==(const VpcConfig&) const = default;
};

struct FunctionConfig {
  std::string name;
  std::vector<std::string> subnets;          ///< ids, all of one VPC
  std::vector<std::string> security_groups;  ///< ids, of the same VPC
  std::vector<std::string> command;
  std::chrono::seconds timeout{30};
  bool operator==(const FunctionConfig&) const = default;
};

struct TenantConfig {
  std::string account;  ///< 12 decimal digits
  std::string name;
  TenantLimits limits{.flows = kDefaultTenantFlows};
  TenantTimeouts timeouts{};
  std::vector<VpcConfig> vpcs;
  std::vector<FunctionConfig> functions;
  bool operator==(const TenantConfig&) const = default;
};

struct FunctionsConfig {
  std::vector<TenantConfig> tenants;
  bool operator==(const FunctionsConfig&) const = default;
};

/// Both throw ConfigError with every mistake found. With a data plane given, segments are held against its
/// attachments too: the name exists, is outside, and can carry the id.
FunctionsConfig load_functions_config(const std::filesystem::path& file, const DataplaneConfig* dataplane = nullptr);
FunctionsConfig parse_functions_config(std::string_view text, const std::string& file_name,
                                       const DataplaneConfig* dataplane = nullptr);

}  // namespace hypernat::config
