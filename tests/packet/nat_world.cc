#include "tests/packet/nat_world.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "dataplane/nat/answer.h"
#include "tests/packet/fragments.h"
#include "tests/packet/nat_world_delivery.h"

namespace hypernat::dataplane {
namespace {

Ipv4Address address_of(const std::string& text) {
  return parse_ipv4_address(text).value();
}

NatSecret secret_of(std::uint64_t seed) {
  return {.hash = {seed * 0x9e3779b97f4a7c15, seed * 0xbf58476d1ce4e5b9, seed * 0x94d049bb133111eb, seed + 1},
          .random = {seed * 0xd6e8feb86659fd93, seed * 0xa0761d6478bd642f}};
}

Ipv4Address address_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  return Ipv4Address::of(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
}
HomeTuple ends_of(const craft::Bytes& bytes, const craft::Seen& seen) {
  return {.src = address_at(bytes, 12),
          .dst = address_at(bytes, 16),
          .src_port = L4Port::from_host(seen.src_port),
          .dst_port = L4Port::from_host(seen.dst_port)};
}

Tuple tuple_of(const craft::Bytes& bytes) {
  const auto quote = craft::quote_in(bytes);
  if (!quote) {
    const craft::Seen seen = craft::look_at(bytes);
    return {.ends = ends_of(bytes, seen),
            .protocol = Protocol{seen.protocol},
            .content = Content::kDatagram,
            .tcp_flags = seen.tcp_flags};
  }
  const craft::Seen seen = craft::look_at_start(*quote);
  const HomeTuple ends = ends_of(*quote, seen);
  return {.ends = {.src = ends.dst, .dst = ends.src, .src_port = ends.dst_port, .dst_port = ends.src_port},
          .protocol = Protocol{seen.protocol},
          .content = Content::kError};
}

}  // namespace

std::string Outcome::text() const {
  switch (verdict) {
    case Verdict::kForward:
      return "forwarded " + seen.src + " > " + seen.dst;
    case Verdict::kDrop:
      return "dropped: " + std::string(name_of(drop));
    case Verdict::kAnswered:
      return "answered, " + std::string(name_of(drop));
    case Verdict::kHandedOver:
      return "handed over";
    case Verdict::kHeld:
      return "held";
    default:
      return "pending";
  }
}

NatWorld::NatWorld() : NatWorld(Options{}) {}
NatWorld::~NatWorld() = default;
NatWorld::NatWorld(const Options& options)
    : options_(options),
      home_({.key = kMicrosoftKey, .buckets = options.buckets, .workers = options.workers}),
      usage_(16),
      neighbours_({.capacity = options.next_hops, .tenants = 16}),
      compiler_({.outside_attachments = {"tenants"},
                 .attachment_indices = {1},
                 .tenants = 16,
                 .subnets = 16,
                 .mappings = 64,
                 .interfaces = 64}),
      now_(options.start) {
  for (std::uint16_t worker = 0; worker < options.workers; ++worker) {
    const std::string name = "nat" + std::to_string(worker);
    nats_.push_back(Nat::create({.name = name.c_str(),
                                 .worker = worker,
                                 .flows = options.flows,
                                 .flows_per_tenant = options.flows_per_tenant,
                                 .port_bitmaps = options.port_bitmaps,
                                 .redirects = options.redirects,
                                 .redirects_per_tenant = options.redirects_per_tenant,
                                 .tenant_slots = 16,
                                 .interface_slots = 64,
                                 .resets_per_second = options.resets_per_second,
                                 .errors_per_second = options.errors_per_second,
                                 .attachments = {options.inside, options.outside},
                                 .lambda_vpc = parse_ipv4_prefix("100.64.0.0/10").value(),
                                 .gateway = address_of("169.254.100.1"),
                                 .timeouts = options.timeouts,
                                 .secret = secret_of(options.seed),
                                 .numa_node = -1},
                                home_, neighbours_, usage_));
    if (!nats_.back()) throw std::runtime_error("no memory for a NAT");
    identifications_.emplace_back(
        Identifications::Options{.secret = {options.seed, 7}, .worker = worker, .workers = options.workers});
  }
  for (Identifications& identifications : identifications_) {
    gatherings_.push_back(Gathering::create(options.fragments, identifications));
    if (!gatherings_.back()) throw std::runtime_error("no memory for fragments");
  }
  adopted_.resize(options.workers);
  rings_.resize(std::size_t{options.workers} * options.workers);
  publish(options.table);
}

void NatWorld::announce(const config::Table& table) {
  generations_.push_back(compiler_.compile(table, "sha"));
  tables_ = generations_.back().get();
}

void NatWorld::adopt(std::uint16_t worker) {
  nats_[worker]->switch_tables(*tables_);
  adopted_[worker] = tables_;
}

void NatWorld::publish(const config::Table& table) {
  announce(table);
  for (std::uint16_t worker = 0; worker < options_.workers; ++worker) adopt(worker);
}

void NatWorld::sweep() {
  for (auto& nat : nats_)
    while (!nat->swept()) nat->maintain(now_);
  compiler_.reclaim();
  // Nobody looks into an earlier generation any more.
  if (std::ranges::all_of(adopted_, [&](const Tables* adopted) { return adopted == tables_; }))
    generations_.erase(generations_.begin(), generations_.end() - 1);
}

void NatWorld::pass(Tick milliseconds) {
  now_ += milliseconds;
  for (auto& nat : nats_) {
    // Enough calls for one turn of the wheel and every flow in it.
    const std::uint32_t calls = 80 + nat->open_flows() / 16;
    for (std::uint32_t i = 0; i < calls; ++i) nat->maintain(now_);
  }
  for (std::uint16_t worker = 0; worker < options_.workers; ++worker) {
    for (std::uint32_t left = gatherings_[worker]->datagrams() + 1; left > 0; --left) {
      gatherings_[worker]->expire(now_);
      let_fragments_go(worker);
    }
  }
  if (options_.carrying == Carrying::kAtOnce) carry_all();
  // Next hops that want to be asked for; nobody here answers.
  std::vector<std::uint32_t> asked(neighbours_.capacity());
  neighbours_.due(now_, asked);
}

std::shared_ptr<NatWorld::Delivery> NatWorld::prepare(const Arrival& arrival) const {
  auto delivery = std::make_shared<Delivery>();
  delivery->side = arrival.side;
  delivery->from = arrival.from;
  delivery->subnet = arrival.subnet;
  delivery->is_piece = !arrival.piece.empty();
  delivery->sent = delivery->is_piece ? arrival.piece : arrival.datagram.bytes();
  const craft::Bytes& bytes = delivery->sent;
  // Of a fragment nothing is read but the IPv4 header.
  if (!delivery->is_piece) delivery->tuple = tuple_of(bytes);
  delivery->buffer = std::make_unique<std::uint8_t[]>(bytes.size());
  std::memcpy(delivery->buffer.get(), bytes.data(), bytes.size());
  Packet& packet = delivery->packet;
  packet.frame = delivery->buffer.get();
  packet.length = static_cast<std::uint32_t>(bytes.size());
  delivery->worker = delivery->came_to =
      delivery->is_piece ? gatherer_of(bytes) : home_.worker_of(home_.hash(delivery->tuple.ends));
  return delivery;
}

// As whoever gets the packet finds it: its bytes, and the pass beside them.
void NatWorld::parse(Delivery& delivery, const Tables& tables) const {
  const craft::Bytes& bytes = delivery.sent;
  if (std::memcmp(delivery.buffer.get(), bytes.data(), bytes.size()) != 0)
    throw std::logic_error("a packet that was passed on is not as it came");
  const Tuple& tuple = delivery.tuple;
  Packet packet;
  packet.pass = delivery.packet.pass;
  packet.frame = delivery.buffer.get();
  packet.length = static_cast<std::uint32_t>(bytes.size());
  packet.side = delivery.side;
  packet.ip = reinterpret_cast<Ipv4Header*>(packet.frame);
  packet.l4 = packet.frame + packet.ip->header_length();
  packet.l4_length = static_cast<std::uint16_t>(bytes.size() - packet.ip->header_length());
  packet.protocol = tuple.protocol;
  packet.content = tuple.content;
  packet.tcp_flags = tuple.tcp_flags;
  packet.src = tuple.ends.src;
  packet.dst = tuple.ends.dst;
  packet.src_port = tuple.ends.src_port;
  packet.dst_port = tuple.ends.dst_port;
  if (delivery.side == Side::kInside) {
    packet.slot = tables.mapping_by_number.find(delivery.from.mapping);
    packet.peer = address_of(delivery.from.worker_host);
    packet.environment_mac = delivery.from.mac;
    packet.attachment = delivery.from.attachment;
  } else {
    packet.slot = tables.subnet_by_number.find(delivery.subnet);
    packet.attachment = 1;
  }
  if (delivery.is_piece) {
    packet.protocol = Protocol{packet.ip->protocol};
    packet.src = packet.ip->src();
    packet.dst = packet.ip->dst();
    packet.fragment = fragment_of(*packet.ip);
    if (delivery.gathered) Gathering::tell(packet, delivery.mark);
  }
  packet.toeplitz = home_.hash({packet.src, packet.dst, packet.src_port, packet.dst_port});
  if (packet.slot == Tables::kMissing) drop_packet(packet, Drop::unknown_segment);
  delivery.packet = packet;
}

// One burst of one worker, and what is passed on put on the rings.
void NatWorld::translate(std::uint16_t worker, const std::vector<std::shared_ptr<Delivery>>& deliveries,
                         Origin origin) {
  Nat& nat = *nats_[worker];
  std::vector<Packet*> packets;
  for (const auto& delivery : deliveries) {
    delivery->worker = worker;
    parse(*delivery, *adopted_[worker]);
    if (delivery->packet.verdict == Verdict::kPending)
      packets.push_back(&delivery->packet);
    else
      nat.lost(delivery->packet.pass);
  }
  if (!packets.empty() && origin == Origin::kDevice) nat.admit(packets, now_);
  for (const auto& delivery : deliveries)
    if (delivery->packet.verdict == Verdict::kPending && is_fragment(delivery->packet)) gather(worker, delivery);
  std::erase_if(packets, [](const Packet* packet) { return packet->verdict != Verdict::kPending; });
  if (!packets.empty()) nat.translate(packets, now_);
  nat.maintain(now_);
  for (const auto& delivery : deliveries) {
    const Packet& packet = delivery->packet;
    if (packet.verdict != Verdict::kHandedOver) continue;
    const bool passed = packet.pass.kind != PassKind::kAtHome;
    hand_over(worker, passed ? packet.passed_to : delivery->home, delivery);
  }
  let_fragments_go(worker);
}

void NatWorld::hand_over(std::uint16_t worker, std::uint16_t to, const std::shared_ptr<Delivery>& delivery) {
  auto& way = ring(worker, to);
  if (way.size() >= options_.ring) return die(worker, *delivery);
  if (delivery->packet.pass.kind != PassKind::kAtHome) ++delivery->passes;
  way.push_back(delivery);
}

void NatWorld::die(std::uint16_t worker, Delivery& delivery) {
  nats_[worker]->lost(delivery.packet.pass);
  drop_packet(delivery.packet, Drop::home_ring_full);
}

bool NatWorld::lose(std::uint16_t from, std::uint16_t to) {
  if (ring(from, to).empty()) return false;
  die(from, *ring(from, to).front());
  ring(from, to).pop_front();
  return true;
}

std::size_t NatWorld::carry(std::uint16_t from, std::uint16_t to) {
  auto& way = ring(from, to);
  const std::size_t count = std::min(way.size(), Nat::kMaxBurst);
  const std::vector<std::shared_ptr<Delivery>> burst(way.begin(), way.begin() + static_cast<std::ptrdiff_t>(count));
  way.erase(way.begin(), way.begin() + static_cast<std::ptrdiff_t>(count));
  if (count > 0) translate(to, burst, Origin::kOtherWorker);
  return count;
}

std::size_t NatWorld::tell(std::uint16_t from, std::uint16_t to, std::size_t most) {
  std::vector<RedirectReport> reports(most);
  reports.resize(nats_[from]->reports_for(to, reports));
  nats_[from]->reported(to, reports.size());
  nats_[to]->hear(from, reports);
  return reports.size();
}

void NatWorld::carry_all() {
  for (std::size_t moved = 1; moved > 0;) {
    moved = 0;
    for (std::uint16_t from = 0; from < options_.workers; ++from) {
      for (std::uint16_t to = 0; nats_[from]->has_reports() && to < options_.workers; ++to) moved += tell(from, to);
      for (std::uint16_t to = 0; to < options_.workers; ++to) moved += carry(from, to);
    }
  }
}

Outcome NatWorld::finish(const Delivery& delivery) {
  const Packet& packet = delivery.packet;
  const std::uint32_t length = packet.verdict == Verdict::kForward ? swap16(packet.ip->total_length_be) : packet.length;
  if (length > packet.length) throw std::logic_error("a packet left longer than it came");
  const craft::Bytes bytes(packet.frame, packet.frame + length);
  craft::Bytes answer;
  if (packet.verdict == Verdict::kAnswered) {
    answer.resize(kMaxAnswerBytes);
    answer.resize(build_answer(packet, std::span<std::uint8_t, kMaxAnswerBytes>(answer)));
  }
  return {.verdict = packet.verdict,
          .drop = packet.drop,
          .answer = answer,
          .opened = packet.opened,
          .came_to = delivery.came_to,
          .home = delivery.gathered ? delivery.home : delivery.came_to,
          .worker = delivery.worker,
          .passes = delivery.passes,
          .rule = packet.rule,
          .egress = packet.egress,
          .bytes = bytes,
          .seen = craft::look_at(bytes)};
}

std::vector<Outcome> NatWorld::burst(const std::vector<Arrival>& arrivals) {
  std::vector<std::shared_ptr<Delivery>> deliveries;
  std::vector<std::vector<std::shared_ptr<Delivery>>> by_worker(nats_.size());
  for (const Arrival& arrival : arrivals) {
    deliveries.push_back(prepare(arrival));
    by_worker[deliveries.back()->worker].push_back(deliveries.back());
  }
  for (std::uint16_t worker = 0; worker < options_.workers; ++worker)
    translate(worker, by_worker[worker], Origin::kDevice);
  if (options_.carrying == Carrying::kAtOnce) carry_all();
  std::vector<Outcome> outcomes;
  for (const auto& delivery : deliveries) outcomes.push_back(finish(*delivery));
  return outcomes;
}

std::size_t NatWorld::send(const Arrival& arrival) {
  sent_.push_back(prepare(arrival));
  translate(sent_.back()->worker, {sent_.back()}, Origin::kDevice);
  return sent_.size() - 1;
}

std::uint16_t NatWorld::home_of(const craft::Datagram& datagram) const {
  HomeTuple ends{
      .src = address_of(datagram.ip.src), .dst = address_of(datagram.ip.dst), .src_port = {}, .dst_port = {}};
  std::visit(
      [&ends]<class Header>(const Header& header) {
        if constexpr (std::is_same_v<Header, craft::IcmpError>) {
          throw std::invalid_argument("an ICMP error's home is that of what it quotes");
        } else if constexpr (std::is_same_v<Header, craft::Echo>) {
          ends.src_port = ends.dst_port = L4Port::from_host(header.id);
        } else {
          ends.src_port = L4Port::from_host(header.src);
          ends.dst_port = L4Port::from_host(header.dst);
        }
      },
      datagram.l4);
  return home_.worker_of(home_.hash(ends));
}

Outcome NatWorld::outcome(std::size_t packet) const {
  return finish(*sent_[packet]);
}

Outcome NatWorld::outbound(const Environment& from, const craft::Datagram& datagram) {
  return burst({{.side = Side::kInside, .from = from, .datagram = datagram}}).front();
}

Outcome NatWorld::inbound(std::uint32_t subnet, const craft::Datagram& datagram) {
  return burst({{.side = Side::kOutside, .from = {}, .subnet = subnet, .datagram = datagram}}).front();
}

std::uint32_t NatWorld::open_flows() const {
  return sum_of(nats_, &Nat::open_flows);
}

std::uint32_t NatWorld::redirects() const {
  return sum_of(nats_, &Nat::redirects);
}

std::uint32_t NatWorld::tenant_slot(std::uint32_t number) const {
  const auto& tenants = tables_->tenants;
  const auto at = std::find_if(tenants.begin(), tenants.end(),
                               [&](const TenantEntry& tenant) { return tenant.in_use && tenant.number == number; });
  return static_cast<std::uint32_t>(at - tenants.begin());
}

std::uint32_t NatWorld::flows_of_tenant(std::uint32_t number) const {
  return static_cast<std::uint32_t>(tenant_counter(number, &TenantCounters::flows_open));
}

std::uint32_t NatWorld::next_hops_held() const {
  std::uint32_t held = 0;
  for (std::uint32_t i = 0; i < neighbours_.capacity(); ++i) held += neighbours_[i].references > 0 ? 1 : 0;
  return held;
}

std::uint32_t NatWorld::interface_slot(std::string_view id) const {
  const auto& interfaces = tables_->interfaces;
  const auto at = std::find_if(interfaces.begin(), interfaces.end(),
                               [&](const InterfaceEntry& entry) { return entry.uid != 0 && entry.id == id; });
  return static_cast<std::uint32_t>(at - interfaces.begin());
}

std::uint64_t NatWorld::interface_counter(std::string_view id, Counter InterfaceCounters::*counter) const {
  std::uint64_t sum = 0;
  for (const auto& nat : nats_) sum += (nat->interface_counters()[interface_slot(id)].*counter).read();
  return sum;
}

std::uint64_t NatWorld::tenant_counter(std::uint32_t number, Counter TenantCounters::*counter) const {
  std::uint64_t sum = 0;
  for (const auto& nat : nats_) sum += (nat->tenant_counters()[tenant_slot(number)].*counter).read();
  return sum;
}

std::vector<FlowView> NatWorld::flows() const {
  std::vector<FlowView> all;
  for (const auto& nat : nats_) {
    std::vector<FlowView> page(64);
    for (std::uint32_t cursor = 0; cursor != kNone;) {
      std::size_t filled = 0;
      cursor = nat->list_flows(cursor, page, filled, now_);
      all.insert(all.end(), page.begin(), page.begin() + static_cast<std::ptrdiff_t>(filled));
    }
  }
  return all;
}

}  // namespace hypernat::dataplane
