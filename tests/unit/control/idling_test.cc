// Functions that nobody uses: fourteen days later without interfaces, and back when somebody does.
#include <gtest/gtest.h>

#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace idling_test {

constexpr auto kDay = 24h;

class Idle : public ::testing::Test {
 protected:
  Idle() {
    settings.database = directory / "control.db";
    world = std::make_unique<World>(settings);
    world->declare();
    register_host();
    world->create("web", {"subnet-a"}, {"sg-1"});
    world->run();
  }
  void register_host() {
    world->call("PUT", "/hypernat/v1/worker-hosts/wh1",
                {{"Address", "192.0.2.11"}, {"Zone", "a"}, {"Socket", "/run/wh1.sock"}, {"Slots", 4}});
  }
  // A dry run is an invocation as far as the control plane is concerned.
  Reply use(const std::string& name) {
    register_host();
    return world->call("POST", "/hypernat/v1/placements", {{"Account", kAcme}, {"FunctionName", name}});
  }
  void pass(std::chrono::milliseconds time) {
    world->clock.advance(time);
    world->run();
  }

  TemporaryDirectory directory;
  WorldSettings settings;
  std::unique_ptr<World> world;
};

TEST_F(Idle, functions_lose_their_interfaces_after_fourteen_days_and_not_before) {
  pass(14 * kDay - 1ms);
  EXPECT_EQ(world->state("web"), "Active");
  EXPECT_EQ(world->controller->until_due(), 1ms);
  pass(1ms);
  EXPECT_EQ(world->state("web"), "Inactive");
  EXPECT_EQ(world->function("web")["StateReasonCode"], "Idle");
  EXPECT_EQ(world->function("web")["LastUpdateStatus"], "Successful");
  EXPECT_TRUE(world->mappings().empty());
  EXPECT_TRUE(world->table().mappings.empty());
}

TEST_F(Idle, functions_are_not_those_that_are_used) {
  pass(13 * kDay);
  EXPECT_EQ(use("web").status, 200);
  pass(13 * kDay);
  EXPECT_EQ(world->state("web"), "Active");
  pass(kDay);
  EXPECT_EQ(world->state("web"), "Inactive");
}

TEST_F(Idle, uses_are_still_known_after_a_restart) {
  pass(13 * kDay);
  use("web");
  pass(Idling::kWriteEvery);
  world->restart();
  pass(13 * kDay);
  EXPECT_EQ(world->state("web"), "Active");

  use("web");
  pass(1ms);
  world->controller->write_down();
  world->restart();
  pass(14 * kDay - 1s);
  EXPECT_EQ(world->state("web"), "Active");
}

TEST_F(Idle, interfaces_stay_while_another_function_is_used) {
  world->create("api", {"subnet-a"}, {"sg-1"});
  pass(7 * kDay);
  use("api");
  pass(7 * kDay);
  EXPECT_EQ(world->state("web"), "Inactive");
  EXPECT_EQ(world->state("api"), "Active");
  ASSERT_EQ(world->mappings().size(), 1U);
  EXPECT_EQ(world->mappings()[0]["Functions"], Json({"api"}));
  // The first use fails all the same; the interface is there, so that the second does not.
  EXPECT_EQ(use("web").error, "ResourceNotReadyException");
  EXPECT_EQ(use("web").status, 200);
}

TEST_F(Idle, functions_are_revived_by_a_use_that_fails) {
  world->settings.provisioning_time = 90s;
  world->restart();
  pass(14 * kDay);
  const auto refused = use("web");
  EXPECT_EQ(refused.status, 502);
  EXPECT_EQ(refused.error, "ResourceNotReadyException");
  EXPECT_EQ(world->state("web"), "Pending");
  EXPECT_EQ(world->function("web")["StateReasonCode"], "Restoring");
  EXPECT_EQ(use("web").error, "ResourceConflictException");
  pass(90s);
  EXPECT_EQ(world->state("web"), "Active");
  EXPECT_FALSE(world->function("web").contains("StateReasonCode"));
  EXPECT_EQ(use("web").status, 200);
  pass(14 * kDay - 1s);
  EXPECT_EQ(world->state("web"), "Active") << "the time counts anew";
}

TEST_F(Idle, functions_stay_inactive_when_no_interface_can_be_had_and_can_be_tried_again) {
  pass(14 * kDay);
  world->settings.control.interfaces_per_vpc = 1;
  world->restart();
  world->create("other", {"subnet-b"}, {"sg-2"});
  world->run();
  use("web");
  world->run();
  EXPECT_EQ(world->state("web"), "Inactive");
  EXPECT_EQ(world->function("web")["StateReasonCode"], "EniLimitExceeded");
  EXPECT_EQ(world->mappings().size(), 1U) << "what could not be made is not kept";
  world->call("DELETE", "/2015-03-31/functions/other");
  EXPECT_EQ(use("web").error, "ResourceNotReadyException");
  world->run();
  EXPECT_EQ(world->state("web"), "Active");
}

TEST_F(Idle, functions_say_what_of_their_network_is_gone) {
  pass(14 * kDay);
  EXPECT_EQ(world->erase("/subnets/subnet-a").status, 204);
  EXPECT_EQ(use("web").error, "ResourceNotReadyException");
  EXPECT_EQ(world->state("web"), "Inactive");
  EXPECT_EQ(world->function("web")["StateReasonCode"], "InvalidSubnet");
  EXPECT_EQ(world->update("web", {"subnet-b"}, {"sg-1"}).body["State"], "Pending");
  world->run();
  EXPECT_EQ(world->state("web"), "Active");
}

TEST_F(Idle, functions_can_be_changed_published_and_deleted) {
  pass(14 * kDay);
  const auto changed = world->call("PUT", "/2015-03-31/functions/web/configuration", {{"Timeout", 9}}).body;
  EXPECT_EQ(changed["State"], "Inactive");
  EXPECT_EQ(changed["Timeout"], 9);
  EXPECT_EQ(world->call("POST", "/2015-03-31/functions/web/versions", Json::object()).body["State"], "Inactive");
  EXPECT_EQ(use("web:1").error, "ResourceNotReadyException");
  world->run();
  EXPECT_EQ(use("web:1").status, 200);
  EXPECT_EQ(world->state("web"), "Inactive") << "each version leads a life of its own";
  EXPECT_EQ(world->call("DELETE", "/2015-03-31/functions/web").status, 204);
  EXPECT_TRUE(world->mappings().empty());
}

TEST_F(Idle, functions_are_neither_those_without_a_network_nor_those_being_changed) {
  world->create("plain", {}, {});
  pass(13 * kDay);
  world->store.reported.clear();
  world->update("web", {"subnet-b"}, {"sg-2"});
  world->clock.advance(2 * kDay);
  world->beat();
  EXPECT_EQ(world->function("web")["LastUpdateStatus"], "InProgress");
  EXPECT_EQ(world->state("web"), "Active");
  EXPECT_EQ(world->state("plain"), "Active");
  world->run();
  pass(14 * kDay - 1s);
  EXPECT_EQ(world->state("web"), "Active");
  pass(14 * kDay);
  EXPECT_EQ(world->state("web"), "Inactive");
  EXPECT_EQ(world->state("plain"), "Active");
}

}  // namespace idling_test
}  // namespace hypernat::control::testing
