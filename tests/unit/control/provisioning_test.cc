// How long interfaces take, and how they fail.
#include "control/provisioning/modelled_provisioner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "control/store/clock_store.h"
#include "control/store/schema.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace provisioning_test {

TEST(ProvisioningTime, is_what_half_of_the_interfaces_take_and_one_in_a_hundred_takes_three_times_as_long) {
  constexpr int kCount = 20'000;
  std::vector<std::chrono::milliseconds> times;
  for (int uid = 0; uid < kCount; ++uid) times.push_back(modelled_time({}, static_cast<std::uint64_t>(uid)));
  std::sort(times.begin(), times.end());
  EXPECT_NEAR(static_cast<double>(times[kCount / 2].count()), 90'000, 2'000);
  EXPECT_NEAR(static_cast<double>(times[kCount * 99 / 100].count()), 270'000, 20'000);
  EXPECT_LE(times.back(), 900s);
  EXPECT_GE(times.front(), 9s);
}

TEST(ProvisioningTime, is_the_same_for_all_when_told_so_and_none_when_it_is_none) {
  for (std::uint64_t uid = 0; uid < 1000; ++uid) {
    EXPECT_EQ(modelled_time({.time = 90s, .slowest_percent = 100}, uid), 90s);
    EXPECT_EQ(modelled_time({.time = 0s, .slowest_percent = 300}, uid), 0s);
  }
}

class Failing : public ::testing::Test {
 protected:
  Failing() { world.declare(); }
  Reply order(const Json& body) { return world.call("POST", "/hypernat/v1/provisioning-failures", body); }
  World world;
};

TEST_F(Failing, is_what_an_order_says_with_every_documented_code) {
  for (const auto& code : failure_codes()) {
    ASSERT_EQ(order({{"Code", code}, {"Times", 1}}).status, 201) << code;
    world.create("web", {"subnet-a"}, {"sg-1"});
    world.run();
    EXPECT_EQ(world.state("web"), "Failed");
    EXPECT_EQ(world.function("web")["StateReasonCode"], code);
    EXPECT_FALSE(world.function("web")["StateReason"].get<std::string>().empty());
    EXPECT_EQ(world.call("POST", "/2015-03-31/functions/web/invocations").error, "ResourceConflictException");
    world.call("DELETE", "/2015-03-31/functions/web");
  }
  EXPECT_EQ(failure_codes().size(), 7U);
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.run();
  EXPECT_EQ(world.state("web"), "Active") << "every order was for one time";
}

TEST_F(Failing, of_an_update_rolls_back_and_leaves_nothing) {
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.run();
  const auto before = world.mappings();
  order({{"Code", "InternalError"}, {"Times", 1}});
  world.update("web", {"subnet-a", "subnet-b"}, {"sg-2"});
  world.run();
  const auto function = world.function("web");
  EXPECT_EQ(function["State"], "Active");
  EXPECT_EQ(function["LastUpdateStatus"], "Failed");
  EXPECT_EQ(function["LastUpdateStatusReasonCode"], "InternalError");
  EXPECT_EQ(function["VpcConfig"]["SubnetIds"], Json({"subnet-a"}));
  EXPECT_EQ(world.mappings(), before);
  world.update("web", {"subnet-a", "subnet-b"}, {"sg-2"});
  world.run();
  EXPECT_EQ(world.function("web")["LastUpdateStatus"], "Successful");
}

TEST_F(Failing, is_for_whom_the_order_names) {
  const std::string role = "arn:aws:iam::111111111111:role/hypernat";
  const std::vector<std::pair<Json, bool>> rows{
      {{{"Account", kAcme}}, true},
      {{{"Account", kGlobex}}, false},
      {{{"SubnetId", "subnet-a"}}, true},
      {{{"SubnetId", "subnet-b"}}, false},
      {{{"SecurityGroupId", "sg-1"}}, true},
      {{{"SecurityGroupId", "sg-2"}}, false},
      {{{"Role", role}}, true},
      {{{"Role", role + "2"}}, false},
  };
  for (auto [body, fails] : rows) {
    body["Code"] = "InsufficientRolePermissions";
    const auto made = order(body);
    ASSERT_EQ(made.status, 201) << body;
    world.create("web", {"subnet-a"}, {"sg-1"});
    world.run();
    EXPECT_EQ(world.state("web"), fails ? "Failed" : "Active") << body;
    world.call("DELETE", "/2015-03-31/functions/web");
    EXPECT_EQ(world.call("GET", "/hypernat/v1/provisioning-failures").body["ProvisioningFailures"].size(), 1U);
    const auto path = "/hypernat/v1/provisioning-failures/" + std::to_string(made.body["Number"].get<std::uint64_t>());
    EXPECT_EQ(world.call("DELETE", path).status, 204);
    EXPECT_EQ(world.call("DELETE", path).status, 404);
  }
}

TEST_F(Failing, is_ordered_in_the_words_that_there_are) {
  EXPECT_EQ(order({{"Code", "Idle"}}).status, 400);
  EXPECT_EQ(order({{"Code", "InternalError"}, {"Times", 0}}).status, 400);
  EXPECT_EQ(order({{"Code", "InternalError"}, {"Subnet", "subnet-a"}}).status, 400);
  EXPECT_EQ(world.call("GET", "/hypernat/v1/provisioning-failures").body["ProvisioningFailures"], Json::array());
}

TEST(TimeScale, goes_on_from_where_it_was_and_never_back) {
  Database database(":memory:");
  const auto start = from_milliseconds(1'800'000'000'000);
  prepare_schema(database, start);
  EXPECT_EQ(resume_clock(database, start, 1).time_at(start + 1h), start + 1h);
  const auto fast = resume_clock(database, start + 1h, 1000);
  EXPECT_EQ(fast.time_at(start + 1h), start + 1h);
  EXPECT_EQ(fast.time_at(start + 1h + 1s), start + 1h + 1000s);
  EXPECT_EQ(resume_clock(database, start + 2h, 1000).time_at(start + 1h + 1s), start + 1h + 1000s);
  const auto slow = resume_clock(database, start + 1h + 1s, 1);
  EXPECT_EQ(slow.time_at(start + 1h + 2s), start + 1h + 1001s);
}

TEST(TimeScale, tells_how_long_to_wait) {
  const SystemClock clock(ClockAnchor{.wall = {}, .time = {}, .scale = 100});
  EXPECT_EQ(clock.real(90s), 900ms);
  EXPECT_NEAR(static_cast<double>(to_milliseconds(clock.now())),
              100.0 * static_cast<double>(to_milliseconds(clock.wall())), 1e6);
}

}  // namespace provisioning_test
}  // namespace hypernat::control::testing
