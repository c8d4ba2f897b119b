// What workers give to each other: packets that are at home elsewhere or that the NAT passes on, copies of ARP, and the
// NAT's reports.
#include <cstring>

#include "dataplane/worker/worker.h"

namespace hypernat::dataplane {
namespace {

constexpr unsigned kReportsAtOnce = 32;

}  // namespace

void Worker::copy_to_others(const rte_mbuf& mbuf) {
  for (std::uint16_t worker = 0; worker < options_.to_workers.size(); ++worker) {
    if (options_.to_workers[worker] == nullptr) continue;
    account_.originated.add();
    rte_mbuf* copy = rte_pktmbuf_alloc(around_.pool);
    if (copy == nullptr) {
      account_.drop(Drop::no_buffer);
      continue;
    }
    char* bytes = rte_pktmbuf_append(copy, rte_pktmbuf_data_len(&mbuf));
    if (bytes == nullptr) {
      sender_.drop(copy, Drop::no_buffer);
      continue;
    }
    std::memcpy(bytes, rte_pktmbuf_mtod(&mbuf, const char*), rte_pktmbuf_data_len(&mbuf));
    copy->port = mbuf.port;
    hand_over(worker, copy, kNone);
  }
}

void Worker::hand_over(const Packet& packet, rte_mbuf* mbuf) {
  if (packet.gathered) around_.fragment_mark.put(*mbuf, packet.datagram);
  const std::uint32_t tenant = tenant_of(packet);
  if (packet.pass.kind == PassKind::kAtHome) return hand_over(around_.home.worker_of(packet.toeplitz), mbuf, tenant);
  around_.pass_mark.put(*mbuf, packet.pass);
  hand_over(packet.passed_to, mbuf, tenant);
}

void Worker::hand_over(std::uint16_t worker, rte_mbuf* mbuf, std::uint32_t tenant) {
  HandOver& buffer = to_hand_over_[worker];
  if (buffer.size == buffer.mbufs.size()) flush_hand_over();
  buffer.tenants[buffer.size] = tenant;
  buffer.mbufs[buffer.size++] = mbuf;
}

std::uint32_t Worker::tenant_of(const Packet& packet) const {
  return packet.slot == kNone ? kNone : tables_->tenant_of(packet.side, packet.slot);
}

void Worker::flush_hand_over() {
  for (std::size_t worker = 0; worker < to_hand_over_.size(); ++worker) {
    HandOver& buffer = to_hand_over_[worker];
    if (buffer.size == 0) continue;
    void** mbufs = reinterpret_cast<void**>(buffer.mbufs.data());
    const unsigned taken = rte_ring_enqueue_burst(options_.to_workers[worker], mbufs, buffer.size, nullptr);
    account_.handed_over.add(taken);
    for (std::uint32_t i = taken; i < buffer.size; ++i) {
      rte_mbuf* mbuf = buffer.mbufs[i];
      if (around_.pass_mark.is_on(*mbuf)) nat_->lost(around_.pass_mark.read(*mbuf));
      nat_->count_refused(buffer.tenants[i]);
      sender_.drop(mbuf, Drop::home_ring_full);
    }
    buffer.size = 0;
  }
}

// No more than a ring holds: others may come for ever.
void Worker::hear_reports() {
  std::array<void*, kReportsAtOnce> words;
  std::array<RedirectReport, kReportsAtOnce> reports;
  for (std::uint16_t from = 0; from < options_.reports_from_workers.size(); ++from) {
    rte_ring* ring = options_.reports_from_workers[from];
    if (ring == nullptr) continue;
    unsigned count = kReportsAtOnce;
    for (unsigned heard = 0; count == kReportsAtOnce && heard < rte_ring_get_capacity(ring); heard += count) {
      count = rte_ring_dequeue_burst(ring, words.data(), kReportsAtOnce, nullptr);
      for (unsigned i = 0; i < count; ++i) {
        reports[i] = RedirectReport::of_word(reinterpret_cast<std::uintptr_t>(words[i]));
      }
      nat_->hear(from, {reports.data(), count});
    }
  }
}

// What a full ring does not take stays with the NAT until the next round.
void Worker::send_reports() {
  std::array<RedirectReport, kReportsAtOnce> reports;
  std::array<void*, kReportsAtOnce> words;
  for (std::uint16_t to = 0; to < options_.reports_to_workers.size(); ++to) {
    if (options_.reports_to_workers[to] == nullptr) continue;
    for (bool room = true; room;) {
      const std::size_t count = nat_->reports_for(to, reports);
      if (count == 0) break;
      for (std::size_t i = 0; i < count; ++i) words[i] = reinterpret_cast<void*>(std::uintptr_t{reports[i].word()});
      const unsigned taken =
          rte_ring_enqueue_burst(options_.reports_to_workers[to], words.data(), static_cast<unsigned>(count), nullptr);
      nat_->reported(to, taken);
      room = taken == count;
    }
  }
}

}  // namespace hypernat::dataplane
