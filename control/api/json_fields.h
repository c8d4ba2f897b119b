// A JSON object read member by member, with refusals that name the member, what was found and what was expected.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/types.h"
#include "control/lifecycle/refusal.h"

namespace hypernat::control {

/// The object in a request's body. Throws a Refusal when it is no JSON object.
nlohmann::json parse_body(const std::string& body);

/// The refusal of a member: "VpcConfig.SubnetIds: found …; expected …".
Refusal unexpected(const std::string& where, const std::string& found, const std::string& expected);

struct NumberRange {
  std::int64_t least = 0;
  std::int64_t most = 0;
};

class Fields {
 public:
  /// `where`: the path of this object in the body, empty for the body itself. The object must outlive the reader.
  explicit Fields(const nlohmann::json& object, std::string where = {});

  bool has(const std::string& name);  ///< present and not null

  std::string text(const std::string& name);
  std::string text(const std::string& name, const std::string& otherwise);
  /// False when absent.
  bool flag(const std::string& name);
  std::int64_t number(const std::string& name, NumberRange range);
  std::int64_t number(const std::string& name, NumberRange range, std::int64_t otherwise);
  Ipv4Address address(const std::string& name);
  Ipv4Prefix prefix(const std::string& name);
  /// An id or name that is safe anywhere (config/names.h).
  std::string name(const std::string& name);
  std::vector<std::string> texts(const std::string& name);
  std::vector<Ipv4Address> addresses(const std::string& name);
  std::map<std::string, std::string> text_map(const std::string& name);
  void object(const std::string& name, const std::function<void(Fields&)>& read);
  void objects(const std::string& name, const std::function<void(Fields&)>& read);

  /// Refuses members that nobody asked for.
  void finish() const;

  std::string path(const std::string& name) const;

 private:
  const nlohmann::json& member(const std::string& name, const std::string& expected);
  const nlohmann::json& array(const std::string& name, const std::string& expected);

  const nlohmann::json& object_;
  std::string where_;
  std::set<std::string> asked_;
};

}  // namespace hypernat::control
