#include "config/types.h"

#include <charconv>
#include <cstdio>

namespace hypernat {
namespace {

// One decimal number without sign or leading zero, at most `limit`; moves `text` behind it.
std::optional<unsigned> take_decimal(std::string_view& text, unsigned limit) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || value > limit || (digits > 1 && text.front() == '0')) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Ipv4Address> take_ipv4_address(std::string_view& text) {
  std::uint32_t value = 0;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0 && !take(text, '.')) return std::nullopt;
    const auto number = take_decimal(text, 255);
    if (!number) return std::nullopt;
    value = value << 8 | *number;
  }
  return Ipv4Address::from_host(value);
}

std::optional<std::uint8_t> take_hex_octet(std::string_view& text) {
  if (text.size() < 2) return std::nullopt;
  std::uint8_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 2, value, 16);
  if (error != std::errc{} || end != text.data() + 2) return std::nullopt;
  text.remove_prefix(2);
  return value;
}

}  // namespace

std::optional<Ipv4Address> parse_ipv4_address(std::string_view text) {
  const auto address = take_ipv4_address(text);
  return text.empty() ? address : std::nullopt;
}

std::optional<MacAddress> parse_mac_address(std::string_view text) {
  MacAddress mac;
  for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
    if (i > 0 && !take(text, ':')) return std::nullopt;
    const auto octet = take_hex_octet(text);
    if (!octet) return std::nullopt;
    mac.bytes[i] = *octet;
  }
  if (!text.empty()) return std::nullopt;
  return mac;
}

std::optional<Ipv4Prefix> parse_ipv4_prefix(std::string_view text) {
  const auto address = take_ipv4_address(text);
  if (!address || !take(text, '/')) return std::nullopt;
  const auto length = take_decimal(text, 32);
  if (!length || !text.empty()) return std::nullopt;
  const auto prefix = Ipv4Prefix::covering(*address, static_cast<std::uint8_t>(*length));
  if (prefix.address != *address) return std::nullopt;
  return prefix;
}

std::string to_string(Ipv4Address address) {
  const std::uint32_t host = address.host();
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%u.%u.%u.%u", host >> 24, host >> 16 & 0xff, host >> 8 & 0xff, host & 0xff);
  return text.data();
}

std::string to_string(const MacAddress& mac) {
  std::array<char, 18> text{};
  const auto& b = mac.bytes;
  std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
  return text.data();
}

std::string to_string(const Ipv4Prefix& prefix) {
  return to_string(prefix.address) + "/" + std::to_string(prefix.length);
}

std::string to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::kIcmp:
      return "icmp";
    case Protocol::kTcp:
      return "tcp";
    case Protocol::kUdp:
      return "udp";
  }
  return std::to_string(static_cast<unsigned>(protocol));
}

}  // namespace hypernat
