// From a frame to a packet: side, segment, and the IPv4 packet inside the attachment's encapsulation.
//
// Bytes in, fields out; the frame itself is not changed, so that it can be handed over to another worker whole. What
// passes has been checked to the last length: everything behind may rely on whole headers, a right IPv4 checksum and a
// sender that may send there. Of a fragment that is said of the IPv4 header alone.
#pragma once

#include <span>

#include "dataplane/attach/attachments.h"
#include "dataplane/nat/tables.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

enum class Parsed : std::uint8_t {
  kPacket,    ///< TCP, UDP, echo or an ICMP error about one of those: on to its home
  kFragment,  ///< of TCP, UDP or ICMP: to where its datagram is gathered
  kArp,       ///< `l4` is a whole ArpPacket; `slot` is kNone on an underlay, else the segment's; see arp.h
  kDropped,   ///< the reason is in the packet
};

/// What usual_frame.h holds a frame against.
struct UsualWay {
  Side side = Side::kInside;
  std::uint8_t attachment = 0;
  std::uint32_t slot = kNone;  ///< of the segment
  MacAddress gateway_mac;
  MacAddress port_mac;         ///< stands for the gateway's, where there is no tunnel
  std::uint32_t block_be = 0;  ///< that senders inside are of
  std::uint32_t block_mask_be = 0;

  void set_block(const Ipv4Prefix& block) {
    block_be = block.address.network();
    block_mask_be = swap32(block.host_mask());
  }
};

/// What the frames of one port belong to, under the present tables: made for each generation, so that a packet finds
/// what it would have to look up. Both outlive it.
struct Ingress {
  Ingress(const Attachments& its_attachments, const Tables& its_tables, std::uint16_t port);

  const Attachments* attachments;
  const Tables* tables;
  const Attachment* untagged = nullptr;  ///< what untagged frames come by; null: nothing
  const Attachment* tagged = nullptr;    ///< likewise VLAN
  bool is_tunnel = false;                ///< `untagged` is one
  MacAddress port_mac;
  /// Of `untagged`: whole when that is plain, for a tunnel without what its header names, the slot and its peer's
  /// block.
  UsualWay usual;
  bool may_be_usual = false;  ///< else every frame goes the long way
};

/// Every pending packet of a burst: it has `frame`, `length` and `port` set (receive) and gets all that parse sets.
/// `ingress` by port. Fills in parsed[i] for packets[i], and returns how many of them are neither kPacket nor kDropped.
/// Those that are not pending count as kDropped.
std::size_t decapsulate(std::span<Packet> packets, std::span<const Ingress> ingress, std::span<Parsed> parsed);

}  // namespace hypernat::dataplane
