// The worker's side of trace.h: from a packet's descriptor to a record.
#include "dataplane/packet/quote.h"
#include "dataplane/worker/worker.h"

namespace hypernat::dataplane {
namespace {

// An error's ends are those of its quote, the other way round.
void read_rewritten_error(const Packet& packet, TraceRecord& record) {
  Quote quote;
  if (read_quote({packet.l4, packet.l4_length}, quote) != QuoteFault::kSound) return;
  record.out_src = quote.ip->dst();
  record.out_dst = quote.ip->src();
  record.out_src_port = quote.dst_port;
  record.out_dst_port = quote.src_port;
}

// The ports as they are in the packet now.
void read_rewritten(const Packet& packet, TraceRecord& record) {
  if (packet.content == Content::kError) return read_rewritten_error(packet, record);
  record.out_src = packet.ip->src();
  record.out_dst = packet.ip->dst();
  record.out_src_port = packet.src_port;
  record.out_dst_port = packet.dst_port;
  if (packet.fragment == Fragment::kLater) return;  // it has none
  if (packet.protocol == Protocol::kIcmp) {
    const auto* icmp = reinterpret_cast<const IcmpHeader*>(packet.l4);
    record.out_src_port = record.out_dst_port = L4Port::from_network(icmp->identifier_be);
  } else {
    const auto* ports = reinterpret_cast<const UdpHeader*>(packet.l4);  // TCP has them in the same places
    record.out_src_port = L4Port::from_network(ports->src_be);
    record.out_dst_port = L4Port::from_network(ports->dst_be);
  }
}

}  // namespace

// Before the packet leaves: afterwards its bytes may be gone.
void Worker::record(const Packet& packet, Instant at, TraceRecord& record) const {
  record.generation = tables_->generation;
  record.worker = options_.number;
  const HomeTuple tuple{packet.src, packet.dst, packet.src_port, packet.dst_port};
  record.toeplitz = around_.home.workers() == 1 ? around_.home.hash(tuple) : packet.toeplitz;
  record.home = around_.home.worker_of(record.toeplitz);
  record.tick = at.tick;
  record.monotonic_ns = at.monotonic_ns;
  record.side = packet.side;
  record.attachment = packet.attachment;
  record.protocol = packet.protocol;
  record.content = packet.content;
  record.tcp_flags = packet.tcp_flags;
  record.src = packet.src;
  record.dst = packet.dst;
  record.src_port = packet.src_port;
  record.dst_port = packet.dst_port;
  record.peer = packet.peer;
  record.flow = packet.flow;
  record.rule = packet.rule;
  record.opened = packet.opened;
  record.verdict = packet.verdict;
  record.drop = packet.drop;
  if (packet.verdict == Verdict::kAnswered) record.answer = packet.answer.kind;
  record.pass = packet.pass.kind;
  record.to_worker = packet.pass.kind == PassKind::kAtHome ? record.home : packet.passed_to;
  const bool leaves = packet.verdict == Verdict::kForward || packet.verdict == Verdict::kAnswered;
  const Egress egress = leaves ? packet.egress : Egress{};
  record.interface = egress.interface;
  if (packet.slot != kNone && packet.side == Side::kInside) {
    record.mapping = packet.slot;
    record.subnet = tables_->mappings[packet.slot].subnet;
    record.segment_id = to_number(tables_->mapping_numbers[packet.slot]);
  } else if (packet.slot != kNone) {
    record.mapping = egress.mapping;
    record.subnet = packet.slot;
    record.segment_id = tables_->subnets[packet.slot].segment_id;
  }
  if (packet.ip == nullptr || packet.l4 == nullptr) return;
  record.length = swap16(packet.ip->total_length_be);
  if (packet.content == Content::kError) {
    record.error_type = packet.l4[0];
    record.error_code = packet.l4[1];
    record.error_from = packet.ip->src();
  }
  record.out_src = packet.src;
  record.out_dst = packet.dst;
  record.out_src_port = packet.src_port;
  record.out_dst_port = packet.dst_port;
  if (packet.verdict == Verdict::kForward) read_rewritten(packet, record);
  if (egress.interface != kNone && egress.next_hop != kNone) {
    const Neighbour& neighbour = neighbours_[egress.next_hop];
    record.out_attachment = tables_->interface_egress[egress.interface].attachment;
    record.next_hop = neighbour.address;
    record.next_hop_mac = neighbour.at.mac;
    record.tunnel_end = neighbour.at.vtep;
  } else if (egress.mapping != kNone) {
    record.out_attachment = egress.attachment;
    record.next_hop = record.out_dst;
    record.next_hop_mac = egress.environment_mac;
    record.tunnel_end = egress.peer;
  }
}

void Worker::keep_record(TraceRecord& record, const TraceFilter& filter, const Fate& fate) {
  if (record.verdict == Verdict::kConsumed) return;
  record.held = fate.kind == Fate::Kind::kHeld;
  if (fate.kind == Fate::Kind::kDropped) {
    record.verdict = Verdict::kDrop;
    record.drop = fate.reason;
  }
  std::optional<MappingNumber> number;
  if (record.mapping != kNone) number = tables_->mapping_numbers[record.mapping];
  if (!filter.matches(record, number)) return;
  if (filter.left.fetch_sub(1, std::memory_order_relaxed) > 0) trace_.push(record);
}

}  // namespace hypernat::dataplane
