#include "dataplane/nat/routes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace hypernat::dataplane {
namespace {

using config::RouteTarget;

config::Route route(const char* prefix, RouteTarget target) {
  return {.prefix = parse_ipv4_prefix(prefix).value(), .target = target};
}
Ipv4Address address(const char* text) {
  return parse_ipv4_address(text).value();
}

TEST(Routes, prefer_the_longest_prefix) {
  const CompiledRoutes routes({{route("0.0.0.0/0", RouteTarget::kRouter), route("10.0.0.0/8", RouteTarget::kBlackhole),
                                route("10.0.0.0/16", RouteTarget::kRouter), route("10.0.1.0/24", RouteTarget::kLocal),
                                route("10.0.1.255/32", RouteTarget::kBlackhole)}});
  EXPECT_EQ(routes.find(address("10.0.1.0")), RouteTarget::kLocal);
  EXPECT_EQ(routes.find(address("10.0.1.254")), RouteTarget::kLocal);
  EXPECT_EQ(routes.find(address("10.0.1.255")), RouteTarget::kBlackhole);
  EXPECT_EQ(routes.find(address("10.0.2.0")), RouteTarget::kRouter);
  EXPECT_EQ(routes.find(address("10.0.0.255")), RouteTarget::kRouter);
  EXPECT_EQ(routes.find(address("10.1.0.0")), RouteTarget::kBlackhole);
  EXPECT_EQ(routes.find(address("11.0.0.0")), RouteTarget::kRouter);
  EXPECT_EQ(routes.find(address("9.255.255.255")), RouteTarget::kRouter);
  EXPECT_EQ(routes.find(address("255.255.255.255")), RouteTarget::kRouter);
  EXPECT_EQ(routes.find(address("0.0.0.0")), RouteTarget::kRouter);
}

TEST(Routes, that_are_not_there_are_not_found) {
  EXPECT_EQ(CompiledRoutes(config::RouteSet{}).find(address("10.0.0.1")), std::nullopt);
  const CompiledRoutes routes(
      {{route("10.0.0.0/24", RouteTarget::kLocal), route("255.255.255.255/32", RouteTarget::kLocal)}});
  EXPECT_EQ(routes.find(address("9.255.255.255")), std::nullopt);
  EXPECT_EQ(routes.find(address("10.0.1.0")), std::nullopt);
  EXPECT_EQ(routes.find(address("255.255.255.254")), std::nullopt);
  EXPECT_EQ(routes.find(address("255.255.255.255")), RouteTarget::kLocal);
}

TEST(Routes, agree_with_asking_every_prefix) {
  std::mt19937_64 random(1);
  const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
  for (int round = 0; round < 200; ++round) {
    config::RouteSet set;
    for (std::uint32_t i = below(30); i > 0; --i) {
      // Few bits, so that prefixes nest and touch.
      const auto length = static_cast<std::uint8_t>(below(9));
      const auto prefix = Ipv4Prefix::covering(Ipv4Address::from_host(below(256) << 24), length);
      const bool known = std::any_of(set.routes.begin(), set.routes.end(),
                                     [&](const config::Route& other) { return other.prefix == prefix; });
      if (!known) set.routes.push_back({.prefix = prefix, .target = static_cast<RouteTarget>(below(3))});
    }
    const CompiledRoutes routes(set);
    for (std::uint32_t i = 0; i < 256; ++i) {
      for (const std::uint32_t low : {0U, 0xffffffU}) {
        const Ipv4Address destination = Ipv4Address::from_host(i << 24 | low);
        const config::Route* best = nullptr;
        for (const config::Route& candidate : set.routes)
          if (candidate.prefix.contains(destination) && (!best || candidate.prefix.length > best->prefix.length))
            best = &candidate;
        ASSERT_EQ(routes.find(destination), best ? std::optional(best->target) : std::nullopt);
      }
    }
  }
}

}  // namespace
}  // namespace hypernat::dataplane
