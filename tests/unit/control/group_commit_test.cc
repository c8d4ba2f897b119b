// Changes from many threads: each on disk before it returns, each undone alone, whoever commits it.
#include "control/lifecycle/group_commit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>

#include "control/lifecycle/refusal.h"
#include "control/store/network_store.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

constexpr int kThreads = 8;
constexpr int kChanges = 60;  // of each thread

std::string account_of(int thread, int change) {
  return std::to_string(100'000'000'000LL + thread * 1000 + change);
}

// Every third change writes and is then refused.
bool is_refused(int change) {
  return change % 3 == 0;
}

void put_account(Controller::Lifecycle& lifecycle, const std::string& id) {
  lifecycle.networks.put_account({.account = id, .number = 0, .name = "x", .limits = {.flows = 1}});
}

TEST(Changes, of_many_threads_are_kept_or_undone_one_by_one) {
  TemporaryDirectory directory;
  World world({.database = directory / "control.db", .provisioning_time = 0s, .control = {}});
  world.controller->on_change({});
  Database witness(directory / "control.db");  // sees what is committed and nothing else
  std::mutex witness_mutex;
  std::atomic<int> wrong = 0;
  const auto change_many = [&](int thread) {
    for (int change = 0; change < kChanges; ++change) {
      const auto id = account_of(thread, change);
      bool refused = false;
      try {
        world.controller->change([&](Controller::Lifecycle& lifecycle) {
          put_account(lifecycle, id);
          if (is_refused(change)) throw conflict(id);
        });
      } catch (const Refusal& refusal) {
        refused = refusal.what() == id;
      }
      const std::lock_guard lock(witness_mutex);
      if (refused != is_refused(change) || find_account(witness, id).has_value() == refused) ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(change_many, thread);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0) << "refused by another's words, or not on disk when it returned";
  std::set<std::uint32_t> numbers;
  for (const auto& account : list_accounts(*world.database)) numbers.insert(account.number);
  EXPECT_EQ(numbers.size(), std::size_t{kThreads * kChanges * 2 / 3});
  EXPECT_EQ(*numbers.rbegin(), numbers.size()) << "a number that was taken and undone was given again";
}

TEST(Changes, all_fail_when_their_group_cannot_be_committed) {
  std::mutex state;
  int committed = 0;
  GroupCommit group(state, [&](const GroupCommit::Group& changes) {
    for (auto* change : changes) change->work();
    if (committed++ == 0) throw std::runtime_error("the disk is full");
  });
  int worked = 0;
  EXPECT_THROW(group.perform([&] { ++worked; }), std::runtime_error);
  group.perform([&] { ++worked; });
  EXPECT_EQ(worked, 2);
}

}  // namespace
}  // namespace hypernat::control::testing
