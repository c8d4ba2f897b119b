#include "tests/bench/dataplane/world.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include "dataplane/packet/drop.h"
#include "dataplane/packet/headers.h"
#include "tests/packet/frames.h"

namespace hypernat::bench {
namespace {

using dataplane::EthernetHeader;
using dataplane::VlanHeader;

constexpr MacAddress kGatewayMac{{0x02, 0, 0, 0, 0, 0x01}};
constexpr MacAddress kEnvironmentMac{{0x02, 0, 0, 0, 0x05, 0x05}};
constexpr MacAddress kNeighbourMac{{0x02, 0, 0, 0, 0xee, 0x01}};
constexpr MacAddress kInterfaceMac{{0x02, 0, 0, 1, 0, 0x01}};  // of all: frames of the template reach each
constexpr MacAddress kInsideMac{{0x02, 0, 0, 0, 0xaa, 0x00}};
constexpr MacAddress kOutsideMac{{0x02, 0, 0, 0, 0xaa, 0x01}};

constexpr std::uint32_t kFlowsOfRemote = 32'000;  // about half of an interface's ports
constexpr std::uint32_t kMappingsOfSubnet = 100;
constexpr std::uint32_t kEnvironments = 4000;  // in the block of one worker host
constexpr std::uint32_t kFirstVni = 5000;
constexpr std::uint16_t kFirstSourcePort = 1000;
constexpr std::uint16_t kServerPort = 443;
constexpr std::size_t kVxlanHeaders = 50;
constexpr std::uint32_t kNeighbours = 8192;
constexpr int kRoundsToAsk = kNeighbours / 16;           // a worker looks through its neighbours in slices
constexpr std::uint32_t kFirstEnvironment = 0x64400000;  // 100.64.0.0
constexpr std::uint32_t kFirstRemote = 0xc6120000;       // 198.18.0.0, of the benchmarking network (RFC 2544)
constexpr std::uint32_t kInterfaces = 0x0a000000;        // 10.0.0.0

Ipv4Address interface_address(std::uint32_t mapping, std::uint32_t interface) {
  return Ipv4Address::from_host(kInterfaces + 16 + mapping % kMappingsOfSubnet + kMappingsOfSubnet * interface);
}

Ipv4Address address(const char* text) {
  return parse_ipv4_address(text).value();
}

config::DataplaneConfig configuration(Encapsulation encapsulation) {
  config::DataplaneConfig config;
  config.node = "bench";
  const auto attachment = [&](config::Side side, const std::string& port, const char* own) {
    config::PortConfig port_config;
    port_config.name = port;
    config.ports.push_back(port_config);
    config::AttachmentConfig made;
    made.name = port;
    made.side = side;
    made.port = port;
    made.encapsulation = encapsulation;
    if (encapsulation == Encapsulation::kVxlan) made.address = config::DeviceAddress{address(own), 24};
    if (encapsulation == Encapsulation::kPlain && side == config::Side::kInside) made.mapping = MappingNumber{1};
    config.attachments.push_back(made);
  };
  attachment(config::Side::kInside, "inside", "192.0.2.1");
  attachment(config::Side::kOutside, "outside", "198.51.100.1");
  return config;
}

dataplane::TableCompiler::Options compiler_options(const World::Options& options) {
  return {.outside_attachments = {"outside"},
          .attachment_indices = {1},
          .tenants = 1024,
          .subnets = 2 * (options.mappings / kMappingsOfSubnet + 1),
          .mappings = 2 * options.mappings + 16,
          .interfaces = 2 * options.mappings * options.interfaces + 16};
}

// What a neighbour that everybody asks for answers: the question turned round.
craft::Bytes answer_of(craft::Bytes frame, std::size_t inner) {
  const auto swap_macs = [&](std::size_t at) {
    std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at) + 6, 6,
                frame.begin() + static_cast<std::ptrdiff_t>(at));
    std::copy(kNeighbourMac.bytes.begin(), kNeighbourMac.bytes.end(),
              frame.begin() + static_cast<std::ptrdiff_t>(at) + 6);
  };
  if (inner > 0) {
    swap_macs(0);
    std::swap_ranges(frame.begin() + 26, frame.begin() + 30, frame.begin() + 30);
  }
  swap_macs(inner);
  const std::size_t arp_at =
      inner + (frame[inner + 12] == 0x81 ? sizeof(EthernetHeader) + sizeof(VlanHeader) : sizeof(EthernetHeader));
  dataplane::ArpPacket arp;
  std::memcpy(&arp, frame.data() + arp_at, sizeof arp);
  arp.operation_be = dataplane::swap16(dataplane::kArpReply);
  arp.target_mac = arp.sender_mac;
  arp.sender_mac = kNeighbourMac.bytes;
  const std::uint32_t asker = arp.sender_be;
  arp.sender_be = arp.target_be;
  arp.target_be = asker;
  std::memcpy(frame.data() + arp_at, &arp, sizeof arp);
  return frame;
}

