// The table: built from the database alone, published once per content, whatever fails in between.
#include <gtest/gtest.h>

#include <set>

#include "control/lifecycle/table_builder.h"
#include "control/store/counters.h"
#include "control/store/schema.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

TEST(Table, holds_what_mappings_need_shared_by_content) {
  World world;
  world.declare(kAcme);
  world.declare(kGlobex);
  world.create("web", {"subnet-a", "subnet-b"}, {"sg-1"}, kAcme);
  world.create("api", {"subnet-a"}, {"sg-1", "sg-2"}, kAcme);
  world.create("web", {"subnet-a"}, {"sg-1"}, kGlobex);
  world.run();
  const auto table = world.table();
  EXPECT_EQ(table.tenants.size(), 2U);
  EXPECT_EQ(table.tenants[0].limits.flows, 1000U);
  EXPECT_EQ(table.subnets.size(), 3U) << "globex's subnet-b is used by nobody";
  EXPECT_EQ(table.mappings.size(), 4U);
  EXPECT_EQ(table.rule_sets.size(), 1U) << "every group says the same";
  EXPECT_EQ(table.route_sets.size(), 2U) << "10.0.1.0/24's of both tenants, and 10.0.2.0/24's";
  using config::Route, config::RouteTarget;
  const auto prefix = [](const char* text) { return parse_ipv4_prefix(text).value(); };
  EXPECT_EQ(table.route_sets[table.subnets[0].route_set].routes,
            (std::vector<Route>{{prefix("0.0.0.0/0"), RouteTarget::kRouter},
                                {prefix("10.0.0.0/16"), RouteTarget::kRouter},
                                {prefix("10.0.1.0/24"), RouteTarget::kLocal}}));
  EXPECT_EQ(table.subnets[0].segment, (config::Segment{.attachment = "tenants", .id = 5001}));
}

TEST(Table, follows_a_changed_group_route_or_quota_with_the_next_generation) {
  World world;
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.run();
  auto generation = world.generation();
  world.put("/security-groups/sg-1", {{"VpcId", "vpc-1"}, {"Egress", Json::array()}});
  EXPECT_EQ(world.table().generation, ++generation);
  EXPECT_TRUE(world.table().rule_sets.at(0).rules.empty());
  world.put("/route-tables/rtb-1", {{"VpcId", "vpc-1"}, {"Routes", Json::array()}});
  EXPECT_EQ(world.table().generation, ++generation);
  EXPECT_EQ(world.table().route_sets.at(0).routes.size(), 2U);
  world.put("", {{"Name", "tenant"}, {"Limits", {{"Flows", 7}}}});
  EXPECT_EQ(world.table().generation, ++generation);
  EXPECT_EQ(world.table().tenants.at(0).limits.flows, 7U);
  world.put("", {{"Name", "tenant"},
                 {"Limits", {{"Flows", 7}, {"NewFlowsPerSecond", 8}, {"PacketsPerSecond", 9}}},
                 {"Timeouts", {{"TcpClosingMilliseconds", 1000}}}});
  EXPECT_EQ(world.table().generation, ++generation);
  EXPECT_EQ(world.table().tenants.at(0).limits,
            (config::TenantLimits{.flows = 7, .new_flows_per_second = 8, .packets_per_second = 9}));
  EXPECT_EQ(world.table().tenants.at(0).timeouts, config::TenantTimeouts{.tcp_closing = 1s});
  world.put("", {{"Name", "tenant"}, {"Limits", {{"Flows", 7}}}});
  EXPECT_EQ(world.table().generation, ++generation);
  world.put("", {{"Name", "another name"}, {"Limits", {{"Flows", 7}}}});
  EXPECT_EQ(world.table().generation, generation) << "no data plane knows a tenant's name";
  EXPECT_EQ(world.state("web"), "Active");
}

class Restart : public ::testing::Test {
 protected:
  Restart() {
    settings.database = directory / "control.db";
    world = std::make_unique<World>(settings);
    world->declare();
    world->create("web", {"subnet-a", "subnet-b"}, {"sg-1", "sg-2"});
    world->create("api", {"subnet-b"}, {"sg-2"});
    world->run();
  }
  TemporaryDirectory directory;
  WorldSettings settings;
  std::unique_ptr<World> world;
};

TEST_F(Restart, begins_to_count_anew_what_was_published) {
  const auto status = world->call("GET", "/hypernat/v1/status").body;
  EXPECT_EQ(status["Publications"], world->store.publications);
  EXPECT_GE(status["PublishedBytes"].get<std::size_t>(), world->store.table->size());
  world->restart();
  EXPECT_EQ(world->call("GET", "/hypernat/v1/status").body["Publications"], 0);
  world->create("one-more", {"subnet-a"}, {"sg-2"});
  world->run();
  const auto after = world->call("GET", "/hypernat/v1/status").body;
  EXPECT_EQ(after["Publications"], 1);
  EXPECT_EQ(after["PublishedBytes"], world->store.table->size());
}

