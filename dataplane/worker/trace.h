// A walk through the decisions on one packet, for those who want to see them.
//
// The descriptors carry every decision, so that tracing is a copy at the end of the journey: one check a burst while
// nobody traces. Records go through a ring with one writer, the worker, and one reader, telemetry.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "config/types.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

struct TraceRecord {
  std::uint64_t generation = 0;  ///< of the tables whose slots are named here
  std::uint16_t worker = 0;
  std::uint16_t home = 0;
  Tick tick = 0;
  std::int64_t monotonic_ns = 0;  ///< CLOCK_MONOTONIC, the same for all of a burst: its verdicts were known then
  Side side = Side::kInside;
  std::uint8_t attachment = 0;
  std::uint32_t segment_id = 0;
  std::uint32_t mapping = kNone;    ///< slot
  std::uint32_t subnet = kNone;     ///< slot
  std::uint32_t interface = kNone;  ///< slot
  Protocol protocol{};
  Content content{};            ///< of kError, protocol and ends are the quoted ones, reversed
  std::uint8_t error_type = 0;  ///< of kError: ICMP's
  std::uint8_t error_code = 0;
  Ipv4Address error_from;
  std::uint8_t tcp_flags = 0;
  std::uint16_t length = 0;  ///< of the IPv4 packet
  Ipv4Address src, dst;
  L4Port src_port, dst_port;
  Ipv4Address out_src, out_dst;
  L4Port out_src_port, out_dst_port;
  Ipv4Address peer;  ///< tunnel it came from
  std::uint32_t toeplitz = 0;
  std::uint32_t flow = kNone;
  std::uint16_t rule = 0xffff;
  bool opened = false;
  Ipv4Address next_hop;
  MacAddress next_hop_mac;
  Ipv4Address tunnel_end;  ///< tunnel it left by
  std::uint8_t out_attachment = 0;
  Verdict verdict = Verdict::kPending;
  bool held = false;
  Drop drop{};
  AnswerKind answer{};                ///< of kAnswered
  PassKind pass = PassKind::kAtHome;  ///< of kHandedOver: why
  std::uint16_t to_worker = 0;        ///< likewise: to whom
};

/// What to record; anything absent matches everything. Published to the workers as a whole.
struct TraceFilter {
  std::optional<MappingNumber> mapping;
  std::optional<Ipv4Address> address;  ///< of either end, on either side of the translation
  std::optional<Protocol> protocol;
  std::optional<L4Port> port;                 ///< likewise
  bool openings_only = false;                 ///< only packets that opened a flow
  mutable std::atomic<std::int64_t> left{0};  ///< records still wanted; counted down by the workers

  /// `mapping_number` is the record's, if it has one.
  bool matches(const TraceRecord& record, std::optional<MappingNumber> mapping_number) const {
    if (openings_only && !record.opened) return false;
    if (mapping && mapping != mapping_number) return false;
    if (protocol && *protocol != record.protocol) return false;
    if (address && *address != record.src && *address != record.dst && *address != record.out_src &&
        *address != record.out_dst) {
      return false;
    }
    return !port || *port == record.src_port || *port == record.dst_port || *port == record.out_src_port ||
           *port == record.out_dst_port;
  }
};

/// One writer, one reader; the writer drops what does not fit.
class TraceRing {
 public:
  explicit TraceRing(std::uint32_t capacity) : records_(capacity) {}

  bool push(const TraceRecord& record) {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == records_.size()) return false;
    records_[tail % records_.size()] = record;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  std::optional<TraceRecord> pop() {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return std::nullopt;
    const TraceRecord record = records_[head % records_.size()];
    head_.store(head + 1, std::memory_order_release);
    return record;
  }

 private:
  std::vector<TraceRecord> records_;  ///< a power of two of them, since the positions wrap
  std::atomic<std::uint32_t> head_{0};
  std::atomic<std::uint32_t> tail_{0};
};

}  // namespace hypernat::dataplane
