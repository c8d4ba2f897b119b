// Steps that do not need each other are taken at the same time; everybody else waits for his turn.
#include "control/cli/step_runner.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "control/cli/errors.h"

namespace hypernat::cli {
namespace {

Step step(Action action, ObjectKind kind, const std::string& id) {
  return {.action = action, .key = {.kind = kind, .account = "111111111111", .id = id}, .body = {}, .detail = {}};
}

std::vector<Step> creations(ObjectKind kind, int count) {
  std::vector<Step> steps;
  for (int i = 0; i < count; ++i) steps.push_back(step(Action::kCreate, kind, std::to_string(i)));
  return steps;
}

std::vector<std::string> ids(const std::vector<Step>& steps) {
  std::vector<std::string> all;
  for (const auto& each : steps) all.push_back(each.key.id);
  return all;
}

TEST(Steps, of_a_kind_are_taken_at_the_same_time_each_taker_by_one_thread) {
  std::mutex mutex;
  std::condition_variable all_there;
  std::set<std::size_t> takers;
  std::vector<Step> told;
  const auto steps = creations(ObjectKind::kFunction, static_cast<int>(kStepTakers));
  run_steps(steps, {.take =
                        [&](std::size_t taker, const Step&) {
                          std::unique_lock lock(mutex);
                          takers.insert(taker);
                          all_there.notify_all();
                          all_there.wait(lock, [&] { return takers.size() == kStepTakers; });
                        },
                    .taken = [&](const Step& each) { told.push_back(each); }});
  EXPECT_EQ(ids(told), ids(steps));
}

TEST(Steps, of_the_next_kind_wait_for_those_they_may_need) {
  std::vector<Step> steps = creations(ObjectKind::kVpc, 50);
  for (const auto& each : creations(ObjectKind::kSubnet, 50)) steps.push_back(each);
  for (int i = 0; i < 50; ++i) steps.push_back(step(Action::kDelete, ObjectKind::kSubnet, std::to_string(100 + i)));
  std::mutex mutex;
  std::vector<Step> taken;
  std::vector<Step> told;
  run_steps(steps, {.take =
                        [&](std::size_t, const Step& each) {
                          const std::lock_guard lock(mutex);
                          taken.push_back(each);
                        },
                    .taken = [&](const Step& each) { told.push_back(each); }});
  ASSERT_EQ(taken.size(), 150U);
  for (std::size_t i = 0; i < taken.size(); ++i) {
    EXPECT_EQ(taken[i].key.kind, i < 50 ? ObjectKind::kVpc : ObjectKind::kSubnet);
    EXPECT_EQ(taken[i].action, i < 100 ? Action::kCreate : Action::kDelete);
  }
  EXPECT_EQ(ids(told), ids(steps)) << "whatever the order they were taken in";
}

TEST(Steps, that_change_subnets_keep_their_order) {
  std::vector<Step> steps = creations(ObjectKind::kSubnet, 40);
  steps[20].action = Action::kChange;
  std::vector<Step> taken;  // by one thread, or the sanitizer will tell
  run_steps(steps,
            {.take = [&](std::size_t, const Step& each) { taken.push_back(each); }, .taken = [](const Step&) {}});
  EXPECT_EQ(ids(taken), ids(steps));
}

TEST(Steps, after_a_refused_one_do_not_begin_and_those_taken_are_told) {
  auto steps = creations(ObjectKind::kVpc, 3);
  for (const auto& each : creations(ObjectKind::kFunction, 500)) steps.push_back(each);
  steps.push_back(step(Action::kDelete, ObjectKind::kFunction, "last"));
  std::mutex mutex;
  std::set<std::string> taken;
  std::vector<std::string> told;
  const auto take = [&](std::size_t, const Step& each) {
    // The thread that is refused has a moment to tell the others.
    if (each.key.kind == ObjectKind::kFunction && each.key.id.size() == 3 && each.key.id > "100")
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const std::lock_guard lock(mutex);
    if (each.key.kind == ObjectKind::kFunction && each.key.id == "100") throw CommandError("refused 100", "a remedy");
    if (each.key.kind == ObjectKind::kFunction) taken.insert(each.key.id);
  };
  try {
    run_steps(steps, {.take = take, .taken = [&](const Step& each) { told.push_back(each.key.id); }});
    FAIL() << "nothing was thrown";
  } catch (const CommandError& error) {
    EXPECT_EQ(error.what(), "refused 100; " + std::to_string(3 + taken.size()) + " of 504 steps were taken");
    EXPECT_EQ(error.remedy(), "a remedy");
  }
  EXPECT_EQ(told.size(), 3 + taken.size());
  EXPECT_LT(taken.size(), 100 + 2 * kStepTakers);
  EXPECT_FALSE(taken.contains("last"));
  for (std::size_t i = 3; i + 1 < told.size(); ++i) EXPECT_LT(std::stoi(told[i]), std::stoi(told[i + 1]));
}

TEST(Steps, may_be_none) {
  run_steps({}, {.take = [](std::size_t, const Step&) { FAIL(); }, .taken = [](const Step&) { FAIL(); }});
}

}  // namespace
}  // namespace hypernat::cli
