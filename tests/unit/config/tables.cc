#include "tests/unit/config/tables.h"

#include <string>
#include <utility>

namespace hypernat::config {
namespace {

constexpr Ipv4Prefix kVpc{Ipv4Address::of(10, 0, 0, 0), 16};
constexpr Ipv4Prefix kSubnet{Ipv4Address::of(10, 0, 1, 0), 24};
constexpr Ipv4Prefix kEverything{};

MacAddress mac_of(std::uint64_t number) {
  MacAddress mac{{0x02}};
  for (std::size_t i = 1; i < 6; ++i) mac.bytes[i] = static_cast<std::uint8_t>(number >> (8 * (5 - i)));
  return mac;
}

Interface interface_of(std::uint64_t uid, Ipv4Address address) {
  return {.id = "eni-" + std::to_string(uid), .uid = uid, .address = address, .mac = mac_of(uid)};
}

Ipv4Address nth(const Ipv4Prefix& prefix, std::uint32_t n) {
  return Ipv4Address::from_host(prefix.address.host() + n);
}

std::string account_of(std::uint32_t number) {
  const std::string digits = std::to_string(number);
  return std::string(12 - digits.size(), '0') + digits;
}

class RandomTable {
 public:
  explicit RandomTable(std::mt19937_64& random) : random_(random) {}

  Table make() {
    table_.epoch = random_();
    table_.generation = random_() | 1;
    repeat(below(5), [this](std::uint32_t i) {
      table_.peers.push_back({"host-" + std::to_string(i), nth({Ipv4Address::of(192, 0, 2, 0), 24}, i + 1),
                              Ipv4Prefix{nth(Ipv4Prefix{Ipv4Address::of(100, 64, 0, 0), 10}, i << 12), 20}});
    });
    repeat(1 + below(4), [this](std::uint32_t i) { add_tenant(i); });
    repeat(1 + below(3), [this](std::uint32_t) { add_route_set(); });
    repeat(1 + below(3), [this](std::uint32_t) { add_rule_set(); });
    repeat(below(12), [this](std::uint32_t i) { add_subnet(i); });
    return std::move(table_);
  }

