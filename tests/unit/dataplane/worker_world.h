// Workers with ports made of rings, stepped by hand: frames in, frames out, every account watched.
//
// The ports are those of AttachWorld; each is an ethdev of DPDK's net_ring with as many queues as asked for. Time is
// passed in. Threads are used only where a test says so.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/flow/home.h"
#include "dataplane/nat/tenant_usage.h"
#include "dataplane/worker/rings.h"
#include "dataplane/worker/worker.h"
#include "tests/packet/attach_world.h"

namespace hypernat::dataplane {

class WorkerWorld {
 public:
  struct Options {
    std::uint16_t workers = 1;
    std::uint16_t rx_queues = 1;
    std::uint16_t tx_queues = 1;   ///< fewer than workers: the others transmit through the last one that has one
    std::uint32_t tx_ring = 1024;  ///< frames that a device takes
    std::uint32_t hand_over_ring = 256;
    std::uint32_t report_ring = 64;
    std::uint32_t flows = 4096;  ///< of each worker
    std::uint32_t held_packets = 64;
    std::uint32_t held_per_next_hop = 8;
    std::uint32_t held_per_tenant = 64;
    std::uint32_t buffers = 8191;
    std::uint16_t room = 2048;              ///< bytes of a buffer
    std::uint16_t mtu = 1500;               ///< of every port
    std::uint32_t bench_mapping = 3;        ///< of the plain inside attachment
    DeviceWrites device_writes = {};        ///< what the devices complete, as `sent` does for them
    std::uint32_t errors_per_second = 100;  ///< of each worker to each tenant
    bool device_hashes = false;
    Gathering::Options fragments = {};
    ToeplitzKey home_key = kMicrosoftKey;
  };

  WorkerWorld() : WorkerWorld(Options{}) {}
  explicit WorkerWorld(const Options& options);
  ~WorkerWorld();

  /// A frame arrives at a queue.
  void arrive(std::uint16_t port, const craft::Bytes& frame, std::uint16_t queue = 0);
  /// The same in as many buffers as it takes with `piece` bytes in each.
  void arrive_in_pieces(std::uint16_t port, const craft::Bytes& frame, std::uint16_t piece);
  /// The same with the flags of a device that looked at it.
  void arrive_flagged(std::uint16_t port, const craft::Bytes& frame, std::uint64_t flags);
  /// A tagged frame from a device that takes the tag off.
  void arrive_stripped(std::uint16_t port, const craft::Bytes& frame);
  /// The same with the hash that a device says it has.
  void arrive_hashed(std::uint16_t port, const craft::Bytes& frame, std::uint32_t hash);
  /// Every worker makes rounds until none has anything to do; accounts must close after every step.
  void run(Tick milliseconds = 0);
  /// What left by a port since the last look.
  std::vector<craft::Bytes> sent(std::uint16_t port);
  std::vector<craft::Bytes> sent_by(std::uint16_t port, std::uint16_t queue);
  /// The same without ARP.
  std::vector<craft::Bytes> sent_packets(std::uint16_t port);

  /// A neighbour tells its MAC: on the underlay of a tunnel port, or on a segment.
  void answer_underlay(std::uint16_t port, const char* address, const MacAddress& mac = kPeerMac);
  void answer_segment(const craft::Vxlan& tunnel, const char* address);
  /// Everybody whom the tests talk to is known.
  void know_neighbours();

  /// The nth request from an environment of mapping 1 to 10.0.1.53, port 53, whose home is `worker`.
  craft::Bytes request_at_home(std::uint16_t worker, std::uint32_t& n) const;
  /// Requests until `worker` has no port left towards 10.0.1.53, port 53.
  void use_up_ports(std::uint16_t worker, std::uint32_t& n);

  /// A device that refuses to send, as rte_eth_tx_prepare says, every frame longer than `bytes`.
  void refuse_frames_longer_than(std::uint16_t port, std::uint32_t bytes);
  /// Frames that devices completed.
  std::uint64_t completed() const { return completed_; }

  void publish(const config::Table& table);
  AccountView total() const;
  std::uint32_t buffers_out() const;
  Worker& worker(std::size_t number) { return *workers_[number]; }
  std::size_t workers() const { return workers_.size(); }
  const Home& home() const { return home_; }
  Orders& orders() { return orders_; }
  const Tables& tables() const { return *generations_.back(); }
  Tick now = 1000;

 private:
  struct Port {
    std::uint16_t device = 0;
    std::vector<Ring> rx;
    std::vector<Ring> tx;
  };
  void make_port(std::uint16_t number);
  void make_workers();
  rte_mbuf* buffer_of(const craft::Bytes& frame);
  void deliver(std::uint16_t port, rte_mbuf* mbuf, std::uint16_t queue = 0);
  craft::Bytes completed(const rte_mbuf& mbuf);

  Options options_;
  std::string name_;
  AttachWorld attach_;
  Home home_;
  TenantUsage usage_{1024};
  Orders orders_;
  std::uint64_t completed_ = 0;
  rte_mempool* pool_ = nullptr;
  std::vector<Port> ports_;
  std::unique_ptr<Rings> rings_;
  TableCompiler compiler_;
  std::vector<std::shared_ptr<const Tables>> generations_;
  std::vector<std::string> nat_names_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

/// Bytes of a frame over VXLAN before its inner IPv4 packet.
inline constexpr std::size_t kInner = 64;

/// What is behind the first `before` bytes of a frame, or of each.
inline craft::Bytes inner_packet(const craft::Bytes& frame, std::size_t before = kInner) {
  return {frame.begin() + static_cast<std::ptrdiff_t>(before), frame.end()};
}
inline std::vector<craft::Bytes> inner_packets(const std::vector<craft::Bytes>& frames, std::size_t before = kInner) {
  std::vector<craft::Bytes> packets;
  for (const craft::Bytes& frame : frames) packets.push_back(inner_packet(frame, before));
  return packets;
}

}  // namespace hypernat::dataplane