TEST_F(Restart, publishes_nothing_when_nothing_changed) {
  const auto before = world->call("GET", "/hypernat/v1/status").body;
  const auto bytes = world->store.table;
  const auto publications = world->store.publications;
  const auto mappings = world->mappings();
  world->restart();
  EXPECT_EQ(world->store.publications, publications);
  EXPECT_EQ(world->store.table, bytes);
  EXPECT_EQ(world->call("GET", "/hypernat/v1/status").body["Generation"], before["Generation"]);
  EXPECT_EQ(world->call("GET", "/hypernat/v1/status").body["TableSha256"], config::sha256_hex(*bytes));
  EXPECT_EQ(world->mappings(), mappings);
  EXPECT_EQ(world->state("web"), "Active");
}

TEST_F(Restart, publishes_the_same_bytes_to_a_store_that_lost_them) {
  const auto bytes = world->store.table;
  world->store.table.reset();
  world->restart();
  EXPECT_EQ(world->store.table, bytes);
  world->store.table.reset();
  for (int i = 0; i < 20; ++i) world->beat();
  EXPECT_EQ(world->store.table, bytes) << "without a restart too";
  world->store.table->at(100) ^= std::byte{1};
  for (int i = 0; i < 20; ++i) world->beat();
  EXPECT_EQ(world->store.table, bytes) << "or when they were damaged";
}

TEST_F(Restart, publishes_what_was_committed_and_not_published) {
  const auto old_bytes = world->store.table;
  world->store.is_failing = true;
  world->create("dns", {"subnet-a"}, {"sg-1"});
  EXPECT_NE(world->call("GET", "/hypernat/v1/status").body["StoreProblem"], "");
  EXPECT_EQ(world->store.table, old_bytes);
  world->store.is_failing = false;
  world->restart();
  EXPECT_EQ(world->call("GET", "/hypernat/v1/status").body["StoreProblem"], "");
  EXPECT_EQ(world->table().mappings.size(), 4U);
  EXPECT_EQ(world->table().generation, config::read_table(*old_bytes).generation + 1);
  EXPECT_EQ(world->call("GET", "/hypernat/v1/status").body["TableSha256"], config::sha256_hex(*world->store.table));
}

TEST_F(Restart, is_not_needed_for_a_store_that_recovers) {
  world->store.is_failing = true;
  world->create("dns", {"subnet-a"}, {"sg-1"});
  world->beat();
  world->store.is_failing = false;
  world->run();
  EXPECT_EQ(world->state("dns"), "Active");
}

TEST_F(Restart, from_an_older_copy_of_the_database_starts_a_new_epoch) {
  const auto copy = directory / "copy.db";
  world->database->run("VACUUM INTO ?1", copy.string());
  world->create("dns", {"subnet-a"}, {"sg-1"});
  world->run();
  const auto ahead = world->table();
  const auto uids = [](const config::Table& table) {
    std::set<std::uint64_t> all;
    for (const auto& mapping : table.mappings) all.insert(mapping.uid);
    return all;
  };
  const auto used = uids(ahead);

  world->settings.database = copy;
  world->clock.advance(1h);
  world->restart();
  EXPECT_GT(world->table().epoch, ahead.epoch);
  EXPECT_EQ(world->table().generation, 1U);
  EXPECT_EQ(world->state("web"), "Active");
  world->create("dns", {"subnet-a"}, {"sg-1"});
  EXPECT_EQ(world->state("dns"), "Pending");
  world->run();
  EXPECT_EQ(world->state("dns"), "Active");
  std::size_t common = 0;
  for (const auto uid : uids(world->table())) common += used.count(uid);
  EXPECT_EQ(common, 3U) << "the mapping made after the copy has a uid that none before it had";
}

TEST_F(Restart, finds_a_pending_mapping_and_goes_on) {
  world->store.reported.clear();
  world->create("dns", {"subnet-a"}, {"sg-1"});
  world->restart();
  EXPECT_EQ(world->state("dns"), "Pending");
  world->run();
  EXPECT_EQ(world->state("dns"), "Active");
}

TEST(Schema, of_a_newer_program_is_refused) {
  Database database(":memory:");
  database.run_script("PRAGMA user_version = 99");
  EXPECT_THROW(prepare_schema(database, TimePoint()), DatabaseError);
}

}  // namespace
}  // namespace hypernat::control::testing
