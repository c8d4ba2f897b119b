// The table that most tests translate by.
#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace {

Ipv4Address ipv4_of(const std::string& text) {
  return parse_ipv4_address(text).value();
}
Ipv4Prefix prefix_of(const std::string& text) {
  return parse_ipv4_prefix(text).value();
}

config::Route route(const std::string& prefix, config::RouteTarget target) {
  return {.prefix = prefix_of(prefix), .target = target};
}

config::Subnet subnet(std::uint32_t number, std::uint32_t tenant) {
  return {.number = SubnetNumber{number},
          .id = "subnet-" + std::to_string(number),
          .tenant = tenant,
          .prefix = prefix_of("10.0.1.0/24"),
          .segment = {.attachment = "tenants", .id = 5000 + number},
          .router = ipv4_of("10.0.1.1"),
          .vteps = {ipv4_of("198.51.100.11")},
          .route_set = 0};
}

config::Interface interface(std::uint64_t uid, const std::string& address) {
  return {.id = "eni-" + std::to_string(uid),
          .uid = uid,
          .address = ipv4_of(address),
          .mac = {{2, 0, 0, 1, 0, static_cast<std::uint8_t>(uid)}}};
}

}  // namespace

config::Table two_tenants() {
  constexpr auto kAnyPort = std::uint16_t{0xffff};
  config::Table table;
  table.epoch = table.generation = 1;
  table.peers = {{.name = "wh1", .address = ipv4_of("192.0.2.11"), .block = prefix_of("100.64.0.0/20")},
                 {.name = "wh2", .address = ipv4_of("192.0.2.12"), .block = prefix_of("100.64.16.0/20")}};
  table.tenants = {{.account = "111111111111", .number = 1}, {.account = "222222222222", .number = 2}};
  table.route_sets = {
      {.routes = {route("0.0.0.0/0", config::RouteTarget::kRouter), route("10.0.0.0/16", config::RouteTarget::kRouter),
                  route("10.0.1.0/24", config::RouteTarget::kLocal),
                  route("10.9.0.0/16", config::RouteTarget::kBlackhole)}}};
  const Ipv4Prefix vpc = prefix_of("10.0.0.0/16");
  table.rule_sets = {
      {.rules = {{.protocol = -1, .first_port = 0, .last_port = kAnyPort, .destination = prefix_of("0.0.0.0/0")}}},
      {.rules = {{.protocol = 6, .first_port = 80, .last_port = 80, .destination = vpc},
                 {.protocol = 17, .first_port = 53, .last_port = 53, .destination = vpc},
                 {.protocol = 1, .first_port = 8, .last_port = config::kAnyIcmp, .destination = vpc}}}};
  table.subnets = {subnet(1, 0), subnet(2, 1)};
  table.mappings = {{.number = MappingNumber{1},
                     .uid = 101,
                     .tenant = 0,
                     .subnet = 0,
                     .rule_set = 0,
                     .interfaces = {interface(1, "10.0.1.20")}},
                    {.number = MappingNumber{2},
                     .uid = 102,
                     .tenant = 0,
                     .subnet = 0,
                     .rule_set = 1,
                     .interfaces = {interface(2, "10.0.1.21")}},
                    {.number = MappingNumber{3},
                     .uid = 103,
                     .tenant = 1,
                     .subnet = 1,
                     .rule_set = 0,
                     .interfaces = {interface(3, "10.0.1.20")}}};
  return table;
}

}  // namespace hypernat::dataplane
