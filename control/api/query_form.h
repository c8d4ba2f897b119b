// The parameters of a call in AWS's Query protocol: "Filter.1.Value.2=x", form-encoded.
//
// Everything is bounded; a parameter that no reader asked for is refused, so that a misspelt one is never ignored.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hypernat::control {

/// The names and values of "a=b&c=d". Throws Ec2Error when it is not form-encoded text, or more than a call may have.
std::map<std::string, std::string> parse_form(std::string_view text);

class QueryParameters {
 public:
  explicit QueryParameters(std::map<std::string, std::string> values) : values_(std::move(values)) {}

  bool has(const std::string& name);
  /// Throws Ec2Error MissingParameter.
  std::string text(const std::string& name);
  std::string text(const std::string& name, const std::string& otherwise);
  std::int64_t number(const std::string& name, std::int64_t least, std::int64_t most);
  std::optional<std::int64_t> number_if_any(const std::string& name, std::int64_t least, std::int64_t most);
  bool truth(const std::string& name);  ///< absent: false

  /// Values of name.1, name.2, …, in the order of their numbers.
  std::vector<std::string> list(const std::string& name);
  /// "name.1", "name.2", … as far as any parameter begins with one of them; in the order of their numbers.
  std::vector<std::string> structures(const std::string& name);

  /// Throws Ec2Error UnknownParameter when there is one that nobody asked for.
  void finish() const;

 private:
  std::map<std::string, std::string> values_;
  std::set<std::string> asked_;
};

}  // namespace hypernat::control
