// A new table under open flows: what stands goes on, what is gone is gone at once, and no slot comes back too early.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace nat_tables {

using craft::Ip;
using craft::Udp;

constexpr const char* kClient = "100.64.0.5";
constexpr const char* kServer = "10.0.1.10";
constexpr const char* kInterface = "10.0.1.20";

craft::Datagram query(std::uint16_t port = 4000) {
  return Ip{.src = kClient, .dst = kServer} / Udp{.src = port, .dst = 53};
}
craft::Datagram answer(std::uint16_t port, const std::string& interface = kInterface) {
  return Ip{.src = kServer, .dst = interface} / Udp{.src = 53, .dst = port};
}

TEST(NewTable, of_the_same_content_disturbs_no_flow) {
  NatWorld world;
  const std::uint16_t port = world.outbound(query()).seen.src_port;
  config::Table next = two_tenants();
  next.generation = 2;
  world.publish(next);
  EXPECT_TRUE(world.nat(0).swept()) << "nothing was removed, nothing is to be swept";
  EXPECT_TRUE(world.inbound(answer(port)).forwarded());
  EXPECT_FALSE(world.outbound(query()).opened);
}

TEST(NewTable, keeps_slots_whatever_order_its_objects_come_in) {
  NatWorld world;
  const std::uint16_t port = world.outbound({.mapping = 3}, query()).seen.src_port;
  const std::uint32_t slot = world.interface_slot("eni-3");
  config::Table next = two_tenants();
  std::swap(next.tenants[0], next.tenants[1]);
  std::swap(next.subnets[0], next.subnets[1]);
  for (auto& subnet : next.subnets) subnet.tenant = 1 - subnet.tenant;
  for (auto& mapping : next.mappings) {
    mapping.tenant = 1 - mapping.tenant;
    mapping.subnet = 1 - mapping.subnet;
  }
  next.mappings.erase(next.mappings.begin());
  world.publish(next);
  EXPECT_EQ(world.interface_slot("eni-3"), slot);
  EXPECT_TRUE(world.inbound(2, answer(port)).forwarded());
  EXPECT_EQ(world.flows_of_tenant(2), 1U);
}

TEST(RemovedMapping, takes_its_flows_along) {
  NatWorld world;
  const std::uint16_t port = world.outbound(query()).seen.src_port;
  ASSERT_TRUE(world.outbound(query(4001)).opened);
  ASSERT_TRUE(world.outbound({.mapping = 2}, query()).opened);
  config::Table next = two_tenants();
  next.mappings.erase(next.mappings.begin());
  world.publish(next);
  EXPECT_FALSE(world.nat(0).swept());
  EXPECT_TRUE(world.outbound(query()).dropped(Drop::unknown_segment));
  EXPECT_TRUE(world.inbound(answer(port)).dropped(Drop::not_the_interface)) << "gone before the sweep comes to it";
  world.sweep();
  EXPECT_EQ(world.open_flows(), 1U) << "that of mapping 2";
  EXPECT_EQ(world.flows_of_tenant(1), 1U);
  EXPECT_FALSE(world.outbound({.mapping = 2}, query()).opened);
}

TEST(RemovedMapping, whose_number_comes_again_with_another_uid_is_another_mapping) {
  NatWorld world;
  const Outcome old = world.outbound(query());
  config::Table next = two_tenants();
  next.mappings[0].uid = 201;
  next.mappings[0].interfaces[0].uid = 21;
  world.publish(next);
  EXPECT_TRUE(world.inbound(answer(old.seen.src_port)).dropped(Drop::no_flow)) << "the old flow is not the new one's";
  const Outcome fresh = world.outbound(query());
  ASSERT_TRUE(fresh.opened) << fresh.text();
  EXPECT_NE(fresh.egress.interface, old.egress.interface) << "the slot is not given away before the sweep";
  EXPECT_TRUE(world.inbound(answer(fresh.seen.src_port)).forwarded());
  world.sweep();
  EXPECT_EQ(world.open_flows(), 1U);
  EXPECT_EQ(world.flows_of_tenant(1), 1U);
  EXPECT_TRUE(world.inbound(answer(fresh.seen.src_port)).forwarded());
}

