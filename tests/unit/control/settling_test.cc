// Settling beside changes: soon, never for long at a time, and with nothing forgotten.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "control/lifecycle/settler.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

TEST(Settling, follows_a_change_without_waiting_for_a_beat) {
  TemporaryDirectory directory;
  World world({.database = directory / "control.db", .provisioning_time = 0s, .control = {}});
  world.declare();
  const Settler settler(*world.controller, 1h);
  world.create("web", {"subnet-a"}, {"sg-1"});
  const auto waits = [&] { return world.function("web")["StateReason"].get<std::string>(); };
  const auto limit = std::chrono::steady_clock::now() + 30s;
  while (waits().find("no data plane is alive") == std::string::npos && std::chrono::steady_clock::now() < limit)
    std::this_thread::yield();
  EXPECT_NE(waits().find("no data plane is alive"), std::string::npos) << waits();
}

TEST(Settling, goes_on_while_changes_come_and_ends_with_all_of_them) {
  TemporaryDirectory directory;
  World world({.database = directory / "control.db", .provisioning_time = 0s, .control = {}});
  world.declare();
  {
    const Settler settler(*world.controller, 5ms);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 20; ++i) {
          const auto name = "f" + std::to_string(thread) + "-" + std::to_string(i);
          world.create(name, {i % 2 == 0 ? "subnet-a" : "subnet-b"}, {thread % 2 == 0 ? "sg-1" : "sg-2"});
          if (i % 3 == 0) world.call("DELETE", "/2015-03-31/functions/" + name);
        }
      });
    for (auto& thread : threads) thread.join();
  }
  world.run();
  world.run();
  EXPECT_EQ(world.table().mappings.size(), 4U);
  for (const auto& mapping : world.mappings()) EXPECT_EQ(mapping["State"], "Active");
  EXPECT_EQ(world.state("f0-1"), "Active");
  EXPECT_EQ(world.state("f0-0"), "none");
}

TEST(Settling, makes_a_thousand_interfaces_a_round_and_no_table_of_a_part_of_them) {
  WorldSettings settings;
  settings.control.interfaces_per_vpc = 5'000;
  World world(settings);
  world.declare();
  auto subnet = subnet_body();
  subnet["Cidr"] = "10.0.64.0/18";
  subnet["Router"] = "10.0.64.1";
  subnet["Segment"]["Id"] = 7000;
  ASSERT_EQ(world.put("/subnets/wide", subnet).status, 200);
  world.create("web", {"wide"}, {"sg-1"});
  world.controller->on_change({});  // rounds are counted here
  world.controller->change([&](Controller::Lifecycle& lifecycle) {
    for (int i = 0; i < 1'100; ++i)
      lifecycle.leases.request({.account = kAcme, .function = "web", .provisioning_time = 0ms, .lifetime = 1h},
                               lifecycle.now);
  });
  const auto publications = world.store.publications;
  EXPECT_TRUE(world.controller->settle_once());
  EXPECT_EQ(world.call("GET", "/hypernat/v1/status").body["Interfaces"], 1'001);
  EXPECT_EQ(world.store.publications, publications);
  EXPECT_TRUE(world.controller->settle_once());
  EXPECT_EQ(world.store.publications, publications + 1);
  EXPECT_EQ(world.table().mappings.size(), 1'101U);

  world.report("dp1");
  world.controller->look_at_dataplanes();
  world.controller->settle_once();
  const auto leases = world.call("GET", "/hypernat/v1/leases").body["Leases"];
  const auto active = std::count_if(leases.begin(), leases.end(), [](const Json& l) { return l["State"] == "Active"; });
  EXPECT_GT(active, 900);
  EXPECT_LT(active, 1'100);
  world.controller->settle();
  const auto settled = world.call("GET", "/hypernat/v1/leases").body["Leases"];
  EXPECT_EQ(settled.size(), 1'100U);
  for (const auto& lease : settled) EXPECT_EQ(lease["State"], "Active");
}

TEST(Settling, knows_when_an_interface_will_be_ready) {
  World world({.database = ":memory:", .provisioning_time = 90s, .control = {}});
  world.declare();
  EXPECT_EQ(world.controller->until_due(), std::nullopt);
  world.create("web", {"subnet-a"}, {"sg-1"});
  EXPECT_EQ(world.controller->until_due(), 90s);
  world.clock.advance(30s);
  world.call("POST", "/hypernat/v1/leases",
             {{"Account", kAcme}, {"FunctionName", "web"}, {"ProvisioningMilliseconds", 250}});
  EXPECT_EQ(world.controller->until_due(), 250ms);
  world.clock.advance(250ms);
  world.beat();
  EXPECT_EQ(world.controller->until_due(), 60s - 250ms);
}

}  // namespace
}  // namespace hypernat::control::testing
