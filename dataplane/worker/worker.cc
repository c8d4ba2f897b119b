#include "dataplane/worker/worker.h"

#include <rte_ethdev.h>
#include <rte_ether.h>

#include <algorithm>
#include <cassert>

#include "dataplane/attach/decapsulate.h"

namespace hypernat::dataplane {
namespace {

// Oftener than RFC 5227 2.3 asks for: a link, and a bridge behind it, may take a second or two to come up.
constexpr std::uint32_t kUnderlayAnnouncements = 10;
constexpr Tick kBetweenAnnouncements = 250;

// What a device that looked says of a TCP or UDP checksum; of which, the tunnel's or the inner one, is its affair.
bool checksum_is_bad(const rte_mbuf& mbuf) {
  return (mbuf.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD ||
         (mbuf.ol_flags & RTE_MBUF_F_RX_OUTER_L4_CKSUM_MASK) == RTE_MBUF_F_RX_OUTER_L4_CKSUM_BAD;
}

// What a device did to a frame that has to be undone, or said of it that kills it.
constexpr std::uint64_t kUnusualFlags =
    RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_L4_CKSUM_BAD | RTE_MBUF_F_RX_OUTER_L4_CKSUM_BAD;

// Taken apart at a time, each time while memory brings what the ones before will need.
constexpr std::size_t kParsedAtOnce = 16;

// Between two looks through all neighbours: far less than it takes to ask one again.
constexpr Tick kBetweenLooks = 8;

}  // namespace

Worker::Worker(const Options& options, const Surroundings& around)
    : options_(options),
      around_(around),
      neighbours_(options.neighbours),
      identifications_(
          {.secret = options.identification_secret, .worker = options.number, .workers = around.home.workers()}),
      sender_(options.sender, {.attachments = around.attachments,
                               .neighbours = neighbours_,
                               .account = account_,
                               .identifications = identifications_,
                               .pool = around.pool}),
      arp_({.attachments = around.attachments,
            .neighbours = neighbours_,
            .sender = sender_,
            .account = account_,
            .pool = around.pool,
            .tenants = options.sender.tenants,
            .others = static_cast<std::uint16_t>(around.home.workers() - 1)}),
      unusual_flags_(kUnusualFlags | around.pass_mark.flag()),
      to_hand_over_(options.to_workers.size()),
      announcements_(options.interfaces),
      trace_(options.trace_records) {
  assert(options.burst <= kMaxBurst);
  for (const bool hashes : options.device_hashes) {
    hashes_.emplace_back(hashes ? HashTrust::kComparing : HashTrust::kUnused);
  }
  ingress_.reserve(hashes_.size());
}

Worker::~Worker() {
  if (!gathering_) return;
  gathering_->give_up();
  while (gathering_->anything_leaves()) rte_pktmbuf_free(static_cast<rte_mbuf*>(gathering_->next_leaving().buffer));
}

bool Worker::create_nat(const Nat::Options& options, TenantUsage& tenants) {
  nat_ = Nat::create(options, around_.home, neighbours_, tenants);
  if (nat_ == nullptr) return false;
  sender_.count_in(*nat_);
  return true;
}

bool Worker::create_gathering() {
  gathering_ = Gathering::create(options_.fragments, identifications_);
  return gathering_ != nullptr;
}

std::uint32_t Worker::step(Tick now) {
  last_round_.store(now, std::memory_order_relaxed);
  adopt_tables();
  hear_reports();
  std::uint32_t moved = 0;
  for (const ReceiveQueue& queue : options_.queues) moved += receive(queue, now);
  for (rte_ring* ring : options_.from_workers) {
    if (ring != nullptr) moved += take_over(ring, now);
  }
  for (rte_ring* ring : options_.finished) moved += take_finished(ring);
  keep_up(now);
  sender_.flush();
  if (nat_->has_reports()) send_reports();
  answer_mailbox(now);
  return moved;
}

void Worker::adopt_tables() {
  const Tables* published = around_.orders.tables.load(std::memory_order_acquire);
  if (published == tables_) return;
  nat_->switch_tables(*published);
  tables_ = published;
  ingress_.clear();
  for (std::uint16_t port = 0; port < hashes_.size(); ++port)
    ingress_.emplace_back(around_.attachments, *tables_, port);
  announcements_.add(published->new_interfaces);
  adopted_.store(published, std::memory_order_release);
}

std::uint32_t Worker::receive(const ReceiveQueue& queue, Tick now) {
  const std::uint16_t count = rte_eth_rx_burst(queue.device, queue.queue, burst_.mbufs.data(), options_.burst);
  if (count == 0) return 0;
  account_.received.add(count);
  for (std::uint32_t i = 0; i < count; ++i) burst_.mbufs[i]->port = queue.device;
  burst_.size = count;
  burst_.origin = Origin::kDevice;
  journey(burst_, now);
  let_fragments_go(now);
  return count;
}

std::uint32_t Worker::take_over(rte_ring* ring, Tick now) {
  const unsigned count =
      rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(burst_.mbufs.data()), kMaxBurst, nullptr);
  if (count == 0) return 0;
  account_.taken_over.add(count);
  burst_.size = count;
  burst_.origin = Origin::kOtherWorker;
  journey(burst_, now);
  let_fragments_go(now);
  return count;
}

// Frames that other workers made for a queue of this one.
std::uint32_t Worker::take_finished(rte_ring* ring) {
  std::array<rte_mbuf*, kMaxBurst> frames;
  const unsigned count = rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(frames.data()), kMaxBurst, nullptr);
  account_.taken_over.add(count);
  for (unsigned i = 0; i < count; ++i) sender_.send_finished(options_.port_of_device[frames[i]->port], frames[i]);
  return count;
}

