// From a packet to a frame: the attachment's headers, written in front of the payload.
//
// The counterpart of decapsulate.h. Knows nothing of where the payload came from: a forwarded packet, a RST and an ARP
// request of ours go the same way.
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/attach/attachments.h"
#include "dataplane/attach/tunnel_header.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

enum class PayloadType : std::uint8_t { kIpv4, kArp };

constexpr std::uint16_t ether_type_of(PayloadType type) {
  return type == PayloadType::kArp ? kEtherTypeArp : kEtherTypeIpv4;
}

/// Everything that is written in front of a payload.
struct FrameHeaders {
  MacAddress src{};  ///< of the frame next to the payload
  MacAddress dst{};
  PayloadType type = PayloadType::kIpv4;
  std::uint32_t segment_id = 0;  ///< VNI or VLAN id
  // Tunnels only.
  Ipv4Address tunnel_end{};
  MacAddress underlay_mac{};  ///< of the underlay's next hop
  std::uint32_t entropy = 0;  ///< any hash of the flow: spreads the outer source port
};

/// What the device of a port puts into the frames given to it, so that it is left out here. The same bytes reach the
/// wire whether it does or not.
struct DeviceWrites {
  enum What : std::uint8_t {
    kOuterChecksum = 1,  ///< of a tunnel's IPv4 header, which goes out with zero in its place
    kVlanTag = 2,        ///< behind the source MAC
  };
  std::uint8_t what = 0;

  constexpr bool has(What one) const { return (what & one) != 0; }
  constexpr void add(What one) { what |= one; }
  constexpr bool operator==(const DeviceWrites&) const = default;
};

/// Bytes of the longest headers: Ethernet, IPv4, UDP, VXLAN or Geneve, Ethernet.
inline constexpr std::uint32_t kMaxFrameHeaders =
    2 * sizeof(EthernetHeader) + sizeof(Ipv4Header) + sizeof(UdpHeader) + kTunnelHeaderBytes;

inline bool writes_tag(const Attachment& attachment, DeviceWrites device) {
  return attachment.encapsulation == Encapsulation::kVlan && !device.has(DeviceWrites::kVlanTag);
}

/// What `encapsulate` writes on such an attachment, with such a device.
inline std::uint32_t frame_header_bytes(const Attachment& attachment, DeviceWrites device) {
  if (attachment.is_tunnel()) return kMaxFrameHeaders;
  return sizeof(EthernetHeader) + (writes_tag(attachment, device) ? sizeof(VlanHeader) : 0);
}

/// A bare Ethernet header in front of `payload`: for what an attachment says on its own underlay.
[[gnu::always_inline]] inline std::uint8_t* prepend_ethernet(const MacAddress& dst, const MacAddress& src,
                                                             PayloadType type, std::uint8_t* payload) {
  auto* const header = reinterpret_cast<EthernetHeader*>(payload - sizeof(EthernetHeader));
  header->dst = dst.bytes;
  header->src = src.bytes;
  header->ether_type_be = swap16(ether_type_of(type));
  return payload - sizeof(EthernetHeader);
}
[[gnu::always_inline]] inline std::uint8_t* prepend_ethernet(const FrameHeaders& headers, std::uint8_t* payload) {
  return prepend_ethernet(headers.dst, headers.src, headers.type, payload);
}

/// Two parts of `encapsulate`: Ethernet with a tag, and all that lies around a tunnel's inner frame.
std::uint8_t* prepend_vlan(const FrameHeaders& headers, std::uint8_t* payload);
std::uint8_t* prepend_tunnel(const Attachment& attachment, DeviceWrites device, const FrameHeaders& headers,
                             std::uint8_t* frame, std::uint32_t frame_length);

/// Writes `frame_header_bytes` bytes in front of `payload` and returns the frame's first byte.
[[gnu::always_inline]] inline std::uint8_t* encapsulate(const Attachment& attachment, DeviceWrites device,
                                                        const FrameHeaders& headers, std::uint8_t* payload,
                                                        std::uint32_t payload_length) {
  if (writes_tag(attachment, device)) return prepend_vlan(headers, payload);
  std::uint8_t* const frame = prepend_ethernet(headers, payload);
  if (!attachment.is_tunnel()) return frame;
  return prepend_tunnel(attachment, device, headers, frame,
                        payload_length + static_cast<std::uint32_t>(sizeof(EthernetHeader)));
}

}  // namespace hypernat::dataplane
