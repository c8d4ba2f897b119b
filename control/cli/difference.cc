#include "control/cli/difference.h"

#include <algorithm>
#include <set>

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
  for (const auto& [key, body] : wished) {  // sorted by kind first: what others need comes before them
    accounts.insert(key.account);
    const auto found = present.find(key);
    if (found == present.end()) {
      steps.push_back({.action = Action::kCreate, .key = key, .body = body, .detail = {}});
    } else if (!holds(found->second, body)) {
      steps.push_back(
          {.action = Action::kChange, .key = key, .body = body, .detail = differing_members(found->second, body)});
    }
  }
  if (prune == Prune::kNo) return steps;
  for (auto object = present.rbegin(); object != present.rend(); ++object) {
    const auto& key = object->first;
    if (key.kind == ObjectKind::kAccount || !accounts.contains(key.account) || wished.contains(key)) continue;
    steps.push_back({.action = Action::kDelete, .key = key, .body = nullptr, .detail = {}});
  }
  return steps;
}

std::string to_string(const Step& step) {
  const char* sign = step.action == Action::kCreate ? "+ " : step.action == Action::kChange ? "~ " : "- ";
  std::string text = sign + to_string(step.key.kind) + " " + step.key.account;
  if (step.key.kind != ObjectKind::kAccount) text += "/" + step.key.id;
  return step.detail.empty() ? text : text + ": " + step.detail;
}

}  // namespace hypernat::cli
