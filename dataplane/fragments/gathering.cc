#include "dataplane/fragments/gathering.h"

#include <bit>
#include <cassert>
#include <new>

#include "dataplane/flow/memory_node.h"
#include "dataplane/fragments/first_fragment.h"

namespace hypernat::dataplane {
namespace {

constexpr int kExpireAtOnce = 64;

FlowKey key_of(const Packet& packet, std::uint32_t segment_number) {
  const std::uint8_t direction = packet.side == Side::kInside ? 0 : kInboundBit;
  return make_flow_key(segment_number, static_cast<std::uint8_t>(packet.protocol) | direction,
                       {.protocol = packet.protocol,
                        .local = packet.src,
                        .local_port = L4Port::from_network(packet.ip->identification_be),
                        .remote = packet.dst,
                        .remote_port = {}});
}

// A share is never more than what it leaves free.
bool may_have_another(std::uint32_t has, std::uint32_t share, std::uint32_t free) {
  return has < share && has < free;
}

Gathering::Arrival refuse(Packet& packet, Drop reason) {
  drop_packet(packet, reason);
  return Gathering::Arrival::kRefused;
}

}  // namespace

Gathering::Gathering(const Options& options, Identifications& identifications)
    : options_(options), identifications_(identifications), hash_(options.secret) {}

std::unique_ptr<Gathering> Gathering::create(const Options& options, Identifications& identifications) {
  const MemoryNode node(options.numa_node);
  std::unique_ptr<Gathering> gathering(new (std::nothrow) Gathering(options, identifications));
  if (!gathering || !gathering->allocate()) return nullptr;
  return gathering;
}

bool Gathering::allocate() {
  const std::uint32_t buckets = std::bit_ceil(options_.datagrams);
  if (!buckets_.allocate(buckets) || !datagrams_.allocate(options_.datagrams) ||
      !covers_.allocate(options_.datagrams) || !all_held_.allocate(options_.held) ||
      !tenants_.allocate(options_.tenants)) {
    return false;
  }
  bucket_mask_ = buckets - 1;
  for (std::uint32_t bucket = 0; bucket < buckets; ++bucket) buckets_[bucket] = kNone;
  for (std::uint32_t number = options_.datagrams; number-- > 0; free_datagram_ = number)
    datagrams_[number].next = free_datagram_;
  for (std::uint32_t number = options_.held; number-- > 0; free_held_ = number) all_held_[number].next = free_held_;
  return true;
}

void Gathering::tell(Packet& packet, const DatagramMark& mark) {
  packet.gathered = true;
  packet.datagram = mark;
  packet.src_port = mark.src_port;
  packet.dst_port = mark.dst_port;
  packet.tcp_flags = mark.tcp_flags;
}

Gathering::Arrival Gathering::arrive(Packet& packet, const Segment& segment, void* buffer, Tick now) {
  if (options_.protocols == FragmentProtocols::kUdp && packet.protocol != Protocol::kUdp) {
    return refuse(packet, Drop::fragment);
  }
  const FlowKey key = key_of(packet, segment.number);
  std::uint32_t number = find(key, now);
  Drop full{};
  if (number == kNone) number = begin(key, segment.tenant, now, full);
  if (number == kNone) return refuse(packet, full);
  Datagram& datagram = datagrams_[number];
  if (datagram.state == State::kRefused) return refuse(packet, Drop::fragment_refused);

  if (const auto fault = fault_of_fragment(packet)) return refuse_datagram(number, packet, *fault);
  switch (covers_[number].add(range_of_fragment(packet))) {
    case DatagramCover::Added::kNew:
      break;
    case DatagramCover::Added::kDuplicate:
      return refuse(packet, Drop::fragment_duplicate);
    case DatagramCover::Added::kOverlap:
      return refuse_datagram(number, packet, Drop::fragment_overlap);
  }
  if (packet.fragment == Fragment::kFirst) {
    if (const auto refused = read_first_fragment(packet, datagram.mark)) {
      return refuse_datagram(number, packet, *refused);
    }
    learn(datagram, packet, segment);
  }
  if (datagram.state != State::kKnown) return hold(number, packet, buffer);
  tell(packet, datagram.mark);
  // What comes under the same name from now on is another datagram.
  if (covers_[number].complete()) end(number, Drop::fragment_timeout);
  return Arrival::kKnown;
}

std::uint32_t Gathering::find(const FlowKey& key, Tick now) {
  std::uint32_t number = bucket_of(key);
  while (number != kNone && !(datagrams_[number].key == key)) number = datagrams_[number].next;
  if (number == kNone || now - datagrams_[number].began < options_.timeout) return number;
  end(number, Drop::fragment_timeout);
  return kNone;
}

std::uint32_t Gathering::begin(const FlowKey& key, std::uint32_t tenant, Tick now, Drop& full) {
  Tenant& owner = tenants_[tenant];
  const std::uint32_t free = options_.datagrams - datagrams_in_use_;
  if (!may_have_another(owner.datagrams, options_.datagrams_per_tenant, free)) {
    if (owner.datagrams == 0) {
      full = Drop::fragments_full;
      return kNone;
    }
    end(owner.by_age.oldest(), Drop::fragment_share_full);
  }
  const std::uint32_t number = free_datagram_;
  Datagram& datagram = datagrams_[number];
  free_datagram_ = datagram.next;
  ++datagrams_in_use_;
  ++owner.datagrams;
  std::uint32_t& bucket = bucket_of(key);
  datagram = {.key = key,
              .mark = {},
              .state = State::kAwaitsFirst,
              .began = now,
              .tenant = tenant,
              .next = bucket,
              .held = {},
              .newer = kNone,
              .older = kNone,
              .of_tenant = {}};
  bucket = number;
  covers_[number].clear();
  by_age_.add_newest(datagrams_, number);
  OfTenant links{datagrams_};
  owner.by_age.add_newest(links, number);
  return number;
}

void Gathering::end(std::uint32_t number, Drop drop) {
  Datagram& datagram = datagrams_[number];
  let_go(datagram, drop);
  std::uint32_t* link = &bucket_of(datagram.key);
  while (*link != number) link = &datagrams_[*link].next;
  *link = datagram.next;
  by_age_.remove(datagrams_, number);
  OfTenant links{datagrams_};
  Tenant& owner = tenants_[datagram.tenant];
  owner.by_age.remove(links, number);
  --owner.datagrams;
  datagram.state = State::kFree;
  datagram.next = free_datagram_;
  free_datagram_ = number;
  --datagrams_in_use_;
}

// Its ports are known: those that waited for it go on. Environments' identifications would meet behind an interface, a
// remote's are its own.
void Gathering::learn(Datagram& datagram, const Packet& packet, const Segment& segment) {
  datagram.state = State::kKnown;
  datagram.mark.identification_be = packet.ip->identification_be;
  if (packet.side == Side::kInside) {
    datagram.mark.identification_be = swap16(identifications_.next({.attachment = segment.outside,
                                                                    .segment_id = segment.outside_id,
                                                                    .remote = packet.dst,
                                                                    .protocol = packet.protocol}));
  }
  let_go(datagram, std::nullopt);
}

// A fragment that finds no room leaves a datagram that nobody can put together: what is held of it makes room.
Gathering::Arrival Gathering::hold(std::uint32_t number, Packet& packet, void* buffer) {
  Datagram& datagram = datagrams_[number];
  Tenant& owner = tenants_[datagram.tenant];
  const std::uint32_t free = options_.held - held_;
  if (free == 0) return refuse_datagram(number, packet, Drop::fragments_full);
  if (!may_have_another(owner.held, options_.held_per_tenant, free) ||
      datagram.held.size == options_.held_per_datagram) {
    return refuse_datagram(number, packet, Drop::fragment_share_full);
  }
  const std::uint32_t place = free_held_;
  free_held_ = all_held_[place].next;
  all_held_[place] = {.what = {.buffer = buffer, .mark = {}, .tenant = datagram.tenant, .drop = {}}, .next = kNone};
  (datagram.held.size == 0 ? datagram.held.first : all_held_[datagram.held.last].next) = place;
  datagram.held.last = place;
  ++datagram.held.size;
  ++owner.held;
  ++held_;
  packet.verdict = Verdict::kHeld;
  return Arrival::kHeld;
}

Gathering::Arrival Gathering::refuse_datagram(std::uint32_t number, Packet& packet, Drop drop) {
  Datagram& datagram = datagrams_[number];
  datagram.state = State::kRefused;
  let_go(datagram, drop);
  return refuse(packet, drop);
}

void Gathering::let_go(Datagram& datagram, std::optional<Drop> drop) {
  Queue& held = datagram.held;
  if (held.size == 0) return;
  for (std::uint32_t place = held.first; place != kNone; place = all_held_[place].next) {
    all_held_[place].what.mark = datagram.mark;
    all_held_[place].what.drop = drop;
  }
  (leaving_.first == kNone ? leaving_.first : all_held_[leaving_.last].next) = held.first;
  leaving_.last = held.last;
  tenants_[datagram.tenant].held -= held.size;
  held = {};
}

Gathering::Leaving Gathering::next_leaving() {
  assert(anything_leaves());
  const std::uint32_t place = leaving_.first;
  leaving_.first = all_held_[place].next;
  all_held_[place].next = free_held_;
  free_held_ = place;
  --held_;
  return all_held_[place].what;
}

void Gathering::expire(Tick now) {
  for (int ended = 0; ended < kExpireAtOnce; ++ended) {
    const std::uint32_t oldest = by_age_.oldest();
    if (oldest == kNone || now - datagrams_[oldest].began < options_.timeout) return;
    end(oldest, Drop::fragment_timeout);
  }
}

void Gathering::give_up() {
  while (by_age_.oldest() != kNone) end(by_age_.oldest(), Drop::fragment_timeout);
}

}  // namespace hypernat::dataplane
