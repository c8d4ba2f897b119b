// One packet of a burst as the stages of the journey see it.
//
// Each stage fills its own block and reads those above; nothing is looked up twice and the frame's bytes are parsed
// once. The descriptor lives in the worker's burst, the bytes in the buffer it came in: `frame` .. `frame + length`.
#pragma once

#include <cstdint>
#include <cstring>

#include "config/types.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/packet/drop.h"
#include "dataplane/packet/headers.h"

namespace hypernat::dataplane {

/// Milliseconds since the data plane started; wraps, so only differences mean anything.
using Tick = std::uint32_t;

enum class Side : std::uint8_t { kInside, kOutside };

/// What the packet is to the flow whose tuple it has.
enum class Content : std::uint8_t {
  kDatagram,  ///< one of its packets
  kError,     ///< an ICMP error about one that went the other way: the tuple is the quoted one, reversed (quote.h)
};

enum class Verdict : std::uint8_t {
  kPending,     ///< still on its way through the stages
  kForward,     ///< rewritten; `egress` says where to
  kDrop,        ///< `drop` says why
  kAnswered,    ///< dies as by kDrop, and its sender is told: `answer`, by way of `egress`
  kConsumed,    ///< ARP: answered or learned from, and done with
  kHandedOver,  ///< with another worker: its home, or the one that `pass` names
  kHeld,        ///< a later fragment, held until the first one of its datagram tells where it belongs
};

inline constexpr std::uint32_t kNone = 0xffffffff;

/// Names one redirect (nat/redirects.h) of the worker that is a tuple's home, and one use of it: the serial tells a
/// redirect from those that had its place before.
struct RedirectTicket {
  std::uint32_t value = kNone;

  static constexpr unsigned kNumberBits = 20;
  static constexpr std::uint32_t kMostNumbers = (1U << kNumberBits) - 1;  // one less, so that no ticket is kNone
  static constexpr RedirectTicket of(std::uint32_t number, std::uint32_t serial) {
    return {serial << kNumberBits | number};
  }
  constexpr bool is_none() const { return value == kNone; }
  constexpr std::uint32_t number() const { return value & ((1U << kNumberBits) - 1); }
  constexpr std::uint32_t serial() const { return value >> kNumberBits; }
  constexpr bool operator==(const RedirectTicket&) const = default;
};

/// Why one worker's NAT passes a packet on to another.
enum class PassKind : std::uint8_t {
  kAtHome,      ///< it does not
  kOpening,     ///< the home lacks what a flow takes: whoever has it all owns the flow
  kReclaiming,  ///< nobody has one, all were asked: whoever has one that rests (nat/resting.cc) owns the flow
  kFollowing,  ///< an opening of the same tuple is on its way round: the same way, to find the flow and not to open one
  kRedirected,  ///< to the owner of the flow
  kReturned,    ///< back home: the flow was not found where it was to be
};

/// It is an opening that workers are asked about in turn.
constexpr bool goes_round(PassKind kind) {
  return kind == PassKind::kOpening || kind == PassKind::kReclaiming;
}

/// What goes with a packet that is passed on: 64 bits, as they travel beside it.
struct Pass {
  PassKind kind = PassKind::kAtHome;
  bool returned_before = false;  ///< it was sent home once; not again, so that no packet goes round for ever
  Drop lacking{};                ///< of an opening: why those that were asked so far could not own the flow
  std::uint8_t home = 0;         ///< the worker that keeps the redirect
  RedirectTicket ticket;
};
static_assert(sizeof(Pass) == 8);

/// What the sender of a packet that dies is told.
enum class AnswerKind : std::uint8_t {
  kReset,            ///< RST (RFC 9293 3.10.7.1)
  kTimeExceeded,     ///< ICMP time exceeded in transit
  kNetUnreachable,   ///< ICMP destination unreachable, network
  kHostUnreachable,  ///< ICMP destination unreachable, host
  kTooBig,           ///< ICMP destination unreachable, fragmentation needed and DF set, with `mtu` (RFC 1191)
};
struct PacketAnswer {
  AnswerKind kind{};
  std::uint16_t mtu = 0;
  Ipv4Address source;  ///< of ICMP: the address that speaks; a RST speaks for the destination
};

/// What a packet is of its datagram.
enum class Fragment : std::uint8_t {
  kWhole,  ///< all of it
  kFirst,  ///< its beginning, with the transport header
  kLater,  ///< something behind: its bytes are payload, whatever they look like
};

/// By the header alone.
inline Fragment fragment_of(const Ipv4Header& ip) {
  if ((ip.fragment_be & swap16(kIpv4FragmentOffset)) != 0) return Fragment::kLater;
  return (ip.fragment_be & swap16(kIpv4MoreFragments)) != 0 ? Fragment::kFirst : Fragment::kWhole;
}

/// What every fragment of a datagram has to know and only the first one tells (fragments/gathering.h): 64 bits, as they
/// travel beside a fragment from worker to worker.
struct DatagramMark {
  L4Port src_port;  ///< ICMP echo: the identifier, in both
  L4Port dst_port;
  std::uint16_t identification_be = 0;  ///< with which it leaves, outbound
  std::uint8_t tcp_flags = 0;
  std::uint8_t unused = 0;
};
static_assert(sizeof(DatagramMark) == 8);

/// Where a packet leaves. Outbound: the outside attachment; inbound: the tunnel peer and environment of the flow.
struct Egress {
  std::uint32_t interface = kNone;  ///< outbound: slot in Tables::interfaces (source MAC, subnet, attachment)
  std::uint32_t next_hop = kNone;   ///< index in the worker's Neighbours: outbound on the segment, inbound unused
  std::uint32_t mapping = kNone;    ///< inbound: slot in Tables::mappings (its number names the segment on the wire)
  Ipv4Address peer{};               ///< inbound: tunnel peer; zero on plain and VLAN attachments
  MacAddress environment_mac{};     ///< inbound
  std::uint8_t attachment = 0;      ///< inbound: index of the inside attachment
};

/// What may be asked of any packet, however early it died. One cache line, made anew for every packet.
struct PacketHead {
  // Set by receive.
  std::uint8_t* frame = nullptr;  ///< first byte of the Ethernet frame

