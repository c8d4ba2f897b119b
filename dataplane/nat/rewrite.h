// The compiled rewrite of a flow, applied to a packet's bytes: one address, one port or identifier, the TTL, and the
// checksums by difference. A checksum that was wrong stays wrong; a UDP checksum that was absent stays absent.
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/flow/flow.h"
#include "dataplane/packet/checksum.h"

namespace hypernat::dataplane {

/// What an outbound packet of the flow changes; inbound is the reverse.
inline void compile_rewrite(Flow& flow) {
  flow.ip_delta = delta_of(flow.inside, flow.interface);
  const std::uint16_t port_delta = delta_of(flow.inside_port, flow.interface_port);
  // TCP and UDP cover the addresses by their pseudo header, ICMP does not.
  flow.l4_delta = flow.protocol == Protocol::kIcmp ? port_delta : add_sums(flow.ip_delta, port_delta);
}

/// Where the transport header has its checksum.
constexpr std::size_t checksum_offset(Protocol protocol) {
  if (protocol == Protocol::kUdp) return 6;
  return protocol == Protocol::kTcp ? 16 : 2;
}

inline void adjust_l4(std::uint8_t* l4, Protocol protocol, std::uint16_t delta) {
  std::uint8_t* const field = l4 + checksum_offset(protocol);
  std::uint16_t checksum = 0;
  std::memcpy(&checksum, field, sizeof checksum);
  if (protocol == Protocol::kUdp && checksum == 0) return;
  checksum = adjust_checksum(checksum, delta);
  if (protocol == Protocol::kUdp && checksum == 0) checksum = 0xffff;
  std::memcpy(field, &checksum, sizeof checksum);
}

inline void write_port(std::uint8_t* at, L4Port port) {
  const std::uint16_t value = port.network();
  std::memcpy(at, &value, sizeof value);
}

inline constexpr std::size_t kSrcPortOffset = 0;
inline constexpr std::size_t kDstPortOffset = 2;
inline constexpr std::size_t kIdentifierOffset = 4;

/// All that there is to rewrite of a later fragment.
inline void rewrite_address_outbound(const Flow& flow, Ipv4Header& ip) {
  ip.src_be = flow.interface.network();
  --ip.ttl;
  ip.checksum = adjust_checksum(ip.checksum, flow.ip_delta, kTtlDelta);
}

inline void rewrite_address_inbound(const Flow& flow, Ipv4Header& ip) {
  ip.dst_be = flow.inside.network();
  --ip.ttl;
  ip.checksum = adjust_checksum(ip.checksum, reverse_delta(flow.ip_delta), kTtlDelta);
}

/// Another identification, in network order.
inline void renumber(Ipv4Header& ip, std::uint16_t identification_be) {
  const std::uint32_t delta = static_cast<std::uint16_t>(~ip.identification_be) + std::uint32_t{identification_be};
  ip.identification_be = identification_be;
  ip.checksum = adjust_checksum(ip.checksum, fold_sum(delta));
}

/// The transport's checksum covers the whole datagram, and a difference is as right for a first fragment.
inline void rewrite_outbound(const Flow& flow, Ipv4Header& ip, std::uint8_t* l4) {
  const Protocol protocol = flow.protocol;
  rewrite_address_outbound(flow, ip);
  write_port(l4 + (protocol == Protocol::kIcmp ? kIdentifierOffset : kSrcPortOffset), flow.interface_port);
  adjust_l4(l4, protocol, flow.l4_delta);
}

inline void rewrite_inbound(const Flow& flow, Ipv4Header& ip, std::uint8_t* l4) {
  const Protocol protocol = flow.protocol;
  rewrite_address_inbound(flow, ip);
  write_port(l4 + (protocol == Protocol::kIcmp ? kIdentifierOffset : kDstPortOffset), flow.inside_port);
  adjust_l4(l4, protocol, reverse_delta(flow.l4_delta));
}

}  // namespace hypernat::dataplane
