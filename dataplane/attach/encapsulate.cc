#include "dataplane/attach/encapsulate.h"

#include <cstring>

#include "dataplane/attach/tunnel_header.h"
#include "dataplane/packet/checksum.h"

namespace hypernat::dataplane {
namespace {

// RFC 7348 5: the ephemeral range, so that the underlay's equal-cost paths and RSS spread flows.
constexpr std::uint32_t kFirstEntropyPort = 49152;
constexpr std::uint32_t kEntropyPorts = 65536 - kFirstEntropyPort;

template <typename Header>
std::uint8_t* prepend(const Header& header, std::uint8_t* payload) {
  payload -= sizeof(Header);
  std::memcpy(payload, &header, sizeof(Header));
  return payload;
}

}  // namespace

std::uint8_t* prepend_vlan(const FrameHeaders& headers, std::uint8_t* payload) {
  const VlanHeader vlan{.tci_be = swap16(static_cast<std::uint16_t>(headers.segment_id)),
                        .ether_type_be = swap16(ether_type_of(headers.type))};
  payload = prepend(vlan, payload);
  return prepend(
      EthernetHeader{.dst = headers.dst.bytes, .src = headers.src.bytes, .ether_type_be = swap16(kEtherTypeVlan)},
      payload);
}

// RFC 7348 5, RFC 8926 3.3. The UDP checksum is zero, as both allow; the inner packet carries its own.
std::uint8_t* prepend_tunnel(const Attachment& attachment, DeviceWrites device, const FrameHeaders& headers,
                             std::uint8_t* frame, std::uint32_t frame_length) {
  frame = prepend_tunnel_header(attachment.encapsulation, headers.segment_id, frame);
  const std::uint32_t udp_length = frame_length + kTunnelHeaderBytes + static_cast<std::uint32_t>(sizeof(UdpHeader));
  const std::uint32_t spread = (headers.entropy ^ headers.entropy >> 16) % kEntropyPorts;
  const UdpHeader udp{.src_be = swap16(static_cast<std::uint16_t>(kFirstEntropyPort + spread)),
                      .dst_be = swap16(attachment.udp_port),
                      .length_be = swap16(static_cast<std::uint16_t>(udp_length)),
                      .checksum = 0};
  frame = prepend(udp, frame);
  // With DF the identification means nothing (RFC 6864 4.1); without, routers may cut, and the entropy tells
  // datagrams of different flows apart.
  Ipv4Header ip{
      .version_ihl = kUsualVersionIhl,
      .dscp_ecn = 0,
      .total_length_be = swap16(static_cast<std::uint16_t>(udp_length + sizeof(Ipv4Header))),
      .identification_be = attachment.df ? std::uint16_t{0} : swap16(static_cast<std::uint16_t>(headers.entropy)),
      .fragment_be = attachment.df ? swap16(kIpv4DontFragment) : std::uint16_t{0},
      .ttl = attachment.ttl,
      .protocol = static_cast<std::uint8_t>(Protocol::kUdp),
      .checksum = 0,
      .src_be = attachment.address.network(),
      .dst_be = headers.tunnel_end.network()};
  if (!device.has(DeviceWrites::kOuterChecksum)) {
    ip.checksum = static_cast<std::uint16_t>(~fold_sum(usual_ip_sum(&ip)));
  }
  frame = prepend(ip, frame);
  return prepend(
      EthernetHeader{
          .dst = headers.underlay_mac.bytes, .src = attachment.port_mac.bytes, .ether_type_be = swap16(kEtherTypeIpv4)},
      frame);
}

}  // namespace hypernat::dataplane
