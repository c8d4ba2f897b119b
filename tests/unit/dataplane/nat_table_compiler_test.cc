#include "dataplane/nat/table_compiler.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace {

TableCompiler::Options options() {
  return {.outside_attachments = {"other", "tenants"},
          .attachment_indices = {1, 3},
          .tenants = 4,
          .subnets = 4,
          .mappings = 4,
          .interfaces = 4};
}

TEST(TableCompiler, finds_everything_by_what_is_on_the_wire) {
  TableCompiler compiler(options());
  const auto tables = compiler.compile(two_tenants(), "abc");
  EXPECT_EQ(tables->generation, 1U);
  EXPECT_EQ(tables->sha256, "abc");
  for (const std::uint32_t number : {1U, 2U, 3U}) {
    const std::uint32_t slot = tables->mapping_by_number.find(number);
    ASSERT_NE(slot, Tables::kMissing);
    EXPECT_EQ(to_number(tables->mappings[slot].number), number);
    EXPECT_EQ(to_number(tables->mapping_numbers[slot]), number);
  }
  EXPECT_EQ(tables->mapping_by_number.find(4), Tables::kMissing);
  EXPECT_EQ(tables->mapping_by_number.find(kMaxNumber24), Tables::kMissing);
  const std::uint32_t subnet = tables->subnet_by_segment.at(3).find(5002);
  ASSERT_EQ(subnet, tables->subnet_by_number.find(2));
  EXPECT_EQ(tables->subnets[subnet].attachment, 3);
  EXPECT_EQ(tables->subnet_by_segment.at(1).find(5002), Tables::kMissing);
  const std::uint32_t interface = tables->find_interface(subnet, Ipv4Address::of(10, 0, 1, 20));
  ASSERT_NE(interface, Tables::kMissing);
  EXPECT_EQ(tables->interfaces[interface].id, "eni-3");
  EXPECT_EQ(tables->find_interface(subnet, Ipv4Address::of(10, 0, 1, 21)), Tables::kMissing)
      << "it is the other tenant's";
  EXPECT_EQ(tables->find_peer(Ipv4Address::of(192, 0, 2, 12))->name, "wh2");
  EXPECT_EQ(tables->find_peer(Ipv4Address::of(192, 0, 2, 13)), nullptr);
  EXPECT_EQ(tables->find_peer(Ipv4Address::of(0, 0, 0, 0)), nullptr);
}

TEST(TableCompiler, takes_over_what_tenants_may_do) {
  TableCompiler compiler(options());
  config::Table table = two_tenants();
  EXPECT_FALSE(compiler.compile(table, "")->any_packet_limit);
  table.tenants[1].limits = {.flows = 1, .new_flows_per_second = 2, .packets_per_second = 3};
  table.tenants[1].timeouts = {.tcp_established = std::chrono::seconds(7), .udp = std::chrono::milliseconds(100)};
  const auto tables = compiler.compile(table, "");
  EXPECT_TRUE(tables->any_packet_limit);
  EXPECT_EQ(tables->tenants[0].limits, config::TenantLimits{});
  EXPECT_EQ(tables->tenants[1].limits, table.tenants[1].limits);
  const FlowTimeouts& timeouts = tables->tenants[1].timeouts;
  EXPECT_EQ(timeouts.of(FlowState::kEstablished), 7'000U);
  EXPECT_EQ(timeouts.of(FlowState::kUdp), 100U);
  for (const FlowState state : {FlowState::kOpening, FlowState::kClosing, FlowState::kEcho}) {
    EXPECT_EQ(timeouts.of(state), 0U);
    EXPECT_EQ(tables->tenants[0].timeouts.of(state), 0U);
  }
}

TEST(TableCompiler, shares_sets_of_equal_content_between_objects_and_generations) {
  TableCompiler compiler(options());
  config::Table table = two_tenants();
  table.route_sets.push_back(table.route_sets[0]);
  table.subnets[1].route_set = 1;
  const auto first = compiler.compile(table, "");
  const auto second = compiler.compile(table, "");
  EXPECT_EQ(first->subnets[0].routes, first->subnets[1].routes);
  EXPECT_EQ(first->subnets[0].routes, second->subnets[0].routes);
  EXPECT_EQ(first->mappings[0].rules, second->mappings[0].rules);
  EXPECT_NE(first->mappings[0].rules, first->mappings[1].rules);
}

TEST(TableCompiler, gives_freed_slots_away_only_after_they_were_reclaimed) {
  TableCompiler compiler(options());
  config::Table table = two_tenants();
  const auto first = compiler.compile(table, "");
  EXPECT_FALSE(first->sweep_needed);
  EXPECT_EQ(first->new_interfaces.size(), 3U);

  table.mappings[0].uid = 500;
  const auto second = compiler.compile(table, "");
  EXPECT_TRUE(second->sweep_needed);
  EXPECT_NE(second->mapping_by_number.find(1), first->mapping_by_number.find(1));
  EXPECT_EQ(second->mapping_by_number.find(2), first->mapping_by_number.find(2));
  EXPECT_EQ(second->mappings[first->mapping_by_number.find(1)].uid, 0U) << "nobody's slot";
  EXPECT_EQ(second->new_interfaces.size(), 1U) << "an interface of another mapping is another interface";

  table.mappings[0].uid = 501;
  try {
    compiler.compile(table, "");
    FAIL() << "there is no slot left";
  } catch (const config::TableError& error) {
    EXPECT_STREQ(
        error.what(),
        "mappings: no slot is left of 4, of which 1 are still being swept; expected a higher limit in the data "
        "plane's configuration");
  }
  table.mappings[0].uid = 500;
  EXPECT_EQ(compiler.compile(table, "")->mapping_by_number.find(1), second->mapping_by_number.find(1))
      << "a refused table changes nothing";

  compiler.reclaim();
  table.mappings[0].uid = 501;
  EXPECT_EQ(compiler.compile(table, "")->mapping_by_number.find(1), first->mapping_by_number.find(1));
}

TEST(TableCompiler, needs_no_sweep_once_everything_is_reclaimed) {
  TableCompiler compiler(options());
  config::Table table = two_tenants();
  compiler.compile(table, "");
  table.mappings.pop_back();
  EXPECT_TRUE(compiler.compile(table, "")->sweep_needed);
  EXPECT_TRUE(compiler.compile(table, "")->sweep_needed) << "workers may not have finished";
  compiler.reclaim();
  EXPECT_FALSE(compiler.compile(table, "")->sweep_needed);
}

TEST(TableCompiler, refuses_what_it_has_no_place_for_and_changes_nothing) {
  TableCompiler compiler(options());
  const auto first = compiler.compile(two_tenants(), "");
  config::Table table = two_tenants();
  table.subnets[1].segment.attachment = "nowhere";
  try {
    compiler.compile(table, "");
    FAIL();
  } catch (const config::TableError& error) {
    EXPECT_STREQ(error.what(), "subnet subnet-2: attachment \"nowhere\" is no outside attachment of this data plane");
  }
  table = two_tenants();
  for (std::uint32_t number = 3; number < 6; ++number)
    table.tenants.push_back({.account = "333333333333", .number = number});
  EXPECT_THROW(compiler.compile(table, ""), config::TableError);
  const auto next = compiler.compile(two_tenants(), "");
  EXPECT_EQ(next->new_interfaces.size(), 0U);
  EXPECT_EQ(next->mapping_by_number.find(3), first->mapping_by_number.find(3));
}

}  // namespace
}  // namespace hypernat::dataplane
