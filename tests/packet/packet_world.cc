#include "tests/packet/packet_world.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "dataplane/attach/arp.h"
#include "dataplane/attach/decapsulate.h"
#include "dataplane/nat/answer.h"
#include "dataplane/nat/segment_of.h"
#include "tests/packet/packet_promises.h"
#include "tests/packet/require.h"

namespace hypernat::dataplane {
namespace {

using craft::Bytes;
using craft::Echo;
using craft::Ethernet;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr std::uint32_t kTenantSlots = 16;
constexpr std::uint32_t kInterfaceSlots = 1200;  // of many_interfaces()
// A turn of the timer wheel and every flow on it.
constexpr std::uint32_t kMaintenanceCalls = 80 + PacketWorld::kFlows;
constexpr Tick kLongerThanAnyTimeout = 600'000;
constexpr std::uint16_t kMtu = 400;  // so that short packets are too big for it
constexpr std::uint16_t kMss = 300;
constexpr NatSecret kSecret{.hash = {1, 2, 3, 4}, .random = {5, 6}};

struct Frame {
  std::uint16_t port;
  Bytes bytes;
};

std::vector<Frame> opening_frames() {
  const Ip tuple{.src = "100.64.0.5", .dst = "10.0.1.10"};
  std::vector<Frame> frames;
  for (const WayIn& way : kWays)
    for (const craft::Datagram& datagram :
         {tuple / Tcp{.src = 4000, .dst = 80}, tuple / Udp{.src = 4000, .dst = 53} / "who", tuple / Echo{.id = 7}})
      frames.push_back({way.inside_port, outbound_frame(way, datagram.bytes())});
  return frames;
}

// What never changes is made once.
struct Site {
  AttachWorld attach{every_attachment(), many_interfaces()};
  Home home{Home::Options{}};
  std::vector<Frame> openings = opening_frames();
};
const Site& site() {
  static const Site kSite;
  return kSite;
}

std::unique_ptr<Nat> make_nat(Neighbours& neighbours, TenantUsage& usage) {
  Nat::Options options{.flows = PacketWorld::kFlows,
                       .port_bitmaps = 4,
                       .tenant_slots = kTenantSlots,
                       .interface_slots = kInterfaceSlots,
                       .resets_per_second = 4,
                       .errors_per_second = 4,
                       .lambda_vpc = site().attach.attachments.lambda_vpc(),
                       .gateway = site().attach.attachments.gateway(),
                       .secret = kSecret};
  options.attachments.fill({.mtu = kMtu, .mss = kMss});
  return Nat::create(options, site().home, neighbours, usage);
}

// Shares that a single tenant meets before the whole is full.
std::unique_ptr<Gathering> make_gathering(Identifications& identifications) {
  return Gathering::create({.datagrams = PacketWorld::kDatagrams,
                            .datagrams_per_tenant = PacketWorld::kDatagrams / 2,
                            .held = PacketWorld::kHeldFragments,
                            .held_per_tenant = PacketWorld::kHeldFragments / 2,
                            .held_per_datagram = 4,
                            .tenants = kTenantSlots,
                            .secret = kSecret.hash},
                           identifications);
}

}  // namespace

Bytes outbound_frame(const WayIn& way, const Bytes& packet) {
  Ethernet ethernet = to_gateway();
  if (way.inside_port == kRacks) ethernet.vlan = static_cast<std::uint16_t>(way.mapping);
  const Bytes frame = ethernet / packet;
  if (way.inside_port == kHosts) return from_host(way.mapping) / frame;
  return way.inside_port == kPods ? from_pod(way.mapping) / frame : frame;
}

Bytes inbound_frame(const WayIn& way, const Bytes& packet) {
  Ethernet ethernet = to_interface(way.mapping);
  if (way.outside_port == kTrunk) ethernet.vlan = std::uint16_t{104};
  const Bytes frame = ethernet / packet;
  if (way.outside_port == kTenants) return from_vtep(5000 + way.mapping) / frame;
  return way.outside_port == kCloud ? from_cloud() / frame : frame;
}

// A frame in a buffer of exactly its size, so that sanitizers see every overrun, and what it was.
struct PacketWorld::Arrival {
  Bytes before;
  std::unique_ptr<std::uint8_t[]> buffer;
  Packet packet;
  bool is_as_it_came() const { return std::equal(before.begin(), before.end(), buffer.get()); }
};

PacketWorld::PacketWorld()
    : usage_(kTenantSlots),
      neighbours_({.capacity = kNextHops, .tenants = kTenantSlots}),
      identifications_({.secret = kSecret.random}),
      gathering_(make_gathering(identifications_)),
      nat_(make_nat(neighbours_, usage_)) {
  require(nat_ != nullptr && gathering_ != nullptr, "there is memory for a worker");
  nat_->switch_tables(*site().attach.tables);
  open_flows();
}

PacketWorld::~PacketWorld() = default;

void PacketWorld::open_flows() {
  for (const Frame& frame : site().openings) {
    receive(frame.port, frame.bytes);
    require(waiting_.size() == 1, "the first packets pass");
    const Packet& packet = waiting_.front()->packet;
    const std::uint8_t* field = packet.l4 + (packet.protocol == Protocol::kIcmp ? 4 : 0);
    nat_->translate(std::array{&waiting_.front()->packet}, now_);
    std::uint16_t port = 0;
    std::memcpy(&port, field, sizeof port);
    flow_ports_.push_back(swap16(port));
    check(*waiting_.front());
    waiting_.clear();
  }
  require(nat_->open_flows() == flow_ports_.size(), "the first flows open");
  fates_ = {};
}

void PacketWorld::fill_in_ports(Bytes& frame) const {
  for (std::size_t at = 0; at + 1 < frame.size(); at += 2) {
    const auto word = static_cast<unsigned>(frame[at] << 8 | frame[at + 1]);
    if (word < kPortOfFlow || word - kPortOfFlow >= flow_ports_.size()) continue;
    frame[at] = static_cast<std::uint8_t>(flow_ports_[word - kPortOfFlow] >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(flow_ports_[word - kPortOfFlow]);
  }
}

void PacketWorld::receive(std::uint16_t port, const Bytes& frame) {
  ++fates_.received;
  auto arrival = std::make_unique<Arrival>();
  arrival->before = frame;
  arrival->buffer = std::make_unique<std::uint8_t[]>(frame.size());
  std::copy(frame.begin(), frame.end(), arrival->buffer.get());
  Packet& packet = arrival->packet;
  packet.frame = arrival->buffer.get();
  packet.length = static_cast<std::uint32_t>(frame.size());
  packet.port = port;
  const Parsed parsed = site().attach.parse(packet);
  require(arrival->is_as_it_came(), "parsing changes nothing");
  require((parsed == Parsed::kDropped) == (packet.verdict == Verdict::kDrop), "what the parser drops has a reason");
  switch (parsed) {
    case Parsed::kDropped:
      return lose(*arrival, packet.drop);
    case Parsed::kArp:
      return hear_arp(packet);
    case Parsed::kFragment:
      return gather(std::move(arrival));
    case Parsed::kPacket:
      return await_translation(std::move(arrival));
  }
}

void PacketWorld::lose(const Arrival& arrival, Drop reason) {
  require(arrival.is_as_it_came(), "what is not forwarded is left alone");
  ++fates_.dropped[static_cast<std::size_t>(reason)];
}

void PacketWorld::await_translation(std::unique_ptr<Arrival> arrival) {
  waiting_.push_back(std::move(arrival));
  if (waiting_.size() == Nat::kMaxBurst) translate();
}

// As the worker's fragment stage does.
void PacketWorld::gather(std::unique_ptr<Arrival> arrival) {
  const Tables& tables = *site().attach.tables;
  Packet& packet = arrival->packet;
  switch (gathering_->arrive(packet, segment_of(packet, tables), arrival.get(), now_)) {
    case Gathering::Arrival::kKnown:
      await_translation(std::move(arrival));
      break;
    case Gathering::Arrival::kHeld:
      held_[arrival.get()] = std::move(arrival);
      break;
    case Gathering::Arrival::kRefused:
      lose(*arrival, packet.drop);
      break;
  }
  let_fragments_go();
}

void PacketWorld::let_fragments_go() {
  while (gathering_->anything_leaves()) {
    const Gathering::Leaving leaving = gathering_->next_leaving();
    auto node = held_.extract(leaving.buffer);
    require(!node.empty(), "what leaves was held");
    std::unique_ptr<Arrival> arrival = std::move(node.mapped());
    if (leaving.drop) {
      lose(*arrival, *leaving.drop);
      continue;
    }
    arrival->packet.verdict = Verdict::kPending;
    Gathering::tell(arrival->packet, leaving.mark);
    await_translation(std::move(arrival));
  }
  require(gathering_->held() == held_.size() && held_.size() <= kHeldFragments, "what is held is counted, and bounded");
  require(gathering_->datagrams() <= kDatagrams, "datagrams that are followed are bounded");
}

// As the worker's ARP stage does.
void PacketWorld::hear_arp(const Packet& packet) {
  ++fates_.consumed;
  const auto message = read_arp(*reinterpret_cast<const ArpPacket*>(packet.l4));
  if (!message) return;
  const ArpPlace place{.attachment = &site().attach.attachments[packet.attachment], .slot = packet.slot};
  const auto ours = our_mac(message->target, place, site().attach.attachments, *site().attach.tables);
  std::array<std::uint8_t, sizeof(ArpPacket)> answer{};
  write_arp({.operation = kArpReply,
             .sender_mac = ours.value_or(MacAddress{}),
             .sender = message->target,
             .target_mac = message->sender_mac,
             .target = message->sender},
            answer);
  const Link link = packet.slot == kNone ? Link::underlay(packet.attachment)
                                         : Link::subnet(site().attach.tables->subnet_numbers[packet.slot]);
  neighbours_.learn(link, message->sender, {.mac = message->sender_mac, .vtep = packet.peer}, now_);
}

void PacketWorld::translate() {
  std::vector<Packet*> burst;
  for (const auto& arrival : waiting_) burst.push_back(&arrival->packet);
  if (!burst.empty()) nat_->translate(burst, now_);
  for (const auto& arrival : waiting_) check(*arrival);
  waiting_.clear();
  nat_->maintain(now_);
}

void PacketWorld::check(const Arrival& arrival) {
  const Packet& packet = arrival.packet;
  switch (packet.verdict) {
    case Verdict::kForward:
      check_forwarded(arrival.before, packet, *site().attach.tables);
      ++(packet.side == Side::kInside ? outbound_ : inbound_);
      ++fates_.forwarded;
      return;
    case Verdict::kDrop:
      break;
    case Verdict::kAnswered: {
      std::array<std::uint8_t, kMaxAnswerBytes> answer{};
      const std::size_t length = build_answer(packet, answer);
      require(length <= answer.size(), "an answer is small");
      check_answer(Bytes(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(length)), packet);
      ++fates_.answered;
      break;
    }
    default:
      require(false, "the NAT of a lonely worker forwards, drops or answers");
  }
  ++dropped_by_nat_;
  lose(arrival, packet.drop);
}

void PacketWorld::pass(Tick milliseconds) {
  translate();
  now_ += milliseconds;
  for (std::uint32_t i = 0; i < kMaintenanceCalls; ++i) {
    gathering_->expire(now_);
    let_fragments_go();
    nat_->maintain(now_);
  }
  std::array<std::uint32_t, kNextHops> asked{};
  neighbours_.due(now_, asked);
}

std::uint32_t PacketWorld::next_hops_held() const {
  std::uint32_t held = 0;
  for (std::uint32_t i = 0; i < neighbours_.capacity(); ++i) held += neighbours_[i].references > 0 ? 1 : 0;
  return held;
}

void PacketWorld::check_account() const {
  std::uint64_t drops = 0;
  for (const TenantCounters& tenant : nat_->tenant_counters()) drops += tenant.drops.read();
  require(drops == dropped_by_nat_, "every drop is some tenant's");
  std::uint64_t outbound = 0;
  std::uint64_t inbound = 0;
  std::uint64_t open = 0;
  for (const InterfaceCounters& interface : nat_->interface_counters()) {
    outbound += interface.outbound_packets.read();
    inbound += interface.inbound_packets.read();
    open += interface.flows_open.read();
  }
  require(outbound == outbound_ && inbound == inbound_, "every packet forwarded is some interface's");
  require(open == nat_->open_flows() && open <= kFlows, "every open flow is some interface's, and there is a limit");
  std::uint64_t used = 0;
  for (const TenantCounters& tenant : nat_->tenant_counters()) used += tenant.flows_open.read();
  require(used == open, "every open flow is some tenant's");
}

const Fates& PacketWorld::fates() {
  translate();
  return fates_;
}

void PacketWorld::settle() {
  const Fates& account = fates();
  const auto dropped = std::accumulate(account.dropped.begin(), account.dropped.end(), std::uint64_t{0});
  require(account.received == account.forwarded + account.consumed + dropped + held_.size(),
          "every frame has one fate");
  check_account();
  pass(kLongerThanAnyTimeout);
  check_account();
  require(gathering_->datagrams() == 0 && held_.empty(), "every datagram's time is over");
  require(nat_->open_flows() == 0, "every flow ends");
  require(next_hops_held() == 0, "no flow that ended holds a next hop");
  require(nat_->port_bitmaps() == 0, "no flow that ended holds a port");
}

}  // namespace hypernat::dataplane
