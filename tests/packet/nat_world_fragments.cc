// Fragments in a NatWorld, as workers treat them: to the one that gathers their datagram, and from there, their ports
// known, to the home of their flow.
#include <algorithm>

#include "dataplane/nat/segment_of.h"
#include "tests/packet/fragments.h"
#include "tests/packet/nat_world_delivery.h"

namespace hypernat::dataplane {

std::uint16_t NatWorld::gatherer_of(const craft::Bytes& piece) const {
  const craft::Seen seen = craft::look_at_start(piece);
  return home_.worker_of(home_.hash({.src = parse_ipv4_address(seen.src).value(),
                                     .dst = parse_ipv4_address(seen.dst).value(),
                                     .src_port = L4Port::from_host(craft::identification_of(piece)),
                                     .dst_port = L4Port::from_host(seen.protocol)}));
}

std::uint32_t NatWorld::datagrams() const {
  return sum_of(gatherings_, &Gathering::datagrams);
}

std::uint32_t NatWorld::held_fragments() const {
  return sum_of(gatherings_, &Gathering::held);
}

void NatWorld::gather(std::uint16_t worker, const std::shared_ptr<Delivery>& delivery) {
  Packet& packet = delivery->packet;
  if (delivery->gathered) return;  // and at home, or passed on
  const Tables& tables = *adopted_[worker];
  const Gathering::Segment segment = segment_of(packet, tables);
  switch (gatherings_[worker]->arrive(packet, segment, delivery.get(), now_)) {
    case Gathering::Arrival::kHeld:
      held_.emplace(delivery.get(), delivery);
      return;
    case Gathering::Arrival::kRefused:
      nats_[worker]->count_refused(segment.tenant);
      return;
    case Gathering::Arrival::kKnown:
      break;
  }
  delivery->gathered = true;
  delivery->mark = packet.datagram;
  delivery->home = home_.worker_of(home_.hash({packet.src, packet.dst, packet.src_port, packet.dst_port}));
  if (delivery->home != worker) packet.verdict = Verdict::kHandedOver;
}

// What was held goes on or dies.
void NatWorld::let_fragments_go(std::uint16_t worker) {
  std::vector<std::shared_ptr<Delivery>> at_home;
  while (gatherings_[worker]->anything_leaves()) {
    const Gathering::Leaving leaving = gatherings_[worker]->next_leaving();
    const std::shared_ptr<Delivery> delivery = held_.extract(leaving.buffer).mapped();
    Packet& packet = delivery->packet;
    if (leaving.drop) {
      nats_[worker]->count_refused(leaving.tenant);
      drop_packet(packet, *leaving.drop);
      continue;
    }
    delivery->gathered = true;
    delivery->mark = leaving.mark;
    delivery->home =
        home_.worker_of(home_.hash({packet.src, packet.dst, leaving.mark.src_port, leaving.mark.dst_port}));
    if (delivery->home == worker)
      at_home.push_back(delivery);
    else
      hand_over(worker, delivery->home, delivery);
  }
  for (std::size_t first = 0; first < at_home.size(); first += Nat::kMaxBurst) {
    const std::size_t end = std::min(at_home.size(), first + Nat::kMaxBurst);
    translate(
        worker,
        {at_home.begin() + static_cast<std::ptrdiff_t>(first), at_home.begin() + static_cast<std::ptrdiff_t>(end)},
        Origin::kOtherWorker);
  }
}

}  // namespace hypernat::dataplane
