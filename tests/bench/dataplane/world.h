// Real workers between two in-memory ports, one on each side, with flows that are opened, found again and answered.
//
// A world has one encapsulation on both sides. Flow n of N goes from an environment that n names to one of `remotes`
// remote endpoints, so that tuples need no memory; what the NAT chose for each is kept, for replies.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "config/table.h"
#include "dataplane/attach/attachments.h"
#include "dataplane/flow/home.h"
#include "dataplane/nat/table_compiler.h"
#include "dataplane/nat/tenant_usage.h"
#include "dataplane/worker/rings.h"
#include "dataplane/worker/worker.h"
#include "tests/bench/dataplane/memory_port.h"

namespace hypernat::bench {

using config::Encapsulation;
using dataplane::Side;
using dataplane::Tick;

/// Where queues' packets go.
enum class Spread : std::uint8_t {
  kByHash,    ///< each to its home's queue, as a NIC with RSS does
  kOneQueue,  ///< all to the first
};

class World {
 public:
  struct Options {
    Encapsulation encapsulation = Encapsulation::kPlain;
    std::uint32_t flows = 65536;   ///< of all workers
    std::uint32_t remotes = 0;     ///< remote endpoints; 0: one for 32,000 flows
    std::uint32_t mappings = 1;    ///< flows go round them
    std::uint32_t interfaces = 1;  ///< of each mapping
    std::uint16_t workers = 1;
    Spread spread = Spread::kByHash;
    Protocol protocol = Protocol::kUdp;
    dataplane::FlowTimeouts timeouts = {};
    bool stages = false;  ///< the first worker says what its stages take
  };
  /// EAL is initialised; worlds may follow one another. Throws std::runtime_error.
  explicit World(const Options& options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Opens flows [first, last) and keeps what the NAT chose. Throws when one does not open.
  void open(std::uint32_t first, std::uint32_t last);
  /// Until the outside port is unwatched, keeps what the NAT chose for the flows whose packets leave by the queue, in
  /// this order. `flows` outlives that.
  void keep_replies(std::uint16_t queue, std::span<const std::uint32_t> flows);
  /// Opening packets of flows [first, last), for one worker's queue.
  std::vector<Draw> openings(std::uint32_t first, std::uint32_t last, std::uint16_t worker = 0) const;
  std::uint32_t opened() const { return opened_; }

  /// Numbers of open flows, drawn at random.
  std::vector<std::uint32_t> uniform(std::uint32_t count);
  std::vector<std::uint32_t> zipf(std::uint32_t count, double exponent);
  std::vector<Draw> draws(Side side, std::span<const std::uint32_t> flows) const;
  /// Those of them that arrive at one worker's queue.
  std::vector<Draw> draws(Side side, std::span<const std::uint32_t> flows, std::uint16_t worker) const;
  Draw outbound(std::uint32_t flow) const;
  Draw inbound(std::uint32_t flow) const;

  const FrameTemplate& frame(Side side) const { return side == Side::kInside ? inside_frame_ : outside_frame_; }
  /// Whether the frame carries IPv4 and not ARP, on that side's attachment.
  bool is_packet(Side side, std::span<const std::uint8_t> bytes) const;
  FrameTemplate tcp_frame(Side side, const std::string& flags) const;
  /// The port that packets of that direction come in on.
  MemoryPort& port(Side side) { return side == Side::kInside ? *inside_ : *outside_; }
  MemoryPort& other_port(Side side) { return side == Side::kInside ? *outside_ : *inside_; }
  dataplane::Worker& worker(std::uint16_t number = 0) { return *workers_[number]; }
  std::uint16_t workers() const { return options_.workers; }
  /// Of the first worker, with Options::stages.
  dataplane::StageCycles& stages() { return stages_; }
  const Options& options() const { return options_; }

  /// What the control plane would have published, as its generation n.
  config::Table table(std::uint64_t generation) const;
  /// Compiles it and gives it to the workers, as the main lcore does.
  void publish(const config::Table& table);

  /// Every packet that is offered is through.
  void settle(int idle_rounds = 64);
  /// Throws unless every account closes and nothing was dropped since the last call.
  void check_accounts();

  Tick now = 1000;

 private:
  struct Reply {
    Ipv4Address interface;
    L4Port port;
  };
  void make_workers();
  void learn_neighbours();
  Draw finished(Draw draw, Side side, std::uint32_t flow) const;
  /// The answer to a packet of the flow, as it left.
  Draw reply_to(std::span<const std::uint8_t> frame, std::uint32_t flow) const;
  std::uint32_t mapping_of(std::uint32_t flow) const { return flow % options_.mappings; }
  FrameTemplate make_frame(Side side, const craft::Datagram& datagram) const;
  std::uint16_t queue_of(const Draw& draw) const;

  Options options_;
  std::string name_;
  config::DataplaneConfig config_;
  dataplane::Attachments attachments_;
  dataplane::Home home_;
  dataplane::TenantUsage usage_{1024};
  dataplane::Orders orders_;
  dataplane::TableCompiler compiler_;
  std::vector<std::shared_ptr<const dataplane::Tables>> generations_;
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<MemoryPort> inside_;
  std::unique_ptr<MemoryPort> outside_;
  std::unique_ptr<dataplane::Rings> rings_;
  std::vector<std::string> nat_names_;
  std::vector<std::unique_ptr<dataplane::Worker>> workers_;
  FrameTemplate inside_frame_;
  FrameTemplate outside_frame_;
  std::vector<Reply> replies_;
  dataplane::StageCycles stages_;
  std::uint32_t opened_ = 0;
  std::uint64_t dropped_ = 0;
  std::mt19937_64 random_{1};
};

}  // namespace hypernat::bench
