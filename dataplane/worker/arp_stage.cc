#include "dataplane/worker/arp_stage.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <array>

namespace hypernat::dataplane {
namespace {

constexpr std::size_t kRequestsAtATime = 16;

// The first request for a binding that was known goes to its owner alone (RFC 1122 2.3.2.1).
bool asks_owner(const Neighbour& neighbour) {
  return neighbour.state == NeighbourState::kStale && neighbour.attempts == 1;
}

std::uint32_t id_on_wire(const ArpPlace& place, const Tables& tables) {
  if (place.attachment->side == Side::kInside) return to_number(tables.mapping_numbers[place.slot]);
  return tables.subnets[place.slot].segment_id;
}

}  // namespace

ArpStage::ArpStage(const Surroundings& around)
    : around_(around), copies_(std::size_t{around.tenants} + 1, Allowance(kCopiedPerSecond)) {}

ArpStage::Heard ArpStage::hear(const Packet& packet, const Tables& tables, Tick now, ArpOrigin origin) {
  const auto read = read_arp(*reinterpret_cast<const ArpPacket*>(packet.l4));
  if (!read) return {};
  const ArpMessage& message = *read;
  const ArpPlace place{&around_.attachments[packet.attachment], packet.slot};
  const Attachment& attachment = *place.attachment;
  if (our_mac(message.sender, place, around_.attachments, tables)) return {};
  Heard heard{.sound = true};
  const bool underlay = place.slot == kNone;
  const bool has_neighbours = underlay || attachment.side == Side::kOutside;
  if (has_neighbours && !message.sender.is_zero()) {
    const SubnetEntry* subnet = underlay ? nullptr : &tables.subnets[place.slot];
    const Link link = underlay ? Link::underlay(attachment.index) : Link::subnet(subnet->number);
    const Ipv4Prefix& prefix = underlay ? attachment.underlay : subnet->prefix;
    if (prefix.contains(message.sender)) {
      const Binding binding{message.sender_mac, underlay ? Ipv4Address{} : packet.peer};
      const Learned learned = around_.neighbours.learn(link, message.sender, binding, now);
      heard.learned = learned != Learned::kNothing;
      // A request that says nothing new is this worker's affair, or a tenant's chatter would occupy all of them.
      const bool announces = message.operation == kArpReply || message.sender == message.target;
      const bool is_news = announces || learned == Learned::kMoved;
      heard.tell_others = is_news && origin == ArpOrigin::kDevice && around_.others > 0 &&
                          may_be_copied(underlay ? kNone : subnet->tenant, now);
    }
  }
  if (message.operation == kArpRequest && origin == ArpOrigin::kDevice) {
    const auto ours = our_mac(message.target, place, around_.attachments, tables);
    if (ours) answer(message, *ours, place, packet, tables, now);
  }
  return heard;
}

// One that may not be is counted as a copy that was not made.
bool ArpStage::may_be_copied(std::uint32_t tenant, Tick now) {
  if (copies_[std::min<std::size_t>(tenant, copies_.size() - 1)].take(kCopiedPerSecond, now)) return true;
  around_.account.originated.add();
  around_.account.drop(Drop::arp_copy_limited);
  return false;
}

void ArpStage::answer(const ArpMessage& request, const MacAddress& ours, const ArpPlace& place, const Packet& packet,
                      const Tables& tables, Tick now) {
  const ArpMessage reply{.operation = kArpReply,
                         .sender_mac = ours,
                         .sender = request.target,
                         .target_mac = request.sender_mac,
                         .target = request.sender};
  Outgoing outgoing;
  outgoing.attachment = place.attachment->index;
  outgoing.headers = {.src = ours, .dst = request.sender_mac, .type = PayloadType::kArp};
  if (place.slot == kNone) {
    outgoing.layer = Layer::kUnderlay;
  } else {
    outgoing.tenant = tables.tenant_of(place.attachment->side, place.slot);
    outgoing.headers.segment_id = id_on_wire(place, tables);
    outgoing.headers.tunnel_end = packet.peer;
  }
  say(reply, outgoing, now);
}

void ArpStage::ask(const Tables& tables, Tick now) {
  std::array<std::uint32_t, kRequestsAtATime> wanted;
  const std::uint32_t count = around_.neighbours.due(now, wanted);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Neighbour neighbour = around_.neighbours[wanted[i]];
    if (neighbour.link.is_underlay()) {
      ask_underlay(neighbour, now);
    } else {
      ask_segment(neighbour, tables, now);
    }
  }
}