// Where the frame that has the ARP packet begins: in a tunnel or not; nothing when it is no question.
std::optional<std::size_t> arp_question(std::span<const std::uint8_t> frame) {
  for (const std::size_t at : {std::size_t{0}, kVxlanHeaders}) {
    for (const std::size_t type : {at + 12, at + 16}) {
      const std::size_t operation = type + 2 + 6;
      if (frame.size() < operation + 2 || frame[type] != 0x08 || frame[type + 1] != 0x06) continue;
      const bool announces = std::equal(frame.begin() + static_cast<std::ptrdiff_t>(operation) + 8,
                                        frame.begin() + static_cast<std::ptrdiff_t>(operation) + 12,
                                        frame.begin() + static_cast<std::ptrdiff_t>(operation) + 18);
      if (frame[operation + 1] == dataplane::kArpRequest && !announces) return at;
    }
  }
  return std::nullopt;
}

}  // namespace

World::World(const Options& options)
    : options_(options),
      config_(configuration(options.encapsulation)),
      attachments_(config_, std::vector<MacAddress>{kInsideMac, kOutsideMac}),
      home_({.buckets = 128, .workers = options.workers}),
      compiler_(compiler_options(options)) {
  if (options_.remotes == 0) options_.remotes = options.flows / kFlowsOfRemote + 1;
  static int worlds = 0;
  name_ = "b" + std::to_string(worlds++);
  pool_ = rte_pktmbuf_pool_create((name_ + "own").c_str(), 8191, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool_ == nullptr) throw std::runtime_error("no memory for packet buffers");
  const Delivery delivery = options.spread == Spread::kByHash ? Delivery::kHashed : Delivery::kBare;
  inside_ = std::make_unique<MemoryPort>(
      MemoryPort::Options{.name = name_ + "in", .queues = options.workers, .delivery = delivery});
  outside_ = std::make_unique<MemoryPort>(
      MemoryPort::Options{.name = name_ + "out", .queues = options.workers, .delivery = delivery});
  generations_.push_back(compiler_.compile(table(1), "1"));
  orders_.tables.store(generations_.back().get());
  const craft::Ip from_anybody{.src = "0.0.0.0", .dst = "0.0.0.0"};
  inside_frame_ = make_frame(Side::kInside, from_anybody / craft::Udp{} / "eighteen bytes....");
  outside_frame_ = make_frame(Side::kOutside, from_anybody / craft::Udp{} / "eighteen bytes....");
  make_workers();
  learn_neighbours();
}

World::~World() {
  workers_.clear();
  rings_->drain();
  inside_.reset();
  outside_.reset();
  rte_mempool_free(pool_);
}

