// Worker hosts and where invocations go.
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

Reply renew(World& world, const std::string& name, const std::string& zone, const std::string& address) {
  return world.call("PUT", "/hypernat/v1/worker-hosts/" + name,
                    {{"Address", address}, {"Zone", zone}, {"Socket", "/run/" + name + ".sock"}, {"Slots", 64}});
}

Reply place(World& world, const std::string& function) {
  return world.call("POST", "/hypernat/v1/placements", {{"Account", kAcme}, {"FunctionName", function}});
}

TEST(WorkerHosts, have_a_block_each_and_for_ever) {
  WorldSettings settings;
  settings.control.lambda_vpc = parse_ipv4_prefix("100.64.0.0/19").value();
  World world(settings);
  EXPECT_EQ(renew(world, "wh1", "a", "192.0.2.11").body["Block"], "100.64.0.0/20");
  EXPECT_EQ(renew(world, "wh2", "b", "192.0.2.12").body["Block"], "100.64.16.0/20");
  EXPECT_EQ(renew(world, "wh3", "b", "192.0.2.13").error, "ResourceConflictException") << "no block is left";
  EXPECT_EQ(renew(world, "wh2", "b", "192.0.2.11").error, "ResourceConflictException") << "wh1's address";
  EXPECT_EQ(renew(world, "wh1", "c", "192.0.2.14").body["Block"], "100.64.0.0/20") << "a host may move";
  ASSERT_EQ(world.table().peers.size(), 2U);
  EXPECT_EQ(to_string(world.table().peers[0].address), "192.0.2.14");
}

TEST(WorkerHosts, change_no_table_by_renewing_and_are_live_for_three_beats) {
  World world;
  renew(world, "wh1", "a", "192.0.2.11");
  const auto generation = world.generation();
  const auto is_live = [&] { return world.call("GET", "/hypernat/v1/worker-hosts").body["WorkerHosts"][0]["Live"]; };
  world.clock.advance(5999ms);
  EXPECT_EQ(is_live(), true);
  world.clock.advance(1ms);
  EXPECT_EQ(is_live(), false);
  renew(world, "wh1", "a", "192.0.2.11");
  EXPECT_EQ(is_live(), true);
  EXPECT_EQ(world.generation(), generation);
  EXPECT_EQ(world.store.publications, 2);
}

TEST(Placement, prefers_the_zone_of_the_functions_subnets) {
  World world;
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.run();
  renew(world, "wh1", "b", "192.0.2.11");
  EXPECT_EQ(place(world, "web").body["WorkerHost"], "wh1") << "there is no other";
  renew(world, "wh2", "a", "192.0.2.12");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(place(world, "web").body["WorkerHost"], "wh2");
  world.clock.advance(6s);
  renew(world, "wh1", "b", "192.0.2.11");
  EXPECT_EQ(place(world, "web").body["WorkerHost"], "wh1") << "wh2 is dead";
}

TEST(Placement, takes_the_mapping_of_the_hosts_zone_and_hosts_in_turn) {
  World world;
  world.declare();
  world.create("web", {"subnet-a", "subnet-b"}, {"sg-1"});
  world.run();
  renew(world, "wh1", "a", "192.0.2.11");
  renew(world, "wh2", "b", "192.0.2.12");
  std::map<std::string, std::string> subnet_of;
  for (const auto& mapping : world.mappings()) subnet_of[mapping["Uid"].dump()] = mapping["SubnetId"];
  std::map<std::pair<std::string, std::string>, int> seen;
  for (int i = 0; i < 10; ++i) {
    const auto body = place(world, "web").body;
    ++seen[{body["WorkerHost"], subnet_of.at(body["MappingUid"].dump())}];
  }
  EXPECT_EQ(seen, (decltype(seen){{{"wh1", "subnet-a"}, 5}, {{"wh2", "subnet-b"}, 5}}));
}

TEST(Placement, elsewhere_meets_every_host_with_every_mapping) {
  World world;
  world.declare();
  world.create("web", {"subnet-a", "subnet-b"}, {"sg-1"});
  world.run();
  renew(world, "wh1", "x", "192.0.2.11");
  renew(world, "wh2", "y", "192.0.2.12");
  std::map<std::pair<std::string, int>, int> seen;
  for (int i = 0; i < 8; ++i) {
    const auto body = place(world, "web").body;
    ++seen[{body["WorkerHost"], body["Mapping"]}];
  }
  EXPECT_EQ(seen.size(), 4U);
  for (const auto& [pair, times] : seen) EXPECT_EQ(times, 2);
}

TEST(Placement, tells_all_that_an_environment_needs_and_changes_nothing) {
  World world;
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.run();
  renew(world, "wh1", "a", "192.0.2.11");
  const auto changes = world.database->total_changes();
  const auto body = place(world, "web").body;
  EXPECT_EQ(body["Socket"], "/run/wh1.sock");
  EXPECT_EQ(body["Mapping"], world.mappings()[0]["Number"]);
  EXPECT_EQ(body["Resolver"], "10.0.1.53");
  EXPECT_EQ(body["Command"], Json({"cat"}));
  EXPECT_EQ(body["TimeoutSeconds"], 3);
  EXPECT_EQ(body["Environment"]["AWS_LAMBDA_FUNCTION_NAME"], "web");
  EXPECT_FALSE(body["Environment"].contains("HYPERNAT_COMMAND"));
  EXPECT_EQ(world.database->total_changes(), changes);
}

TEST(Placement, without_a_network_has_no_mapping) {
  World world;
  world.declare();
  world.create("plain", {}, {});
  renew(world, "wh1", "a", "192.0.2.11");
  EXPECT_EQ(place(world, "plain").body["Mapping"], 0);
  EXPECT_EQ(place(world, "plain").body["Resolver"], "");
}

}  // namespace
}  // namespace hypernat::control::testing
