#include "dataplane/attach/arp.h"

#include <cstring>

namespace hypernat::dataplane {
namespace {

constexpr std::uint16_t kHardwareEthernet = 1;

}  // namespace

std::optional<ArpMessage> read_arp(const ArpPacket& packet) {
  const std::uint16_t operation = swap16(packet.operation_be);
  const bool ipv4_over_ethernet = swap16(packet.hardware_be) == kHardwareEthernet &&
                                  swap16(packet.protocol_be) == kEtherTypeIpv4 && packet.hardware_length == 6 &&
                                  packet.protocol_length == 4;
  if (!ipv4_over_ethernet || (operation != kArpRequest && operation != kArpReply)) return std::nullopt;
  const MacAddress sender_mac{packet.sender_mac};
  const Ipv4Address sender = Ipv4Address::from_network(packet.sender_be);
  const std::uint32_t first_octet = sender.host() >> 24;
  if (sender_mac.is_zero() || sender_mac.is_multicast() || first_octet == 127 || first_octet >= 224)
    return std::nullopt;
  return ArpMessage{.operation = operation,
                    .sender_mac = sender_mac,
                    .sender = sender,
                    .target_mac = MacAddress{packet.target_mac},
                    .target = Ipv4Address::from_network(packet.target_be)};
}

void write_arp(const ArpMessage& message, std::span<std::uint8_t, sizeof(ArpPacket)> out) {
  const ArpPacket packet{.hardware_be = swap16(kHardwareEthernet),
                         .protocol_be = swap16(kEtherTypeIpv4),
                         .hardware_length = 6,
                         .protocol_length = 4,
                         .operation_be = swap16(message.operation),
                         .sender_mac = message.sender_mac.bytes,
                         .sender_be = message.sender.network(),
                         .target_mac = message.target_mac.bytes,
                         .target_be = message.target.network()};
  std::memcpy(out.data(), &packet, sizeof packet);
}

std::optional<MacAddress> our_mac(Ipv4Address address, const ArpPlace& place, const Attachments& attachments,
                                  const Tables& tables) {
  const Attachment& attachment = *place.attachment;
  if (place.slot == kNone) {
    return address == attachment.address ? std::optional(attachment.port_mac) : std::nullopt;
  }
  if (attachment.side == Side::kInside) {
    return address == attachments.gateway() ? std::optional(attachments.gateway_mac()) : std::nullopt;
  }
  const std::uint32_t interface = tables.find_interface(place.slot, address);
  if (interface == NumberMap::kMissing) return std::nullopt;
  return tables.interfaces[interface].mac;
}

}  // namespace hypernat::dataplane