config::Table World::table(std::uint64_t generation) const {
  config::Table made;
  made.epoch = 1;
  made.generation = generation;
  made.peers = {{.name = "host", .address = address("192.0.2.11"), .block = {Ipv4Address::of(100, 64, 0, 0), 18}}};
  made.tenants.emplace_back();
  made.tenants[0].account = "111111111111";
  made.tenants[0].number = 1;
  made.route_sets = {{.routes = {{.prefix = {}, .target = config::RouteTarget::kRouter}}}};
  made.rule_sets = {{.rules = {{.protocol = -1, .first_port = 0, .last_port = 0, .destination = {}}}}};
  const std::uint32_t subnets = (options_.mappings + kMappingsOfSubnet - 1) / kMappingsOfSubnet;
  const bool is_tunnel = options_.encapsulation == Encapsulation::kVxlan;
  for (std::uint32_t number = 0; number < subnets; ++number) {
    config::Subnet subnet;
    subnet.number = SubnetNumber{number + 1};
    subnet.id = "subnet-" + std::to_string(number);
    subnet.prefix = {Ipv4Address::from_host(kInterfaces), 20};
    subnet.segment = {.attachment = "outside",
                      .id = options_.encapsulation == Encapsulation::kPlain ? 0
                            : is_tunnel                                     ? kFirstVni + number
                                                                            : 1 + number};
    subnet.router = Ipv4Address::from_host(kInterfaces + 1);
    if (is_tunnel) subnet.vteps = {address("198.51.100.11")};
    made.subnets.push_back(subnet);
  }
  for (std::uint32_t number = 0; number < options_.mappings; ++number) {
    config::Mapping mapping;
    mapping.number = MappingNumber{number + 1};
    mapping.uid = number + 1;
    mapping.subnet = number / kMappingsOfSubnet;
    for (std::uint32_t interface = 0; interface < options_.interfaces; ++interface) {
      mapping.interfaces.push_back({.id = "eni-" + std::to_string(number) + "-" + std::to_string(interface),
                                    .uid = std::uint64_t{number} * options_.interfaces + interface + 1,
                                    .address = interface_address(number, interface),
                                    .mac = kInterfaceMac});
    }
    made.mappings.push_back(std::move(mapping));
  }
  return made;
}

void World::publish(const config::Table& table) {
  generations_.push_back(compiler_.compile(table, std::to_string(table.generation)));
  orders_.tables.store(generations_.back().get(), std::memory_order_release);
}

void World::make_workers() {
  rings_ = dataplane::Rings::create({.name = name_, .workers = options_.workers, .ports = 2, .size = 4096});
  const auto pass_mark = dataplane::PassMark::reserve();
  const auto fragment_mark = dataplane::FragmentMark::reserve();
  if (!rings_ || !pass_mark || !fragment_mark) throw std::runtime_error("no memory for rings");
  for (std::uint16_t number = 0; number < options_.workers; ++number) {
    dataplane::Worker::Options made;
    made.number = number;
    if (options_.stages && number == 0) made.stage_cycles = &stages_;
    made.to_workers = rings_->from(number);
    made.from_workers = rings_->to(number);
    made.reports_to_workers = rings_->reports_from(number);
    made.reports_from_workers = rings_->reports_to(number);
    made.neighbours.capacity = kNeighbours;
    made.neighbours.reachable_for = 1U << 30;  // nobody answers while it is measured
    const std::uint16_t devices[] = {inside_->device(), outside_->device()};
    for (std::uint16_t port = 0; port < 2; ++port) {
      if (made.port_of_device.size() <= devices[port]) made.port_of_device.resize(devices[port] + 1U);
      made.port_of_device[devices[port]] = port;
      made.device_hashes.push_back(options_.spread == Spread::kByHash);
      made.queues.push_back({port, devices[port], number});
      made.sender.paths.push_back({.device = devices[port], .queue = number, .ring = nullptr, .device_writes = {}});
    }
    workers_.push_back(std::make_unique<dataplane::Worker>(
        made, dataplane::Worker::Surroundings{attachments_, home_, orders_, pool_, *pass_mark, *fragment_mark}));
    nat_names_.push_back(name_ + "n" + std::to_string(number));
  }
  for (std::uint16_t number = 0; number < options_.workers; ++number) {
    dataplane::Nat::Options nat;
    nat.name = nat_names_[number].c_str();
    nat.worker = number;
    // Homes are dealt by hash: a little more than an even share, and the flows by which neighbours were learned.
    nat.flows = options_.flows / options_.workers + (options_.workers > 1 ? options_.flows / 16 : 0) + 4096;
    nat.interface_slots = 2 * options_.mappings * options_.interfaces + 16;
    for (const dataplane::Attachment& attachment : attachments_.all())
      nat.attachments[attachment.index] = {.mtu = attachment.mtu, .mss = attachment.mss};
    nat.lambda_vpc = attachments_.lambda_vpc();
    nat.gateway = attachments_.gateway();
    nat.timeouts = options_.timeouts;
    nat.secret = {.hash = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0x2545f4914f6cdd1d},
                  .random = {5, 6}};
    if (!workers_[number]->create_nat(nat, usage_) || !workers_[number]->create_gathering()) {
      throw std::runtime_error("no memory for " + std::to_string(nat.flows) + " flows: more hugepages, or --no-huge");
    }
  }
}

