// The send stage: from a payload and where it goes to frames in the devices' queues.
//
// Knows next hops, underlay and encapsulation alike for all that leaves: forwarded packets, RSTs, ARP. What waits for
// a next hop is held here, few and for a few seconds at most; everything else leaves or dies at once. What is too big
// for where it goes is cut into fragments, if its sender lets it. An mbuf given to `send` is the sender's, until
// `next_undelivered` gives it back: somebody may be told of a packet whose next hop did not answer.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <cassert>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/attach/attachments.h"
#include "dataplane/attach/encapsulate.h"
#include "dataplane/attach/neighbours.h"
#include "dataplane/fragments/identifications.h"
#include "dataplane/nat/nat.h"
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

  /// An IPv4 packet in the frame that it came in: there is an Ethernet header's room before it.
  struct Straight {
    rte_mbuf* mbuf;
    std::uint8_t* packet;
    std::uint16_t length;
    std::uint8_t attachment;
    const MacAddress& src;
    const MacAddress& dst;
  };

  /// What is around it outlives the sender.
  Sender(const Options& options, const Surroundings& around);
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  /// Before the first packet: who counts what tenants lose here. Outlives the sender.
  void count_in(Nat& nat) { nat_ = &nat; }

  /// Sends, holds or drops; of what is cut, the fate is the first piece's.
  Fate send(Outgoing& outgoing, Tick now);
  /// The same, part of the caller: for the stage that nearly all packets leave by.
  [[gnu::always_inline]] Fate dispatch(Outgoing& outgoing, Tick now);
  /// The short way out of an attachment that adds an Ethernet header and no more, for what fits it and whose next hop
  /// is known. False: not here, and nothing was changed.
  [[gnu::always_inline]] bool send_straight(const Straight& leaving);
  /// A frame that another worker has finished, for a queue of this one.
  void send_finished(std::uint16_t port, rte_mbuf* frame);
  /// Neighbours changed or time passed: sends or drops what need not wait any longer.
  void recheck_held(Tick now);
  bool holds_any() const { return held_.size() > 0; }
  bool holds_of_nobody() const { return held_.of_nobody() > 0; }
  /// A packet of a tenant's that has just died since its next hop did not answer, as it was to leave. The buffer is the
  /// caller's to free.
  std::optional<Outgoing> next_undelivered();
  /// Gives all frames to the devices; the tail that a device does not take is dropped.
  void flush();
  /// Counts and frees.
  void drop(rte_mbuf* mbuf, Drop reason);

 private:
  struct Buffer {
    std::array<rte_mbuf*, 64> frames{};
    std::uint16_t size = 0;
  };

  // Of an attachment: where it leaves when it leaves straight.
  struct StraightWay {
    bool open = false;
    std::uint16_t port = 0;
    std::uint16_t mtu = 0;
  };

  std::vector<StraightWay> straight_ways() const;
  Fate cut(Outgoing& outgoing, Tick now);
  Fate wait(const Outgoing& outgoing, std::uint32_t neighbour, Tick now);
  void renumber(const Outgoing& outgoing);
  Fate hold(const Outgoing& outgoing, std::uint32_t waits_for);
  Fate die(const Outgoing& outgoing, Drop reason);
  Fate die_unresolved(const Outgoing& outgoing);
  void count(const Outgoing& outgoing, Drop reason);
  Fate transmit(const Outgoing& outgoing, const Attachment& attachment);
  void leave_to_device(const Attachment& attachment, DeviceWrites device, const Outgoing& outgoing);
  void push(std::uint16_t port, rte_mbuf* frame);
  void prepare(Buffer& buffer, const TransmitPath& path);
  void flush(std::uint16_t port);

  const Attachments& attachments_;
  Neighbours& neighbours_;
  Account& account_;
  Identifications& identifications_;
  rte_mempool* pool_;
  std::vector<TransmitPath> paths_;
  std::vector<Buffer> buffers_;             ///< by port
  std::vector<StraightWay> straight_ways_;  ///< by attachment
  UnderlayHops underlay_;
  HeldPackets held_;
  Nat* nat_ = nullptr;
  std::array<Outgoing, 64> undelivered_;  ///< those beyond are forgotten: senders are told of few at a time
  std::uint32_t undelivered_count_ = 0;
};

