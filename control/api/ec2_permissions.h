// Egress rules as EC2 writes them: permissions (a protocol, ports, and to whom), or one rule each under an id.
#pragma once

#include <string>
#include <vector>

#include "config/group_rule.h"
#include "control/api/ec2_call.h"

namespace hypernat::control {

/// A rule, and what was said of it.
struct DescribedRule {
  config::GroupRule rule;
  std::string description;
};

/// IpPermissions.1, IpPermissions.2, …: one rule for each address range and group in each.
std::vector<DescribedRule> read_permissions(Ec2Call& call);

/// "sgr-…": the same for the same rule of the same group.
std::string rule_id(const std::string& group, const config::GroupRule& rule);

std::string protocol_text(const config::GroupRule& rule);  ///< "tcp", "-1", "50"
/// FromPort and ToPort as EC2 has them; -1: any. Nothing for protocols without them.
struct PortRange {
  int from = -1;
  int to = -1;
};
std::optional<PortRange> port_range(const config::GroupRule& rule);

/// The rules of a group, those with the same protocol and ports in one <item>.
void write_permissions(Ec2Call& call, const std::string& element, const SecurityGroup& group, const Notes& notes);
/// <securityGroupRuleSet>
void write_rule(Ec2Call& call, const SecurityGroup& group, const config::GroupRule& rule, const Notes& notes);

}  // namespace hypernat::control
