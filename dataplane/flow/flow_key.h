// What a flow is found by: two 64-bit words with the tenant inside.
//
// Outbound a flow is known by its mapping and the environment's end; inbound by its subnet and the interface's end.
// The direction is one bit of the protocol byte, so that a mapping and a subnet of the same number never share a key.
// Two plain words rather than a struct of narrow members, because an inlined hash may then read them as words.
#pragma once

#include <cstdint>

#include "config/types.h"

namespace hypernat::dataplane {

struct FlowKey {
  std::uint64_t number_protocol_local = 0;  ///< number:24 | direction and protocol:8 | local address:32
  std::uint64_t remote_and_ports = 0;       ///< remote address:32 | local port:16 | remote port:16
  constexpr bool operator==(const FlowKey&) const = default;
};
static_assert(sizeof(FlowKey) == 16);

/// Both ends of one direction's tuple. An echo flow has its identifier as the local port and 0 as the remote one.
struct FlowEnds {
  Protocol protocol{};
  Ipv4Address local;
  L4Port local_port;
  Ipv4Address remote;
  L4Port remote_port;
};

inline constexpr std::uint8_t kInboundBit = 0x80;  // no translated protocol has a number above 127

constexpr bool is_inbound(const FlowKey& key) {
  return (key.number_protocol_local >> 32 & kInboundBit) != 0;
}

constexpr FlowKey make_flow_key(std::uint32_t number, std::uint8_t direction_protocol, const FlowEnds& ends) {
  return {
      .number_protocol_local =
          std::uint64_t{number} << 40 | std::uint64_t{direction_protocol} << 32 | ends.local.network(),
      .remote_and_ports = std::uint64_t{ends.remote.network()} << 32 | std::uint64_t{ends.local_port.network()} << 16 |
                          ends.remote_port.network(),
  };
}

/// `ends.local` is the environment.
constexpr FlowKey outbound_key(MappingNumber mapping, const FlowEnds& ends) {
  return make_flow_key(to_number(mapping), static_cast<std::uint8_t>(ends.protocol), ends);
}

/// `ends.local` is the interface.
constexpr FlowKey inbound_key(SubnetNumber subnet, const FlowEnds& ends) {
  return make_flow_key(to_number(subnet), static_cast<std::uint8_t>(ends.protocol) | kInboundBit, ends);
}

}  // namespace hypernat::dataplane
