#include "tests/bench/dataplane/isolation.h"

#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "dataplane/nat/nat.h"
#include "dataplane/nat/table_compiler.h"

namespace hypernat::bench {
namespace {

using namespace dataplane;

constexpr std::size_t kBurst = Nat::kMaxBurst;
constexpr std::size_t kEach = kBurst / 2;
constexpr std::uint32_t kBursts = 20'000;
constexpr Tick kBetweenBursts = 1;  // milliseconds for so many bursts
constexpr std::uint32_t kBurstsOfTick = 64;
constexpr std::uint32_t kPort = 443;
constexpr std::uint32_t kFlowsOfRemote = 16'384;

enum Who : std::uint32_t { kFlooder, kOther };  // slots of tenants, subnets and mappings

config::Table two_tenants(const config::TenantLimits& of_flooder) {
  config::Table table;
  table.generation = 1;
  table.tenants = {{.account = "111111111111", .number = 1}, {.account = "222222222222", .number = 2}};
  table.tenants[kFlooder].limits = of_flooder;
  table.route_sets = {{.routes = {{.prefix = {}, .target = config::RouteTarget::kRouter}}}};
  table.rule_sets = {{.rules = {{.protocol = -1, .first_port = 0, .last_port = 0, .destination = {}}}}};
  for (std::uint32_t tenant = 0; tenant < 2; ++tenant) {
    table.subnets.push_back({.number = SubnetNumber{tenant + 1},
                             .id = "subnet-" + std::to_string(tenant),
                             .tenant = tenant,
                             .prefix = {Ipv4Address::of(10, 0, 0, 0), 24},
                             .segment = {.attachment = "outside", .id = tenant + 1},
                             .router = Ipv4Address::of(10, 0, 0, 1),
                             .vteps = {},
                             .route_set = 0});
    table.mappings.push_back({.number = MappingNumber{tenant + 1},
                              .uid = tenant + 1,
                              .tenant = tenant,
                              .subnet = tenant,
                              .rule_set = 0,
                              .interfaces = {{.id = "eni-" + std::to_string(tenant),
                                              .uid = tenant + 1,
                                              .address = Ipv4Address::of(10, 0, 0, 5),
                                              .mac = {}}}});
  }
  return table;
}

// A packet of 46 bytes and its descriptor, as parsed.
struct Made {
  std::array<std::uint8_t, 64> bytes{};
  Packet packet;

