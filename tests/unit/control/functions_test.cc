// Functions, the mappings they share, and what each waits for.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

Json mapping_of(World& world, const std::string& function, const std::string& account = kAcme) {
  for (const auto& mapping : world.mappings())
    for (const auto& name : mapping["Functions"])
      if (mapping["Account"] == account && name == function) return mapping;
  return nullptr;
}

TEST(Sharing, five_functions_with_three_network_configurations_have_three_interfaces) {
  World world;
  world.declare(kAcme);
  world.declare(kGlobex);
  ASSERT_EQ(world.create("web", {"subnet-a"}, {"sg-1", "sg-2"}).status, 201);
  ASSERT_EQ(world.create("api", {"subnet-a"}, {"sg-2", "sg-1"}).status, 201);
  ASSERT_EQ(world.create("dns", {"subnet-a"}, {"sg-1"}).status, 201);
  ASSERT_EQ(world.create("web", {"subnet-a"}, {"sg-1"}, kGlobex).status, 201);
  ASSERT_EQ(world.create("log", {"subnet-a"}, {"sg-1"}, kGlobex).status, 201);
  world.run();

  const auto status = world.call("GET", "/hypernat/v1/status").body;
  EXPECT_EQ(status["Functions"], 5);
  EXPECT_EQ(status["Mappings"], 3);
  EXPECT_EQ(status["Interfaces"], 3);
  EXPECT_EQ(mapping_of(world, "web")["Functions"], Json({"api", "web"}));
  EXPECT_EQ(mapping_of(world, "web", kGlobex)["Functions"], Json({"log", "web"}));
  for (const char* name : {"web", "api", "dns"}) EXPECT_EQ(world.state(name), "Active");
  // Both tenants have the same prefix, and so the same addresses.
  EXPECT_EQ(mapping_of(world, "web")["Interfaces"][0]["Address"], "10.0.1.4");
  EXPECT_EQ(mapping_of(world, "web", kGlobex)["Interfaces"][0]["Address"], "10.0.1.4");
}

TEST(Sharing, a_function_that_finds_its_mapping_active_makes_no_new_table) {
  World world;
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.run();
  const auto generation = world.generation();
  const auto bytes = world.store.table;
  world.create("api", {"subnet-a"}, {"sg-1"});
  EXPECT_EQ(world.state("api"), "Active");
  EXPECT_EQ(world.generation(), generation);
  EXPECT_EQ(world.store.table, bytes);
}

TEST(Sharing, a_mapping_goes_with_its_last_reference) {
  World world;
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.create("api", {"subnet-a"}, {"sg-1"});
  world.run();
  EXPECT_EQ(world.call("DELETE", "/2015-03-31/functions/web").status, 204);
  EXPECT_EQ(world.mappings().size(), 1U);
  EXPECT_EQ(world.call("DELETE", "/2015-03-31/functions/api").status, 204);
  EXPECT_EQ(world.mappings().size(), 0U);
  EXPECT_TRUE(world.table().mappings.empty());
}

TEST(Sharing, a_function_in_two_subnets_has_two_mappings) {
  World world;
  world.declare();
  world.create("web", {"subnet-a", "subnet-b"}, {"sg-1"});
  world.run();
  EXPECT_EQ(world.mappings().size(), 2U);
  EXPECT_EQ(world.state("web"), "Active");
}

TEST(Release, takes_as_long_as_it_is_told_and_is_undone_by_a_new_reference) {
  WorldSettings settings;
  settings.control.release_after = 20min;
  World world(settings);
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.run();
  const auto uid = world.mappings()[0]["Uid"];
  world.call("DELETE", "/2015-03-31/functions/web");
  EXPECT_EQ(world.mappings()[0]["State"], "Releasing");
  EXPECT_EQ(world.table().mappings.size(), 1U);
  world.clock.advance(19min);
  world.run();
  world.create("api", {"subnet-a"}, {"sg-1"});
  EXPECT_EQ(world.mappings()[0]["Uid"], uid);
  EXPECT_EQ(world.state("api"), "Active");
  world.call("DELETE", "/2015-03-31/functions/api");
  world.clock.advance(20min);
  world.beat();
  EXPECT_TRUE(world.mappings().empty());
}

