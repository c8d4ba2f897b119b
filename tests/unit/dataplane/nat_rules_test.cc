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

OpeningPacket opening(Protocol protocol, const char* destination, std::uint16_t port) {
  return {.protocol = protocol,
          .destination = parse_ipv4_address(destination).value(),
          .destination_port = L4Port::from_host(port)};
}
OpeningPacket ping(std::uint8_t type, std::uint8_t code) {
  return {
      .protocol = Protocol::kIcmp, .destination = Ipv4Address::of(10, 0, 0, 1), .icmp_type = type, .icmp_code = code};
}

TEST(Rules, permit_what_any_of_them_names) {
  const CompiledRules rules({{rule(6, 80, 80, "10.0.0.0/16"), rule(6, 1000, 2000, "10.0.1.0/24"),
                              rule(17, 0, 65535, "8.8.8.8/32"), rule(-1, 0, 0, "192.168.0.0/16")}});
  struct Row {
    OpeningPacket opening;
    std::uint16_t rule;
  };
  constexpr std::uint16_t kNone = Rule::kNone;
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
  EXPECT_EQ(exact.find(ping(8, 7)), Rule::kNone);
  EXPECT_EQ(other.find(ping(8, 0)), Rule::kNone);
}

TEST(Rules, that_are_none_permit_nothing) {
  EXPECT_EQ(CompiledRules(config::RuleSet{}).find(opening(Protocol::kTcp, "10.0.0.1", 80)), Rule::kNone);
}

TEST(Rules, for_another_protocol_by_number_let_nothing_of_these_out) {
  const CompiledRules rules({{rule(47, 0, 65535, "0.0.0.0/0"), rule(0, 0, 65535, "0.0.0.0/0")}});
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp, Protocol::kIcmp})
    EXPECT_EQ(rules.find(opening(protocol, "10.0.0.1", 80)), Rule::kNone);
}

TEST(Rules, are_found_by_the_same_index_however_many_there_are) {
  for (const int rules_in_all : {1, 31, 32, 33, 34, 500}) {
    const auto count = static_cast<std::uint16_t>(rules_in_all);
    config::RuleSet set;
    for (std::uint16_t i = 0; i < count; ++i) set.rules.push_back(rule(6, i, i, "10.0.0.0/8"));
    const CompiledRules rules(set);
    for (std::uint16_t port = 0; port < count; ++port)
      ASSERT_EQ(rules.find(opening(Protocol::kTcp, "10.1.2.3", port)), port) << "of " << count;
    EXPECT_EQ(rules.find(opening(Protocol::kTcp, "10.1.2.3", count)), Rule::kNone);
    EXPECT_EQ(rules.find(opening(Protocol::kTcp, "11.1.2.3", 0)), Rule::kNone);
  }
}

}  // namespace
}  // namespace hypernat::dataplane