FrameTemplate World::make_frame(Side side, const craft::Datagram& datagram) const {
  const bool inside = side == Side::kInside;
  const craft::Ethernet ethernet = inside ? craft::Ethernet{.dst = kGatewayMac, .src = kEnvironmentMac}
                                          : craft::Ethernet{.dst = kInterfaceMac, .src = kNeighbourMac};
  switch (options_.encapsulation) {
    case Encapsulation::kVlan: {
      craft::Ethernet tagged = ethernet;
      tagged.vlan = std::uint16_t{1};
      return {.bytes = tagged / datagram, .ip_offset = 18, .vlan_offset = 14};
    }
    case Encapsulation::kVxlan: {
      const craft::Vxlan tunnel =
          inside
              ? craft::Vxlan{.dst = kInsideMac, .src = kNeighbourMac, .from = "192.0.2.11", .to = "192.0.2.1"}
              : craft::Vxlan{.dst = kOutsideMac, .src = kNeighbourMac, .from = "198.51.100.11", .to = "198.51.100.1"};
      return {.bytes = tunnel / (ethernet / datagram), .ip_offset = kVxlanHeaders + 14, .vni_offset = 46};
    }
    default:
      return {.bytes = ethernet / datagram, .ip_offset = 14};
  }
}

FrameTemplate World::tcp_frame(Side side, const std::string& flags) const {
  return make_frame(side, craft::Ip{.src = "0.0.0.0", .dst = "0.0.0.0"} / craft::Tcp{.flags = flags});
}

std::uint16_t World::queue_of(const Draw& draw) const {
  return options_.spread == Spread::kByHash ? home_.worker_of(draw.rss) : std::uint16_t{0};
}

Draw World::finished(Draw draw, Side side, std::uint32_t flow) const {
  draw.rss = home_.hash({draw.src, draw.dst, draw.src_port, draw.dst_port});
  const std::uint32_t mapping = mapping_of(flow);
  const std::uint32_t subnet = mapping / kMappingsOfSubnet;
  if (side == Side::kInside)
    draw.segment = mapping + 1;
  else
    draw.segment = options_.encapsulation == Encapsulation::kVxlan ? kFirstVni + subnet : 1 + subnet;
  return draw;
}

Draw World::outbound(std::uint32_t flow) const {
  const std::uint32_t of_mapping = flow / options_.mappings;
  const std::uint32_t of_remote = of_mapping / options_.remotes;
  return finished(
      {.src = Ipv4Address::from_host(kFirstEnvironment + 1 + of_remote % kEnvironments),
       .dst = Ipv4Address::from_host(kFirstRemote + of_mapping % options_.remotes),
       .src_port = L4Port::from_host(static_cast<std::uint16_t>(kFirstSourcePort + of_remote / kEnvironments)),
       .dst_port = L4Port::from_host(kServerPort)},
      Side::kInside, flow);
}

Draw World::inbound(std::uint32_t flow) const {
  const Draw there = outbound(flow);
  return finished(
      {.src = there.dst, .dst = replies_[flow].interface, .src_port = there.dst_port, .dst_port = replies_[flow].port},
      Side::kOutside, flow);
}

Draw World::reply_to(std::span<const std::uint8_t> frame, std::uint32_t flow) const {
  const std::uint8_t* const ip = frame.data() + outside_frame_.ip_offset;
  Draw reply;
  std::memcpy(&reply.dst, ip + 12, 4);
  std::memcpy(&reply.src, ip + 16, 4);
  std::memcpy(&reply.dst_port, ip + 20, 2);
  std::memcpy(&reply.src_port, ip + 22, 2);
  return finished(reply, Side::kOutside, flow);
}

