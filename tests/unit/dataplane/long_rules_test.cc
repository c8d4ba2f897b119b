// The contract of nat/long_rules.h. Linked once with each implementation; both must pass.
#include "dataplane/nat/long_rules.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <vector>

namespace hypernat::dataplane {
namespace {

using config::EgressRule;
using config::kAnyIcmp;

EgressRule rule(std::int16_t protocol, std::uint16_t first, std::uint16_t last, const char* destination) {
  return {.protocol = protocol,
          .first_port = first,
          .last_port = last,
          .destination = parse_ipv4_prefix(destination).value()};
}

OpeningPacket to(Protocol protocol, const char* destination, std::uint16_t port) {
  return {.protocol = protocol,
          .destination = parse_ipv4_address(destination).value(),
          .destination_port = L4Port::from_host(port)};
}
OpeningPacket ping(const char* destination, std::uint8_t type, std::uint8_t code) {
  return {.protocol = Protocol::kIcmp,
          .destination = parse_ipv4_address(destination).value(),
          .icmp_type = type,
          .icmp_code = code};
}

// By AWS's words: protocol -1 is every one, ICMP -1 any type or code, any rule that matches permits.
std::uint16_t obvious(const std::vector<EgressRule>& rules, const OpeningPacket& packet) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const EgressRule& one = rules[i];
    const std::uint32_t from = one.destination.first().host();
    const std::uint32_t until = one.destination.last().host();
    if (packet.destination.host() < from || packet.destination.host() > until) continue;
    if (one.protocol != -1 && one.protocol != static_cast<int>(packet.protocol)) continue;
    bool fits = one.protocol == -1;
    if (!fits && packet.protocol == Protocol::kIcmp) {
      const bool type = one.first_port == kAnyIcmp || one.first_port == packet.icmp_type;
      const bool code = one.last_port == kAnyIcmp || one.last_port == packet.icmp_code;
      fits = type && code;
    } else if (!fits) {
      fits = packet.destination_port.host() >= one.first_port && packet.destination_port.host() <= one.last_port;
    }
    if (fits) return static_cast<std::uint16_t>(i);
  }
  return Rule::kNone;
}

class RandomRules {
 public:
  explicit RandomRules(std::uint64_t seed) : random_(seed) {}

  EgressRule rule() {
    static constexpr std::int16_t kProtocols[] = {-1, 1, 6, 6, 6, 17, 17, 0, 47, 255};
    EgressRule made{.protocol = kProtocols[below(10)],
                    .first_port = 0,
                    .last_port = 0,
                    .destination = Ipv4Prefix::covering(address(), static_cast<std::uint8_t>(below(33)))};
    if (made.destination.length < 8 && below(4) != 0) made.destination = Ipv4Prefix::covering(address(), 32);
    if (made.protocol == 1) {
      made.first_port = below(3) == 0 ? kAnyIcmp : static_cast<std::uint16_t>(below(20));
      made.last_port = made.first_port == kAnyIcmp || below(2) == 0 ? kAnyIcmp : static_cast<std::uint16_t>(below(5));
    } else if (made.protocol >= 0) {
      const auto a = port();
      const auto b = below(2) == 0 ? a : port();
      made.first_port = std::min(a, b);
      made.last_port = std::max(a, b);
    }
    return made;
  }
  std::vector<EgressRule> rules(std::size_t count) {
    std::vector<EgressRule> made;
    while (made.size() < count) made.push_back(rule());
    return made;
  }
  // Often at an edge of one of the rules, where a mistake would show.
  OpeningPacket packet(const std::vector<EgressRule>& rules) {
    static constexpr Protocol kProtocols[] = {Protocol::kTcp, Protocol::kUdp, Protocol::kIcmp};
    OpeningPacket made{.protocol = kProtocols[below(3)],
                       .destination = address(),
                       .destination_port = L4Port::from_host(port()),
                       .icmp_type = static_cast<std::uint8_t>(below(20)),
                       .icmp_code = static_cast<std::uint8_t>(below(5))};
    const EgressRule& near = rules[below(rules.size())];
    const std::uint32_t edge = below(2) == 0 ? near.destination.first().host() : near.destination.last().host();
    if (below(4) != 0) made.destination = Ipv4Address::from_host(edge + below(3) - 1);
    if (below(2) != 0)
      made.destination_port = L4Port::from_host(
          static_cast<std::uint16_t>((below(2) == 0 ? near.first_port : near.last_port) + below(3) - 1));
    return made;
  }

