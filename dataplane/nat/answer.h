// What the NAT says itself: the packet that answers one which dies here, whole, from its IPv4 header on.
//
// A TCP segment of no flow is answered with a RST, so that a client does not hang; what is too old, too big or leads
// nowhere with the ICMP error of RFC 1812 4.3.2, which quotes the packet exactly as it came in. Bytes in, bytes out:
// whether there may be an answer at all, and how many, is the NAT's to decide (answering.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

/// RFC 1812 4.3.2.3: as much of the original as fits, without exceeding what every host takes.
inline constexpr std::size_t kMaxAnswerBytes = 576;

/// Writes the IPv4 packet that Packet::answer asks for and returns its length. `packet` has its bytes as they came; of
/// a RST, it is TCP and no RST itself.
std::size_t build_answer(const Packet& packet, std::span<std::uint8_t, kMaxAnswerBytes> out);

}  // namespace hypernat::dataplane
