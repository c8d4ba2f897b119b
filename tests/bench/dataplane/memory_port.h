// A port in memory: DPDK's net_null, whose buffers are filled on receive and looked at on transmit.
//
// What is received is built in place from draws: a frame's template with other addresses and ports, and right
// checksums, at a cost that does not grow with the number of flows. What is transmitted is freed by the driver; a
// watcher, when there is one, sees it first. One thread a queue. While a queue is paused its buffers are held back, so
// that receiving costs what an idle device costs.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/types.h"
#include "tests/packet/craft.h"

namespace hypernat::bench {

/// What one packet differs in from the template. `rss` is the hash that a NIC would have computed.
struct Draw {
  Ipv4Address src;
  Ipv4Address dst;
  L4Port src_port;
  L4Port dst_port;
  std::uint32_t rss = 0;
  std::uint32_t segment = 0;  ///< VNI or VLAN id, where the template has one
};
static_assert(sizeof(Draw) == 20);

/// A frame, and where in it the IPv4 header (without options) lies, in front of UDP or TCP.
struct FrameTemplate {
  craft::Bytes bytes;
  std::size_t ip_offset = 0;
  std::size_t vni_offset = 0;   ///< 0: none
  std::size_t vlan_offset = 0;  ///< likewise
};

enum class Delivery : std::uint8_t {
  kHashed,  ///< packets carry their RSS hash
  kBare,    ///< they do not
};

/// Sees every frame before it is freed.
using Watcher = std::function<void(std::span<const std::uint8_t> frame)>;

class MemoryPort {
 public:
  struct Options {
    std::string name;
    std::uint16_t queues = 1;
    Delivery delivery = Delivery::kHashed;
  };
  /// Configured and started; every queue is paused. Throws std::runtime_error.
  explicit MemoryPort(const Options& options);
  ~MemoryPort();
  MemoryPort(const MemoryPort&) = delete;
  MemoryPort& operator=(const MemoryPort&) = delete;

  std::uint16_t device() const { return device_; }

  /// From now on the queue receives these, round and round. Both outlive the offer.
  void offer(std::uint16_t queue, const FrameTemplate& frame, std::span<const Draw> draws);
  /// As many of them as are named, each once; what is left is told by `left`.
  void offer_once(std::uint16_t queue, const FrameTemplate& frame, std::span<const Draw> draws);
  std::uint64_t left(std::uint16_t queue) const;
  /// These frames as they are, each once.
  void offer_frames(std::uint16_t queue, std::vector<craft::Bytes> frames);
  /// Packets become due one after another, `interval` cycles apart, from `start` on (TSC); earlier they are not there.
  void pace(std::uint16_t queue, std::uint64_t start, double interval);
  void pause(std::uint16_t queue);

  void watch(std::uint16_t queue, Watcher watcher);
  void unwatch(std::uint16_t queue);

 private:
  struct Queue;
  static std::uint16_t fill(std::uint16_t device, std::uint16_t queue, rte_mbuf** mbufs, std::uint16_t count,
                            std::uint16_t most, void* argument);
  static std::uint16_t look(std::uint16_t device, std::uint16_t queue, rte_mbuf** mbufs, std::uint16_t count,
                            void* argument);

  Options options_;
  std::uint16_t device_ = 0;
  std::vector<std::unique_ptr<Queue>> queues_;
};

}  // namespace hypernat::bench