  // Set by parse (attach): headers are whole, lengths agree, the IPv4 header checksum holds. Of a fragment nothing
  // behind the IPv4 header is read; its ports and flags are set by gather (fragments/gathering.h).
  Ipv4Header* ip = nullptr;    ///< the packet inside the attachment's encapsulation
  std::uint8_t* l4 = nullptr;  ///< first byte behind the IPv4 header and its options
  std::uint32_t length = 0;    ///< bytes of the frame; set by receive
  std::uint32_t slot = kNone;  ///< inside: slot in Tables::mappings; outside: slot in Tables::subnets
  Ipv4Address src;
  Ipv4Address dst;
  L4Port src_port;  ///< ICMP echo: the identifier, in both
  L4Port dst_port;
  std::uint16_t l4_length = 0;  ///< bytes from `l4` to the end by the IPv4 total length (padding lies beyond)
  std::uint16_t port = 0;       ///< device port it came in on; set by receive
  Side side = Side::kInside;
  std::uint8_t attachment = 0;  ///< index of the attachment it came in on
  Protocol protocol = Protocol::kUdp;
  std::uint8_t tcp_flags = 0;
  Content content = Content::kDatagram;
  Fragment fragment = Fragment::kWhole;
  bool gathered = false;  ///< set by gather, of fragments only: `datagram` is known

  // Set by whichever stage decides.
  bool opened = false;  ///< this packet opened the flow
  Verdict verdict = Verdict::kPending;
  Drop drop{};
  std::uint16_t rule = 0xffff;  ///< index of the egress rule that permitted the opening
  std::uint32_t flow = kNone;   ///< index in the worker's flows; set by find and open
};
static_assert(sizeof(PacketHead) == 64);

struct Packet : PacketHead {
  // Set by parse: of frames on a segment.
  Ipv4Address peer;            ///< tunnels: the outer source address; zero without
  MacAddress environment_mac;  ///< inside: the source MAC of the (inner) frame
  std::uint32_t interface;     ///< outside: slot in Tables::interfaces of the one that it is for

  // Set by gather.
  DatagramMark datagram;

  // Set by home; of fragments by gather.
  std::uint32_t toeplitz = 0;

  // Set by receive: not kAtHome when another worker passed it on; set anew by open when it is passed on from here.
  Pass pass;
  std::uint8_t passed_to = 0;  ///< the worker that gets it: set by open with kHandedOver

  // Set by find and open.
  FlowKey key{};
  std::uint32_t signature = 0;

  // Set with the verdict: kForward and kAnswered.
  Egress egress;
  PacketAnswer answer;
};

/// For the next packet: everything that a stage may read before another one has set it.
inline void begin(Packet& packet) {
  static constexpr PacketHead kNewHead{};
  static constexpr Pass kNoPass{};
  static_cast<PacketHead&>(packet) = kNewHead;
  std::memcpy(&packet.pass, &kNoPass, sizeof kNoPass);  // one store, where four fields would be four
  packet.peer = {};
  packet.toeplitz = 0;
  packet.signature = 0;
}

inline bool is_fragment(const Packet& packet) {
  return packet.fragment != Fragment::kWhole;
}

inline void drop_packet(Packet& packet, Drop reason) {
  packet.verdict = Verdict::kDrop;
  packet.drop = reason;
}

}  // namespace hypernat::dataplane