// Fills in what the next hop and the underlay know.
inline Fate Sender::dispatch(Outgoing& outgoing, Tick now) {
  const Attachment& attachment = attachments_[outgoing.attachment];
  if (rte_pktmbuf_data_len(outgoing.mbuf) > attachment.mtu) [[unlikely]]
    return cut(outgoing, now);
  if (outgoing.next_hop != kNone) {
    const Neighbour& neighbour = neighbours_[outgoing.next_hop];
    if (!neighbour.usable()) [[unlikely]]
      return wait(outgoing, outgoing.next_hop, now);
    outgoing.headers.dst = neighbour.at.mac;
    outgoing.headers.tunnel_end = neighbour.at.vtep;
    outgoing.next_hop = kNone;
  }
  if (attachment.is_tunnel() && outgoing.layer == Layer::kSegment) {
    const std::uint32_t hop = underlay_.find(attachment, outgoing.headers.tunnel_end);
    if (hop == kNone) [[unlikely]]
      return die(outgoing, Drop::next_hop_table_full);
    const Neighbour& neighbour = neighbours_[hop];
    if (!neighbour.usable()) [[unlikely]]
      return wait(outgoing, hop, now);
    outgoing.headers.underlay_mac = neighbour.at.mac;
  }
  return transmit(outgoing, attachment);
}

[[gnu::always_inline]] inline Fate Sender::transmit(const Outgoing& outgoing, const Attachment& attachment) {
  rte_mbuf* const mbuf = outgoing.mbuf;
  // Read before the first byte is written, which might be a part of it for all the compiler knows.
  const std::uint16_t port = attachment.port;
  const bool bare = outgoing.layer == Layer::kUnderlay;
  const DeviceWrites device = paths_[port].device_writes;
  const std::uint32_t bytes = bare ? std::uint32_t{sizeof(EthernetHeader)} : frame_header_bytes(attachment, device);
  if (rte_pktmbuf_headroom(mbuf) < bytes) [[unlikely]]
    return die(outgoing, Drop::no_buffer);
  auto* const payload = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  const std::uint32_t length = rte_pktmbuf_data_len(mbuf);
  mbuf->data_off = static_cast<std::uint16_t>(mbuf->data_off - bytes);
  mbuf->data_len = static_cast<std::uint16_t>(length + bytes);
  mbuf->pkt_len = length + bytes;
  if (bytes == sizeof(EthernetHeader)) {
    prepend_ethernet(outgoing.headers, payload);
  } else {
    encapsulate(attachment, device, outgoing.headers, payload, length);
  }
  if (device != DeviceWrites{} && !bare) leave_to_device(attachment, device, outgoing);
  push(port, mbuf);
  return {.kind = Fate::Kind::kSent};
}

[[gnu::always_inline]] inline void Sender::push(std::uint16_t port, rte_mbuf* frame) {
  Buffer& buffer = buffers_[port];
  buffer.frames[buffer.size++] = frame;
  if (buffer.size == buffer.frames.size()) flush(port);
}

inline bool Sender::send_straight(const Straight& leaving) {
  const StraightWay& way = straight_ways_[leaving.attachment];
  rte_mbuf* const mbuf = leaving.mbuf;
  // Read before the first byte is written, which might be a part of it for all the compiler knows.
  const std::uint16_t port = way.port;
  if (!way.open || leaving.length > way.mtu) return false;
  std::uint8_t* const frame = prepend_ethernet(leaving.dst, leaving.src, PayloadType::kIpv4, leaving.packet);
  assert(frame >= mbuf->buf_addr);
  mbuf->data_off = static_cast<std::uint16_t>(frame - static_cast<std::uint8_t*>(mbuf->buf_addr));
  mbuf->data_len = static_cast<std::uint16_t>(leaving.length + sizeof(EthernetHeader));
  mbuf->pkt_len = mbuf->data_len;
  push(port, mbuf);
  return true;
}

}  // namespace hypernat::dataplane
