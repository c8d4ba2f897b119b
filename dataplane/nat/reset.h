// The RST with which the NAT answers a segment that belongs to no flow, so that a client does not hang.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

inline constexpr std::size_t kResetBytes = sizeof(Ipv4Header) + sizeof(TcpHeader);

/// Writes the complete IPv4 packet that answers `packet` (TCP, unchanged bytes, no RST itself) by the rules for a
/// CLOSED connection, RFC 9293 3.10.7.1. It travels to Packet::egress, the way the packet came.
void build_reset(const Packet& packet, std::span<std::uint8_t, kResetBytes> out);

}  // namespace hypernat::dataplane
