// How many bytes of buffer a frame needs, by the MTU of its port: said once, for the pool and for the devices.
#pragma once

#include <rte_ether.h>

#include <cstdint>

namespace hypernat::dataplane {

/// Of the largest frame: two VLAN tags, since devices count them.
constexpr std::uint32_t frame_bytes(std::uint16_t mtu) {
  return std::uint32_t{mtu} + RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN;
}

/// Of a buffer that holds it whole. Some devices use only whole KiB of a buffer.
constexpr std::uint32_t buffer_bytes(std::uint16_t mtu) {
  constexpr std::uint32_t kKib = 1024;
  return (frame_bytes(mtu) + kKib - 1) / kKib * kKib;
}

}  // namespace hypernat::dataplane
