// The rules of security groups, one by one.
#include <algorithm>

#include "control/api/ec2_actions.h"
#include "control/api/ec2_permissions.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

constexpr std::size_t kMostRules = 1000;  // of a group, as in functions.yaml

std::string rule_note(const SecurityGroup& group, const config::GroupRule& rule) {
  return std::string(kRuleNote) + rule_id(group.id, rule);
}

bool has(const SecurityGroup& group, const config::GroupRule& rule) {
  return std::find(group.egress.begin(), group.egress.end(), rule) != group.egress.end();
}

// The rules that a request to revoke means: by their ids, or as they were given.
std::vector<config::GroupRule> read_revoked(Ec2Call& call, const SecurityGroup& group) {
  std::vector<config::GroupRule> rules;
  for (const auto& id : call.parameters.list("SecurityGroupRuleId")) {
    const auto found = std::find_if(group.egress.begin(), group.egress.end(),
                                    [&](const auto& rule) { return rule_id(group.id, rule) == id; });
    if (found == group.egress.end())
      throw Ec2Error("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '" + id + "' does not exist");
    rules.push_back(*found);
  }
  for (const auto& described : read_permissions(call)) {
    if (!has(group, described.rule))
      throw Ec2Error("InvalidPermission.NotFound", "The specified rule does not exist in this security group.");
    rules.push_back(described.rule);
  }
  if (rules.empty()) throw missing_parameter("ipPermissions");
  return rules;
}

}  // namespace

void authorize_security_group_egress(Ec2Call& call) {
  auto& database = call.lifecycle.database;
  auto group = find_group(call, call.parameters.text("GroupId"));
  const auto rules = read_permissions(call);
  if (rules.empty()) throw missing_parameter("ipPermissions");
  for (const auto& [rule, description] : rules) {
    if (has(group, rule))
      throw Ec2Error(
          "InvalidPermission.Duplicate",
          "the specified rule \"peer: " + (rule.group.empty() ? to_string(rule.rule.destination) : rule.group) + ", " +
              protocol_text(rule) + "\" already exists");
    group.egress.push_back(rule);
    if (!description.empty()) put_note(database, call.account, group.id, rule_note(group, rule), description);
  }
  if (group.egress.size() > kMostRules)
    throw Ec2Error("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group (" +
                                                             std::to_string(kMostRules) + ") has been reached.");
  call.lifecycle.networks.put_security_group(group);
  const auto notes = find_notes(database, call.account, group.id);
  call.xml.truth("return", true);
  call.xml.items("securityGroupRuleSet", rules,
                 [&](const auto& described) { write_rule(call, group, described.rule, notes); });
}

void revoke_security_group_egress(Ec2Call& call) {
  auto group = find_group(call, call.parameters.text("GroupId"));
  for (const auto& rule : read_revoked(call, group)) {
    std::erase(group.egress, rule);
    erase_note(call.lifecycle.database, call.account, group.id, rule_note(group, rule));
  }
  call.lifecycle.networks.put_security_group(group);
  call.xml.truth("return", true);
}

void describe_security_group_rules(Ec2Call& call) {
  const auto notes = list_notes(call.lifecycle.database, call.account);
  std::vector<Ec2Item> items;
  for (const auto& group : list_security_groups(call.lifecycle.database, call.account)) {
    const auto found = notes.find(group.id);
    const auto own = found == notes.end() ? Notes() : found->second;
    for (const auto& rule : group.egress) {
      const auto id = rule_id(group.id, rule);
      items.push_back({.id = id,
                       .values = {{"group-id", group.id}, {"security-group-rule-id", id}},
                       .write = [&call, group, rule, own] { write_rule(call, group, rule, own); }});
    }
  }
  write_list(call,
             {.element = "securityGroupRuleSet",
              .ids = "SecurityGroupRuleId",
              .not_found = "InvalidSecurityGroupRuleId.NotFound",
              .what = "security group rule ID",
              .filters = {"group-id", "security-group-rule-id"}},
             std::move(items));
}

void authorize_security_group_ingress(Ec2Call& call) {
  find_group(call, call.parameters.text("GroupId"));
  throw Ec2Error(
      "UnsupportedOperation",
      "Nothing opens a flow towards a function, so an ingress rule would permit nothing; what answers a flow "
      "that a function opened may pass. Leave the call out.");
}

}  // namespace hypernat::control
