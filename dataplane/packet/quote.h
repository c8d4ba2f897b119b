// What an ICMP error quotes: the start of the packet that it is about.
//
// An error belongs to the flow of the packet it quotes, and travels as a packet of that flow would, the other way: its
// descriptor has the quoted tuple, reversed. A quote that is damaged, cut before the ports or in contradiction with
// itself names nobody; nothing is guessed from it (RFC 5508 REQ-3). Extensions may follow the quote (RFC 4884); those
// that lie about themselves make the whole error one that does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "config/types.h"
#include "dataplane/packet/drop.h"
#include "dataplane/packet/headers.h"

namespace hypernat::dataplane {

/// Points into the message.
struct Quote {
  Ipv4Header* ip = nullptr;
  std::uint8_t* l4 = nullptr;   ///< behind the quoted IPv4 header and its options
  std::uint16_t l4_length = 0;  ///< bytes of the quoted packet from `l4` on that are there, at least 8
  Protocol protocol{};
  L4Port src_port;  ///< echo: the identifier, in both
  L4Port dst_port;

  /// Behind its last byte; what follows up to the end of the message is padding and extensions.
  const std::uint8_t* end() const { return l4 + l4_length; }
};

constexpr bool quotes_a_packet(std::uint8_t icmp_type) {
  return icmp_type == kIcmpUnreachable || icmp_type == kIcmpTimeExceeded || icmp_type == kIcmpParameterProblem;
}

enum class QuoteFault : std::uint8_t {
  kSound,
  kBad,          ///< cut short, damaged, or in contradiction with itself
  kFragment,     ///< a later fragment: it names no ports
  kUnsupported,  ///< of a protocol or an ICMP message that no flow carries
};

/// Reads the quote of `message`, an ICMP message of a type that quotes a packet, from its first byte to the end of the
/// packet. `quote` is filled when nothing is at fault.
QuoteFault read_quote(std::span<std::uint8_t> message, Quote& quote);

/// The drop reason of a fault.
Drop drop_of(QuoteFault fault);

}  // namespace hypernat::dataplane
