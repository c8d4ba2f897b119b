// One egress rule, and what a packet that wants to open a flow says to it.
#pragma once

#include <cstdint>

#include "config/table.h"
#include "config/types.h"

namespace hypernat::dataplane {

/// Of a packet that wants to open a flow, what rules ask for.
struct OpeningPacket {
  Protocol protocol{};
  Ipv4Address destination = {};
  L4Port destination_port = {};  ///< TCP, UDP
  std::uint8_t icmp_type = 0;    ///< ICMP
  std::uint8_t icmp_code = 0;
};

struct Rule {
  static constexpr std::uint16_t kNone = 0xffff;  ///< no rule's index

  std::uint32_t destination = 0;  ///< network order, masked
  std::uint32_t mask = 0;
  std::int16_t protocol = -1;
  std::uint16_t first = 0;  ///< host order; ICMP: type
  std::uint16_t last = 0;   ///< host order; ICMP: code

  explicit Rule(const config::EgressRule& rule)
      : mask(__builtin_bswap32(rule.destination.host_mask())),
        protocol(rule.protocol),
        first(rule.first_port),
        last(rule.last_port) {
    destination = rule.destination.address.network() & mask;
  }

  bool permits(const OpeningPacket& packet) const {
    if ((packet.destination.network() & mask) != destination) return false;
    if (protocol == -1) return true;
    if (protocol != static_cast<std::int16_t>(packet.protocol)) return false;
    if (packet.protocol == Protocol::kIcmp) {
      return (first == config::kAnyIcmp || first == packet.icmp_type) &&
             (last == config::kAnyIcmp || last == packet.icmp_code);
    }
    const std::uint16_t port = packet.destination_port.host();
    return first <= port && port <= last;
  }
};

}  // namespace hypernat::dataplane
