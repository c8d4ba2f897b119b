// The end of the journey: each packet of a burst is sent, answered, handed over, or dies.
#include <cassert>

#include "dataplane/nat/answer.h"
#include "dataplane/worker/worker.h"

namespace hypernat::dataplane {

// Outbound by the flow's interface and next hop; inbound to the environment's own peer and MAC; answers either way.
[[gnu::always_inline]] inline Outgoing Worker::outgoing_of(const Packet& packet) const {
  const Egress& egress = packet.egress;
  Outgoing outgoing;
  outgoing.headers.entropy = packet.signature;
  if (egress.interface != kNone) {
    const InterfaceEgress& interface = tables_->interface_egress[egress.interface];
    outgoing.attachment = interface.attachment;
    outgoing.headers.src = interface.mac;
    outgoing.headers.segment_id = interface.segment_id;
    outgoing.next_hop = egress.next_hop;
    outgoing.tenant = interface.tenant;
  } else {
    outgoing.attachment = egress.attachment;
    outgoing.headers.src = around_.attachments.gateway_mac();
    outgoing.headers.dst = egress.environment_mac;
    outgoing.headers.segment_id = to_number(tables_->mapping_numbers[egress.mapping]);
    outgoing.headers.tunnel_end = egress.peer;
    outgoing.tenant = tables_->mapping_tenants[egress.mapping];
  }
  return outgoing;
}

// Nearly every packet, where attachments are plain.
[[gnu::always_inline]] inline bool Worker::forward_straight(const Packet& packet, rte_mbuf* mbuf) {
  const Egress& egress = packet.egress;
  auto* const bytes = reinterpret_cast<std::uint8_t*>(packet.ip);
  const std::uint16_t length = swap16(packet.ip->total_length_be);
  if (egress.interface == kNone) {
    return sender_.send_straight({.mbuf = mbuf,
                                  .packet = bytes,
                                  .length = length,
                                  .attachment = egress.attachment,
                                  .src = around_.attachments.gateway_mac(),
                                  .dst = egress.environment_mac});
  }
  const InterfaceEgress& interface = tables_->interface_egress[egress.interface];
  const Neighbour& next_hop = neighbours_[egress.next_hop];
  return next_hop.usable() && sender_.send_straight({.mbuf = mbuf,
                                                     .packet = bytes,
                                                     .length = length,
                                                     .attachment = interface.attachment,
                                                     .src = interface.mac,
                                                     .dst = next_hop.at.mac});
}

// The frame shrinks to the IPv4 packet: encapsulation before it and padding behind it are gone.
[[gnu::always_inline]] inline Fate Worker::forward(const Packet& packet, rte_mbuf* mbuf, Tick now) {
  mbuf->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
  if (forward_straight(packet, mbuf)) return {.kind = Fate::Kind::kSent};
  mbuf->data_off =
      static_cast<std::uint16_t>(mbuf->data_off + (reinterpret_cast<const std::uint8_t*>(packet.ip) - packet.frame));
  mbuf->data_len = swap16(packet.ip->total_length_be);
  mbuf->pkt_len = mbuf->data_len;
  Outgoing outgoing = outgoing_of(packet);
  outgoing.mbuf = mbuf;
  outgoing.speaker = Speaker::kTenant;
  outgoing.flow = packet.flow;
  return sender_.dispatch(outgoing, now);
}

void Worker::leave(Burst& burst, Tick now) {
  const TraceFilter* filter = around_.orders.trace.load(std::memory_order_acquire);
  if (filter != nullptr) return leave_watched(burst, *filter, now);
  for (std::uint32_t i = 0; i < burst.size; ++i) {
    const Packet& packet = burst.packets[i];
    if (packet.verdict == Verdict::kForward)
      forward(packet, burst.mbufs[i], now);
    else
      end(packet, burst.mbufs[i], now);
  }
}

// What is not forwarded.
void Worker::end(const Packet& packet, rte_mbuf* mbuf, Tick now) {
  switch (packet.verdict) {
    case Verdict::kDrop:
      nat_->lost(packet.pass);
      sender_.drop(mbuf, packet.drop);
      break;
    case Verdict::kAnswered:
      answer(packet, now);
      sender_.drop(mbuf, packet.drop);
      break;
    case Verdict::kHandedOver:
      hand_over(packet, mbuf);
      break;
    case Verdict::kConsumed:
      account_.consumed.add();
      rte_pktmbuf_free(mbuf);
      break;
    case Verdict::kHeld:
      break;
    case Verdict::kPending:
    case Verdict::kForward:
      assert(false);
      break;
  }
}

void Worker::leave_watched(Burst& burst, const TraceFilter& filter, Tick now) {
  const Instant at{.tick = now, .monotonic_ns = monotonic_ns()};
  for (std::uint32_t i = 0; i < burst.size; ++i) {
    const Packet& packet = burst.packets[i];
    TraceRecord trace_record;
    record(packet, at, trace_record);
    Fate fate{};
    if (packet.verdict == Verdict::kForward)
      fate = forward(packet, burst.mbufs[i], now);
    else
      end(packet, burst.mbufs[i], now);
    keep_record(trace_record, filter, fate);
  }
}

void Worker::answer(const Packet& packet, Tick now) {
  account_.originated.add();
  rte_mbuf* mbuf = rte_pktmbuf_alloc(around_.pool);
  auto* bytes = mbuf == nullptr ? nullptr : reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(mbuf, kMaxAnswerBytes));
  if (bytes == nullptr) {
    sender_.drop(mbuf, Drop::no_buffer);
    return;
  }
  const std::size_t length = build_answer(packet, std::span<std::uint8_t, kMaxAnswerBytes>(bytes, kMaxAnswerBytes));
  rte_pktmbuf_trim(mbuf, static_cast<std::uint16_t>(kMaxAnswerBytes - length));
  Outgoing outgoing = outgoing_of(packet);
  outgoing.mbuf = mbuf;
  sender_.send(outgoing, now);
}

}  // namespace hypernat::dataplane
