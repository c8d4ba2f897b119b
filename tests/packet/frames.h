// Frames for tests: what lies around a craft::Datagram on a wire, by code that shares nothing with the data plane's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/types.h"
#include "tests/packet/craft.h"

namespace hypernat::craft {

inline constexpr std::uint16_t kIpv4Type = 0x0800;
inline constexpr std::uint16_t kArpType = 0x0806;

struct Ethernet {
  MacAddress dst;
  MacAddress src;
  std::uint16_t type = kIpv4Type;
  std::optional<std::uint16_t> vlan = {};  ///< the whole TCI
};
Bytes operator/(const Ethernet& header, const Bytes& payload);
inline Bytes operator/(const Ethernet& header, const Datagram& datagram) {
  return header / datagram.bytes();
}

/// Ethernet, IPv4, UDP and VXLAN around an inner frame.
struct Vxlan {
  MacAddress dst;
  MacAddress src;
  std::string from;
  std::string to;
  std::uint32_t vni = 0;
  std::uint16_t udp_port = 4789;
  std::uint8_t flags = 0x08;
  std::uint8_t reserved = 0;  ///< the byte behind the VNI
  std::uint16_t fragment = 0;
};
Bytes operator/(const Vxlan& tunnel, const Bytes& inner_frame);

/// The same with Geneve.
struct Geneve {
  MacAddress dst;
  MacAddress src;
  std::string from;
  std::string to;
  std::uint32_t vni = 0;
  std::uint16_t udp_port = 6081;
  Bytes options = {};  ///< a multiple of four bytes
  std::uint8_t version = 0;
  std::uint8_t flags = 0;  ///< the byte with O, C and the reserved bits
  std::uint16_t protocol = 0x6558;
  std::uint8_t reserved = 0;                   ///< the byte behind the VNI
  std::optional<std::uint8_t> words = {};      ///< length of the options; what they have unless set
  std::optional<std::uint16_t> checksum = {};  ///< of the outer UDP header; right unless set
};
Bytes operator/(const Geneve& tunnel, const Bytes& inner_frame);

struct Arp {
  std::uint16_t operation = 1;
  MacAddress sender_mac;
  std::string sender;
  MacAddress target_mac = {};
  std::string target;
};
Bytes bytes_of(const Arp& arp);
inline Bytes operator/(const Ethernet& header, const Arp& arp) {
  Ethernet typed = header;
  typed.type = kArpType;
  return typed / bytes_of(arp);
}

}  // namespace hypernat::craft
