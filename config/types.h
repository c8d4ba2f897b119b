// Addresses, ports, prefixes and numbers that both planes speak of.
//
// Everything that travels in a packet is kept in network order inside a strong type, so that a comparison or a
// copy needs no swap and arithmetic on swapped bytes does not compile. `.host()` is for arithmetic and for text.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace hypernat {

static_assert(std::endian::native == std::endian::little, "hypernat is written for little-endian machines");

/// An IPv4 address in network order.
class Ipv4Address {
 public:
  constexpr Ipv4Address() = default;

  static constexpr Ipv4Address from_network(std::uint32_t value) { return Ipv4Address(value); }
  static constexpr Ipv4Address from_host(std::uint32_t value) { return Ipv4Address(__builtin_bswap32(value)); }
  static constexpr Ipv4Address of(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return from_host(std::uint32_t{a} << 24 | std::uint32_t{b} << 16 | std::uint32_t{c} << 8 | d);
  }

  constexpr std::uint32_t network() const { return value_; }
  constexpr std::uint32_t host() const { return __builtin_bswap32(value_); }
  constexpr bool is_zero() const { return value_ == 0; }
  /// Not "this network", loopback, multicast or reserved (RFC 1122 3.2.1.3, RFC 6890): something can have it.
  constexpr bool is_unicast() const {
    const std::uint32_t first_octet = host() >> 24;
    return first_octet != 0 && first_octet != 127 && first_octet < 224;
  }

  /// Orders by the number a person reads, not by the bytes in memory.
  constexpr std::strong_ordering operator<=>(const Ipv4Address& other) const { return host() <=> other.host(); }
  constexpr bool operator==(const Ipv4Address& other) const = default;

 private:
  explicit constexpr Ipv4Address(std::uint32_t network) : value_(network) {}
  std::uint32_t value_ = 0;
};

/// A TCP or UDP port, or an ICMP echo identifier, in network order.
class L4Port {
 public:
  constexpr L4Port() = default;

  static constexpr L4Port from_network(std::uint16_t value) { return L4Port(value); }
  static constexpr L4Port from_host(std::uint16_t value) { return L4Port(__builtin_bswap16(value)); }

  constexpr std::uint16_t network() const { return value_; }
  constexpr std::uint16_t host() const { return __builtin_bswap16(value_); }

  constexpr std::strong_ordering operator<=>(const L4Port& other) const { return host() <=> other.host(); }
  constexpr bool operator==(const L4Port& other) const = default;

 private:
  explicit constexpr L4Port(std::uint16_t network) : value_(network) {}
  std::uint16_t value_ = 0;
};

/// A 48-bit Ethernet address, bytes as on the wire.
struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  constexpr bool is_zero() const { return bytes == std::array<std::uint8_t, 6>{}; }
  constexpr bool is_multicast() const { return (bytes[0] & 1) != 0; }
  constexpr auto operator<=>(const MacAddress&) const = default;
  // Every frame's is compared: two loads rather than a call.
  constexpr bool operator==(const std::array<std::uint8_t, 6>& other) const {
    if (std::is_constant_evaluated()) return bytes == other;
    return load<std::uint32_t>(bytes, 0) == load<std::uint32_t>(other, 0) &&
           load<std::uint16_t>(bytes, 4) == load<std::uint16_t>(other, 4);
  }
  constexpr bool operator==(const MacAddress& other) const { return *this == other.bytes; }

  static constexpr MacAddress broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }

 private:
  template <typename Word>
  static Word load(const std::array<std::uint8_t, 6>& from, std::size_t at) {
    Word word;
    std::memcpy(&word, from.data() + at, sizeof word);
    return word;
  }
};

/// An IPv4 prefix; the bits beyond `length` are zero in every prefix that `parse` or `covering` made.
struct Ipv4Prefix {
  Ipv4Address address;
  std::uint8_t length = 0;

  constexpr std::uint32_t host_mask() const { return length == 0 ? 0U : ~std::uint32_t{0} << (32 - length); }
  constexpr bool contains(Ipv4Address other) const { return ((other.host() ^ address.host()) & host_mask()) == 0; }
  constexpr bool contains(const Ipv4Prefix& other) const { return other.length >= length && contains(other.address); }
  constexpr bool overlaps(const Ipv4Prefix& other) const { return contains(other.address) || other.contains(address); }
  constexpr Ipv4Address first() const { return address; }
  constexpr Ipv4Address last() const { return Ipv4Address::from_host(address.host() | ~host_mask()); }
  constexpr std::uint64_t size() const { return std::uint64_t{1} << (32 - length); }
  constexpr auto operator<=>(const Ipv4Prefix&) const = default;

  /// The prefix of `length` bits that holds `address`.
  static constexpr Ipv4Prefix covering(Ipv4Address address, std::uint8_t length) {
    Ipv4Prefix prefix{address, length};
    prefix.address = Ipv4Address::from_host(address.host() & prefix.host_mask());
    return prefix;
  }
};

/// IP protocol numbers that are translated (IANA "Protocol Numbers").
enum class Protocol : std::uint8_t { kIcmp = 1, kTcp = 6, kUdp = 17 };

/// The mapping's number on the wire: a VNI, or a VLAN id where the attachment has no more bits. 24 bits.
enum class MappingNumber : std::uint32_t {};
/// A subnet's number, given once by the control plane and never given to another subnet. 24 bits.
enum class SubnetNumber : std::uint32_t {};

inline constexpr std::uint32_t kMaxNumber24 = 0xffffff;
/// Ports an interface translates to (per protocol and remote endpoint): 1024 ... 65535.
inline constexpr std::uint16_t kFirstInterfacePort = 1024;
inline constexpr std::uint32_t kInterfacePorts = 65536 - kFirstInterfacePort;

constexpr std::uint32_t to_number(MappingNumber number) {
  return static_cast<std::uint32_t>(number);
}
constexpr std::uint32_t to_number(SubnetNumber number) {
  return static_cast<std::uint32_t>(number);
}

/// Each parses the whole text or nothing: no leading or trailing characters, no leading zeros that read as octal.
std::optional<Ipv4Address> parse_ipv4_address(std::string_view text);
std::optional<MacAddress> parse_mac_address(std::string_view text);
/// "10.0.1.0/24"; host bits set make it no prefix.
std::optional<Ipv4Prefix> parse_ipv4_prefix(std::string_view text);

std::string to_string(Ipv4Address address);
std::string to_string(const MacAddress& mac);
std::string to_string(const Ipv4Prefix& prefix);
/// "icmp", "tcp", "udp", or the number.
std::string to_string(Protocol protocol);

}  // namespace hypernat

template <>
struct std::hash<hypernat::Ipv4Address> {
  std::size_t operator()(hypernat::Ipv4Address address) const noexcept {
    return std::hash<std::uint32_t>{}(address.network());
  }
};
