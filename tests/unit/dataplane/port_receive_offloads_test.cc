// What devices are asked to do, by what they offer and how large their buffers are. Frames in several buffers, and
// checksums that a device found wrong, go through whole workers in worker_encapsulations_test.cc.
#include <gtest/gtest.h>

#include "dataplane/port/receive_offloads.h"

namespace hypernat::dataplane {
namespace {

constexpr std::uint64_t kChecksums =
    RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
constexpr std::uint64_t kScatter = RTE_ETH_RX_OFFLOAD_SCATTER;
constexpr std::uint64_t kOthers =
    RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_KEEP_CRC | RTE_ETH_RX_OFFLOAD_VLAN_STRIP;

TEST(ReceiveOffloads, are_what_is_needed_of_what_is_offered) {
  struct Row {
    const char* what;
    ReceivePath path;
    std::uint64_t asked;
  };
  const std::uint32_t just_enough = frame_bytes(9000);
  const Row rows[] = {
      {"a device that offers nothing", {"net_ring", 0, 9000, 2048}, 0},
      {"frames that fit", {"net_ixgbe", kChecksums | kScatter | kOthers, 1500, 2048}, kChecksums},
      {"frames that just fit", {"net_ixgbe", kChecksums | kScatter, 9000, just_enough}, kChecksums},
      {"frames that do not",
       {"net_ixgbe", kChecksums | kScatter | kOthers, 9000, just_enough - 1},
       kChecksums | kScatter},
      {"frames that do not, and a device that can not scatter", {"net_ixgbe", kChecksums, 9000, 2048}, kChecksums},
      {"some checksums", {"net_tap", RTE_ETH_RX_OFFLOAD_UDP_CKSUM, 1500, 2048}, RTE_ETH_RX_OFFLOAD_UDP_CKSUM},
      {"a neighbour in memory leaves them out once asked", {"net_vhost", kChecksums | kScatter, 9000, 2048}, kScatter},
      {"the same by its other end", {"net_virtio_user", kChecksums, 1500, 2048}, 0},
      {"and as a device", {"net_virtio", kChecksums, 1500, 2048}, 0}};
  for (const Row& row : rows) EXPECT_EQ(receive_offloads(row.path), row.asked) << row.what;
}

}  // namespace
}  // namespace hypernat::dataplane