TEST(Pending, lasts_as_long_as_provisioning_does) {
  World world({.database = ":memory:", .provisioning_time = 90s, .control = {}});
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.clock.advance(89'999ms);
  world.run();
  EXPECT_EQ(world.state("web"), "Pending");
  EXPECT_TRUE(world.mappings()[0]["Interfaces"].empty());
  EXPECT_NE(world.function("web")["StateReason"].get<std::string>().find("being made"), std::string::npos);
  world.clock.advance(1ms);
  world.run();
  EXPECT_EQ(world.state("web"), "Active");
}

TEST(Pending, says_that_no_data_plane_is_alive) {
  World world;
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.beat();
  EXPECT_EQ(world.state("web"), "Pending");
  EXPECT_EQ(world.function("web")["StateReasonCode"], "Creating");
  EXPECT_NE(world.function("web")["StateReason"].get<std::string>().find("no data plane is alive"), std::string::npos);
  EXPECT_NE(world.mappings()[0]["StateReason"].get<std::string>().find("no data plane is alive"), std::string::npos);
}

TEST(Pending, is_not_ended_by_a_status_of_three_beats_ago_or_of_the_future) {
  for (const auto age : {1500ms, -1500ms}) {
    World world;
    world.declare();
    world.create("web", {"subnet-a"}, {"sg-1"});
    world.report("dp1");
    world.store.reported[0].unix_milliseconds -= age.count();
    world.beat();
    EXPECT_EQ(world.state("web"), "Pending");
    world.store.reported[0].unix_milliseconds += age > 0ms ? 1 : -1;
    world.beat();
    EXPECT_EQ(world.state("web"), "Active");
  }
}

TEST(Pending, waits_for_every_live_data_plane_and_for_no_dead_one) {
  World world;
  world.declare();
  world.report("dp2");  // before the function: a generation behind
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.report("dp1");
  world.beat();
  EXPECT_EQ(world.state("web"), "Pending");
  EXPECT_NE(world.function("web")["StateReason"].get<std::string>().find("dp2 is at generation"), std::string::npos);
  world.store.reported[0].refusal = "mapping 1: found nonsense";
  world.beat();
  EXPECT_NE(world.function("web")["StateReason"].get<std::string>().find("found nonsense"), std::string::npos);
  world.clock.advance(1500ms);  // dp2 is dead now
  world.report("dp1");
  world.beat();
  EXPECT_EQ(world.state("web"), "Active");
}

TEST(Pending, is_not_ended_by_a_table_of_another_epoch) {
  World world;
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.report("dp1");
  world.store.reported[0].epoch += 1;
  world.store.reported[0].generation += 100;
  world.beat();
  EXPECT_EQ(world.state("web"), "Pending");
}

TEST(Active, stays_when_every_data_plane_dies) {
  World world;
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.run();
  world.clock.advance(1h);
  world.beat();
  EXPECT_EQ(world.state("web"), "Active");
}

TEST(WithoutNetwork, a_function_is_active_at_once_and_needs_no_interface) {
  World world;
  world.declare();
  EXPECT_EQ(world.create("plain", {}, {}).body["State"], "Active");
  EXPECT_TRUE(world.mappings().empty());
}

TEST(Update, keeps_the_old_mapping_until_the_new_one_is_active) {
  World world({.database = ":memory:", .provisioning_time = 90s, .control = {}});
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.clock.advance(90s);
  world.run();
  const auto old_uid = world.mappings()[0]["Uid"];

  const auto reply = world.update("web", {"subnet-b"}, {"sg-1"});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body["State"], "Active");
  EXPECT_EQ(reply.body["LastUpdateStatus"], "InProgress");
  EXPECT_EQ(reply.body["VpcConfig"]["SubnetIds"], Json({"subnet-b"}));
  EXPECT_EQ(world.update("web", {"subnet-a"}, {"sg-2"}).error, "ResourceConflictException");

  world.call("PUT", "/hypernat/v1/worker-hosts/wh1",
             {{"Address", "192.0.2.11"}, {"Zone", "a"}, {"Socket", "/run/wh1.sock"}, {"Slots", 4}});
  const Json placement{{"Account", kAcme}, {"FunctionName", "web"}};
  EXPECT_EQ(world.call("POST", "/hypernat/v1/placements", placement).body["MappingUid"], old_uid);

  world.clock.advance(90s);
  world.run();
  EXPECT_EQ(world.function("web")["LastUpdateStatus"], "Successful");
  ASSERT_EQ(world.mappings().size(), 1U);
  EXPECT_EQ(world.mappings()[0]["SubnetId"], "subnet-b");
  world.call("PUT", "/hypernat/v1/worker-hosts/wh1",
             {{"Address", "192.0.2.11"}, {"Zone", "a"}, {"Socket", "/run/wh1.sock"}, {"Slots", 4}});
  EXPECT_EQ(world.call("POST", "/hypernat/v1/placements", placement).body["MappingUid"], world.mappings()[0]["Uid"]);
}

