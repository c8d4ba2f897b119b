// A mapping has as many interfaces as its load wants, and none goes while a flow needs it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "control/store/interface_store.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace scaling_test {

// Settings as they are unless told otherwise: 80 % and 40 % of 64,512 ports, ten minutes.
constexpr std::uint32_t kCrowded = 51'610;  // the first number above
constexpr std::uint32_t kNearly = 51'608;

class Scale : public ::testing::Test {
 protected:
  Scale() {
    world.declare();
    world.create("web", {"subnet-a"}, {"sg-1"});
    world.run();
  }

  std::vector<std::string> ids(const std::string& state = "") {
    std::vector<std::string> found;
    const auto mappings = world.mappings();
    for (const auto& each : mappings.at(0).at("Interfaces"))
      if (state.empty() || each["State"] == state) found.push_back(each["Id"]);
    return found;
  }
  // A data plane that is up to date and has so many ports in use, by interface.
  void report(const std::map<std::string, std::uint32_t>& ports, const std::string& node = "dp1",
              std::uint64_t exhausted = 0) {
    world.report(node);
    auto& status = *std::find_if(world.store.reported.begin(), world.store.reported.end(),
                                 [&](const auto& each) { return each.node == node; });
    for (const auto& [id, count] : ports)
      status.port_use.push_back({.interface_id = id, .ports_in_use = count, .exhausted = exhausted});
  }
  void pass(std::chrono::milliseconds time, const std::map<std::string, std::uint32_t>& ports) {
    world.clock.advance(time);
    report(ports);
    world.beat();
    report(ports);
    world.beat();
  }
  // Until a second interface is active.
  void widen() {
    pass(0s, {{ids()[0], kCrowded}});
    pass(0s, {{ids()[0], kCrowded}});
    ASSERT_EQ(ids("Active").size(), 2U);
  }

  World world;
};

TEST_F(Scale, another_interface_comes_when_the_ports_are_nearly_used_up) {
  pass(0s, {{ids()[0], kNearly}});
  EXPECT_EQ(ids().size(), 1U);
  pass(0s, {{ids()[0], kCrowded}});
  pass(0s, {{ids()[0], kCrowded}});
  EXPECT_EQ(ids("Active").size(), 2U);
  ASSERT_EQ(world.table().mappings[0].interfaces.size(), 2U);
  EXPECT_EQ(to_string(world.table().mappings[0].interfaces[1].address), "10.0.1.5");
  EXPECT_EQ(world.state("web"), "Active");
  const auto generation = world.generation();
  pass(1min, {{ids()[0], kCrowded}, {ids()[1], 100}});
  EXPECT_EQ(ids().size(), 2U) << "the second has room";
  EXPECT_EQ(world.generation(), generation);
  pass(0s, {{ids()[0], kCrowded}, {ids()[1], kCrowded}});
  pass(0s, {{ids()[0], kCrowded}, {ids()[1], kCrowded}});
  EXPECT_EQ(ids("Active").size(), 3U);
}

TEST_F(Scale, another_interface_takes_as_long_as_any) {
  World slow({.database = ":memory:", .provisioning_time = 90s, .control = {}});
  slow.declare();
  slow.create("web", {"subnet-a"}, {"sg-1"});
  slow.clock.advance(90s);
  slow.run();
  const auto crowd = [&] {
    slow.report("dp1");
    slow.store.reported[0].port_use.push_back(
        {.interface_id = slow.mappings()[0]["Interfaces"][0]["Id"].get<std::string>(), .ports_in_use = kCrowded});
    slow.beat();
  };
  crowd();
  EXPECT_EQ(slow.controller->until_due(), 90s);
  slow.clock.advance(89s);
  crowd();
  EXPECT_EQ(slow.mappings()[0]["Interfaces"].size(), 1U);
  slow.clock.advance(1s);
  crowd();
  EXPECT_EQ(slow.mappings()[0]["Interfaces"].size(), 2U);
}

TEST_F(Scale, data_planes_add_up) {
  const auto id = ids()[0];
  report({{id, kCrowded / 2}}, "dp1");
  report({{id, kCrowded / 2 - 2}}, "dp2");
  world.beat();
  EXPECT_EQ(ids().size(), 1U);
  report({{id, kCrowded / 2}}, "dp2");
  world.beat();
  world.beat();
  EXPECT_EQ(ids().size(), 2U);
}