  void make(std::uint32_t mapping, Protocol protocol, HomeTuple tuple, std::uint8_t tcp_flags = 0) {
    Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.total_length_be = swap16(46);
    ip.ttl = 64;
    ip.protocol = static_cast<std::uint8_t>(protocol);
    ip.src_be = tuple.src.network();
    ip.dst_be = tuple.dst.network();
    std::memcpy(bytes.data(), &ip, sizeof ip);
    const UdpHeader udp{tuple.src_port.network(), tuple.dst_port.network(), swap16(26), 0x1234};
    std::memcpy(bytes.data() + sizeof ip, &udp, sizeof udp);
    if (protocol == Protocol::kTcp) bytes[sizeof ip + offsetof(TcpHeader, data_offset)] = 0x50;
    packet = Packet{};
    packet.frame = bytes.data();
    packet.length = 46;
    packet.slot = mapping;
    packet.ip = reinterpret_cast<Ipv4Header*>(bytes.data());
    packet.l4 = bytes.data() + sizeof ip;
    packet.l4_length = 26;
    packet.protocol = protocol;
    packet.tcp_flags = tcp_flags;
    packet.src = tuple.src;
    packet.dst = tuple.dst;
    packet.src_port = tuple.src_port;
    packet.dst_port = tuple.dst_port;
  }
};

struct Flood {
  const char* name;
  config::TenantLimits limits;
  std::function<void(Made&, std::mt19937_64&)> next;
};

HomeTuple random_tuple(std::mt19937_64& random, std::uint32_t source = 0x64400000) {
  const std::uint64_t number = random();
  return {.src = Ipv4Address::from_host(source + static_cast<std::uint32_t>(number & 0xffff)),
          .dst = Ipv4Address::from_host(0x08000000 | static_cast<std::uint32_t>(number >> 16 & 0xffffff)),
          .src_port = L4Port::from_host(static_cast<std::uint16_t>(number >> 40)),
          .dst_port = L4Port::from_host(80)};
}

std::vector<Flood> floods() {
  const auto openings = [](Made& made, std::mt19937_64& random) {
    made.make(kFlooder, Protocol::kUdp, random_tuple(random));
  };
  return {
      {"new flows", {}, openings},
      {"new flows, 1,000 a second allowed", {.new_flows_per_second = 1'000}, openings},
      {"packets, 100,000 a second allowed", {.packets_per_second = 100'000}, openings},
      {"forged sources",
       {},
       [](Made& made, std::mt19937_64& random) {
         made.make(kFlooder, Protocol::kUdp, random_tuple(random, 0x01000000));
       }},
      {"TCP without a flow",
       {},
       [](Made& made, std::mt19937_64& random) { made.make(kFlooder, Protocol::kTcp, random_tuple(random), kTcpAck); }},
      {"illegal TCP flags", {}, [](Made& made, std::mt19937_64& random) {
         made.make(kFlooder, Protocol::kTcp, random_tuple(random), kTcpSyn | kTcpFin);
       }}};
}

class Contest {
 public:
  Contest(const Flood& flood, std::uint32_t flows)
      : flood_(flood),
        flows_(flows),
        home_({}),
        neighbours_({.capacity = 16}),
        usage_(4),
        compiler_({.outside_attachments = {"outside"},
                   .attachment_indices = {1},
                   .tenants = 4,
                   .subnets = 4,
                   .mappings = 4,
                   .interfaces = 4}),
        tables_(compiler_.compile(two_tenants(flood.limits), "")) {
    static int contests = 0;
    const std::string name = "isolation" + std::to_string(contests++);
    nat_ = Nat::create({.name = name.c_str(),
                        .flows = 2 * flows,
                        .flows_per_tenant = flows,
                        .tenant_slots = 4,
                        .interface_slots = 4,
                        .lambda_vpc = {Ipv4Address::of(100, 64, 0, 0), 10},
                        .secret = {.hash = {11, 22, 33, 44}, .random = {55, 66}}},
                       home_, neighbours_, usage_);
    if (!nat_) throw std::runtime_error("no memory for " + std::to_string(2 * flows) + " flows");
    nat_->switch_tables(*tables_);
    for (std::uint32_t flow = 0; flow < flows; flow += kBurst) {
      const std::size_t size = std::min<std::size_t>(kBurst, flows - flow);
      for (std::uint32_t i = 0; i < size; ++i) others_packet(i, flow + i);
      translate(size);
    }
  }

  /// Cycles of a whole burst, one sample each: all the other tenant's, or half of it the flood's.
  std::vector<double> bursts(std::size_t flooding) {
    std::vector<double> samples;
    for (std::uint32_t burst = 0; burst < kBursts; ++burst) {
      for (std::size_t i = 0; i < kBurst; ++i) {
        if (i % 2 == 0 || i / 2 >= flooding)
          others_packet(i, static_cast<std::uint32_t>(random_() % flows_));
        else
          flood_.next(made_[i], random_);
      }
      if (burst % kBurstsOfTick == 0) now_ += kBetweenBursts;
      samples.push_back(translate(kBurst));
      for (std::size_t i = 0; i < kBurst; ++i)
        if (made_[i].packet.slot == kOther && made_[i].packet.verdict != Verdict::kForward)
          throw std::runtime_error(std::string("a packet of the other tenant's: ") +
                                   std::string(name_of(made_[i].packet.drop)));
    }
    return samples;
  }

 private:
  void others_packet(std::size_t i, std::uint32_t flow) {
    made_[i].make(kOther, Protocol::kUdp,
                  {.src = Ipv4Address::from_host(0x64400000 + flow % 65'536),
                   .dst = Ipv4Address::from_host(0xc6000000 + flow / kFlowsOfRemote),
                   .src_port = L4Port::from_host(static_cast<std::uint16_t>(10'000 + flow / 65'536)),
                   .dst_port = L4Port::from_host(kPort)});
  }
  double translate(std::size_t size) {
    std::array<Packet*, kBurst> packets;
    for (std::size_t i = 0; i < size; ++i) packets[i] = &made_[i].packet;
    const std::uint64_t before = rte_rdtsc();
    nat_->admit({packets.data(), size}, now_);
    nat_->translate({packets.data(), size}, now_);
    nat_->maintain(now_);
    return static_cast<double>(rte_rdtsc() - before);
  }

  const Flood& flood_;
  std::uint32_t flows_;
  Home home_;
  Neighbours neighbours_;
  TenantUsage usage_;
  TableCompiler compiler_;
  std::shared_ptr<const Tables> tables_;
  std::unique_ptr<Nat> nat_;
  std::array<Made, kBurst> made_;
  std::mt19937_64 random_{1};
  Tick now_ = 1;
};

}  // namespace

void measure_isolation(const IsolationPlan& plan, Report& report) {
  for (std::uint32_t run = 0; run < plan.runs; ++run) {
    for (const Flood& flood : floods()) {
      Contest contest(flood, plan.flows);
      const double alone = quantile(contest.bursts(0), 0.5) / kBurst;
      const double beside = quantile(contest.bursts(kEach), 0.5);
      const auto add = [&](const char* measure, const char* unit, double value) {
        report.add({.measure = measure,
                    .setting = flood.name,
                    .flows = plan.flows,
                    .run = run,
                    .unit = unit,
                    .samples = {value}});
      };
      add("alone", "cycles", alone);
      add("flood packet", "cycles", (beside - alone * kEach) / kEach);
      add("rate left", "per cent", 100 * alone * kEach / beside);
    }
  }
}

}  // namespace hypernat::bench