TEST(RemovedMapping, that_its_environment_comes_upon_in_one_burst_is_closed_once) {
  NatWorld world;
  const std::uint16_t old_port = world.outbound(query()).seen.src_port;
  config::Table next = two_tenants();
  next.mappings[0].uid = 201;
  world.publish(next);
  const auto outcomes = world.burst({{.datagram = query()},
                                     {.side = Side::kOutside, .datagram = answer(old_port)},
                                     {.datagram = query()},
                                     {.datagram = query(9)}});
  EXPECT_TRUE(outcomes[0].opened);
  EXPECT_TRUE(outcomes[1].dropped(Drop::no_flow)) << outcomes[1].text();
  EXPECT_FALSE(outcomes[2].opened);
  EXPECT_EQ(outcomes[2].bytes, outcomes[0].bytes);
  EXPECT_TRUE(outcomes[3].opened);
  world.sweep();
  EXPECT_EQ(world.open_flows(), 2U);
  EXPECT_EQ(world.flows_of_tenant(1), 2U);
}

// Mapping 1 has a second interface.
enum class Second { kServes, kDrains };

config::Table with_second_interface(Second role) {
  config::Table table = two_tenants();
  config::Interface second = table.mappings[0].interfaces[0];
  second.id = "eni-9";
  second.uid = 9;
  second.address = Ipv4Address::of(10, 0, 1, 29);
  second.drains = role == Second::kDrains;
  table.mappings[0].interfaces.push_back(second);
  table.generation = second.drains ? 3 : 2;
  return table;
}

TEST(DrainingInterface, keeps_its_flows_and_gets_no_new_ones) {
  NatWorld world({.table = with_second_interface(Second::kServes)});
  const auto from = [](std::uint32_t environment, std::uint16_t port) {
    return Ip{.src = to_string(Ipv4Address::from_host(0x64400001 + environment)), .dst = kServer} /
           Udp{.src = port, .dst = 53};
  };
  std::vector<Outcome> old;
  for (std::uint32_t i = 0; i < 100; ++i) old.push_back(world.outbound(from(i, 4000)));
  const auto is_second = [](const Outcome& out) { return out.seen.src == "10.0.1.29"; };
  ASSERT_GT(std::count_if(old.begin(), old.end(), is_second), 20) << "environments are spread over both";

  world.publish(with_second_interface(Second::kDrains));
  EXPECT_TRUE(world.nat(0).swept()) << "nothing was removed";
  for (std::uint32_t i = 0; i < 100; ++i) {
    const Outcome again = world.outbound(from(i, 4000));
    EXPECT_FALSE(again.opened);
    EXPECT_EQ(again.seen.src, old[i].seen.src);
    EXPECT_TRUE(world.inbound(answer(old[i].seen.src_port, old[i].seen.src)).forwarded());
    const Outcome fresh = world.outbound(from(i, 4001));
    EXPECT_TRUE(fresh.opened);
    EXPECT_EQ(fresh.seen.src, kInterface);
  }
  EXPECT_EQ(world.open_flows(), 200U);
}

TEST(FreedSlots, are_given_away_again_after_the_sweep_and_count_from_zero) {
  NatWorld world;
  world.outbound(query());
  const std::uint32_t slot = world.interface_slot("eni-1");
  config::Table next = two_tenants();
  next.mappings[0].uid = 201;
  next.mappings[0].interfaces[0] = {.id = "eni-21", .uid = 21, .address = Ipv4Address::of(10, 0, 1, 77), .mac = {}};
  world.publish(next);
  EXPECT_NE(world.interface_slot("eni-21"), slot);
  world.sweep();
  next.mappings[1].interfaces.push_back(
      {.id = "eni-22", .uid = 22, .address = Ipv4Address::of(10, 0, 1, 78), .mac = {}});
  world.publish(next);
  EXPECT_EQ(world.interface_slot("eni-22"), slot);
  EXPECT_EQ(world.interface_counter("eni-22", &InterfaceCounters::outbound_packets), 0U);
  EXPECT_EQ(world.interface_counter("eni-22", &InterfaceCounters::flows_opened), 0U);
}

