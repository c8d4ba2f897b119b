// Fragments: to the worker that gathers their datagram, and from there, their ports known, to the home of their flow.
//
// A burst without fragments never comes here. One that was held travels like one that came just now, in a burst of its
// own, with its datagram's mark (buffer_mark.h); so does one that was gathered elsewhere.
#include "dataplane/nat/segment_of.h"
#include "dataplane/worker/worker.h"

namespace hypernat::dataplane {

void Worker::gather(Burst& burst, Tick now) {
  if (burst.fragments == 0) return;
  for (std::uint32_t i = 0; i < burst.size; ++i) {
    Packet& packet = burst.packets[i];
    if (packet.verdict != Verdict::kPending || !is_fragment(packet)) continue;
    rte_mbuf& mbuf = *burst.mbufs[i];
    // Who gets one that others have gathered is its home, or the one that the NAT passed it on to.
    bool at_home = false;
    if (around_.fragment_mark.is_on(mbuf)) {
      Gathering::tell(packet, around_.fragment_mark.read(mbuf));
      around_.fragment_mark.clear(mbuf);
      at_home = burst.origin == Origin::kOtherWorker;
    } else if (!gathers(packet, burst.origin) || !is_gathered(packet, mbuf, now)) {
      continue;
    }
    packet.toeplitz = around_.home.hash({packet.src, packet.dst, packet.src_port, packet.dst_port});
    if (!at_home && around_.home.worker_of(packet.toeplitz) != options_.number) packet.verdict = Verdict::kHandedOver;
  }
  account_.held_fragments.set(gathering_->held());
}

// Whether it is this worker that gathers the datagram; else the fragment is handed over. What all fragments have in
// common stands in the places of the ports.
bool Worker::gathers(Packet& packet, Origin origin) const {
  packet.toeplitz = around_.home.hash({packet.src, packet.dst, L4Port::from_network(packet.ip->identification_be),
                                       L4Port::from_host(static_cast<std::uint16_t>(packet.protocol))});
  const bool here = origin == Origin::kOtherWorker || around_.home.worker_of(packet.toeplitz) == options_.number;
  if (!here) packet.verdict = Verdict::kHandedOver;
  return here;
}

bool Worker::is_gathered(Packet& packet, rte_mbuf& mbuf, Tick now) {
  return gathering_->arrive(packet, segment_of(packet, *tables_), &mbuf, now) == Gathering::Arrival::kKnown;
}

// What was held goes on or dies.
void Worker::let_fragments_go(Tick now) {
  while (gathering_->anything_leaves()) {
    burst_.size = 0;
    while (gathering_->anything_leaves() && burst_.size < kMaxBurst) {
      const Gathering::Leaving leaving = gathering_->next_leaving();
      auto* mbuf = static_cast<rte_mbuf*>(leaving.buffer);
      if (leaving.drop) {
        nat_->count_refused(leaving.tenant);
        sender_.drop(mbuf, *leaving.drop);
        continue;
      }
      around_.fragment_mark.put(*mbuf, leaving.mark);
      burst_.mbufs[burst_.size++] = mbuf;
    }
    account_.held_fragments.set(gathering_->held());
    burst_.origin = Origin::kHeld;
    if (burst_.size > 0) journey(burst_, now);
  }
}

void Worker::expire_fragments(Tick now) {
  gathering_->expire(now);
  let_fragments_go(now);
}

}  // namespace hypernat::dataplane