// The packet's journey. Every packet of the burst has left, died by name, or is held or handed over at its end.
void Worker::journey(Burst& burst, Tick now) {
  StageCycles* const stages = options_.stage_cycles;
  std::uint64_t begun = stages == nullptr ? 0 : rte_rdtsc();
  const auto lap = [&](Stage stage) {
    if (stages == nullptr) return;
    const std::uint64_t ended = rte_rdtsc();
    stages->cycles[static_cast<std::size_t>(stage)] += ended - begun;
    begun = ended;
  };
  if (stages != nullptr) stages->packets += burst.size;
  describe(burst);
  lap(Stage::kDescribe);
  parse(burst, now);
  lap(Stage::kParse);
  admit(burst, now);
  lap(Stage::kAdmit);
  gather(burst, now);
  lap(Stage::kGather);
  go_home(burst);
  lap(Stage::kGoHome);
  translate(burst, now);
  lap(Stage::kTranslate);
  leave(burst, now);
  flush_hand_over();
  lap(Stage::kLeave);
}

void Worker::describe(Burst& burst) {
  for (std::uint32_t i = 0; i < burst.size; ++i) {
    rte_prefetch0(rte_pktmbuf_mtod(burst.mbufs[i], void*));
  }
  const std::uint16_t* const port_of_device = options_.port_of_device.data();
  const std::uint64_t unusual_flags = unusual_flags_;
  Packet* packet = burst.packets.data();
  for (rte_mbuf*& place : std::span(burst.mbufs).first(burst.size)) {
    begin(*packet);
    rte_mbuf* mbuf = place;
    if (mbuf->nb_segs != 1 || (mbuf->ol_flags & unusual_flags) != 0) [[unlikely]] {
      describe_unusual(*packet, place);
      mbuf = place;
    }
    packet->frame = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
    packet->length = rte_pktmbuf_data_len(mbuf);
    packet->port = port_of_device[mbuf->port];
    ++packet;
  }
}

void Worker::describe_unusual(Packet& packet, rte_mbuf*& mbuf) {
  if (mbuf->nb_segs != 1 && rte_pktmbuf_linearize(mbuf) != 0) drop_packet(packet, Drop::scattered);
  if ((mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) {
    // Some drivers always take the tag off; the attachment wants it where it was. Handed over, it is in the frame.
    if (rte_vlan_insert(&mbuf) != 0) drop_packet(packet, Drop::no_buffer);
    mbuf->ol_flags &= ~std::uint64_t{RTE_MBUF_F_RX_VLAN_STRIPPED};
  }
  if (around_.pass_mark.is_on(*mbuf)) {
    packet.pass = around_.pass_mark.read(*mbuf);
    around_.pass_mark.clear(*mbuf);
  }
  if (checksum_is_bad(*mbuf)) drop_packet(packet, Drop::bad_l4_checksum);
}

void Worker::parse(Burst& burst, Tick now) {
  std::array<Parsed, kMaxBurst> parsed;
  burst.fragments = 0;
  std::size_t others = 0;
  for (std::size_t from = 0; from < burst.size; from += kParsedAtOnce) {
    const auto some = std::span(burst.packets).subspan(from, std::min(kParsedAtOnce, burst.size - from));
    const std::size_t others_of_some = decapsulate(some, ingress_, std::span(parsed).subspan(from));
    if (others_of_some == 0) nat_->expect(some);
    others += others_of_some;
  }
  if (others == 0) return;
  for (std::uint32_t i = 0; i < burst.size; ++i) {
    if (parsed[i] == Parsed::kFragment) ++burst.fragments;
    if (parsed[i] == Parsed::kArp) hear_arp(burst.packets[i], *burst.mbufs[i], burst.origin, now);
  }
}

void Worker::hear_arp(Packet& packet, const rte_mbuf& mbuf, Origin from, Tick now) {
  const ArpOrigin origin = from == Origin::kDevice ? ArpOrigin::kDevice : ArpOrigin::kOtherWorker;
  const ArpStage::Heard heard = arp_.hear(packet, *tables_, now, origin);
  recheck_held_ |= heard.learned;
  if (!heard.sound) return drop_packet(packet, Drop::bad_arp);
  if (heard.tell_others) copy_to_others(mbuf);
  packet.verdict = Verdict::kConsumed;
}

// Here and not at home, so that a flood does not even fill the rings; where a packet came in, so that it counts once.
void Worker::admit(Burst& burst, Tick now) {
  if (burst.origin != Origin::kDevice || !tables_->any_packet_limit) return;
  std::array<Packet*, kMaxBurst> parsed;
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < burst.size; ++i) {
    if (burst.packets[i].verdict == Verdict::kPending) parsed[count++] = &burst.packets[i];
  }
  nat_->admit({parsed.data(), count}, now);
}

