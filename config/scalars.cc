#include "config/scalars.h"

#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "config/names.h"

namespace hypernat::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t microseconds;
};

constexpr std::array<Unit, 6> kUnits = {
    {{"d", 86'400'000'000}, {"h", 3'600'000'000}, {"m", 60'000'000}, {"s", 1'000'000}, {"ms", 1'000}, {"us", 1}}};

}  // namespace

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::chrono::microseconds> parse_duration(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = parse_decimal(text.substr(0, digits));
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(),
                                 [name = text.substr(digits)](const Unit& known) { return known.name == name; });
  if (!count || unit == kUnits.end()) return std::nullopt;
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (*count > kMost / static_cast<std::uint64_t>(unit->microseconds)) return std::nullopt;
  return std::chrono::microseconds(static_cast<std::int64_t>(*count) * unit->microseconds);
}

std::string print_duration(std::chrono::microseconds duration) {
  if (duration.count() == 0) return "0s";
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(),
                                 [&](const Unit& known) { return duration.count() % known.microseconds == 0; });
  return std::to_string(duration.count() / unit->microseconds) + std::string(unit->name);
}

Scalar<std::string> text(const std::string& example) {
  return {.type = "text",
          .unit = "",
          .range = "",
          .expected = "a text, as " + example,
          .parse = [](std::string_view value) -> std::optional<std::string> {
            if (value.empty() || value.find('\0') != std::string_view::npos) return std::nullopt;
            return std::string(value);
          },
          .print = [](const std::string& value) { return value; }};
}

Scalar<std::string> name() {
  return {.type = "name",
          .unit = "",
          .range = std::string(kNameRule),
          .expected = "a name of " + std::string(kNameRule),
          .parse = [](std::string_view value) -> std::optional<std::string> {
            if (!is_name(value)) return std::nullopt;
            return std::string(value);
          },
          .print = [](const std::string& value) { return value; }};
}

Scalar<std::string> id(const std::string& prefix) {
  Scalar<std::string> scalar = name();
  scalar.type = "id";
  scalar.range = prefix + "…";
  scalar.expected = "an id that begins with " + prefix + ", of A-Z a-z 0-9 . _ -";
  scalar.parse = [prefix, parse = scalar.parse](std::string_view value) {
    return value.starts_with(prefix) && value.size() > prefix.size() ? parse(value) : std::nullopt;
  };
  return scalar;
}

Scalar<std::string> account() {
  return {.type = "account id",
          .unit = "",
          .range = "12 digits",
          .expected = "an account id of 12 digits",
          .parse = [](std::string_view value) -> std::optional<std::string> {
            if (!is_account(value)) return std::nullopt;
            return std::string(value);
          },
          .print = [](const std::string& value) { return value; }};
}

Scalar<Ipv4Address> ipv4_address() {
  return {.type = "IPv4 address",
          .unit = "",
          .range = "unicast",
          .expected = "a unicast IPv4 address, as 192.0.2.1",
          .parse = [](std::string_view value) -> std::optional<Ipv4Address> {
            const auto address = parse_ipv4_address(value);
            return address && address->is_unicast() ? address : std::nullopt;
          },
          .print = [](const Ipv4Address& address) { return to_string(address); }};
}

Scalar<Ipv4Prefix> ipv4_prefix(std::uint8_t shortest, std::uint8_t longest) {
  const std::string range = "/" + std::to_string(shortest) + " to /" + std::to_string(longest);
  return {.type = "IPv4 prefix",
          .unit = "",
          .range = range,
          .expected = "an IPv4 prefix from " + range + " without host bits, as 10.0.0.0/16",
          .parse = [=](std::string_view value) -> std::optional<Ipv4Prefix> {
            const auto prefix = parse_ipv4_prefix(value);
            return prefix && prefix->length >= shortest && prefix->length <= longest ? prefix : std::nullopt;
          },
          .print = [](const Ipv4Prefix& prefix) { return to_string(prefix); }};
}

Scalar<DeviceAddress> device_address() {
  return {
      .type = "IPv4 address/length",
      .unit = "",
      .range = "unicast, /8 to /32",
      .expected = "an IPv4 host address with its prefix length, as 192.0.2.1/24",
      .parse = [](std::string_view value) -> std::optional<DeviceAddress> {
        const std::size_t slash = value.find('/');
        if (slash == std::string_view::npos) return std::nullopt;
        const auto address = parse_ipv4_address(value.substr(0, slash));
        const auto length = parse_decimal(value.substr(slash + 1));
        if (!address || !address->is_unicast() || !length || *length < 8 || *length > 32) return std::nullopt;
        const DeviceAddress device{*address, static_cast<std::uint8_t>(*length)};
        // A /31 or /32 has no network and broadcast address (RFC 3021).
        const bool is_host =
            device.length > 30 || (*address != device.prefix().first() && *address != device.prefix().last());
        return is_host ? std::optional(device) : std::nullopt;
      },
      .print =
          [](const DeviceAddress& device) { return to_string(device.address) + "/" + std::to_string(device.length); }};
}

Scalar<MacAddress> unicast_mac() {
  return {.type = "MAC address",
          .unit = "",
          .range = "unicast",
          .expected = "a unicast MAC address, as 02:00:00:00:00:01",
          .parse = [](std::string_view value) -> std::optional<MacAddress> {
            const auto mac = parse_mac_address(value);
            return mac && !mac->is_zero() && !mac->is_multicast() ? mac : std::nullopt;
          },
          .print = [](const MacAddress& mac) { return to_string(mac); }};
}

Scalar<bool> yes_or_no() {
  return one_of<bool>({{"true", true}, {"false", false}});
}

Scalar<std::filesystem::path> absolute_path() {
  return {.type = "path",
          .unit = "",
          .range = "absolute",
          .expected = "an absolute path, as /run/hypernat",
          .parse = [](std::string_view value) -> std::optional<std::filesystem::path> {
            if (!value.starts_with('/') || value.find('\0') != std::string_view::npos) return std::nullopt;
            return std::filesystem::path(value);
          },
          .print = [](const std::filesystem::path& path) { return path.string(); }};
}

Scalar<std::filesystem::path> socket_path() {
  constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  Scalar<std::filesystem::path> scalar = absolute_path();
  scalar.range = "absolute, at most " + std::to_string(kLongest) + " bytes";
  scalar.expected = "an absolute path of at most " + std::to_string(kLongest) + " bytes, as /run/hypernat/x.sock";
  scalar.parse = [parse = scalar.parse](std::string_view value) {
    return value.size() <= kLongest ? parse(value) : std::nullopt;
  };
  return scalar;
}

}  // namespace hypernat::config
