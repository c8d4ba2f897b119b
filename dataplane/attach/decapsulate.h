// From a frame to a packet: side, segment, and the IPv4 packet inside the attachment's encapsulation.
//
// Bytes in, fields out; the frame itself is not changed, so that it can be handed over to another worker whole. What
// passes has been checked to the last length: everything behind may rely on whole headers, a right IPv4 checksum and a
// sender that may send there. Of a fragment that is said of the IPv4 header alone.
#pragma once

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

/// `packet` has `frame`, `length` and `port` set (receive); sets all that parse sets.
Parsed decapsulate(Packet& packet, const Attachments& attachments, const Tables& tables);

}  // namespace hypernat::dataplane
