#include "dataplane/flow/timer_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace hypernat::dataplane {
namespace {

struct Wheel {
  explicit Wheel(std::uint32_t capacity = 1000) {
    EXPECT_TRUE(flows.allocate(capacity));
    EXPECT_TRUE(wheel.allocate());
  }
  std::uint32_t arm(Tick now, Tick due) {
    const std::uint32_t flow = flows.take();
    wheel.arm(flows, flow, now, due);
    return flow;
  }
  std::uint32_t next(Tick now, std::uint32_t steps = 100'000) { return wheel.next_due(flows, now, steps); }

  FlowPool flows;
  TimerWheel wheel;
};

TEST(TimerWheel, hands_out_a_flow_when_it_is_due_and_at_most_one_place_later) {
  for (const Tick start : {Tick{0}, Tick{1000}, Tick{0xffff'ff00}, Tick{0xffff'fc01}}) {
    for (const Tick delay : {Tick{0}, Tick{1}, Tick{255}, Tick{256}, Tick{60'000}, Tick{350'000}}) {
      Wheel wheel;
      const std::uint32_t flow = wheel.arm(start, start + delay);
      EXPECT_EQ(wheel.next(start + delay), kNone) << start << ' ' << delay;
      EXPECT_EQ(wheel.next(start + delay + 256), flow) << start << ' ' << delay;
      EXPECT_EQ(wheel.next(start + delay + 10'000), kNone);
    }
  }
}

TEST(TimerWheel, hands_out_early_what_is_due_after_more_than_a_turn) {
  Wheel wheel;
  const std::uint32_t flow = wheel.arm(0, 10'000'000);
  EXPECT_EQ(wheel.next(500'000), kNone);
  EXPECT_EQ(wheel.next(600'000), flow);
}

TEST(TimerWheel, does_no_more_than_its_steps_and_goes_on_next_time) {
  Wheel wheel;
  for (int i = 0; i < 100; ++i) wheel.arm(0, 100);
  std::uint32_t steps = 30;
  int handed_out = 0;
  while (wheel.wheel.next_due(wheel.flows, 1000, steps) != kNone) ++handed_out;
  EXPECT_EQ(steps, 0U);
  EXPECT_NEAR(handed_out, 30, 2);
  while (wheel.next(1000) != kNone) ++handed_out;
  EXPECT_EQ(handed_out, 100);
}

TEST(TimerWheel, agrees_with_a_sorted_map_over_random_operations) {
  constexpr std::uint32_t kFlows = 300;
  Wheel wheel(kFlows);
  std::map<std::uint32_t, Tick> due;
  std::mt19937_64 random(1);
  Tick now = 5;
  for (int step = 0; step < 100'000; ++step) {
    switch (random() % 4) {
      case 0:
        if (due.size() < kFlows) {
          const Tick when = now + static_cast<Tick>(random() % 400'000);
          due[wheel.arm(now, when)] = when;
        }
        break;
      case 1:
        if (!due.empty()) {
          const auto at = std::next(due.begin(), static_cast<std::ptrdiff_t>(random() % due.size()));
          wheel.wheel.disarm(wheel.flows, at->first);
          wheel.flows.give_back(at->first);
          due.erase(at);
        }
        break;
      default:
        now += static_cast<Tick>(random() % 2000);
        break;
    }
    for (std::uint32_t flow = wheel.next(now); flow != kNone; flow = wheel.next(now)) {
      ASSERT_TRUE(due.contains(flow));
      ASSERT_LE(due[flow], now) << "handed out too early";
      due.erase(flow);
      wheel.flows.give_back(flow);
    }
    for (const auto& [flow, when] : due) ASSERT_GT(when + 256, now) << "not handed out";
  }
}

TEST(FlowPool, hands_out_exactly_its_capacity_and_each_entry_once) {
  FlowPool pool;
  ASSERT_TRUE(pool.allocate(100));
  std::set<std::uint32_t> taken;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(taken.insert(pool.take()).second);
  EXPECT_EQ(pool.take(), kNone);
  EXPECT_EQ(pool.in_use(), 100U);
  pool[17].outbound_packets = 5;
  pool.give_back(17);
  EXPECT_EQ(pool.take(), 17U);
  EXPECT_EQ(pool[17].outbound_packets, 0U) << "as new";
}

}  // namespace
}  // namespace hypernat::dataplane
