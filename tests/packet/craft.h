// Packets for tests, written as one reads them: Ip{.src = "100.64.0.5", .dst = "10.0.1.10"} / Udp{.src = 4000, .dst =
// 53} / "who".
//
// Lengths and checksums are filled in over the whole packet, by code that shares nothing with the data plane's. What a
// test sets explicitly stays as it set it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/types.h"

namespace hypernat::craft {

using Bytes = std::vector<std::uint8_t>;

struct Ip {
  std::string src;
  std::string dst;
  std::uint8_t ttl = 64;
  std::uint8_t dscp_ecn = 0;
  std::uint16_t identification = 0x2a17;
  std::uint16_t fragment = 0;  ///< flags and offset
  Bytes options = {};          ///< a multiple of four bytes
  std::optional<std::uint16_t> checksum = {};
};

struct Udp {
  std::uint16_t src = 0;
  std::uint16_t dst = 0;
  std::optional<std::uint16_t> checksum = {};
};

struct Tcp {
  std::uint16_t src = 0;
  std::uint16_t dst = 0;
  std::string flags = "S";  ///< letters as tcpdump and scapy have them: F S R P A U E C
  std::uint32_t seq = 1000;
  std::uint32_t ack = 0;
  std::uint16_t window = 8192;
  Bytes options = {};  ///< a multiple of four bytes
  std::optional<std::uint16_t> checksum = {};
};

/// Request when sent, unless the type says otherwise.
struct Echo {
  std::uint16_t id = 0;
  std::uint16_t seq = 1;
  std::uint8_t type = 8;
  std::uint8_t code = 0;
  std::optional<std::uint16_t> checksum = {};
};
inline constexpr std::uint8_t kReply = 0;

/// An ICMP error. The payload is what it quotes, and what follows that.
struct IcmpError {
  std::uint8_t type = 3;
  std::uint8_t code = 1;
  std::uint8_t pointer = 0;
  std::uint8_t length = 0;  ///< of the quoted packet in 32-bit words (RFC 4884)
  std::uint16_t mtu = 0;
  std::optional<std::uint16_t> checksum = {};
};

struct Datagram {
  Ip ip;
  std::variant<Udp, Tcp, Echo, IcmpError> l4;
  Bytes payload = {};

  Bytes bytes() const;
};

inline Datagram operator/(Ip ip, Udp udp) {
  return {std::move(ip), std::move(udp)};
}
inline Datagram operator/(Ip ip, Tcp tcp) {
  return {std::move(ip), std::move(tcp)};
}
inline Datagram operator/(Ip ip, Echo echo) {
  return {std::move(ip), std::move(echo)};
}
inline Datagram operator/(Ip ip, IcmpError error) {
  return {std::move(ip), error};
}
inline Datagram operator/(Datagram datagram, Bytes payload) {
  datagram.payload = std::move(payload);
  return datagram;
}
inline Datagram operator/(Datagram datagram, std::string_view payload) {
  datagram.payload.assign(payload.begin(), payload.end());
  return datagram;
}

/// What a packet says: the fields that translation is about.
struct Seen {
  std::string src;
  std::string dst;
  std::uint8_t ttl = 0;
  std::uint8_t protocol = 0;
  std::uint16_t src_port = 0;  ///< echo: the identifier, in both; of an ICMP error nothing
  std::uint16_t dst_port = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::uint8_t tcp_flags = 0;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  bool ip_checksum_right = false;
  bool l4_checksum_right = false;  ///< by full recomputation; a UDP checksum of zero is right
};
Seen look_at(const Bytes& packet);

/// What an ICMP error quotes, if it is one: from the quoted IPv4 header to the end.
std::optional<Bytes> quote_in(const Bytes& packet);
/// The ends of a packet of which only the start is there: addresses and ports, or the identifier in both ports.
Seen look_at_start(const Bytes& packet);

std::uint8_t tcp_flags_of(std::string_view letters);

/// One's complement of the one's complement sum, 16 bits at a time as the RFC's words have it (RFC 1071).
std::uint16_t checksum_of(const Bytes& bytes);
/// The header checksum of the IPv4 header at `ip` set right, if there is room for a header.
Bytes with_ip_checksum(Bytes bytes, std::size_t ip = 0);

}  // namespace hypernat::craft