TEST_F(Scale, ports_that_ran_out_count_whatever_the_average) {
  const auto id = ids()[0];
  report({{id, 10}}, "dp2", 7);  // counted before it was first heard of
  world.beat();
  report({{id, 10}}, "dp2", 7);
  world.beat();
  EXPECT_EQ(ids().size(), 1U);
  report({{id, 10}}, "dp2", 8);
  world.beat();
  EXPECT_EQ(ids().size(), 2U);
}

TEST_F(Scale, an_interface_that_cannot_be_had_is_asked_for_again) {
  auto subnet = subnet_body();
  subnet["Cidr"] = "10.0.9.0/29";  // room for .4 and .5
  subnet["Router"] = "10.0.9.6";
  subnet["Segment"]["Id"] = 7000;
  ASSERT_EQ(world.put("/subnets/small", subnet).status, 200);
  world.create("f1", {"small"}, {"sg-1"});
  world.create("f2", {"small"}, {"sg-2"});
  world.run();
  const auto f1 = [&] { return world.mappings()[1]; };
  const auto id = f1()["Interfaces"][0]["Id"].get<std::string>();
  pass(0s, {{id, kCrowded}});
  EXPECT_EQ(f1()["Interfaces"].size(), 1U);
  EXPECT_EQ(f1()["State"], "Active");
  EXPECT_EQ(f1()["Wanted"]["StateReasonCode"], "SubnetOutOfIPAddresses");
  world.call("DELETE", "/2015-03-31/functions/f2");
  pass(59s, {{id, kCrowded}});
  EXPECT_EQ(f1()["Interfaces"].size(), 1U);
  pass(1s, {{id, kCrowded}});
  pass(0s, {{id, kCrowded}});
  EXPECT_EQ(f1()["Interfaces"].size(), 2U);
  EXPECT_FALSE(f1().contains("Wanted"));
}

TEST_F(Scale, an_interface_that_could_not_be_had_is_forgotten_with_the_load) {
  world.settings.control.interfaces_per_vpc = 1;
  World tight(world.settings);
  tight.declare();
  tight.create("web", {"subnet-a"}, {"sg-1"});
  tight.run();
  const auto report_ports = [&](std::uint32_t ports) {
    tight.report("dp1");
    tight.store.reported[0].port_use.push_back(
        {.interface_id = tight.mappings()[0]["Interfaces"][0]["Id"].get<std::string>(), .ports_in_use = ports});
    tight.beat();
    tight.beat();
  };
  report_ports(kCrowded);
  EXPECT_EQ(tight.mappings()[0]["Wanted"]["StateReasonCode"], "EniLimitExceeded");
  report_ports(100);
  EXPECT_FALSE(tight.mappings()[0].contains("Wanted"));
}

TEST_F(Scale, an_interface_leaves_when_little_has_been_used_for_long_and_goes_without_flows) {
  widen();
  const auto both = ids();
  pass(0s, {{both[0], 1000}, {both[1], 3}});
  pass(10min - 1ms, {{both[0], 1000}, {both[1], 3}});
  EXPECT_EQ(ids("Active").size(), 2U);
  pass(1ms, {{both[0], 1000}, {both[1], 3}});
  EXPECT_EQ(ids("Draining"), std::vector{both[1]});
  ASSERT_EQ(world.table().mappings[0].interfaces.size(), 2U);
  EXPECT_FALSE(world.table().mappings[0].interfaces[0].drains);
  EXPECT_TRUE(world.table().mappings[0].interfaces[1].drains);
  pass(24h, {{both[0], 1000}, {both[1], 1}});
  EXPECT_EQ(ids().size(), 2U) << "one flow is left";
  pass(1s, {{both[0], 1000}});
  EXPECT_EQ(ids(), std::vector{both[0]});
  EXPECT_EQ(world.table().mappings[0].interfaces.size(), 1U);
}