TEST(Update, that_fails_leaves_the_old_network_in_use) {
  WorldSettings settings;
  settings.control.interfaces_per_vpc = 1;
  World world(settings);
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.run();
  const auto old = world.mappings();
  world.update("web", {"subnet-b"}, {"sg-1"});
  world.run();
  const auto function = world.function("web");
  EXPECT_EQ(function["State"], "Active");
  EXPECT_EQ(function["LastUpdateStatus"], "Failed");
  EXPECT_EQ(function["LastUpdateStatusReasonCode"], "EniLimitExceeded");
  EXPECT_EQ(function["VpcConfig"]["SubnetIds"], Json({"subnet-a"}));
  EXPECT_EQ(world.mappings(), old);
}

TEST(Update, to_the_same_sets_in_another_order_changes_no_table) {
  World world;
  world.declare();
  world.create("web", {"subnet-a", "subnet-b"}, {"sg-1", "sg-2"});
  world.run();
  const auto generation = world.generation();
  EXPECT_EQ(world.update("web", {"subnet-b", "subnet-a"}, {"sg-2", "sg-1"}).body["LastUpdateStatus"], "Successful");
  EXPECT_EQ(world.generation(), generation);
}

TEST(Update, to_no_network_releases_it_at_once) {
  World world;
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.run();
  EXPECT_EQ(world.update("web", {}, {}).body["LastUpdateStatus"], "Successful");
  EXPECT_TRUE(world.mappings().empty());
  EXPECT_EQ(world.update("web", {"subnet-a"}, {"sg-1"}).body["LastUpdateStatus"], "InProgress");
  world.run();
  EXPECT_EQ(world.function("web")["LastUpdateStatus"], "Successful");
  EXPECT_EQ(world.mappings().size(), 1U);
}

TEST(Update, of_the_settings_alone_takes_effect_at_once) {
  World world;
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  EXPECT_EQ(world.call("PUT", "/2015-03-31/functions/web/configuration", {{"Timeout", 9}}).error,
            "ResourceConflictException");
  world.run();
  const auto revision = world.function("web")["RevisionId"];
  const auto reply = world.call("PUT", "/2015-03-31/functions/web/configuration",
                                {{"Timeout", 9}, {"RevisionId", revision}, {"Description", "x"}});
  EXPECT_EQ(reply.body["Timeout"], 9);
  EXPECT_EQ(reply.body["Handler"], "command");
  EXPECT_EQ(
      world.call("PUT", "/2015-03-31/functions/web/configuration", {{"Timeout", 9}, {"RevisionId", revision}}).error,
      "PreconditionFailedException");
}

TEST(Failure, when_the_subnet_is_full_is_named_and_ends_when_there_is_room) {
  World world;
  world.declare();
  auto subnet = subnet_body();  // 10.0.9.0/29: .4, .5 and .6 could be given, but .6 is the router
  subnet["Cidr"] = "10.0.9.0/29";
  subnet["Router"] = "10.0.9.6";
  subnet["Segment"]["Id"] = 7000;
  ASSERT_EQ(world.put("/subnets/small", subnet).status, 200);
  world.create("f1", {"small"}, {"sg-1"});
  world.create("f2", {"small"}, {"sg-2"});
  world.create("f3", {"small"}, {"sg-1", "sg-2"});
  world.run();
  EXPECT_EQ(world.state("f1"), "Active");
  EXPECT_EQ(world.state("f2"), "Active");
  EXPECT_EQ(world.state("f3"), "Failed");
  EXPECT_EQ(world.function("f3")["StateReasonCode"], "SubnetOutOfIPAddresses");
  EXPECT_EQ(world.call("POST", "/2015-03-31/functions/f3/invocations").status, 409);

  world.call("DELETE", "/2015-03-31/functions/f1");
  EXPECT_EQ(world.update("f3", {"small"}, {"sg-1", "sg-2"}).body["State"], "Pending");
  world.run();
  EXPECT_EQ(world.state("f3"), "Active");
}

TEST(Failure, of_one_subnet_is_the_functions) {
  WorldSettings settings;
  settings.control.interfaces_per_vpc = 1;
  World world(settings);
  world.declare();
  world.create("web", {"subnet-a", "subnet-b"}, {"sg-1"});
  world.run();
  EXPECT_EQ(world.state("web"), "Failed");
  EXPECT_EQ(world.function("web")["StateReasonCode"], "EniLimitExceeded");
  EXPECT_EQ(world.call("DELETE", "/2015-03-31/functions/web").status, 204);
  EXPECT_TRUE(world.mappings().empty());
}

