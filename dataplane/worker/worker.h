// One worker: the packet's journey from receive to transmit, on one core.
//
// `step` is one round: every queue and ring that is this worker's, each burst through the stages in order (see
// `journey` in worker.cc), then what time brings. The worker owns its NAT, neighbours, held packets and counters
// outright; it meets others only in rings, the published tables and its mailbox. After construction it allocates
// nothing.
#pragma once

#include <rte_mempool.h>
#include <rte_ring.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/attach/attachments.h"
#include "dataplane/attach/decapsulate.h"
#include "dataplane/attach/neighbours.h"
#include "dataplane/flow/home.h"
#include "dataplane/fragments/gathering.h"
#include "dataplane/fragments/identifications.h"
#include "dataplane/nat/nat.h"
#include "dataplane/nat/tables.h"
#include "dataplane/packet/packet.h"
#include "dataplane/worker/account.h"
#include "dataplane/worker/announcements.h"
#include "dataplane/worker/arp_stage.h"
#include "dataplane/worker/buffer_mark.h"
#include "dataplane/worker/clock.h"
#include "dataplane/worker/device_hash.h"
#include "dataplane/worker/mailbox.h"
#include "dataplane/worker/sender.h"
#include "dataplane/worker/stage_cycles.h"
#include "dataplane/worker/trace.h"

namespace hypernat::dataplane {

/// What main tells the workers; every worker reads, main alone writes.
struct Orders {
  std::atomic<const Tables*> tables{nullptr};      ///< never null once workers run
  std::atomic<const TraceFilter*> trace{nullptr};  ///< null: nobody traces
};

struct ReceiveQueue {
  std::uint16_t port = 0;    ///< index in the configuration
  std::uint16_t device = 0;  ///< ethdev port id
  std::uint16_t queue = 0;
};

class Worker {
 public:
  static constexpr std::uint16_t kMaxBurst = Nat::kMaxBurst;

  struct Options {
    std::uint16_t number = 0;
    std::uint16_t burst = kMaxBurst;
    std::vector<ReceiveQueue> queues;
    std::vector<std::uint16_t> port_of_device;  ///< ethdev port id to index in the configuration
    std::vector<bool> device_hashes;            ///< by port: packets may carry an RSS hash with the home's key
    std::vector<rte_ring*> to_workers;          ///< by worker; null at its own place
    std::vector<rte_ring*> from_workers;        ///< likewise
    std::vector<rte_ring*> reports_to_workers;  ///< by worker; null at its own place
    std::vector<rte_ring*> reports_from_workers;
    std::vector<rte_ring*> finished;  ///< frames of others for this worker's transmit queues
    Sender::Options sender;
    Neighbours::Options neighbours;
    std::uint32_t interfaces = 4096;  ///< slots
    Gathering::Options fragments;
    std::array<std::uint64_t, 2> identification_secret{};  ///< the same for all workers
    std::uint32_t trace_records = 1024;                    ///< a power of two
    StageCycles* stage_cycles = nullptr;                   ///< set: what each stage takes is added here
  };
  struct Surroundings {
    const Attachments& attachments;
    const Home& home;
    const Orders& orders;
    rte_mempool* pool;
    PassMark pass_mark;
    FragmentMark fragment_mark;
  };

  Worker(const Options& options, const Surroundings& around);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Both before the first step. False when memory can not be had.
  bool create_nat(const Nat::Options& options, TenantUsage& tenants);
  bool create_gathering();

  /// One round at `now`; returns how many packets it moved.
  std::uint32_t step(Tick now);

  // Any thread.
  std::uint16_t number() const { return options_.number; }
  const Account& account() const { return account_; }
  const Nat& nat() const { return *nat_; }  ///< its counters only
  const Tables* adopted() const { return adopted_.load(std::memory_order_acquire); }
  const Tables* swept() const { return swept_.load(std::memory_order_acquire); }
  const DeviceHash& device_hash(std::uint16_t port) const { return hashes_[port]; }
  /// When the last round began.
  Tick last_round() const { return last_round_.load(std::memory_order_relaxed); }
  Mailbox& mailbox() { return mailbox_; }
  TraceRing& trace() { return trace_; }

