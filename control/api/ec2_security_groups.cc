// Security groups: whom functions may open flows to.
#include <algorithm>

#include "control/api/ec2_actions.h"
#include "control/api/ec2_permissions.h"
#include "control/api/ec2_underlay.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

constexpr std::size_t kLongestText = 255;

std::string name_of(const SecurityGroup& group, const Notes& notes) {
  const auto name = note(notes, kNameNote);
  return name.empty() ? group.id : name;
}

void write_group(Ec2Call& call, const SecurityGroup& group, const Notes& notes) {
  auto& xml = call.xml;
  xml.text("ownerId", group.account);
  xml.text("groupId", group.id);
  xml.text("groupName", name_of(group, notes));
  xml.text("groupDescription", note(notes, kDescriptionNote));
  xml.text("vpcId", group.vpc);
  xml.element("ipPermissions", [] {});
  write_permissions(call, "ipPermissionsEgress", group, notes);
  write_tags(call, notes);
}

FilterValues filter_values(const SecurityGroup& group, const Notes& notes) {
  FilterValues values{{"group-id", group.id},
                      {"group-name", name_of(group, notes)},
                      {"description", note(notes, kDescriptionNote)},
                      {"vpc-id", group.vpc},
                      {"owner-id", group.account}};
  const std::string egress = "egress.ip-permission.";
  for (const auto& rule : group.egress) {
    values.emplace(egress + "protocol", protocol_text(rule));
    if (rule.group.empty())
      values.emplace(egress + "cidr", to_string(rule.rule.destination));
    else
      values.emplace(egress + "group-id", rule.group);
    if (const auto ports = port_range(rule)) {
      values.emplace(egress + "from-port", std::to_string(ports->from));
      values.emplace(egress + "to-port", std::to_string(ports->to));
    }
  }
  add_tags(values, notes);
  return values;
}

std::string read_text(QueryParameters& parameters, const std::string& name) {
  auto text = parameters.text(name);
  if (text.size() <= kLongestText) return text;
  throw invalid_value("Value (" + text.substr(0, 20) + "…) for parameter " + name + " is invalid. Expected at most " +
                      std::to_string(kLongestText) + " bytes.");
}

void check_name(Ec2Call& call, const std::string& name, const std::string& vpc) {
  if (name.starts_with("sg-"))
    throw invalid_value("Value (" + name + ") for parameter GroupName is invalid. It may not begin with sg-.");
  const auto notes = list_notes(call.lifecycle.database, call.account);
  for (const auto& group : list_security_groups(call.lifecycle.database, call.account)) {
    const auto found = notes.find(group.id);
    if (group.vpc == vpc && name_of(group, found == notes.end() ? Notes() : found->second) == name)
      throw Ec2Error("InvalidGroup.Duplicate",
                     "The security group '" + name + "' already exists for VPC '" + vpc + "'");
  }
}

}  // namespace

void create_security_group(Ec2Call& call) {
  auto& database = call.lifecycle.database;
  const auto name = read_text(call.parameters, "GroupName");
  const auto description = read_text(call.parameters, "GroupDescription");
  const auto vpc = call.parameters.text("VpcId", "");
  if (vpc.empty()) throw Ec2Error("VPCIdNotSpecified", "No default VPC for this user");
  find_vpc(call, vpc);
  check_name(call, name, vpc);
  SecurityGroup group{.account = call.account,
                      .id = new_id("sg"),
                      .vpc = vpc,
                      .egress = {config::GroupRule{}},  // AWS's: everything to everywhere
                      .members = {}};
  const auto tags = read_tag_specifications(call, "security-group");
  apply_underlay_tags(group, tags);
  call.lifecycle.networks.put_security_group(group);
  put_note(database, call.account, group.id, kNameNote, name);
  put_note(database, call.account, group.id, kDescriptionNote, description);
  put_tags(call, group.id, tags);
  call.xml.truth("return", true);
  call.xml.text("groupId", group.id);
  write_tags(call, find_notes(database, call.account, group.id));
}

void describe_security_groups(Ec2Call& call) {
  const auto notes = list_notes(call.lifecycle.database, call.account);
  std::vector<Ec2Item> items;
  for (const auto& group : list_security_groups(call.lifecycle.database, call.account)) {
    const auto found = notes.find(group.id);
    const auto own = found == notes.end() ? Notes() : found->second;
    items.push_back({.id = group.id, .values = filter_values(group, own), .write = [&call, group, own] {
                       write_group(call, group, own);
                     }});
  }
  write_list(call,
             {.element = "securityGroupInfo",
              .ids = "GroupId",
              .not_found = "InvalidGroup.NotFound",
              .what = "security group",
              .filters = {"group-id", "group-name", "description", "vpc-id", "owner-id",
                          "egress.ip-permission.protocol", "egress.ip-permission.cidr", "egress.ip-permission.group-id",
                          "egress.ip-permission.from-port", "egress.ip-permission.to-port"}},
             std::move(items));
}

void delete_security_group(Ec2Call& call) {
  const auto group = find_group(call, call.parameters.text("GroupId"));
  const auto notes = find_notes(call.lifecycle.database, call.account, group.id);
  if (notes.contains(kDefaultNote))
    throw Ec2Error("CannotDelete",
                   "the specified group: \"" + group.id + "\" name: \"default\" cannot be deleted by a user");
  erase_or_tell_dependency([&] { call.lifecycle.networks.erase_security_group(call.account, group.id); },
                           "resource " + group.id + " has a dependent object");
  call.xml.truth("return", true);
}

}  // namespace hypernat::control