 private:
  std::uint32_t below(std::size_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
  std::uint16_t port() { return static_cast<std::uint16_t>(below(3) == 0 ? below(65'536) : 79 + below(4)); }
  Ipv4Address address() { return Ipv4Address::from_host(0x0a000000 + below(below(2) == 0 ? 0x400 : 0x1000000)); }
  std::mt19937_64 random_;
};

TEST(LongRulesContract, permits_by_prefix_protocol_and_ports) {
  const std::vector<EgressRule> rules = {rule(6, 80, 80, "10.0.0.0/16"),   rule(6, 1000, 2000, "10.0.1.0/24"),
                                         rule(17, 0, 65535, "8.8.8.8/32"), rule(-1, 0, 0, "192.168.0.0/16"),
                                         rule(47, 0, 65535, "0.0.0.0/0"),  rule(1, 8, kAnyIcmp, "10.0.0.0/16"),
                                         rule(1, 3, 4, "10.0.0.0/16"),     rule(1, kAnyIcmp, kAnyIcmp, "10.1.0.0/16")};
  const auto built = LongRules::build(rules);
  ASSERT_TRUE(built);
  struct Row {
    OpeningPacket packet;
    std::uint16_t rule;
  };
  const std::vector<Row> rows = {
      {to(Protocol::kTcp, "10.0.0.0", 80), 0},
      {to(Protocol::kTcp, "10.0.255.255", 80), 0},
      {to(Protocol::kTcp, "10.2.0.0", 80), Rule::kNone},
      {to(Protocol::kTcp, "10.0.0.1", 81), Rule::kNone},
      {to(Protocol::kUdp, "10.0.0.1", 80), Rule::kNone},
      {to(Protocol::kTcp, "10.0.1.9", 1000), 1},
      {to(Protocol::kTcp, "10.0.1.9", 2000), 1},
      {to(Protocol::kTcp, "10.0.1.9", 2001), Rule::kNone},
      {to(Protocol::kTcp, "10.0.1.9", 999), Rule::kNone},
      {to(Protocol::kUdp, "8.8.8.8", 0), 2},
      {to(Protocol::kUdp, "8.8.8.8", 65535), 2},
      {to(Protocol::kUdp, "8.8.8.9", 53), Rule::kNone},
      {to(Protocol::kTcp, "192.168.3.4", 1), 3},
      {ping("192.168.3.4", 255, 255), 3},
      {ping("10.0.0.1", 8, 0), 5},
      {ping("10.0.0.1", 8, 255), 5},
      {ping("10.0.0.1", 3, 4), 6},
      {ping("10.0.0.1", 3, 3), Rule::kNone},
      {ping("10.0.0.1", 0, 0), Rule::kNone},
      {ping("10.1.0.1", 255, 255), 7},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(built->find(rows[i].packet), rows[i].rule) << "row " << i;
}

TEST(LongRulesContract, names_the_first_of_several_that_permit) {
  const auto built =
      LongRules::build(std::vector<EgressRule>{rule(6, 90, 99, "10.0.0.0/8"), rule(-1, 0, 0, "0.0.0.0/0"),
                                               rule(6, 80, 80, "10.0.0.0/8"), rule(6, 95, 95, "10.0.0.1/32")});
  ASSERT_TRUE(built);
  EXPECT_EQ(built->find(to(Protocol::kTcp, "10.0.0.1", 95)), 0);
  EXPECT_EQ(built->find(to(Protocol::kTcp, "10.0.0.1", 80)), 1);
}

TEST(LongRulesContract, agrees_with_the_obvious_on_random_rules) {
  std::uint32_t permitted = 0;
  for (const std::size_t count : {1U, 2U, 33U, 100U, 400U, 1'000U}) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      RandomRules random(seed * 7919 + count);
      const std::vector<EgressRule> rules = random.rules(count);
      const auto built = LongRules::build(rules);
      ASSERT_TRUE(built);
      for (int i = 0; i < 3'000; ++i) {
        const OpeningPacket packet = random.packet(rules);
        const std::uint16_t expected = obvious(rules, packet);
        ASSERT_EQ(built->find(packet), expected)
            << count << " rules, seed " << seed << ": " << to_string(packet.protocol) << " to "
            << to_string(packet.destination) << ":" << packet.destination_port.host() << ", ICMP "
            << int{packet.icmp_type} << "/" << int{packet.icmp_code};
        permitted += expected != Rule::kNone ? 1 : 0;
      }
    }
  }
  EXPECT_GT(permitted, 10'000U) << "else little was asked";
}

// As a group of many members gives them.
TEST(LongRulesContract, holds_thousands_of_addresses) {
  constexpr std::uint32_t kMembers = 8'000;
  std::vector<EgressRule> rules;
  for (std::uint32_t i = 0; i < kMembers; ++i)
    rules.push_back({.protocol = 6,
                     .first_port = 443,
                     .last_port = 443,
                     .destination = {Ipv4Address::from_host(0x0a000000 + 3 * i), 32}});
  const auto start = std::chrono::steady_clock::now();
  const auto built = LongRules::build(rules);
  const auto taken = std::chrono::steady_clock::now() - start;
  std::printf("  %u rules built in %d ms\n", kMembers,
              static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(taken).count()));
  ASSERT_TRUE(built);
  for (std::uint32_t i = 0; i < kMembers; i += 7) {
    const auto at = [&](std::uint32_t host) {
      return OpeningPacket{.protocol = Protocol::kTcp,
                           .destination = Ipv4Address::from_host(host),
                           .destination_port = L4Port::from_host(443)};
    };
    ASSERT_EQ(built->find(at(0x0a000000 + 3 * i)), i);
    ASSERT_EQ(built->find(at(0x0a000000 + 3 * i + 1)), Rule::kNone);
  }
}

TEST(LongRulesContract, comes_and_goes_any_number_of_times) {
  RandomRules random(5);
  for (int i = 0; i < 50; ++i) {
    const auto rules = random.rules(64);
    const auto built = LongRules::build(rules);
    ASSERT_TRUE(built);
    const OpeningPacket packet = random.packet(rules);
    EXPECT_EQ(built->find(packet), obvious(rules, packet));
  }
}

}  // namespace
}  // namespace hypernat::dataplane
