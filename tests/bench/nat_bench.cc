// Cycles per packet of Nat::translate alone, on rte_hash: uniformly random packets of open UDP flows, outbound and as
// replies, in bursts of 64. Packets are made anew in place, so that the source does not grow with the number of flows.
//
//   nat_bench [FLOWS…]        EAL arguments come from the environment variable EAL (default: no huge pages)
#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "dataplane/nat/nat.h"
#include "dataplane/nat/table_compiler.h"
#include "dataplane/packet/checksum.h"
#include "tests/bench/start_eal.h"

namespace hypernat::dataplane {
namespace {

constexpr std::size_t kBurst = Nat::kMaxBurst;
constexpr std::uint32_t kBursts = 20'000;

struct Tuple {
  Ipv4Address src;
  Ipv4Address dst;
  L4Port src_port;
  L4Port dst_port;
};

config::Table one_mapping() {
  config::Table table;
  table.generation = 1;
  table.tenants = {{.account = "111111111111", .number = 1}};
  table.route_sets = {{.routes = {{.prefix = {}, .target = config::RouteTarget::kRouter}}}};
  table.rule_sets = {{.rules = {{.protocol = -1, .first_port = 0, .last_port = 0, .destination = {}}}}};
  table.subnets = {{.number = SubnetNumber{1},
                    .id = "subnet-1",
                    .tenant = 0,
                    .prefix = {Ipv4Address::of(10, 0, 0, 0), 24},
                    .segment = {.attachment = "outside", .id = 1},
                    .router = Ipv4Address::of(10, 0, 0, 1),
                    .vteps = {},
                    .route_set = 0}};
  table.mappings = {{.number = MappingNumber{1}, .uid = 1, .tenant = 0, .subnet = 0, .rule_set = 0, .interfaces = {}}};
  table.mappings[0].interfaces = {{.id = "eni-1", .uid = 1, .address = Ipv4Address::of(10, 0, 0, 5), .mac = {}}};
  return table;
}

Tuple outbound_tuple(std::uint32_t flow) {
  return {.src = Ipv4Address::from_host(0x64400000 + flow % 65536),
          .dst = Ipv4Address::from_host(0xc6000000 + flow / 16384),
          .src_port = L4Port::from_host(static_cast<std::uint16_t>(10'000 + flow / 65536)),
          .dst_port = L4Port::from_host(443)};
}

// Sixty-four packets of 60 bytes and their descriptors.
class Source {
 public:
  void make(std::size_t i, Side side, const Tuple& tuple) {
    auto& bytes = bytes_[i];
    Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.total_length_be = swap16(46);
    ip.ttl = 64;
    ip.protocol = 17;
    ip.src_be = tuple.src.network();
    ip.dst_be = tuple.dst.network();
    UdpHeader udp{tuple.src_port.network(), tuple.dst_port.network(), swap16(26), 0x1234};
    std::memcpy(bytes.data(), &ip, sizeof ip);
    std::memcpy(bytes.data() + sizeof ip, &udp, sizeof udp);
    Packet packet;
    packet.frame = bytes.data();
    packet.length = 46;
    packet.side = side;
    packet.slot = 0;
    packet.ip = reinterpret_cast<Ipv4Header*>(bytes.data());
    packet.l4 = bytes.data() + sizeof ip;
    packet.l4_length = 26;
    packet.src = tuple.src;
    packet.dst = tuple.dst;
    packet.src_port = tuple.src_port;
    packet.dst_port = tuple.dst_port;
    packets_[i] = packet;
    pointers_[i] = &packets_[i];
  }
  std::span<Packet* const> burst(std::size_t size) const { return {pointers_.data(), size}; }
  Packet& operator[](std::size_t i) { return packets_[i]; }

 private:
  std::array<std::array<std::uint8_t, 64>, kBurst> bytes_{};
  std::array<Packet, kBurst> packets_{};
  std::array<Packet*, kBurst> pointers_{};
};

class Bench {
 public:
  explicit Bench(std::uint32_t flows)
      : flows_(flows),
        home_({}),
        neighbours_({.capacity = 16}),
        usage_(4),
        compiler_({.outside_attachments = {"outside"},
                   .attachment_indices = {1},
                   .tenants = 4,
                   .subnets = 4,
                   .mappings = 4,
                   .interfaces = 4}),
        tables_(compiler_.compile(one_mapping(), "")) {
    const std::string name = "bench" + std::to_string(flows);
    nat_ = Nat::create({.name = name.c_str(),
                        .flows = flows,
                        .tenant_slots = 4,
                        .interface_slots = 4,
                        .lambda_vpc = {Ipv4Address::of(100, 64, 0, 0), 10},
                        .secret = {.hash = {11, 22, 33, 44}, .random = {55, 66}}},
                       home_, neighbours_, usage_);
    if (!nat_) throw std::runtime_error("no memory for " + std::to_string(flows) + " flows");
    nat_->switch_tables(*tables_);
  }

  void run() {
    const double opening = open_all();
    const double outbound = translate(Side::kInside);
    const double inbound = translate(Side::kOutside);
    std::printf("%10u flows: open %6.0f   outbound %5.1f   inbound %5.1f   cycles per packet\n", flows_, opening,
                outbound, inbound);
  }

 private:
  double open_all() {
    std::uint64_t cycles = 0;
    replies_.resize(flows_);
    for (std::uint32_t first = 0; first < flows_; first += kBurst) {
      const std::size_t size = std::min<std::size_t>(kBurst, flows_ - first);
      for (std::uint32_t i = 0; i < size; ++i) source_.make(i, Side::kInside, outbound_tuple(first + i));
      const std::uint64_t before = rte_rdtsc();
      nat_->translate(source_.burst(size), 1);
      cycles += rte_rdtsc() - before;
      for (std::uint32_t i = 0; i < size; ++i) {
        if (!source_[i].opened) throw std::runtime_error("flow not opened: " + std::string(name_of(source_[i].drop)));
        Packet& packet = source_[i];
        std::uint16_t port = 0;
        std::memcpy(&port, packet.l4, sizeof port);
        replies_[first + i] = {.src = packet.dst,
                               .dst = packet.ip->src(),
                               .src_port = packet.dst_port,
                               .dst_port = L4Port::from_network(port)};
      }
    }
    return static_cast<double>(cycles) / flows_;
  }

  // Median of the bursts: what others do on the machine disturbs a few of them.
  double translate(Side side) {
    std::vector<double> samples;
    for (std::uint32_t burst = 0; burst < kBursts; ++burst) {
      for (std::size_t i = 0; i < kBurst; ++i) {
        const auto flow = static_cast<std::uint32_t>(random_() % flows_);
        source_.make(i, side, side == Side::kInside ? outbound_tuple(flow) : replies_[flow]);
      }
      const std::uint64_t before = rte_rdtsc();
      nat_->translate(source_.burst(kBurst), 2);
      nat_->maintain(2);
      samples.push_back(static_cast<double>(rte_rdtsc() - before) / kBurst);
      if (source_[0].verdict != Verdict::kForward) throw std::runtime_error("a packet was dropped");
    }
    std::nth_element(samples.begin(), samples.begin() + kBursts / 2, samples.end());
    return samples[kBursts / 2];
  }

  std::uint32_t flows_;
  Home home_;
  Neighbours neighbours_;
  TenantUsage usage_;
  TableCompiler compiler_;
  std::shared_ptr<const Tables> tables_;
  std::unique_ptr<Nat> nat_;
  Source source_;
  std::vector<Tuple> replies_;
  std::mt19937_64 random_{1};
};

}  // namespace
}  // namespace hypernat::dataplane

int main(int count, char** arguments) {
  try {
    const char* eal = std::getenv("EAL");
    hypernat::bench::start_eal(
        std::string("nat_bench ") +
        (eal != nullptr ? eal : "--no-huge -m 2048 --no-pci --no-shconf -l 0 --file-prefix natbench"));
    std::vector<std::uint32_t> sizes;
    for (int i = 1; i < count; ++i) sizes.push_back(static_cast<std::uint32_t>(std::stoul(arguments[i])));
    if (sizes.empty()) sizes = {65'536, 1'000'000};
    for (const std::uint32_t flows : sizes) hypernat::dataplane::Bench(flows).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "nat_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
