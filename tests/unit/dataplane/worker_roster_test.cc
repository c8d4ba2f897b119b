// Workers change hands between loops on threads of their own: never two at once, and never for long nobody. For the
// thread sanitizer, too.
#include "dataplane/process/roster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace hypernat::dataplane {
namespace {

using namespace std::chrono_literals;
using Lcores = std::vector<unsigned>;

// A thread for each lcore that has work, as EAL would have them.
class Crew {
 public:
  explicit Crew(std::uint16_t workers) : roster(workers), workers_(workers) {}
  ~Crew() { stop(); }

  /// Begins; `wait_until_there` is for the end.
  void want(const Lcores& lcores) {
    for (const unsigned lcore : std::set<unsigned>(lcores.begin(), lcores.end())) {
      if (!roster.keep(lcore)) continue;
      std::thread& thread = threads_[lcore];
      if (thread.joinable()) thread.join();
      thread = std::thread([this, lcore] {
        roster.run(
            lcore, [&](std::uint16_t worker) { return step(worker, lcore); },
            [](std::uint32_t) { std::this_thread::yield(); });
        ++ended_;
      });
      ++begun_;
    }
    roster.want(lcores);
  }

  void wait_until_there(const Lcores& lcores) {
    for (std::uint16_t worker = 0; worker < lcores.size(); ++worker) {
      const std::uint64_t before = workers_[worker].steps.load();
      const auto runs_there = [&] {
        return roster.holder(worker) == lcores[worker] && workers_[worker].last_lcore == lcores[worker] &&
               workers_[worker].steps > before + 1;
      };
      ASSERT_TRUE(eventually(runs_there)) << "worker " << worker << " does not run on lcore " << lcores[worker];
    }
  }

  void stop() {
    stuck = -1;
    roster.stop();
    for (auto& [lcore, thread] : threads_)
      if (thread.joinable()) thread.join();
  }

  template <typename Condition>
  static bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(50us);
    }
    return true;
  }

  std::uint64_t steps(std::uint16_t worker) const { return workers_[worker].steps.load(); }
  bool is_stuck(std::uint16_t worker) const { return workers_[worker].inside.load() && stuck == worker; }
  int loops() const { return begun_ - ended_.load(); }

  Roster roster;
  std::atomic<int> stuck{-1};  ///< the worker whose steps do not end
  std::atomic<bool> clashed{false};

 private:
  // Nothing here orders one holder's steps before another's: the roster has to.
  struct Worker {
    std::uint64_t unguarded = 0;  ///< whoever holds the worker may touch it, as all that a worker has
    std::atomic<bool> inside{false};
    std::atomic<std::uint64_t> steps{0};
    std::atomic<unsigned> last_lcore{kNoLcore};
  };

  std::uint32_t step(std::uint16_t number, unsigned lcore) {
    Worker& worker = workers_[number];
    if (worker.inside.exchange(true, std::memory_order_relaxed)) clashed = true;
    ++worker.unguarded;
    worker.last_lcore.store(lcore, std::memory_order_relaxed);
    while (stuck.load(std::memory_order_relaxed) == number) std::this_thread::sleep_for(100us);
    worker.steps.store(worker.unguarded, std::memory_order_relaxed);
    worker.inside.store(false, std::memory_order_relaxed);
    return 0;
  }

  std::deque<Worker> workers_;
  std::map<unsigned, std::thread> threads_;
  int begun_ = 0;
  std::atomic<int> ended_{0};
};

TEST(Roster, RunsWorkersWhereTheyAreWanted) {
  Crew crew(4);
  const Lcores alone{1, 1, 1, 1};
  crew.want(alone);
  crew.wait_until_there(alone);
  const Lcores divided{1, 2, 1, 2};
  crew.want(divided);
  crew.wait_until_there(divided);
  EXPECT_EQ(crew.loops(), 2);
}

