#include "dataplane/worker/sender.h"

#include <rte_ethdev.h>

#include <algorithm>
#include <array>

#include "dataplane/fragments/cutting.h"

namespace hypernat::dataplane {
namespace {

// What it is of its datagram. Of ARP there is only the whole.
Fragment fragment_of(const Outgoing& outgoing) {
  if (outgoing.headers.type != PayloadType::kIpv4) return Fragment::kWhole;
  return fragment_of(*rte_pktmbuf_mtod(outgoing.mbuf, const Ipv4Header*));
}

}  // namespace

Sender::Sender(const Options& options, const Surroundings& around)
    : attachments_(around.attachments),
      neighbours_(around.neighbours),
      account_(around.account),
      identifications_(around.identifications),
      pool_(around.pool),
      paths_(options.paths),
      buffers_(options.paths.size()),
      straight_ways_(straight_ways()),
      underlay_(around.neighbours),
      held_({.capacity = options.held_packets,
             .per_neighbour = options.held_per_next_hop,
             .per_tenant = options.held_per_tenant,
             .neighbours = around.neighbours.capacity(),
             .tenants = options.tenants}) {}

// A device that has bytes to fill in has to be told of every frame.
std::vector<Sender::StraightWay> Sender::straight_ways() const {
  std::vector<StraightWay> ways;
  for (const Attachment& attachment : attachments_.all()) {
    const bool open =
        attachment.encapsulation == Encapsulation::kPlain && paths_[attachment.port].device_writes == DeviceWrites{};
    ways.push_back({.open = open, .port = attachment.port, .mtu = attachment.mtu});
  }
  return ways;
}

Sender::~Sender() {
  while (const auto undelivered = next_undelivered()) rte_pktmbuf_free(undelivered->mbuf);
  while (held_.size() > 0) rte_pktmbuf_free(held_.pop().outgoing.mbuf);
  for (Buffer& buffer : buffers_) rte_pktmbuf_free_bulk(buffer.frames.data(), buffer.size);
}

Fate Sender::send(Outgoing& outgoing, Tick now) {
  return dispatch(outgoing, now);
}

// Into pieces that fit. All buffers are had before the packet is touched: it leaves in whole or not at all. What may
// not be cut was refused by the NAT, and its sender told; here it is an ICMP error, about which nobody is told anything
// (RFC 1122 3.2.2).
Fate Sender::cut(Outgoing& outgoing, Tick now) {
  rte_mbuf* whole = outgoing.mbuf;
  auto* bytes = rte_pktmbuf_mtod(whole, std::uint8_t*);
  const bool may =
      outgoing.headers.type == PayloadType::kIpv4 && Cutting::may_cut(*reinterpret_cast<Ipv4Header*>(bytes));
  if (!may) return die(outgoing, Drop::too_big);
  renumber(outgoing);
  const std::uint16_t mtu = attachments_[outgoing.attachment].mtu;
  Cutting cutting({bytes, rte_pktmbuf_data_len(whole)}, mtu);
  std::array<rte_mbuf*, Cutting::kMostPieces> pieces{whole};
  const auto others = static_cast<unsigned>(cutting.pieces() - 1);
  if (rte_pktmbuf_alloc_bulk(pool_, &pieces[1], others) != 0) return die(outgoing, Drop::no_buffer);
  if (rte_pktmbuf_tailroom(pieces[1]) < mtu) {
    rte_pktmbuf_free_bulk(&pieces[1], others);
    return die(outgoing, Drop::no_buffer);
  }
  account_.originated.add(others);
  for (std::size_t piece = 1; piece < cutting.pieces(); ++piece) {
    char* out = rte_pktmbuf_append(pieces[piece], static_cast<std::uint16_t>(cutting.length_of(piece)));
    cutting.write(piece, reinterpret_cast<std::uint8_t*>(out));
  }
  cutting.shorten();
  rte_pktmbuf_trim(whole, static_cast<std::uint16_t>(rte_pktmbuf_data_len(whole) - cutting.length_of(0)));
  const Fate fate = send(outgoing, now);
  for (std::size_t piece = 1; piece < cutting.pieces(); ++piece) {
    Outgoing next = outgoing;
    next.mbuf = pieces[piece];
    send(next, now);
  }
  return fate;
}

// A fragment has the identification of the other fragments of its datagram. A whole packet's is the environment's own
// choice, outbound, and may be a neighbour's too; inbound it is the remote's, unless that has none.
void Sender::renumber(const Outgoing& outgoing) {
  auto& ip = *rte_pktmbuf_mtod(outgoing.mbuf, Ipv4Header*);
  const Attachment& attachment = attachments_[outgoing.attachment];
  if (fragment_of(outgoing) != Fragment::kWhole || (attachment.side == Side::kInside && ip.identification_be != 0))
    return;
  const std::uint16_t original_be = ip.identification_be;
  ip.identification_be = swap16(identifications_.next({.attachment = attachment.index,
                                                       .segment_id = outgoing.headers.segment_id,
                                                       .remote = ip.dst(),
                                                       .protocol = static_cast<Protocol>(ip.protocol)}));
  if (outgoing.speaker != Speaker::kTenant) return;
  const Side from = attachment.side == Side::kInside ? Side::kOutside : Side::kInside;
  nat_->remember_identification({.flow = outgoing.flow, .from = from, .identification_be = ip.identification_be},
                                original_be);
}

// For a neighbour that does not answer, or not yet.
Fate Sender::wait(const Outgoing& outgoing, std::uint32_t neighbour, Tick now) {
  neighbours_.want(neighbour, now);
  return hold(outgoing, neighbour);
}

Fate Sender::hold(const Outgoing& outgoing, std::uint32_t waits_for) {
  if (neighbours_[waits_for].state == NeighbourState::kFailed) return die_unresolved(outgoing);
  switch (held_.push({.outgoing = outgoing, .waits_for = waits_for, .fragment = fragment_of(outgoing)})) {
    case HeldPackets::Pushed::kHeld:
      break;
    case HeldPackets::Pushed::kFull:
      return die(outgoing, Drop::next_hop_unresolved);
    case HeldPackets::Pushed::kTenantHasItsShare:
      return die(outgoing, Drop::held_share_full);
  }
  neighbours_.retain(waits_for);
  account_.held.set(held_.size());
  return {.kind = Fate::Kind::kHeld};
}

// Each held packet is looked at once; those that go on waiting keep their order.
void Sender::recheck_held(Tick now) {
  for (std::uint32_t left = held_.size(); left > 0; --left) {
    HeldPackets::Held held = held_.pop();
    const NeighbourState state = neighbours_[held.waits_for].state;
    if (state == NeighbourState::kFailed) {
      die_unresolved(held.outgoing);
    } else if (state == NeighbourState::kUnresolved) {
      held_.push(held);
      continue;
    } else {
      send(held.outgoing, now);
    }
    neighbours_.release(held.waits_for);
  }
  account_.held.set(held_.size());
}

// Tells the device what `encapsulate` left out. The buffer's flags are nobody else's by now.
void Sender::leave_to_device(const Attachment& attachment, DeviceWrites device, const Outgoing& outgoing) {
  rte_mbuf& mbuf = *outgoing.mbuf;
  if (attachment.is_tunnel() && device.has(DeviceWrites::kOuterChecksum)) {
    mbuf.tx_offload = 0;
    mbuf.l2_len = sizeof(EthernetHeader);
    mbuf.l3_len = sizeof(Ipv4Header);
    mbuf.ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
  } else if (attachment.encapsulation == Encapsulation::kVlan && device.has(DeviceWrites::kVlanTag)) {
    mbuf.vlan_tci = static_cast<std::uint16_t>(outgoing.headers.segment_id);
    mbuf.ol_flags |= RTE_MBUF_F_TX_VLAN;
  }
}

void Sender::send_finished(std::uint16_t port, rte_mbuf* frame) {
  push(port, frame);
}

void Sender::flush() {
  for (std::uint16_t port = 0; port < buffers_.size(); ++port) {
    if (buffers_[port].size > 0) flush(port);
  }
}

void Sender::flush(std::uint16_t port) {
  Buffer& buffer = buffers_[port];
  const TransmitPath& path = paths_[port];
  unsigned taken = 0;
  if (path.ring != nullptr) {
    for (std::uint16_t frame = 0; frame < buffer.size; ++frame) buffer.frames[frame]->port = path.device;
    taken = rte_ring_enqueue_burst(path.ring, reinterpret_cast<void**>(buffer.frames.data()), buffer.size, nullptr);
    account_.handed_over.add(taken);
  } else {
    if (path.device_writes != DeviceWrites{}) prepare(buffer, path);
    taken = rte_eth_tx_burst(path.device, path.queue, buffer.frames.data(), buffer.size);
    account_.sent.add(taken);
  }
  for (unsigned frame = taken; frame < buffer.size; ++frame) drop(buffer.frames[frame], Drop::transmit_full);
  buffer.size = 0;
}

// Some drivers do here what their device can not. A frame that is refused stops the round and leaves; those behind it
// have theirs.
void Sender::prepare(Buffer& buffer, const TransmitPath& path) {
  std::uint16_t done = 0;
  while (done < buffer.size) {
    done += rte_eth_tx_prepare(path.device, path.queue, &buffer.frames[done],
                               static_cast<std::uint16_t>(buffer.size - done));
    if (done == buffer.size) return;
    drop(buffer.frames[done], Drop::transmit_refused);
    --buffer.size;
    std::copy(buffer.frames.begin() + done + 1, buffer.frames.begin() + buffer.size + 1, buffer.frames.begin() + done);
  }
}

void Sender::drop(rte_mbuf* mbuf, Drop reason) {
  account_.drop(reason);
  rte_pktmbuf_free(mbuf);
}

// Whatever a tenant's packet died of, before it was given to a device.
void Sender::count(const Outgoing& outgoing, Drop reason) {
  account_.drop(reason);
  if (outgoing.speaker == Speaker::kTenant) nat_->count_undelivered(outgoing.tenant);
}

Fate Sender::die(const Outgoing& outgoing, Drop reason) {
  count(outgoing, reason);
  rte_pktmbuf_free(outgoing.mbuf);
  return {.kind = Fate::Kind::kDropped, .reason = reason};
}

Fate Sender::die_unresolved(const Outgoing& outgoing) {
  if (outgoing.speaker != Speaker::kTenant || undelivered_count_ == undelivered_.size())
    return die(outgoing, Drop::next_hop_unresolved);
  count(outgoing, Drop::next_hop_unresolved);
  undelivered_[undelivered_count_++] = outgoing;
  return {.kind = Fate::Kind::kDropped, .reason = Drop::next_hop_unresolved};
}

std::optional<Outgoing> Sender::next_undelivered() {
  if (undelivered_count_ == 0) return std::nullopt;
  return undelivered_[--undelivered_count_];
}

}  // namespace hypernat::dataplane