TEST_F(Scale, little_use_does_not_count_while_it_would_be_much_for_one) {
  widen();
  const auto both = ids();
  const std::uint32_t quarter = 13'000;  // twice that is more than 40 % of one
  pass(0s, {{both[0], quarter}, {both[1], quarter}});
  pass(24h, {{both[0], quarter}, {both[1], quarter}});
  EXPECT_EQ(ids("Active").size(), 2U);
  pass(0s, {{both[0], 10}, {both[1], 10}});
  pass(9min, {{both[0], quarter}, {both[1], quarter}});  // in between it was much
  pass(2min, {{both[0], 10}, {both[1], 10}});
  EXPECT_EQ(ids("Active").size(), 2U);
}

TEST_F(Scale, an_interface_that_leaves_comes_back_with_the_load) {
  widen();
  const auto both = ids();
  pass(0s, {{both[0], 10}, {both[1], 10}});
  pass(10min, {{both[0], 10}, {both[1], 10}});
  ASSERT_EQ(ids("Draining").size(), 1U);
  pass(1s, {{both[0], kCrowded}, {both[1], 10}});
  pass(1s, {{both[0], kCrowded}, {both[1], 10}});
  EXPECT_EQ(ids("Active"), both);
  const config::Table table = world.table();
  for (const auto& interface : table.mappings[0].interfaces) EXPECT_FALSE(interface.drains);
}

TEST_F(Scale, an_interface_does_not_go_before_every_data_plane_has_said_so_after_it_knew) {
  widen();
  pass(0s, {});
  report({}, "dp2");
  world.clock.advance(10min);
  report({});
  world.beat();
  ASSERT_EQ(ids("Draining").size(), 1U) << "it leaves";
  // dp2 is dead, but fell silent so lately that it may still forward.
  const auto silent_for = [&](std::chrono::milliseconds time) {
    std::find_if(world.store.reported.begin(), world.store.reported.end(), [](const auto& each) {
      return each.node == "dp2";
    })->unix_milliseconds = to_milliseconds(world.clock.now() - time);
  };
  silent_for(2s);
  report({});
  world.beat();
  world.clock.advance(1s);
  report({});
  world.beat();
  EXPECT_EQ(ids().size(), 2U);
  silent_for(10min - 1ms);
  world.beat();
  EXPECT_EQ(ids().size(), 2U);
  silent_for(10min);
  world.beat();
  EXPECT_EQ(ids().size(), 1U);
}

TEST_F(Scale, a_report_as_old_as_the_news_is_not_enough) {
  widen();
  pass(0s, {});
  world.clock.advance(10min);
  report({});
  world.beat();  // leaving
  report({});
  world.beat();  // held by all: draining from now on
  ASSERT_EQ(ids("Draining").size(), 1U);
  world.clock.advance(999ms);
  report({});
  world.beat();
  EXPECT_EQ(ids().size(), 2U);
  world.clock.advance(1ms);
  report({});
  world.beat();
  EXPECT_EQ(ids().size(), 1U);
}

TEST_F(Scale, a_list_cut_short_tells_nothing_of_those_beyond) {
  widen();
  const auto both = ids();
  pass(0s, {});
  pass(10min, {});
  ASSERT_EQ(ids("Draining").size(), 1U);
  world.clock.advance(1min);
  report({});
  for (int i = 0; i < 1024; ++i)
    world.store.reported[0].port_use.push_back(
        {.interface_id = interface_id(1'000'000 + static_cast<std::uint64_t>(i)), .ports_in_use = 2});
  world.beat();
  EXPECT_EQ(ids().size(), 2U);
  world.store.reported[0].port_use.back().ports_in_use = 0;
  world.beat();
  EXPECT_EQ(ids().size(), 1U);
}

TEST_F(Scale, everything_goes_with_the_mapping) {
  widen();
  pass(0s, {{ids()[0], kCrowded}, {ids()[1], kCrowded}});
  world.call("DELETE", "/2015-03-31/functions/web");
  world.run();
  EXPECT_TRUE(world.mappings().empty());
  EXPECT_TRUE(list_interfaces(*world.database).empty());
  EXPECT_TRUE(list_wanted_interfaces(*world.database).empty());
}

TEST_F(Scale, interfaces_count_against_the_quota_of_the_vpc) {
  widen();
  EXPECT_EQ(world.call("GET", "/hypernat/v1/status").body["Interfaces"], 2);
}

}  // namespace scaling_test
}  // namespace hypernat::control::testing