 private:
  enum class Origin : std::uint8_t {
    kDevice,
    kOtherWorker,
    kHeld,  ///< fragments that waited here
  };
  struct Burst {
    std::array<Packet, kMaxBurst> packets;
    std::array<rte_mbuf*, kMaxBurst> mbufs;
    std::uint32_t size = 0;
    std::uint32_t fragments = 0;  ///< among the packets
    Origin origin = Origin::kDevice;
  };
  struct HandOver {
    std::array<rte_mbuf*, kMaxBurst> mbufs{};
    std::array<std::uint32_t, kMaxBurst> tenants{};  ///< slots; kNone: nobody's
    std::uint32_t size = 0;
  };

  void adopt_tables();
  std::uint32_t receive(const ReceiveQueue& queue, Tick now);
  std::uint32_t take_over(rte_ring* ring, Tick now);
  std::uint32_t take_finished(rte_ring* ring);
  void journey(Burst& burst, Tick now);
  void describe(Burst& burst);
  void describe_unusual(Packet& packet, rte_mbuf*& mbuf);
  void parse(Burst& burst, Tick now);
  void hear_arp(Packet& packet, const rte_mbuf& mbuf, Origin from, Tick now);
  void admit(Burst& burst, Tick now);
  void gather(Burst& burst, Tick now);
  void go_home(Burst& burst);
  void translate(Burst& burst, Tick now);
  void leave(Burst& burst, Tick now);
  void leave_watched(Burst& burst, const TraceFilter& filter, Tick now);
  void end(const Packet& packet, rte_mbuf* mbuf, Tick now);
  void keep_up(Tick now);
  void announce(Tick now);
  void answer_mailbox(Tick now);

  bool gathers(Packet& packet, Origin origin) const;
  bool is_gathered(Packet& packet, rte_mbuf& mbuf, Tick now);
  void count_refused(const Burst& burst);
  void tell_undelivered(Tick now);
  bool describe_undelivered(const Outgoing& outgoing, Packet& packet) const;
  void let_fragments_go(Tick now);
  void expire_fragments(Tick now);

  void copy_to_others(const rte_mbuf& mbuf);
  void hand_over(const Packet& packet, rte_mbuf* mbuf);
  void hand_over(std::uint16_t worker, rte_mbuf* mbuf, std::uint32_t tenant);
  std::uint32_t tenant_of(const Packet& packet) const;
  void flush_hand_over();
  void hear_reports();
  void send_reports();
  bool forward_straight(const Packet& packet, rte_mbuf* mbuf);
  Fate forward(const Packet& packet, rte_mbuf* mbuf, Tick now);
  void answer(const Packet& packet, Tick now);
  Outgoing outgoing_of(const Packet& packet) const;
  void record(const Packet& packet, Instant at, TraceRecord& record) const;
  void keep_record(TraceRecord& record, const TraceFilter& filter, const Fate& fate);

  Options options_;
  Surroundings around_;
  const Tables* tables_ = nullptr;
  Account account_;
  Neighbours neighbours_;
  Identifications identifications_;
  Sender sender_;
  ArpStage arp_;
  std::unique_ptr<Nat> nat_;
  std::unique_ptr<Gathering> gathering_;
  std::vector<DeviceHash> hashes_;  ///< by port
  std::vector<Ingress> ingress_;    ///< likewise, of the tables in use
  std::uint64_t unusual_flags_;     ///< of mbufs that take more than a look to describe
  std::vector<HandOver> to_hand_over_;
  Burst burst_;
  bool recheck_held_ = false;  ///< a neighbour answered since the last look
  Tick held_looked_at_ = 0;
  Tick neighbours_looked_at_ = 0;
  std::uint32_t underlays_announced_ = 0;  ///< times since start
  Tick underlays_announced_at_ = 0;
  Announcements announcements_;
  Tick interface_announced_at_ = 0;

  Mailbox mailbox_;
  TraceRing trace_;
  std::atomic<Tick> last_round_{0};  ///< written by the worker, as are the next two
  std::atomic<const Tables*> adopted_{nullptr};
  std::atomic<const Tables*> swept_{nullptr};  ///< no flow of an earlier table is left
};

}  // namespace hypernat::dataplane
