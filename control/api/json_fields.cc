#include "control/api/json_fields.h"

#include "config/json.h"
#include "config/names.h"

namespace hypernat::control {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLongestQuote = 100;
// Writing a value out takes a stack frame for each level, so the depth is bounded where it comes in.
constexpr int kDeepest = 32;

std::string quote(const Json& value) {
  auto text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kLongestQuote) text = text.substr(0, kLongestQuote) + "…";
  return text;
}

}  // namespace

Refusal unexpected(const std::string& where, const std::string& found, const std::string& expected) {
  return {RefusalKind::kInvalidContent, where + ": found " + found + "; expected " + expected};
}

Json parse_body(const std::string& body) {
  try {
    auto object = Json::parse(body, [](int depth, Json::parse_event_t, Json&) {
      if (depth > kDeepest) throw unexpected("body", "JSON nested deeper than " + std::to_string(kDeepest), "less");
      return true;
    });
    if (object.is_object()) return object;
    throw unexpected("body", quote(object), "a JSON object");
  } catch (const Json::exception& error) {  // a number beyond what a double holds is no parse_error
    throw Refusal(RefusalKind::kInvalidContent, std::string("Could not parse request body into json: ") + error.what());
  }
}

Fields::Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object.is_object()) throw unexpected(where_.empty() ? "body" : where_, quote(object), "an object");
}

std::string Fields::path(const std::string& name) const {
  return where_.empty() ? name : where_ + "." + name;
}

bool Fields::has(const std::string& name) {
  asked_.insert(name);
  const auto found = object_.find(name);
  return found != object_.end() && !found->is_null();
}

const Json& Fields::member(const std::string& name, const std::string& expected) {
  asked_.insert(name);
  const auto found = object_.find(name);
  if (found == object_.end()) throw unexpected(path(name), "nothing", expected);
  return *found;
}

const Json& Fields::array(const std::string& name, const std::string& expected) {
  const auto& value = member(name, expected);
  if (!value.is_array()) throw unexpected(path(name), quote(value), expected);
  return value;
}

std::string Fields::text(const std::string& name) {
  const auto& value = member(name, "a string");
  if (!value.is_string()) throw unexpected(path(name), quote(value), "a string");
  return value.get<std::string>();
}

std::string Fields::text(const std::string& name, const std::string& otherwise) {
  return has(name) ? text(name) : otherwise;
}

bool Fields::flag(const std::string& name) {
  if (!has(name)) return false;
  const auto& value = member(name, "true or false");
  if (!value.is_boolean()) throw unexpected(path(name), quote(value), "true or false");
  return value.get<bool>();
}

std::int64_t Fields::number(const std::string& name, NumberRange range) {
  const auto expected = "a whole number from " + std::to_string(range.least) + " to " + std::to_string(range.most);
  const auto& value = member(name, expected);
  // A number beyond int64 would wrap into the range.
  const bool is_huge = value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{INT64_MAX};
  if (!value.is_number_integer() || is_huge || value.get<std::int64_t>() < range.least ||
      value.get<std::int64_t>() > range.most)
    throw unexpected(path(name), quote(value), expected);
  return value.get<std::int64_t>();
}

std::int64_t Fields::number(const std::string& name, NumberRange range, std::int64_t otherwise) {
  return has(name) ? number(name, range) : otherwise;
}

Ipv4Address Fields::address(const std::string& name) {
  const auto value = text(name);
  if (const auto parsed = parse_ipv4_address(value)) return *parsed;
  throw unexpected(path(name), quote(value), "an IPv4 address");
}

Ipv4Prefix Fields::prefix(const std::string& name) {
  const auto value = text(name);
  if (const auto parsed = parse_ipv4_prefix(value)) return *parsed;
  throw unexpected(path(name), quote(value), "an IPv4 prefix without host bits, such as \"10.0.1.0/24\"");
}

std::string Fields::name(const std::string& name) {
  auto value = text(name);
  if (config::is_name(value)) return value;
  throw unexpected(path(name), quote(value), std::string(config::kNameRule));
}

std::vector<std::string> Fields::texts(const std::string& name) {
  std::vector<std::string> values;
  for (const auto& item : array(name, "an array of strings")) {
    if (!item.is_string()) throw unexpected(path(name), quote(item), "strings");
    values.push_back(item.get<std::string>());
  }
  return values;
}

std::vector<Ipv4Address> Fields::addresses(const std::string& name) {
  std::vector<Ipv4Address> values;
  for (const auto& item : array(name, "an array of IPv4 addresses")) {
    const auto parsed = item.is_string() ? parse_ipv4_address(item.get<std::string>()) : std::nullopt;
    if (!parsed) throw unexpected(path(name), quote(item), "IPv4 addresses");
    values.push_back(*parsed);
  }
  return values;
}

std::map<std::string, std::string> Fields::text_map(const std::string& name) {
  const std::string expected = "an object whose members are strings";
  const auto& value = member(name, expected);
  if (!value.is_object()) throw unexpected(path(name), quote(value), expected);
  std::map<std::string, std::string> values;
  for (const auto& [key, item] : value.items()) {
    if (!item.is_string()) throw unexpected(path(name) + "." + key, quote(item), "a string");
    values.emplace(key, item.get<std::string>());
  }
  return values;
}

void Fields::object(const std::string& name, const std::function<void(Fields&)>& read) {
  Fields fields(member(name, "an object"), path(name));
  read(fields);
}

void Fields::objects(const std::string& name, const std::function<void(Fields&)>& read) {
  std::size_t index = 0;
  for (const auto& item : array(name, "an array of objects")) {
    Fields fields(item, path(name) + "[" + std::to_string(index++) + "]");
    read(fields);
  }
}

void Fields::finish() const {
  for (const auto& [name, value] : object_.items()) {
    if (asked_.contains(name)) continue;
    std::string known;
    for (const auto& asked : asked_) known += (known.empty() ? "" : ", ") + asked;
    throw unexpected(path(name), "an unknown member", known.empty() ? "none" : "only " + known);
  }
}

}  // namespace hypernat::control