void ArpStage::ask_underlay(const Neighbour& neighbour, Tick now) {
  const Attachment& attachment = around_.attachments[neighbour.link.attachment()];
  Outgoing outgoing;
  outgoing.attachment = attachment.index;
  outgoing.layer = Layer::kUnderlay;
  outgoing.headers = {.src = attachment.port_mac,
                      .dst = asks_owner(neighbour) ? neighbour.at.mac : MacAddress::broadcast(),
                      .type = PayloadType::kArp};
  say({.sender_mac = attachment.port_mac, .sender = attachment.address, .target = neighbour.address}, outgoing, now);
}

// Asked in the name of any interface of the subnet: all of them are this data plane's. A subnet without one has no
// flows, and nobody waits.
void ArpStage::ask_segment(const Neighbour& neighbour, const Tables& tables, Tick now) {
  const std::uint32_t slot = tables.subnet_by_number.find(to_number(neighbour.link.subnet_number()));
  if (slot == NumberMap::kMissing) return;
  const std::uint32_t interface = tables.any_interface(slot);
  if (interface == NumberMap::kMissing) return;
  const InterfaceEntry& from = tables.interfaces[interface];
  const ArpMessage request{.sender_mac = from.mac, .sender = from.address, .target = neighbour.address};
  if (!asks_owner(neighbour)) return say_to_segment(request, from, from.tenant, tables, now);
  Outgoing outgoing;
  outgoing.attachment = from.attachment;
  outgoing.tenant = from.tenant;
  outgoing.headers = {.src = from.mac,
                      .dst = neighbour.at.mac,
                      .type = PayloadType::kArp,
                      .segment_id = from.segment_id,
                      .tunnel_end = neighbour.at.vtep};
  say(request, outgoing, now);
}

void ArpStage::announce_underlays(Tick now) {
  for (const Attachment& attachment : around_.attachments.all()) {
    if (!attachment.is_tunnel()) continue;
    Outgoing outgoing;
    outgoing.attachment = attachment.index;
    outgoing.layer = Layer::kUnderlay;
    outgoing.headers = {.src = attachment.port_mac, .dst = MacAddress::broadcast(), .type = PayloadType::kArp};
    say({.sender_mac = attachment.port_mac, .sender = attachment.address, .target = attachment.address}, outgoing, now);
  }
}

void ArpStage::announce_interface(std::uint32_t interface, const Tables& tables, Tick now) {
  if (interface >= tables.interfaces.size() || tables.interfaces[interface].uid == 0) return;  // gone meanwhile
  const InterfaceEntry& from = tables.interfaces[interface];
  say_to_segment({.sender_mac = from.mac, .sender = from.address, .target = from.address}, from, kNone, tables, now);
}

// A broadcast on the interface's segment: over a tunnel, to every one of its ends. While it waits for the underlay it
// takes a place of `tenant`'s share.
void ArpStage::say_to_segment(const ArpMessage& message, const InterfaceEntry& from, std::uint32_t tenant,
                              const Tables& tables, Tick now) {
  Outgoing outgoing;
  outgoing.attachment = from.attachment;
  outgoing.tenant = tenant;
  outgoing.headers = {
      .src = from.mac, .dst = MacAddress::broadcast(), .type = PayloadType::kArp, .segment_id = from.segment_id};
  if (!around_.attachments[from.attachment].is_tunnel()) return say(message, outgoing, now);
  for (const Ipv4Address vtep : tables.subnets[from.subnet].vteps) {
    outgoing.headers.tunnel_end = vtep;
    say(message, outgoing, now);
  }
}

void ArpStage::say(const ArpMessage& message, Outgoing outgoing, Tick now) {
  around_.account.originated.add();
  outgoing.mbuf = rte_pktmbuf_alloc(around_.pool);
  if (outgoing.mbuf == nullptr) return around_.account.drop(Drop::no_buffer);
  auto* payload = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(outgoing.mbuf, sizeof(ArpPacket)));
  write_arp(message, std::span<std::uint8_t, sizeof(ArpPacket)>(payload, sizeof(ArpPacket)));
  around_.sender.send(outgoing, now);
}

}  // namespace hypernat::dataplane