// A packet for each subnet, and its reply, make the workers ask; what they ask is answered, until they ask nothing any
// more.
void World::learn_neighbours() {
  std::vector<craft::Bytes> answers[2];
  std::vector<Draw> replies;
  std::uint32_t asking = 0;  // the mapping whose turn it is
  const std::array<MemoryPort*, 2> ports{inside_.get(), outside_.get()};
  for (std::size_t side = 0; side < 2; ++side) {
    for (std::uint16_t queue = 0; queue < options_.workers; ++queue) {
      ports[side]->watch(queue, [&, side](std::span<const std::uint8_t> frame) {
        if (const auto at = arp_question(frame)) answers[side].push_back(answer_of({frame.begin(), frame.end()}, *at));
        if (side == 1 && is_packet(Side::kOutside, frame)) replies.push_back(reply_to(frame, asking));
      });
    }
  }
  const auto answer_all = [&] {
    settle(kRoundsToAsk);
    while (!answers[0].empty() || !answers[1].empty()) {
      for (std::size_t side = 0; side < 2; ++side) {
        ports[side]->offer_frames(0, std::move(answers[side]));
        answers[side].clear();
      }
      settle(kRoundsToAsk);
    }
  };
  for (std::uint32_t mapping = 0; mapping < options_.mappings; mapping += kMappingsOfSubnet) {
    // Of every worker: each has its own neighbours.
    std::vector<Draw> wanted;
    for (std::uint16_t port = 0; port < 64 * options_.workers; ++port) {
      wanted.push_back(finished({.src = Ipv4Address::from_host(kFirstEnvironment + kEnvironments + 1 + port % 32),
                                 .dst = Ipv4Address::from_host(kFirstRemote),
                                 .src_port = L4Port::from_host(static_cast<std::uint16_t>(60'000 + port)),
                                 .dst_port = L4Port::from_host(9)},
                                Side::kInside, mapping));
      if (options_.workers == 1) break;
    }
    asking = mapping;
    inside_->offer_once(0, frame(Side::kInside), wanted);
    answer_all();
    inside_->pause(0);
    const std::vector<Draw> back = std::exchange(replies, {});
    if (back.empty()) throw std::runtime_error("no packet left for the subnet of mapping " + std::to_string(mapping));
    outside_->offer_once(0, frame(Side::kOutside), back);
    answer_all();
    outside_->pause(0);
  }
  for (std::size_t side = 0; side < 2; ++side)
    for (std::uint16_t queue = 0; queue < options_.workers; ++queue) {
      ports[side]->unwatch(queue);
      ports[side]->pause(queue);
    }
  dropped_ = 0;
  for (const auto& worker : workers_) dropped_ += worker->account().read().dropped_total();
}

void World::settle(int idle_rounds) {
  for (int idle = 0; idle < idle_rounds;) {
    std::uint32_t moved = 0;
    for (const auto& worker : workers_) moved += worker->step(now);
    idle = moved == 0 ? idle + 1 : 0;
  }
}

bool World::is_packet(Side side, std::span<const std::uint8_t> bytes) const {
  const std::size_t at = frame(side).ip_offset;
  return bytes.size() > at && bytes[at - 2] == 0x08 && bytes[at - 1] == 0x00;
}

void World::keep_replies(std::uint16_t queue, std::span<const std::uint32_t> flows) {
  if (!flows.empty()) replies_.resize(std::max<std::size_t>(replies_.size(), flows.back() + 1));
  outside_->watch(queue, [this, flows, sent = std::size_t{0}](std::span<const std::uint8_t> frame) mutable {
    if (sent == flows.size() || !is_packet(Side::kOutside, frame)) return;
    const std::uint8_t* ip = frame.data() + outside_frame_.ip_offset;
    Reply& reply = replies_[flows[sent++]];
    std::memcpy(&reply.interface, ip + 12, 4);
    std::memcpy(&reply.port, ip + 20, 2);
  });
}

void World::open(std::uint32_t first, std::uint32_t last) {
  std::uint32_t before = 0;
  for (const auto& worker : workers_) before += worker->nat().open_flows();
  const FrameTemplate syn = tcp_frame(Side::kInside, "S");
  const bool tcp = options_.protocol == Protocol::kTcp;
  constexpr std::uint32_t kBatch = 32'768;
  for (std::uint32_t begin = first; begin < last; begin += kBatch) {
    const std::uint32_t end = std::min(last, begin + kBatch);
    // A queue keeps the order of its packets, so what leaves by a queue is told apart by its place.
    std::vector<std::vector<Draw>> draws(options_.workers);
    std::vector<std::vector<std::uint32_t>> flows(options_.workers);
    for (std::uint32_t flow = begin; flow < end; ++flow) {
      const Draw draw = outbound(flow);
      draws[home_.worker_of(draw.rss)].push_back(draw);
      flows[home_.worker_of(draw.rss)].push_back(flow);
    }
    for (std::uint16_t queue = 0; queue < options_.workers; ++queue) {
      keep_replies(queue, flows[queue]);
      inside_->offer_once(queue, tcp ? syn : inside_frame_, draws[queue]);
      settle();
      inside_->pause(queue);
      outside_->unwatch(queue);
    }
  }
  opened_ = std::max(opened_, last);
  std::uint32_t after = 0;
  for (const auto& worker : workers_) after += worker->nat().open_flows();
  check_accounts();
  if (after - before != last - first) throw std::runtime_error("not every flow opened");
}

std::vector<Draw> World::openings(std::uint32_t first, std::uint32_t last, std::uint16_t worker) const {
  std::vector<Draw> made;
  made.reserve(last - first);
  for (std::uint32_t flow = first; flow < last; ++flow) {
    const Draw draw = outbound(flow);
    if (options_.workers == 1 || queue_of(draw) == worker) made.push_back(draw);
  }
  return made;
}

std::vector<std::uint32_t> World::uniform(std::uint32_t count) {
  std::vector<std::uint32_t> flows(count);
  for (std::uint32_t& flow : flows) flow = static_cast<std::uint32_t>(random_() % opened_);
  return flows;
}

// Ranks by rejection-inversion (Hoermann and Derflinger, 1996), strewn over the flows.
std::vector<std::uint32_t> World::zipf(std::uint32_t count, double exponent) {
  const double q = 1 - exponent;
  const auto integral = [q](double x) { return std::abs(q) < 1e-9 ? std::log(x) : (std::pow(x, q) - 1) / q; };
  const auto inverse = [q](double y) { return std::abs(q) < 1e-9 ? std::exp(y) : std::pow(1 + y * q, 1 / q); };
  const double low = integral(1.5) - 1;
  const double high = integral(opened_ + 0.5);
  std::uniform_real_distribution<double> fraction(0, 1);
  std::vector<std::uint32_t> flows;
  flows.reserve(count);
  while (flows.size() < count) {
    const double y = low + fraction(random_) * (high - low);
    const double rank = std::clamp(std::round(inverse(y)), 1.0, static_cast<double>(opened_));
    if (y < integral(rank + 0.5) - std::pow(rank, -exponent)) continue;
    flows.push_back(static_cast<std::uint32_t>(static_cast<std::uint64_t>(rank) * 0x9e3779b1U % opened_));
  }
  return flows;
}

std::vector<Draw> World::draws(Side side, std::span<const std::uint32_t> flows) const {
  std::vector<Draw> made;
  made.reserve(flows.size());
  for (const std::uint32_t flow : flows) made.push_back(side == Side::kInside ? outbound(flow) : inbound(flow));
  return made;
}

std::vector<Draw> World::draws(Side side, std::span<const std::uint32_t> flows, std::uint16_t worker) const {
  std::vector<Draw> made = draws(side, flows);
  std::erase_if(made, [&](const Draw& draw) { return queue_of(draw) != worker; });
  return made;
}

void World::check_accounts() {
  dataplane::AccountView all;
  for (const auto& worker : workers_) {
    const auto account = worker->account().read();
    if (account.balance() != 0) throw std::runtime_error("the account of a worker does not close");
    all += account;
  }
  if (all.dropped_total() == dropped_) return;
  std::string reasons;
  for (std::size_t reason = 0; reason < dataplane::kDropReasons; ++reason) {
    if (all.dropped[reason] > 0)
      reasons += " " + std::string(dataplane::kDropTexts[reason].name) + " " + std::to_string(all.dropped[reason]);
  }
  throw std::runtime_error("packets were dropped:" + reasons);
}

}  // namespace hypernat::bench
