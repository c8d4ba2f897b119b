#include "tests/tools/many_functions.h"

#include <algorithm>
#include <string>

namespace hypernat::control {
namespace {

constexpr std::uint32_t kGroups = 100;
constexpr std::uint32_t kSubnets = 10;  // of each account's VPC
constexpr std::uint32_t kFunctionsPerChange = 1000;

std::string numbered(const char* prefix, std::uint32_t number) {
  return prefix + std::to_string(number);
}

std::string account_id(std::uint32_t account) {
  return std::to_string(100'000'000'000ULL + account);
}

void declare(Controller::Lifecycle& lifecycle, std::uint32_t account) {
  auto& networks = lifecycle.networks;
  const auto id = account_id(account);
  networks.put_account({.account = id, .number = 0, .name = numbered("tenant-", account), .limits = {.flows = 1000}});
  networks.put_vpc({.account = id, .id = "vpc-1", .cidr = parse_ipv4_prefix("10.0.0.0/16").value(), .resolver = {}});
  for (std::uint32_t subnet = 0; subnet < kSubnets; ++subnet) {
    const auto first = Ipv4Address::of(10, 0, static_cast<std::uint8_t>(subnet), 0);
    networks.put_subnet({.number = 0,
                         .account = id,
                         .id = numbered("subnet-", subnet),
                         .vpc = "vpc-1",
                         .cidr = {first, 24},
                         .zone = "a",
                         .router = Ipv4Address::from_host(first.host() + 1),
                         .segment = {.attachment = "tenants", .id = account * kSubnets + subnet + 1},
                         .vteps = {Ipv4Address::of(198, 51, 100, 11)},
                         .reserved = {},
                         .route_table = {}});
  }
  for (std::uint32_t group = 0; group < kGroups; ++group)
    networks.put_security_group({.account = id, .id = numbered("sg-", group), .vpc = "vpc-1", .egress = {}});
}

}  // namespace

Function many_function(std::uint32_t index) {
  Function function;
  function.account = account_id(index / (kSubnets * kGroups));
  function.name = numbered("f-", index);
  function.network = {.subnets = {numbered("subnet-", index / kGroups % kSubnets)},
                      .groups = {numbered("sg-", index % kGroups)}};
  return function;
}

void make_many_functions(Controller& controller, std::uint32_t count) {
  for (std::uint32_t account = 0; account * kSubnets * kGroups < count + 1; ++account)
    controller.change([&](Controller::Lifecycle& lifecycle) { declare(lifecycle, account); });
  for (std::uint32_t next = 0; next < count; next += kFunctionsPerChange)
    controller.change([&](Controller::Lifecycle& lifecycle) {
      for (std::uint32_t i = next; i < std::min(next + kFunctionsPerChange, count); ++i)
        lifecycle.functions.create(many_function(i), lifecycle.now);
    });
}

}  // namespace hypernat::control
