#include "control/workerhost/slot_pool.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <set>
#include <stdexcept>
#include <vector>

namespace hypernat::workerhost {
namespace {

const Ipv4Prefix kBlockOfManySlots = *parse_ipv4_prefix("100.64.16.0/20");

TEST(SlotPool, AllSlotsAreFreeAtFirstInOrderOfTheirNumbers) {
  SlotPool pool(3);
  EXPECT_EQ(pool.free(), 3U);
  EXPECT_EQ(pool.take(), SlotNumber{0});
  EXPECT_EQ(pool.take(), SlotNumber{1});
  EXPECT_EQ(pool.take(), SlotNumber{2});
  EXPECT_EQ(pool.take(), std::nullopt);
  EXPECT_EQ(pool.used(), 3U);
}

TEST(SlotPool, TheSlotThatWasGivenBackLongestAgoIsTakenNext) {
  SlotPool pool(3);
  const auto first = pool.take();
  const auto second = pool.take();
  pool.give_back(*second);
  pool.give_back(*first);
  EXPECT_EQ(pool.take(), SlotNumber{2});
  EXPECT_EQ(pool.take(), second);
  EXPECT_EQ(pool.take(), first);
}

TEST(SlotPool, ARestingSlotIsNeitherFreeNorUsed) {
  SlotPool pool(1);
  const auto slot = pool.take();
  pool.rest(*slot);
  EXPECT_EQ(pool.resting(), 1U);
  EXPECT_EQ(pool.used(), 0U);
  EXPECT_EQ(pool.free(), 0U);
  EXPECT_EQ(pool.take(), std::nullopt);
  pool.give_back(*slot);
  EXPECT_EQ(pool.resting(), 0U);
  EXPECT_EQ(pool.take(), slot);
}

TEST(SlotPool, GivingBackTwiceOrRestingUnusedOrStrangeSlotsAreMistakes) {
  SlotPool pool(2);
  EXPECT_THROW(pool.give_back(SlotNumber{0}), std::logic_error);
  EXPECT_THROW(pool.rest(SlotNumber{0}), std::logic_error);
  EXPECT_THROW(pool.give_back(SlotNumber{2}), std::out_of_range);
  const auto slot = pool.take();
  pool.rest(*slot);
  EXPECT_THROW(pool.rest(*slot), std::logic_error);
}

TEST(SlotPool, BehavesAsAQueueOfFreeSlotsOverManyRandomSteps) {
  constexpr std::uint32_t kSlots = 17;
  SlotPool pool(kSlots);
  std::deque<SlotNumber> free;
  std::vector<SlotNumber> used;
  std::vector<SlotNumber> resting;
  for (std::uint32_t slot = 0; slot < kSlots; ++slot) free.push_back(SlotNumber{slot});
  std::mt19937 random(1);
  const auto pick = [&](std::vector<SlotNumber>& from) {
    const std::size_t at = random() % from.size();
    const SlotNumber slot = from[at];
    from.erase(from.begin() + static_cast<std::ptrdiff_t>(at));
    return slot;
  };
  for (int step = 0; step < 100'000; ++step) {
    const auto choice = random() % 3;
    if (choice == 0) {
      const auto slot = pool.take();
      ASSERT_EQ(slot.has_value(), !free.empty());
      if (!slot) continue;
      ASSERT_EQ(*slot, free.front());
      free.pop_front();
      used.push_back(*slot);
    } else if (choice == 1 && !used.empty()) {
      const SlotNumber slot = pick(used);
      pool.rest(slot);
      resting.push_back(slot);
    } else if (choice == 2 && !resting.empty()) {
      const SlotNumber slot = pick(resting);
      pool.give_back(slot);
      free.push_back(slot);
    }
    ASSERT_EQ(pool.free(), free.size());
    ASSERT_EQ(pool.used(), used.size());
    ASSERT_EQ(pool.resting(), resting.size());
  }
}

TEST(SlotAddress, SlotsHaveTheBlocksAddressesButTheFirstAndTheLast) {
  EXPECT_EQ(slots_of_block(kBlockOfManySlots), 4094U);
  EXPECT_EQ(to_string(slot_address(kBlockOfManySlots, SlotNumber{0})), "100.64.16.1");
  EXPECT_EQ(to_string(slot_address(kBlockOfManySlots, SlotNumber{4093})), "100.64.31.254");
}

TEST(SlotAddress, ABlockOfOneOrTwoAddressesHasNoSlots) {
  EXPECT_EQ(slots_of_block(*parse_ipv4_prefix("100.64.0.0/32")), 0U);
  EXPECT_EQ(slots_of_block(*parse_ipv4_prefix("100.64.0.0/31")), 0U);
  EXPECT_EQ(slots_of_block(*parse_ipv4_prefix("100.64.0.0/30")), 2U);
}

TEST(SlotAddress, EveryAddressHasAUnicastMacOfItsOwn) {
  std::set<MacAddress> macs;
  for (std::uint32_t slot = 0; slot < slots_of_block(kBlockOfManySlots); ++slot) {
    const MacAddress mac = slot_mac(slot_address(kBlockOfManySlots, SlotNumber{slot}));
    EXPECT_FALSE(mac.is_multicast());
    macs.insert(mac);
  }
  EXPECT_EQ(macs.size(), slots_of_block(kBlockOfManySlots));
  EXPECT_EQ(to_string(slot_mac(*parse_ipv4_address("100.64.0.5"))), "02:00:64:40:00:05");
}

TEST(SlotPool, GivesNoSlotThatWasInUseBeforeUntilItIsGivenBack) {
  SlotPool pool(4, {SlotNumber{0}, SlotNumber{2}});
  EXPECT_EQ(pool.used(), 2U);
  EXPECT_EQ(pool.free(), 2U);
  EXPECT_EQ(pool.take(), SlotNumber{1});
  EXPECT_EQ(pool.take(), SlotNumber{3});
  EXPECT_EQ(pool.take(), std::nullopt);
  pool.rest(SlotNumber{0});
  pool.give_back(SlotNumber{0});
  EXPECT_EQ(pool.take(), SlotNumber{0});
}

}  // namespace
}  // namespace hypernat::workerhost
