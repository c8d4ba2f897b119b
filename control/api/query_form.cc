#include "control/api/query_form.h"

#include <algorithm>
#include <charconv>

#include "config/names.h"
#include "control/api/ec2_error.h"
#include "control/api/xml_writer.h"

namespace hypernat::control {
namespace {

constexpr std::size_t kMostParameters = 5'000;
constexpr std::size_t kLongestName = 255;
constexpr std::size_t kMostDigits = 5;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// As forms are encoded (URL Standard, application/x-www-form-urlencoded).
std::string form_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      throw Ec2Error("MalformedQueryString", "Found " + config::quote(text.substr(i)) +
                                                 "; expected two hexadecimal digits behind a percent sign");
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (!is_xml_text(decoded))
    throw Ec2Error("MalformedQueryString", "Found bytes that are no text; expected UTF-8 without control characters");
  return decoded;
}

// The number that begins a name's rest, "12" of "12.Value"; nothing when none does.
std::optional<std::uint32_t> leading_number(std::string_view rest) {
  const auto digits = rest.substr(0, rest.find('.'));
  if (digits.empty() || digits.size() > kMostDigits) return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

}  // namespace

std::map<std::string, std::string> parse_form(std::string_view text) {
  std::map<std::string, std::string> values;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    const auto name = form_decoded(pair.substr(0, equals));
    if (name.empty() || name.size() > kLongestName)
      throw Ec2Error("MalformedQueryString", "Found a parameter whose name has " + std::to_string(name.size()) +
                                                 " bytes; expected 1 to " + std::to_string(kLongestName));
    const auto value = equals < pair.size() ? form_decoded(pair.substr(equals + 1)) : std::string();
    if (!values.emplace(name, value).second)
      throw Ec2Error("MalformedQueryString", "Found the parameter " + config::quote(name) + " twice");
    if (values.size() > kMostParameters)
      throw Ec2Error("MalformedQueryString", "Found more than " + std::to_string(kMostParameters) + " parameters");
  }
  return values;
}

bool QueryParameters::has(const std::string& name) {
  asked_.insert(name);
  return values_.contains(name);
}

std::string QueryParameters::text(const std::string& name) {
  const auto value = text(name, "");
  if (value.empty()) throw missing_parameter(name);
  return value;
}

std::string QueryParameters::text(const std::string& name, const std::string& otherwise) {
  return has(name) ? values_.at(name) : otherwise;
}

std::int64_t QueryParameters::number(const std::string& name, std::int64_t least, std::int64_t most) {
  if (const auto value = number_if_any(name, least, most)) return *value;
  throw missing_parameter(name);
}

std::optional<std::int64_t> QueryParameters::number_if_any(const std::string& name, std::int64_t least,
                                                           std::int64_t most) {
  if (!has(name)) return std::nullopt;
  const auto& value = values_.at(name);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() || number < least || number > most)
    throw invalid_value("Value (" + value + ") for parameter " + name + " is invalid. Expected a number from " +
                        std::to_string(least) + " to " + std::to_string(most) + ".");
  return number;
}

bool QueryParameters::truth(const std::string& name) {
  const auto value = text(name, "false");
  if (value != "true" && value != "false")
    throw invalid_value("Value (" + value + ") for parameter " + name + " is invalid. Expected true or false.");
  return value == "true";
}

std::vector<std::string> QueryParameters::structures(const std::string& name) {
  const auto prefix = name + ".";
  std::set<std::uint32_t> numbers;
  for (auto at = values_.lower_bound(prefix); at != values_.end() && at->first.starts_with(prefix); ++at)
    if (const auto number = leading_number(std::string_view(at->first).substr(prefix.size()))) numbers.insert(*number);
  std::vector<std::string> found;
  for (const auto number : numbers) found.push_back(prefix + std::to_string(number));
  return found;
}

std::vector<std::string> QueryParameters::list(const std::string& name) {
  std::vector<std::string> found;
  for (const auto& each : structures(name))
    if (has(each)) found.push_back(values_.at(each));
  return found;
}

void QueryParameters::finish() const {
  for (const auto& [name, value] : values_)
    if (!asked_.contains(name)) throw Ec2Error("UnknownParameter", "The parameter " + name + " is not recognized");
}

}  // namespace hypernat::control
