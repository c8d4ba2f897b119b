// ARP for IPv4 over Ethernet (RFC 826): reading, writing, and which addresses are ours.
//
// Ours are: on an underlay the tunnel's own address, on an outside segment the addresses of its interfaces, inside the
// gateway's. Nothing else is answered for, and nobody else is believed to have one of these.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/attach/attachments.h"
#include "dataplane/nat/tables.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

struct ArpMessage {
  std::uint16_t operation = kArpRequest;
  MacAddress sender_mac{};
  Ipv4Address sender{};  ///< zero: a probe (RFC 5227)
  MacAddress target_mac{};
  Ipv4Address target{};
};

/// Nothing when it is not IPv4 over Ethernet, of an unknown operation, or from a sender that can not be one.
std::optional<ArpMessage> read_arp(const ArpPacket& packet);
void write_arp(const ArpMessage& message, std::span<std::uint8_t, sizeof(ArpPacket)> out);

/// Where an ARP packet was heard: a segment, or a tunnel attachment's underlay (`slot` is kNone).
struct ArpPlace {
  const Attachment* attachment = nullptr;
  std::uint32_t slot = kNone;  ///< as in Packet
};

/// The MAC that answers for `address` there, or nothing when it is not ours.
std::optional<MacAddress> our_mac(Ipv4Address address, const ArpPlace& place, const Attachments& attachments,
                                  const Tables& tables);

}  // namespace hypernat::dataplane