TEST(RemovedInterface, takes_its_flows_along_and_leaves_the_mappings_others) {
  config::Table table = two_tenants();
  table.mappings[0].interfaces.push_back(
      {.id = "eni-9", .uid = 9, .address = Ipv4Address::of(10, 0, 1, 29), .mac = {}});
  NatWorld world({.table = table});
  std::vector<Outcome> flows;
  for (std::uint16_t i = 0; i < 40; ++i)
    flows.push_back(
        world.outbound(Ip{.src = "100.64.0." + std::to_string(i), .dst = kServer} / Udp{.src = 1, .dst = 53}));
  table.mappings[0].interfaces.pop_back();
  world.publish(table);
  for (std::uint16_t i = 0; i < 40; ++i) {
    const bool stays = flows[i].seen.src == kInterface;
    const Outcome out =
        world.outbound(Ip{.src = "100.64.0." + std::to_string(i), .dst = kServer} / Udp{.src = 1, .dst = 53});
    ASSERT_TRUE(out.forwarded()) << out.text();
    EXPECT_EQ(out.opened, !stays) << i;
    EXPECT_EQ(out.seen.src, kInterface);
  }
  world.sweep();
  EXPECT_EQ(world.open_flows(), 40U);
  EXPECT_EQ(world.flows_of_tenant(1), 40U);
}

TEST(InterfaceWithoutMapping, or_mapping_without_interface_refuses_by_name) {
  config::Table table = two_tenants();
  table.mappings[0].interfaces.clear();
  NatWorld world({.table = table});
  EXPECT_TRUE(world.outbound(query()).dropped(Drop::no_interface));
}

TEST(NewRules, govern_new_flows_only) {
  NatWorld world;
  ASSERT_TRUE(world.outbound(query()).opened);
  config::Table next = two_tenants();
  next.rule_sets[0].rules.clear();
  world.publish(next);
  EXPECT_TRUE(world.outbound(query()).forwarded());
  EXPECT_TRUE(world.outbound(query(4001)).dropped(Drop::egress_refused));
}

TEST(NewRules, govern_a_connection_that_reopens_a_closing_flow) {
  NatWorld world;
  const auto segment = [](const char* flags) {
    return Ip{.src = kClient, .dst = kServer} / craft::Tcp{.src = 4000, .dst = 80, .flags = flags};
  };
  ASSERT_TRUE(world.outbound(segment("S")).opened);
  config::Table next = two_tenants();
  next.rule_sets[0].rules.clear();
  world.publish(next);
  EXPECT_TRUE(world.outbound(segment("S")).forwarded()) << "the same connection";
  EXPECT_TRUE(world.outbound(segment("R")).forwarded());
  EXPECT_TRUE(world.outbound(segment("S")).dropped(Drop::egress_refused)) << "another one";
  EXPECT_STREQ(name_of(world.flows().front().state), "closing") << "and the refusal changes nothing";
}

TEST(NewRoutes, govern_new_flows_only) {
  NatWorld world;
  ASSERT_TRUE(world.outbound(query()).opened);
  config::Table next = two_tenants();
  next.route_sets[0].routes.clear();
  world.publish(next);
  EXPECT_TRUE(world.outbound(query()).forwarded());
  EXPECT_TRUE(world.outbound(query(4001)).answered(Drop::no_route));
}

TEST(NewTenantLimit, holds_for_the_next_opening) {
  NatWorld world;
  ASSERT_TRUE(world.outbound(query()).opened);
  config::Table next = two_tenants();
  next.tenants[0].limits.flows = 1;
  world.publish(next);
  EXPECT_TRUE(world.outbound(query()).forwarded());
  EXPECT_TRUE(world.outbound(query(4001)).dropped(Drop::tenant_flow_limit));
}

}  // namespace nat_tables
}  // namespace hypernat::dataplane
