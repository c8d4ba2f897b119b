// One translated connection: the compiled rewrite of both directions, and what keeps it alive.
//
// The hot part is one cache line and all that a packet of an open flow touches; small packet and byte counts in it are
// carried over into the cold part before they can overflow. One worker owns both parts outright.
#pragma once

#include <cstdint>

#include "config/types.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

/// By what timeout a flow goes.
enum class FlowState : std::uint8_t {
  kFree,         ///< no flow
  kOpening,      ///< TCP: SYN seen from the environment only
  kEstablished,  ///< TCP: SYN seen from both ends
  kClosing,      ///< TCP: FIN seen from both ends, or a RST from either
  kUdp,
  kEcho,
};

/// Milliseconds without a packet after which a flow goes.
struct FlowTimeouts {
  Tick tcp_opening = 240'000;
  Tick tcp_established = 350'000;
  Tick tcp_closing = 60'000;
  Tick udp = 120'000;
  Tick icmp = 60'000;

  constexpr Tick of(FlowState state) const {
    switch (state) {
      case FlowState::kOpening:
        return tcp_opening;
      case FlowState::kEstablished:
        return tcp_established;
      case FlowState::kClosing:
        return tcp_closing;
      case FlowState::kUdp:
        return udp;
      case FlowState::kEcho:
        return icmp;
      case FlowState::kFree:
        break;
    }
    return 0;
  }
};
inline constexpr FlowTimeouts kNoTimeouts{
    .tcp_opening = 0, .tcp_established = 0, .tcp_closing = 0, .udp = 0, .icmp = 0};

/// What TCP segments of a flow have carried so far.
inline constexpr std::uint8_t kSawRemoteSyn = 0x01;
inline constexpr std::uint8_t kSawInsideFin = 0x02;
inline constexpr std::uint8_t kSawRemoteFin = 0x04;
inline constexpr std::uint8_t kSawReset = 0x08;  ///< and since then nothing but RSTs

struct alignas(64) Flow {
  L4Port remote_port;  ///< echo: zero
  L4Port inside_port;  ///< echo: the environment's identifier
  Ipv4Address remote;
  Ipv4Address inside;  ///< the environment
  Ipv4Address interface;
  L4Port interface_port;
  Protocol protocol{};
  FlowState state = FlowState::kFree;
  std::uint16_t ip_delta =
      0;  ///< outbound change of the IPv4 header's sum without the TTL (checksum.h); inbound its complement
  std::uint16_t l4_delta = 0;            ///< outbound change of the transport's sum
  Tick last_seen = 0;                    ///< of the last packet that keeps the flow
  std::uint32_t mapping_slot = kNone;    ///< in Tables::mappings
  std::uint32_t interface_slot = kNone;  ///< in Tables::interfaces
  std::uint32_t next_hop = kNone;        ///< in the worker's Neighbours; one reference is held
  Ipv4Address peer;                      ///< tunnel peer that the environment's packets come from; zero without tunnel
  MacAddress environment_mac;
  std::uint8_t attachment = 0;         ///< inside attachment that the environment's packets come from
  std::uint8_t saw = 0;                ///< kSaw…, TCP only
  std::uint16_t outbound_packets = 0;  ///< these four: since the last carry into FlowCold
  std::uint16_t inbound_packets = 0;
  std::uint32_t outbound_bytes = 0;
  std::uint32_t inbound_bytes = 0;
};
static_assert(sizeof(Flow) == 64);

/// Packets of one direction after which the small counts are carried over: long before they, or as many bytes of the
/// largest packets, could overflow.
inline constexpr std::uint16_t kCarryAt = 0x8000;

struct alignas(64) FlowCold {
  std::uint64_t outbound_packets = 0;
  std::uint64_t outbound_bytes = 0;  ///< of IPv4 packets
  std::uint64_t inbound_packets = 0;
  std::uint64_t inbound_bytes = 0;
  std::uint32_t mapping_number : 24 = 0;
  std::uint32_t home : 8 = 0;  ///< worker that redirects the flow's outbound packets here, when there is a ticket
  std::uint32_t subnet_number = 0;
  std::uint32_t timer_next = kNone;  ///< flows in the same place of the timer wheel
  std::uint32_t timer_previous = kNone;
  Tick opened = 0;
  std::uint32_t tenant_slot = kNone;
  std::uint16_t timer_place = 0;
  std::uint16_t rule = 0;  ///< index of the egress rule that permitted the opening
  RedirectTicket ticket;   ///< of the home's redirect; none when the flow is at home here
};
static_assert(sizeof(FlowCold) == 64);

}  // namespace hypernat::dataplane