void Worker::go_home(Burst& burst) {
  if (around_.home.workers() == 1) return;  // everything is at home
  for (std::uint32_t i = 0; i < burst.size; ++i) {
    Packet& packet = burst.packets[i];
    if (packet.verdict != Verdict::kPending || is_fragment(packet)) continue;
    const rte_mbuf& mbuf = *burst.mbufs[i];
    DeviceHash& device = hashes_[packet.port];
    // NICs hash ICMP by addresses only, so their hash of it is never the home's.
    const bool has_hash = device.trust() != HashTrust::kUnused && packet.protocol != Protocol::kIcmp &&
                          packet.content == Content::kDatagram && (mbuf.ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0;
    if (has_hash && device.trust() == HashTrust::kTrusted) {
      packet.toeplitz = mbuf.hash.rss;
    } else {
      packet.toeplitz = around_.home.hash({packet.src, packet.dst, packet.src_port, packet.dst_port});
      if (has_hash && device.trust() == HashTrust::kComparing) device.compare(mbuf.hash.rss, packet.toeplitz);
    }
    const std::uint16_t home = around_.home.worker_of(packet.toeplitz);
    // Who gets a packet from another worker is its home, both computed the same; or the NAT passed it on to him.
    if (home != options_.number && burst.origin == Origin::kDevice) packet.verdict = Verdict::kHandedOver;
  }
}

void Worker::translate(Burst& burst, Tick now) {
  std::array<Packet*, kMaxBurst> at_home;
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < burst.size; ++i) {
    at_home[count] = &burst.packets[i];
    count += burst.packets[i].verdict == Verdict::kPending ? 1 : 0;
  }
  if (count < burst.size) count_refused(burst);
  if (count > 0) nat_->translate({at_home.data(), count}, now);
}

// One worker speaks for all. An announcement that waits for its tunnel's underlay has the next one wait for a moment,
// so that a slow underlay is not asked for more than it answers, and a dead one holds nobody up for long.
void Worker::announce(Tick now) {
  if (underlays_announced_ < kUnderlayAnnouncements &&
      (underlays_announced_ == 0 || now - underlays_announced_at_ >= kBetweenAnnouncements)) {
    arp_.announce_underlays(now);
    underlays_announced_at_ = now;
    ++underlays_announced_;
  }
  if (sender_.holds_of_nobody() && now - interface_announced_at_ < kBetweenAnnouncements) return;
  const std::uint32_t interface = announcements_.next(now);
  if (interface == kNone) return;
  arp_.announce_interface(interface, *tables_, now);
  interface_announced_at_ = now;
}

// What time brings: neighbours to ask for, held packets, timers.
void Worker::keep_up(Tick now) {
  if (options_.number == 0) announce(now);
  if (now - neighbours_looked_at_ >= kBetweenLooks || !neighbours_.looked_through()) {
    if (neighbours_.looked_through()) neighbours_looked_at_ = now;
    arp_.ask(*tables_, now);
  } else if (neighbours_.some_ask_soon()) {
    arp_.ask(*tables_, now);
  }
  if (sender_.holds_any() && (recheck_held_ || now != held_looked_at_)) {
    sender_.recheck_held(now);
    held_looked_at_ = now;
  }
  recheck_held_ = false;
  tell_undelivered(now);
  if (gathering_->datagrams() > 0) expire_fragments(now);
  nat_->maintain(now);
  if (swept_.load(std::memory_order_relaxed) != tables_ && nat_->swept()) {
    swept_.store(tables_, std::memory_order_release);
  }
}

void Worker::answer_mailbox(Tick now) {
  mailbox_.serve([&](Mailbox::Question question, std::uint32_t cursor, Mailbox::Answer& answer) {
    answer.account = account_.read();
    answer.open_flows = nat_->open_flows();
    answer.redirects = nat_->redirects();
    answer.remotes = nat_->remotes();
    answer.port_bitmaps = nat_->port_bitmaps();
    answer.datagrams = gathering_->datagrams();
    answer.now = now;
    answer.filled = 0;
    answer.next = kNone;
    switch (question) {
      case Mailbox::Question::kAccount:
        break;
      case Mailbox::Question::kFlows:
        answer.next = nat_->list_flows(cursor, answer.flows, answer.filled, now);
        break;
      case Mailbox::Question::kNeighbours:
        for (; cursor < neighbours_.capacity() && answer.filled < answer.neighbours.size(); ++cursor) {
          const Neighbour& neighbour = neighbours_[cursor];
          if (neighbour.state != NeighbourState::kFree) answer.neighbours[answer.filled++] = neighbour;
        }
        if (cursor < neighbours_.capacity()) answer.next = cursor;
        break;
    }
  });
}

}  // namespace hypernat::dataplane
