// What a port asks its device to do with what it receives, of what the device offers.
//
// Checksums are looked at where a device can, so that what arrives corrupt may be known for it; frames larger than a
// buffer come in several, where a device can do that. Whatever it does, the same packets are taken and refused.
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <string_view>

#include "dataplane/port/frame_size.h"

namespace hypernat::dataplane {

struct ReceivePath {
  std::string_view driver;
  std::uint64_t offered = 0;       ///< rte_eth_dev_info::rx_offload_capa
  std::uint16_t mtu = 0;           ///< of the port
  std::uint32_t buffer_bytes = 0;  ///< that a frame may fill of a buffer
};

constexpr std::uint64_t receive_offloads(const ReceivePath& path) {
  constexpr std::uint64_t kChecked =
      RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
  // Between virtual machines checksums may be left out once somebody offers to look at them; then they would have to
  // be made here.
  const bool is_virtio = path.driver == "net_vhost" || path.driver.find("virtio") != std::string_view::npos;
  std::uint64_t offloads = is_virtio ? 0 : path.offered & kChecked;
  // The process sizes its buffers by the largest frame of all ports; a device that scatters is needed with others.
  if (frame_bytes(path.mtu) > path.buffer_bytes) offloads |= path.offered & RTE_ETH_RX_OFFLOAD_SCATTER;
  return offloads;
}

}  // namespace hypernat::dataplane
