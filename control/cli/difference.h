// What has to change so that the control plane's state becomes the wished one: pure, so that it can be tested and
// shown.
//
// Objects are compared by the members that the wish names; whatever else the control plane says of them is its own.
#pragma once

#include <compare>
#include <map>
#include <string>
#include <vector>

#include "config/json.h"

namespace hypernat::cli {

/// In the order in which they need each other: creation goes down the list, deletion up.
enum class ObjectKind { kAccount, kVpc, kRouteTable, kSubnet, kSecurityGroup, kFunction };

std::string to_string(ObjectKind kind);

struct ObjectKey {
  ObjectKind kind = ObjectKind::kAccount;
  std::string account;
  std::string id;  ///< the account's own number for an account
  auto operator<=>(const ObjectKey&) const = default;
};

using ObjectSet = std::map<ObjectKey, nlohmann::json>;

enum class Action { kCreate, kChange, kDelete };

struct Step {
  Action action = Action::kCreate;
  ObjectKey key;
  nlohmann::json body;  ///< as wished; null when deleting
  std::string detail;   ///< changing: the members that differ, old and new
};

enum class Prune { kNo, kYes };

/// Steps in an order that the control plane can take. Deletes what is present and not wished only when pruning, and
/// only in accounts that the wish names (never the account itself).
std::vector<Step> difference(const ObjectSet& present, const ObjectSet& wished, Prune prune);

/// One line: "+ function 111111111111/web", "~ …: Timeout 3 -> 30", "- …".
std::string to_string(const Step& step);

}  // namespace hypernat::cli
