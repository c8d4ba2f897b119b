// The kinds of values that stand behind one key, each with what a person is told about it: how a value is written,
// what it may be, how a default is shown. Reading, messages and the reference all use the same object.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/common_config.h"
#include "config/types.h"

namespace hypernat::config {

template <class V>
struct Scalar {
  std::string type;      ///< "integer"
  std::string unit;      ///< "bytes"; empty: none
  std::string range;     ///< "68 to 9600"; empty: the type says it all
  std::string expected;  ///< "an integer from 68 to 9600", behind "expected" in messages
  std::function<std::optional<V>(std::string_view)> parse;
  std::function<std::string(const V&)> print;
};

/// Decimal digits only.
std::optional<std::uint64_t> parse_decimal(std::string_view text);
/// "50us", "500ms", "2s", "3m", "1h", "14d".
std::optional<std::chrono::microseconds> parse_duration(std::string_view text);
/// In the largest unit that leaves a whole number.
std::string print_duration(std::chrono::microseconds duration);

template <std::unsigned_integral V>
Scalar<V> integer(V lowest, V highest, std::string unit = "") {
  const std::string range = std::to_string(lowest) + " to " + std::to_string(highest);
  return {.type = "integer",
          .unit = std::move(unit),
          .range = range,
          .expected = "an integer from " + range,
          .parse = [=](std::string_view text) -> std::optional<V> {
            const auto value = parse_decimal(text);
            if (!value || *value < lowest || *value > highest) return std::nullopt;
            return static_cast<V>(*value);
          },
          .print = [](const V& value) { return std::to_string(value); }};
}

template <class Duration>
Scalar<Duration> duration(Duration lowest, Duration highest) {
  const std::string range = print_duration(lowest) + " to " + print_duration(highest);
  return {.type = "duration",
          .unit = "us, ms, s, m, h or d",
          .range = range,
          .expected = "a duration from " + range + " in whole " + print_duration(Duration(1)).substr(1) +
                      ", as 500ms, 2s or 14d",
          .parse = [=](std::string_view text) -> std::optional<Duration> {
            const auto value = parse_duration(text);
            if (!value || *value < lowest || *value > highest) return std::nullopt;
            const auto rounded = std::chrono::duration_cast<Duration>(*value);
            if (rounded != *value) return std::nullopt;
            return rounded;
          },
          .print = [](const Duration& value) { return print_duration(value); }};
}

/// One of a few words.
template <class V>
Scalar<V> one_of(std::vector<std::pair<std::string, V>> words) {
  std::string range;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) range += i + 1 == words.size() ? " or " : ", ";
    range += words[i].first;
  }
  return {.type = "word",
          .unit = "",
          .range = range,
          .expected = range,
          .parse = [words](std::string_view text) -> std::optional<V> {
            for (const auto& [word, value] : words) {
              if (word == text) return value;
            }
            return std::nullopt;
          },
          .print = [words](const V& value) -> std::string {
            for (const auto& [word, meaning] : words) {
              if (meaning == value) return word;
            }
            return "";
          }};
}

/// Any text but the empty one; `example` is shown.
Scalar<std::string> text(const std::string& example);
/// See names.h.
Scalar<std::string> name();
/// A name that begins like "subnet-".
Scalar<std::string> id(const std::string& prefix);
Scalar<std::string> account();
Scalar<Ipv4Address> ipv4_address();
Scalar<Ipv4Prefix> ipv4_prefix(std::uint8_t shortest, std::uint8_t longest);
Scalar<DeviceAddress> device_address();
/// One that an interface may have: neither zero nor multicast.
Scalar<MacAddress> unicast_mac();
Scalar<bool> yes_or_no();
/// Absolute, so that it means the same wherever the process was started.
Scalar<std::filesystem::path> absolute_path();
/// An absolute path that fits a Unix socket's address.
Scalar<std::filesystem::path> socket_path();

}  // namespace hypernat::config