TEST(Roster, EndsTheLoopOfAnLcoreThatIsToHoldNothingAndBeginsItAgain) {
  Crew crew(2);
  for (int times = 0; times < 20; ++times) {
    crew.want({1, 2});
    crew.wait_until_there({1, 2});
    crew.want({1, 1});
    crew.wait_until_there({1, 1});
    ASSERT_TRUE(Crew::eventually([&] { return crew.loops() == 1; }));
  }
}

TEST(Roster, NeverHasTwoStepAWorkerHoweverOftenItMoves) {
  std::mt19937 random(3);
  constexpr std::uint16_t kWorkers = 6;
  Crew crew(kWorkers);
  Lcores lcores(kWorkers, kNoLcore);
  for (int times = 0; times < 400; ++times) {
    for (unsigned& lcore : lcores) lcore = std::uniform_int_distribution<unsigned>(1, 4)(random);
    crew.want(lcores);
    // Most moves are overtaken by the next one.
    if (times % 8 == 0) crew.wait_until_there(lcores);
  }
  crew.wait_until_there(lcores);
  crew.stop();
  EXPECT_FALSE(crew.clashed);
  for (std::uint16_t worker = 0; worker < kWorkers; ++worker) EXPECT_EQ(crew.roster.holder(worker), kNoLcore);
}

TEST(Roster, LeavesAWorkerToAnLcoreThatIsStuckAndMovesTheOthersLater) {
  Crew crew(3);
  crew.want({1, 1, 2});
  crew.wait_until_there({1, 1, 2});
  crew.stuck = 0;
  ASSERT_TRUE(Crew::eventually([&] { return crew.is_stuck(0); }));
  const std::uint64_t steps = crew.steps(0);
  crew.want({2, 2, 3});
  ASSERT_TRUE(Crew::eventually([&] { return crew.roster.holder(2) == 3; })) << "nobody else waits for it";
  std::this_thread::sleep_for(5ms);
  EXPECT_EQ(crew.roster.holder(0), 1U);
  EXPECT_EQ(crew.roster.holder(1), 1U) << "the same lcore's";
  EXPECT_EQ(crew.roster.wanted(0), 2U);
  EXPECT_EQ(crew.steps(0), steps);
  crew.stuck = -1;
  crew.wait_until_there({2, 2, 3});
  EXPECT_FALSE(crew.clashed);
}

TEST(Roster, TakesAMoveBackThatNeverHappened) {
  Crew crew(2);
  crew.want({1, 1});
  crew.wait_until_there({1, 1});
  crew.stuck = 1;
  ASSERT_TRUE(Crew::eventually([&] { return crew.is_stuck(1); }));
  crew.want({1, 2});
  crew.want({1, 1});
  ASSERT_TRUE(Crew::eventually([&] { return crew.loops() == 1; })) << "lcore 2 waits no longer";
  EXPECT_EQ(crew.roster.holder(1), 1U);
  crew.stuck = -1;
  crew.wait_until_there({1, 1});
}

TEST(Roster, StopsInTheMiddleOfMoves) {
  std::mt19937 random(5);
  for (int times = 0; times < 100; ++times) {
    Crew crew(4);
    for (int moves = 0; moves < 3; ++moves) {
      Lcores lcores(4);
      for (unsigned& lcore : lcores) lcore = std::uniform_int_distribution<unsigned>(1, 3)(random);
      crew.want(lcores);
    }
    crew.stop();
    EXPECT_EQ(crew.loops(), 0);
    EXPECT_FALSE(crew.clashed);
  }
}

TEST(Roster, StopsWhileAWorkerIsStuckOnceItIsNot) {
  Crew crew(2);
  crew.want({1, 2});
  crew.wait_until_there({1, 2});
  crew.stuck = 0;
  ASSERT_TRUE(Crew::eventually([&] { return crew.is_stuck(0); }));
  crew.want({2, 1});
  crew.roster.stop();
  ASSERT_TRUE(Crew::eventually([&] { return crew.roster.holder(1) == kNoLcore; }));
  crew.stop();
  EXPECT_EQ(crew.loops(), 0);
}

}  // namespace
}  // namespace hypernat::dataplane
