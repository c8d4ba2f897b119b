// The send stage: from a payload and where it goes to frames in the devices' queues.
//
// Knows next hops, underlay and encapsulation alike for all that leaves: forwarded packets, RSTs, ARP. What waits for
// a next hop is held here, few and for a few seconds at most; everything else leaves or dies at once. What is too big
// for where it goes is cut into fragments, if its sender lets it. An mbuf given to `send` is the sender's.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/attach/attachments.h"
#include "dataplane/attach/encapsulate.h"
#include "dataplane/attach/neighbours.h"
#include "dataplane/fragments/identifications.h"
#include "dataplane/worker/account.h"
#include "dataplane/worker/held_packets.h"
#include "dataplane/worker/outgoing.h"
#include "dataplane/worker/underlay_hops.h"

namespace hypernat::dataplane {

/// How a worker's frames reach a device port: by a queue of its own, or by the ring of a worker that has one.
struct TransmitPath {
  std::uint16_t device = 0;  ///< ethdev port id
  std::uint16_t queue = 0;
  rte_ring* ring = nullptr;  ///< set: frames go here, and the worker at the other end sends them
  DeviceWrites device_writes;
};

class Sender {
 public:
  struct Options {
    std::vector<TransmitPath> paths;  ///< by port
    std::uint32_t held_packets = 256;
    std::uint32_t held_per_next_hop = 8;
    std::uint32_t held_per_tenant = 64;
    std::uint32_t tenants = 1024;  ///< slots
  };

  struct Surroundings {
    const Attachments& attachments;
    Neighbours& neighbours;
    Account& account;
    Identifications& identifications;
    rte_mempool* pool;  ///< for what a packet is cut into
  };

  /// What is around it outlives the sender.
  Sender(const Options& options, const Surroundings& around);
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  /// Sends, holds or drops; of what is cut, the fate is the first piece's.
  Fate send(Outgoing& outgoing, Tick now);
  /// A frame that another worker has finished, for a queue of this one.
  void send_finished(std::uint16_t port, rte_mbuf* frame);
  /// Neighbours changed or time passed: sends or drops what need not wait any longer.
  void recheck_held(Tick now);
  bool holds_any() const { return held_.size() > 0; }
  bool holds_of_nobody() const { return held_.of_nobody() > 0; }
  /// Gives all frames to the devices; the tail that a device does not take is dropped.
  void flush();
  /// Counts and frees.
  void drop(rte_mbuf* mbuf, Drop reason);

 private:
  struct Buffer {
    std::array<rte_mbuf*, 64> frames{};
    std::uint16_t size = 0;
  };
  /// What stands between a packet and the wire.
  struct Obstacle {
    std::uint32_t waits_for = kNone;  ///< a neighbour
    bool next_hops_full = false;
    bool none() const { return waits_for == kNone && !next_hops_full; }
  };

  Fate cut(Outgoing& outgoing, Tick now);
  Fate send_fitting(Outgoing& outgoing, Tick now);
  void renumber(const Outgoing& outgoing);
  Obstacle resolve(Outgoing& outgoing, Tick now);
  Fate hold(const Outgoing& outgoing, std::uint32_t waits_for);
  Fate die(rte_mbuf* mbuf, Drop reason);
  Fate transmit(const Outgoing& outgoing);
  void push(std::uint16_t port, rte_mbuf* frame);
  void prepare(Buffer& buffer, const TransmitPath& path);
  void flush(std::uint16_t port);

  const Attachments& attachments_;
  Neighbours& neighbours_;
  Account& account_;
  Identifications& identifications_;
  rte_mempool* pool_;
  std::vector<TransmitPath> paths_;
  std::vector<Buffer> buffers_;  ///< by port
  UnderlayHops underlay_;
  HeldPackets held_;
};

}  // namespace hypernat::dataplane
