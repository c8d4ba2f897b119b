#include "control/cli/difference.h"

#include <algorithm>
#include <set>
#include <utility>

namespace hypernat::cli {
namespace {

using nlohmann::json;

/// Whether `present` has everything that `wished` names.
bool holds(const json& present, const json& wished) {
  if (!wished.is_object() || !present.is_object()) return present == wished;
  return std::all_of(wished.items().begin(), wished.items().end(), [&](const auto& member) {
    return present.contains(member.key()) && holds(present.at(member.key()), member.value());
  });
}

std::string differing_members(const json& present, const json& wished) {
  std::string text;
  for (const auto& [name, value] : wished.items()) {
    const json old = present.value(name, json());
    if (holds(old, value)) continue;
    if (!text.empty()) text += "; ";
    text += name + " " + old.dump() + " -> " + value.dump();
  }
  return text;
}

Step change_of(const ObjectKey& key, const json& present, const json& wished) {
  return {.action = Action::kChange, .key = key, .body = wished, .detail = differing_members(present, wished)};
}

bool leads_to_group(const json& rule) {
  return rule.contains("DestinationGroupId");
}

/// Whether a security group has rules towards groups.
bool needs_groups(const json& group) {
  const auto egress = group.value("Egress", json::array());
  return std::any_of(egress.begin(), egress.end(), leads_to_group);
}

json without_needs(json group) {
  auto& egress = group["Egress"];
  egress.erase(std::remove_if(egress.begin(), egress.end(), leads_to_group), egress.end());
  return group;
}

/// What is left of a group before any is deleted, so that none needs another.
json without_rules(const json& group) {
  auto body = json::object();
  for (const char* name : {"VpcId", "Members"})
    if (group.contains(name)) body[name] = group.at(name);
  body["Egress"] = json::array();
  return body;
}

/// Groups may need each other in a circle: each is made without its rules towards groups first, and gets them when all
/// are there.
void add_groups(const ObjectSet& present, const ObjectSet& wished, std::vector<Step>& steps) {
  std::vector<Step> later;
  for (const auto& [key, body] : wished) {
    if (key.kind != ObjectKind::kSecurityGroup) continue;
    const auto found = present.find(key);
    if (found == present.end() && needs_groups(body)) {
      steps.push_back({.action = Action::kCreate, .key = key, .body = without_needs(body), .detail = {}});
      later.push_back(change_of(key, steps.back().body, body));
    } else if (found == present.end()) {
      steps.push_back({.action = Action::kCreate, .key = key, .body = body, .detail = {}});
    } else if (!holds(found->second, body)) {
      later.push_back(change_of(key, found->second, body));
    }
  }
  steps.insert(steps.end(), later.begin(), later.end());
}

/// Users before what they use. Functions are the last users of groups; then these let go of each other.
void add_deletions(const ObjectSet& present, const ObjectSet& wished, const std::set<std::string>& accounts,
                   std::vector<Step>& steps) {
  std::vector<Step> deletions;
  for (auto object = present.rbegin(); object != present.rend(); ++object) {
    const auto& [key, body] = *object;
    if (key.kind == ObjectKind::kAccount || !accounts.contains(key.account) || wished.contains(key)) continue;
    if (key.kind == ObjectKind::kSecurityGroup && needs_groups(body))
      steps.push_back(change_of(key, body, without_rules(body)));
    deletions.push_back({.action = Action::kDelete, .key = key, .body = nullptr, .detail = {}});
  }
  steps.insert(steps.end(), deletions.begin(), deletions.end());
}

}  // namespace

std::string to_string(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kAccount:
      return "account";
    case ObjectKind::kVpc:
      return "vpc";
    case ObjectKind::kRouteTable:
      return "route table";
    case ObjectKind::kSubnet:
      return "subnet";
    case ObjectKind::kSecurityGroup:
      return "security group";
    case ObjectKind::kFunction:
      return "function";
  }
  return "object";
}

std::vector<Step> difference(const ObjectSet& present, const ObjectSet& wished, Prune prune) {
  std::vector<Step> steps;
  std::set<std::string> accounts;
  bool groups_are_added = false;
  for (const auto& [key, body] : wished) {  // sorted by kind first: what others need comes before them
    accounts.insert(key.account);
    if (key.kind >= ObjectKind::kSecurityGroup && !std::exchange(groups_are_added, true))
      add_groups(present, wished, steps);
    if (key.kind == ObjectKind::kSecurityGroup) continue;
    const auto found = present.find(key);
    if (found == present.end()) {
      steps.push_back({.action = Action::kCreate, .key = key, .body = body, .detail = {}});
    } else if (!holds(found->second, body)) {
      steps.push_back(change_of(key, found->second, body));
    }
  }
  if (prune == Prune::kYes) add_deletions(present, wished, accounts, steps);
  return steps;
}

std::string to_string(const Step& step) {
  const char* sign = step.action == Action::kCreate ? "+ " : step.action == Action::kChange ? "~ " : "- ";
  std::string text = sign + to_string(step.key.kind) + " " + step.key.account;
  if (step.key.kind != ObjectKind::kAccount) text += "/" + step.key.id;
  return step.detail.empty() ? text : text + ": " + step.detail;
}

}  // namespace hypernat::cli
