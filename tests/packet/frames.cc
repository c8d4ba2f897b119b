#include "tests/packet/frames.h"

namespace hypernat::craft {
namespace {

void put16(Bytes& bytes, std::uint32_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  bytes.push_back(static_cast<std::uint8_t>(value));
}

void put(Bytes& bytes, const MacAddress& mac) {
  bytes.insert(bytes.end(), mac.bytes.begin(), mac.bytes.end());
}

void put(Bytes& bytes, const std::string& address) {
  const std::uint32_t value = parse_ipv4_address(address).value().host();
  put16(bytes, value >> 16);
  put16(bytes, value);
}

void put(Bytes& bytes, const Bytes& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

}  // namespace

Bytes operator/(const Ethernet& header, const Bytes& payload) {
  Bytes frame;
  put(frame, header.dst);
  put(frame, header.src);
  if (header.vlan) {
    put16(frame, 0x8100);
    put16(frame, *header.vlan);
  }
  put16(frame, header.type);
  put(frame, payload);
  return frame;
}

Bytes operator/(const Vxlan& tunnel, const Bytes& inner_frame) {
  Bytes payload{tunnel.flags, 0, 0, 0};
  put16(payload, tunnel.vni >> 8);
  payload.push_back(static_cast<std::uint8_t>(tunnel.vni));
  payload.push_back(tunnel.reserved);
  put(payload, inner_frame);
  Datagram outer = Ip{.src = tunnel.from, .dst = tunnel.to, .fragment = tunnel.fragment} /
                   Udp{.src = 50000, .dst = tunnel.udp_port, .checksum = std::uint16_t{0}};
  outer.payload = payload;
  return Ethernet{.dst = tunnel.dst, .src = tunnel.src} / outer;
}

Bytes operator/(const Geneve& tunnel, const Bytes& inner_frame) {
  const auto words = tunnel.words.value_or(static_cast<std::uint8_t>(tunnel.options.size() / 4));
  Bytes payload{static_cast<std::uint8_t>(tunnel.version << 6 | words), tunnel.flags};
  put16(payload, tunnel.protocol);
  put16(payload, tunnel.vni >> 8);
  payload.push_back(static_cast<std::uint8_t>(tunnel.vni));
  payload.push_back(tunnel.reserved);
  put(payload, tunnel.options);
  put(payload, inner_frame);
  Datagram outer =
      Ip{.src = tunnel.from, .dst = tunnel.to} / Udp{.src = 50000, .dst = tunnel.udp_port, .checksum = tunnel.checksum};
  outer.payload = payload;
  return Ethernet{.dst = tunnel.dst, .src = tunnel.src} / outer;
}

Bytes bytes_of(const Arp& arp) {
  Bytes bytes;
  put16(bytes, 1);
  put16(bytes, kIpv4Type);
  bytes.push_back(6);
  bytes.push_back(4);
  put16(bytes, arp.operation);
  put(bytes, arp.sender_mac);
  put(bytes, arp.sender);
  put(bytes, arp.target_mac);
  put(bytes, arp.target);
  return bytes;
}

}  // namespace hypernat::craft
