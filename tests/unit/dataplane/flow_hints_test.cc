#include "dataplane/flow/flow_hints.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace hypernat::dataplane {
namespace {

FlowHints hints_for(std::uint32_t flows) {
  FlowHints hints;
  EXPECT_TRUE(hints.allocate(flows));
  return hints;
}

TEST(FlowHints, name_the_flow_that_was_found_last) {
  FlowHints hints = hints_for(1000);
  EXPECT_EQ(hints.find(0x12345678), kNone);
  hints.add(0x12345678, 0);
  hints.add(0x9abcdef0, 999);
  EXPECT_EQ(hints.find(0x12345678), 0U);
  EXPECT_EQ(hints.find(0x9abcdef0), 999U);
  hints.remember(0x12345678, 0);
  hints.forget(0x12345678, 0);
  EXPECT_EQ(hints.find(0x12345678), kNone) << "what was remembered twice is forgotten at once";
  hints.forget(0x12345678, 0);
  hints.forget(0x9abcdef0, 998);
  EXPECT_EQ(hints.find(0x9abcdef0), 999U) << "another flow's hint stays";
}

TEST(FlowHints, are_of_the_flows_that_there_can_be) {
  for (const std::uint32_t flows : {1U, 2U, 3U, 64U, 65U}) {
    SCOPED_TRACE(flows);
    FlowHints hints = hints_for(flows);
    for (std::uint64_t signature = 0; signature <= 0xffffffff; signature += 0x10001) {
      const std::uint32_t found = hints.find(static_cast<std::uint32_t>(signature));
      ASSERT_TRUE(found == kNone || found < flows) << "an empty place may look like a hint, but of a flow";
    }
  }
}

TEST(FlowHints, make_room_for_new_ones) {
  FlowHints hints = hints_for(4);  // two sets: of the lower and of the upper half of all signatures
  for (std::uint32_t i = 0; i < 100; ++i) {
    hints.add(i, i % 4);
    ASSERT_EQ(hints.find(i), i % 4) << i;
  }
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(hints.find(i), i < 92 ? kNone : i % 4) << "the oldest go";
  hints.forget(95, 95 % 4);
  hints.add(7, 3);
  for (const std::uint32_t i : {92U, 93U, 94U, 96U, 97U, 98U, 99U})
    EXPECT_EQ(hints.find(i), i % 4) << "there was room for one";
  hints.add(8, 0);
  EXPECT_EQ(hints.find(92), kNone);
  EXPECT_EQ(hints.find(93), 93U % 4);
}

// Every signature of every flow, when all flows are open: nearly all have their hints, and what they say otherwise is
// some other flow's whose signature is nearly the same.
TEST(FlowHints, are_right_but_for_a_few) {
  constexpr std::uint32_t kFlows = 100'000;
  FlowHints hints = hints_for(kFlows);
  std::mt19937_64 random(7);
  std::multimap<std::uint32_t, std::uint32_t> signatures;
  for (std::uint32_t flow = 0; flow < 2 * kFlows; ++flow)
    signatures.emplace(static_cast<std::uint32_t>(random()), flow % kFlows);
  for (const auto& [signature, flow] : signatures) hints.add(signature, flow);
  std::uint32_t right = 0;
  std::uint32_t wrong = 0;
  for (const auto& [signature, flow] : signatures) {
    const std::uint32_t found = hints.find(signature);
    right += found == flow ? 1 : 0;
    wrong += found != flow && found != kNone ? 1 : 0;
  }
  EXPECT_GT(right, 2 * kFlows * 96 / 100);
  EXPECT_LT(wrong, 2 * kFlows / 1000);
  EXPECT_LT(hints.memory(), kFlows * 13);

  for (const auto& [signature, flow] : signatures) hints.forget(signature, flow);
  for (const auto& [signature, flow] : signatures) ASSERT_EQ(hints.find(signature), kNone);
}

}  // namespace
}  // namespace hypernat::dataplane