 private:
  std::uint32_t below(std::size_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

  template <class Function>
  static void repeat(std::uint32_t times, Function function) {
    for (std::uint32_t i = 0; i < times; ++i) function(i);
  }

  void add_tenant(std::uint32_t i) {
    const auto timeout = [this] { return std::chrono::milliseconds(below(2) == 0 ? 0 : 100 + below(10'000)); };
    table_.tenants.push_back(
        {.account = account_of(i),
         .number = i,
         .limits = {.flows = below(9999), .new_flows_per_second = below(3), .packets_per_second = below(2)},
         .timeouts = {.tcp_opening = timeout(),
                      .tcp_established = timeout(),
                      .tcp_closing = timeout(),
                      .udp = timeout(),
                      .icmp = timeout()}});
  }

  void add_route_set() {
    RouteSet& set = table_.route_sets.emplace_back();
    repeat(below(30), [&](std::uint32_t i) {
      set.routes.push_back({{Ipv4Address::of(static_cast<std::uint8_t>(20 + i), 0, 0, 0), 8},
                            below(2) == 0 ? RouteTarget::kRouter : RouteTarget::kBlackhole});
    });
  }

  void add_rule_set() {
    RuleSet& set = table_.rule_sets.emplace_back();
    repeat(below(12), [&](std::uint32_t) {
      const auto port = static_cast<std::uint16_t>(below(60'000));
      const auto length = static_cast<std::uint8_t>(below(33));
      set.rules.push_back({.protocol = static_cast<std::int16_t>(below(2) == 0 ? 6 : 17),
                           .first_port = port,
                           .last_port = static_cast<std::uint16_t>(port + below(5'000)),
                           .destination = Ipv4Prefix::covering(Ipv4Address::from_host(below(1ULL << 32)), length)});
    });
  }

  void add_subnet(std::uint32_t index) {
    const Ipv4Prefix prefix{Ipv4Address::of(10, static_cast<std::uint8_t>(below(256)), 0, 0), 22};
    Subnet subnet{.number = SubnetNumber{index + 1},
                  .id = "subnet-" + std::to_string(index),
                  .tenant = below(table_.tenants.size()),
                  .prefix = prefix,
                  .segment = {below(2) == 0 ? "a" : "b", index},
                  .router = nth(prefix, 1),
                  .vteps = {},
                  .route_set = below(table_.route_sets.size())};
    repeat(below(4), [&](std::uint32_t i) {
      subnet.vteps.push_back(Ipv4Address::of(198, 51, 100, static_cast<std::uint8_t>(i)));
    });
    std::uint32_t host = 4;
    repeat(below(9), [&](std::uint32_t) { add_mapping(subnet, index, host); });
    table_.subnets.push_back(std::move(subnet));
  }

  void add_mapping(const Subnet& subnet, std::uint32_t subnet_index, std::uint32_t& host) {
    number_ += 1 + below(100);
    Mapping& mapping = table_.mappings.emplace_back();
    mapping.number = MappingNumber{number_};
    mapping.uid = random_() | 1;
    mapping.tenant = subnet.tenant;
    mapping.subnet = subnet_index;
    mapping.rule_set = below(table_.rule_sets.size());
    repeat(1 + below(3),
           [&](std::uint32_t) { mapping.interfaces.push_back(interface_of(++uid_, nth(subnet.prefix, host++))); });
    for (std::size_t i = 1; i < mapping.interfaces.size(); ++i) mapping.interfaces[i].drains = below(3) == 0;
  }

  std::mt19937_64& random_;
  Table table_;
  std::uint32_t number_ = 0;
  std::uint64_t uid_ = 0;
};

}  // namespace

Table small_table() {
  Table table;
  table.epoch = 3;
  table.generation = 41;
  table.peers = {{"wh1", Ipv4Address::of(192, 0, 2, 11), {Ipv4Address::of(100, 64, 0, 0), 20}},
                 {"wh2", Ipv4Address::of(192, 0, 2, 12), {Ipv4Address::of(100, 64, 16, 0), 20}}};
  table.tenants = {{.account = "111122223333", .number = 1, .limits = {.flows = 50'000}},
                   {.account = "444455556666", .number = 2}};
  table.route_sets = {{{{kEverything, RouteTarget::kRouter},
                        {kVpc, RouteTarget::kRouter},
                        {kSubnet, RouteTarget::kLocal},
                        {{Ipv4Address::of(10, 9, 0, 0), 16}, RouteTarget::kBlackhole}}}};
  table.rule_sets = {{{{.protocol = 6, .first_port = 80, .last_port = 80, .destination = kVpc},
                       {.protocol = 1, .first_port = kAnyIcmp, .last_port = kAnyIcmp, .destination = kVpc}}},
                     {{{.protocol = -1, .destination = kEverything}}},
                     {}};
  const auto subnet = [](std::uint32_t number, std::string id, std::uint32_t tenant, std::uint32_t vni) {
    return Subnet{.number = SubnetNumber{number},
                  .id = std::move(id),
                  .tenant = tenant,
                  .prefix = kSubnet,
                  .segment = {"tenants", vni},
                  .router = nth(kSubnet, 1),
                  .vteps = {Ipv4Address::of(198, 51, 100, static_cast<std::uint8_t>(10 + number))},
                  .route_set = 0};
  };
  table.subnets = {subnet(1, "subnet-a", 0, 5001), subnet(2, "subnet-a", 1, 5002)};
  table.mappings = {{.number = MappingNumber{7},
                     .uid = 100,
                     .tenant = 0,
                     .subnet = 0,
                     .rule_set = 0,
                     .interfaces = {interface_of(1, nth(kSubnet, 4)), interface_of(2, nth(kSubnet, 5))}},
                    {.number = MappingNumber{8},
                     .uid = 101,
                     .tenant = 0,
                     .subnet = 0,
                     .rule_set = 1,
                     .interfaces = {interface_of(3, nth(kSubnet, 6))}},
                    {.number = MappingNumber{9},
                     .uid = 102,
                     .tenant = 1,
                     .subnet = 1,
                     .rule_set = 2,
                     .interfaces = {interface_of(4, nth(kSubnet, 4))}}};
  return table;
}

Table random_table(std::mt19937_64& random) {
  return RandomTable(random).make();
}

Table large_table(std::uint32_t mappings) {
  constexpr std::uint32_t kMappingsPerSubnet = 200;
  Table table = small_table();
  table.subnets.clear();
  table.mappings.clear();
  for (std::uint32_t i = 0; i < mappings; ++i) {
    const std::uint32_t subnet = i / kMappingsPerSubnet;
    if (i % kMappingsPerSubnet == 0) {
      table.subnets.push_back({.number = SubnetNumber{subnet + 1},
                               .id = "subnet-" + std::to_string(subnet),
                               .tenant = subnet % 2,
                               .prefix = kSubnet,
                               .segment = {"tenants", subnet},
                               .router = nth(kSubnet, 1),
                               .vteps = {Ipv4Address::of(198, 51, 100, 10)},
                               .route_set = 0});
    }
    table.mappings.push_back({.number = MappingNumber{i + 1},
                              .uid = i + 1,
                              .tenant = subnet % 2,
                              .subnet = subnet,
                              .rule_set = i % 3,
                              .interfaces = {interface_of(i + 1, nth(kSubnet, 4 + i % kMappingsPerSubnet))}});
  }
  return table;
}

}  // namespace hypernat::config
