#include "dataplane/nat/rules.h"

#include <gtest/gtest.h>

namespace hypernat::dataplane {
namespace {

config::EgressRule rule(std::int16_t protocol, std::uint16_t first, std::uint16_t last, const char* destination) {
  return {.protocol = protocol,
          .first_port = first,
          .last_port = last,
          .destination = parse_ipv4_prefix(destination).value()};
}

CompiledRules::Opening opening(Protocol protocol, const char* destination, std::uint16_t port) {
  return {.protocol = protocol,
          .destination = parse_ipv4_address(destination).value(),
          .destination_port = L4Port::from_host(port)};
}
CompiledRules::Opening ping(std::uint8_t type, std::uint8_t code) {
  return {
      .protocol = Protocol::kIcmp, .destination = Ipv4Address::of(10, 0, 0, 1), .icmp_type = type, .icmp_code = code};
}

TEST(Rules, permit_what_any_of_them_names) {
  const CompiledRules rules({{rule(6, 80, 80, "10.0.0.0/16"), rule(6, 1000, 2000, "10.0.1.0/24"),
                              rule(17, 0, 65535, "8.8.8.8/32"), rule(-1, 0, 0, "192.168.0.0/16")}});
  struct Row {
    CompiledRules::Opening opening;
    std::uint16_t rule;
  };
  constexpr std::uint16_t kNone = CompiledRules::kNoRule;
  const std::vector<Row> rows = {
      {opening(Protocol::kTcp, "10.0.0.0", 80), 0},       {opening(Protocol::kTcp, "10.0.255.255", 80), 0},
      {opening(Protocol::kTcp, "10.1.0.0", 80), kNone},   {opening(Protocol::kTcp, "10.0.0.1", 81), kNone},
      {opening(Protocol::kTcp, "10.0.0.1", 79), kNone},   {opening(Protocol::kUdp, "10.0.0.1", 80), kNone},
      {opening(Protocol::kTcp, "10.0.1.9", 1000), 1},     {opening(Protocol::kTcp, "10.0.1.9", 2000), 1},
      {opening(Protocol::kTcp, "10.0.1.9", 2001), kNone}, {opening(Protocol::kTcp, "10.0.1.9", 999), kNone},
      {opening(Protocol::kUdp, "8.8.8.8", 0), 2},         {opening(Protocol::kUdp, "8.8.8.8", 65535), 2},
      {opening(Protocol::kUdp, "8.8.8.9", 53), kNone},    {opening(Protocol::kTcp, "192.168.3.4", 1), 3},
      {opening(Protocol::kIcmp, "192.168.3.4", 0), 3},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rules.find(rows[i].opening), rows[i].rule) << "row " << i;
}

TEST(Rules, for_icmp_name_type_and_code) {
  const CompiledRules any({{rule(1, config::kAnyIcmp, config::kAnyIcmp, "0.0.0.0/0")}});
  const CompiledRules echo({{rule(1, 8, config::kAnyIcmp, "0.0.0.0/0")}});
  const CompiledRules exact({{rule(1, 8, 0, "0.0.0.0/0")}});
  const CompiledRules other({{rule(1, 3, 4, "0.0.0.0/0")}});
  EXPECT_EQ(any.find(ping(8, 0)), 0);
  EXPECT_EQ(echo.find(ping(8, 0)), 0);
  EXPECT_EQ(echo.find(ping(8, 7)), 0);
  EXPECT_EQ(exact.find(ping(8, 0)), 0);
  EXPECT_EQ(exact.find(ping(8, 7)), CompiledRules::kNoRule);
  EXPECT_EQ(other.find(ping(8, 0)), CompiledRules::kNoRule);
}

TEST(Rules, that_are_none_permit_nothing) {
  EXPECT_EQ(CompiledRules(config::RuleSet{}).find(opening(Protocol::kTcp, "10.0.0.1", 80)), CompiledRules::kNoRule);
}

}  // namespace
}  // namespace hypernat::dataplane
