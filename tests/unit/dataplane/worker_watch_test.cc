#include "dataplane/process/worker_watch.h"

#include <gtest/gtest.h>

#include <array>

namespace hypernat::dataplane {
namespace {

constexpr Tick kPatience = 1000;

using Numbers = std::vector<std::uint16_t>;

TEST(WorkerWatch, says_once_that_a_worker_stopped_and_once_that_it_goes_on) {
  WorkerWatch watch(2, kPatience);
  EXPECT_TRUE(watch.look(std::array<Tick, 2>{500, 500}, 500).empty());
  EXPECT_TRUE(watch.look(std::array<Tick, 2>{1000, 600}, 1000).empty()) << "four tenths of a second are not long";
  EXPECT_TRUE(watch.look(std::array<Tick, 2>{1500, 600}, 1500).empty());

  const auto stopped = watch.look(std::array<Tick, 2>{2000, 600}, 2000);
  ASSERT_EQ(stopped.size(), 1U);
  EXPECT_EQ(stopped[0].worker, 1U);
  EXPECT_TRUE(stopped[0].is_stalled);
  EXPECT_EQ(stopped[0].silent_for, 1400U);
  EXPECT_EQ(watch.stalled(), Numbers{1});

  EXPECT_TRUE(watch.look(std::array<Tick, 2>{2500, 600}, 2500).empty()) << "it was said";
  EXPECT_EQ(watch.stalled(), Numbers{1});

  const auto goes_on = watch.look(std::array<Tick, 2>{3000, 2999}, 3000);
  ASSERT_EQ(goes_on.size(), 1U);
  EXPECT_EQ(goes_on[0].worker, 1U);
  EXPECT_FALSE(goes_on[0].is_stalled);
  EXPECT_TRUE(watch.stalled().empty());
}

TEST(WorkerWatch, blames_no_worker_for_a_process_that_was_stopped_as_a_whole) {
  WorkerWatch watch(1, kPatience);
  watch.look(std::array<Tick, 1>{1000}, 1000);
  EXPECT_TRUE(watch.look(std::array<Tick, 1>{1200}, 60'000).empty()) << "it went rounds since the last look";
  EXPECT_TRUE(watch.look(std::array<Tick, 1>{60'500}, 60'500).empty());
}

TEST(WorkerWatch, outlives_the_end_of_time) {
  WorkerWatch watch(1, kPatience);
  watch.look(std::array<Tick, 1>{0xffffff00}, 0xffffff00);
  const auto stopped = watch.look(std::array<Tick, 1>{0xffffff00}, 1000);
  ASSERT_EQ(stopped.size(), 1U);
  EXPECT_EQ(stopped[0].silent_for, 1256U);
}

TEST(WorkerWatch, judges_nobody_at_first_sight) {
  WorkerWatch watch(1, kPatience);
  EXPECT_TRUE(watch.look(std::array<Tick, 1>{0}, 50'000).empty());
  EXPECT_FALSE(watch.look(std::array<Tick, 1>{0}, 50'500).empty());
}

}  // namespace
}  // namespace hypernat::dataplane