// AWS's quotas: 16 subnets and 5 groups of a function, 250 interfaces of a VPC.
TEST(Quotas, let_a_vpc_have_250_interfaces_and_a_function_16_subnets_and_5_groups) {
  World world;
  world.declare();
  std::vector<std::string> subnets;
  std::vector<std::string> groups;
  for (int i = 0; i < 16; ++i) {
    auto subnet = subnet_body();
    const auto net = "10.0." + std::to_string(100 + i);
    subnet["Cidr"] = net + ".0/24";
    subnet["Router"] = net + ".1";
    subnet["Segment"]["Id"] = 8000 + i;
    subnets.push_back("subnet-" + std::to_string(i));
    groups.push_back("sg-of-" + std::to_string(i));
    ASSERT_EQ(world.put("/subnets/" + subnets.back(), subnet).status, 200);
    ASSERT_EQ(world.put("/security-groups/" + groups.back(), {{"VpcId", "vpc-1"}, {"Egress", Json::array()}}).status,
              200);
  }
  EXPECT_EQ(world.create("most", subnets, {groups.begin(), groups.begin() + 5}).status, 201);
  for (std::size_t i = 0; i < 14; ++i) world.create("f" + std::to_string(i), subnets, {groups[i]});
  world.create("last", {subnets.begin(), subnets.begin() + 10}, {groups[14]});
  world.run();
  EXPECT_EQ(world.call("GET", "/hypernat/v1/status").body["Interfaces"], 250);
  for (const char* name : {"most", "f13", "last"}) EXPECT_EQ(world.state(name), "Active") << name;
  world.create("one-more", {subnets[0]}, {groups[15]});
  world.run();
  EXPECT_EQ(world.function("one-more")["StateReasonCode"], "EniLimitExceeded");
  world.declare(kGlobex);
  world.create("elsewhere", {"subnet-a"}, {"sg-1"}, kGlobex);
  world.run();
  EXPECT_EQ(world.state("elsewhere", kGlobex), "Active") << "another VPC";
}

TEST(Addresses, are_the_lowest_that_nobody_else_may_have) {
  World world;
  world.declare();
  auto subnet = subnet_body();
  subnet["Router"] = "10.0.1.5";
  subnet["Reserved"] = {"10.0.1.4", "10.0.1.7"};
  ASSERT_EQ(world.put("/subnets/subnet-a", subnet).status, 200);
  ASSERT_EQ(world.put("/vpcs/vpc-1", {{"Cidr", "10.0.0.0/16"}, {"Resolver", "10.0.1.6"}}).status, 200);
  world.create("f1", {"subnet-a"}, {"sg-1"});
  world.create("f2", {"subnet-a"}, {"sg-2"});
  world.run();
  EXPECT_EQ(world.mappings()[0]["Interfaces"][0]["Address"], "10.0.1.8");
  EXPECT_EQ(world.mappings()[1]["Interfaces"][0]["Address"], "10.0.1.9");
  // What is given can be taken for nothing else.
  subnet["Reserved"] = {"10.0.1.8"};
  EXPECT_EQ(world.put("/subnets/subnet-a", subnet).error, "ResourceConflictException");
  EXPECT_EQ(world.put("/vpcs/vpc-1", {{"Cidr", "10.0.0.0/16"}, {"Resolver", "10.0.1.9"}}).error,
            "ResourceConflictException");
}

TEST(Numbers, rest_before_they_are_given_again_and_uids_are_never_given_again) {
  World world;
  world.declare();
  std::set<std::uint64_t> uids;
  const auto make = [&](const std::string& name) {
    world.create(name, {"subnet-a"}, {"sg-1"});
    world.run();
    const auto mapping = mapping_of(world, name);
    EXPECT_TRUE(uids.insert(mapping["Uid"].get<std::uint64_t>()).second);
    const auto number = mapping["Number"].get<int>();
    world.call("DELETE", "/2015-03-31/functions/" + name);
    return number;
  };
  EXPECT_EQ(make("f1"), 1);
  EXPECT_EQ(make("f2"), 2);
  world.clock.advance(599'999ms);
  EXPECT_EQ(make("f3"), 3);
  world.clock.advance(1ms);
  EXPECT_EQ(make("f4"), 1);
}

}  // namespace
}  // namespace hypernat::control::testing
