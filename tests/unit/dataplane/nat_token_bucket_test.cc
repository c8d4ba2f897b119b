// A rate shared by workers: what is granted over time, to the token.
#include "dataplane/nat/token_bucket.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace hypernat::dataplane {
namespace {

constexpr Tick kStart = 100'000;

std::uint64_t take_all(TokenBucket& bucket, std::uint32_t rate, Tick now) {
  std::uint64_t sum = 0;
  while (const std::uint32_t granted = bucket.take(rate, 64, now)) sum += granted;
  return sum;
}

TEST(TokenBucket, grants_exactly_the_rate_whatever_the_steps) {
  for (const std::uint32_t rate : {1U, 3U, 7U, 999U, 1'000U, 1'001U, 33'333U, 4'000'000U}) {
    for (const Tick step : {1U, 3U, 17U, 250U, 500U}) {
      TokenBucket bucket;
      EXPECT_EQ(take_all(bucket, rate, kStart), rate) << "a second's worth at once";
      std::uint64_t granted = 0;
      Tick now = kStart;
      for (int i = 0; i < 200; ++i) granted += take_all(bucket, rate, now += step);
      EXPECT_EQ(granted, std::uint64_t{rate} * step * 200 / 1000) << rate << " in steps of " << step;
    }
  }
}

TEST(TokenBucket, begins_empty_and_saves_up_one_second) {
  TokenBucket bucket;
  EXPECT_EQ(take_all(bucket, 1'000, 0), 0U);
  EXPECT_EQ(take_all(bucket, 1'000, 400), 400U);
  EXPECT_EQ(take_all(bucket, 1'000, 50'000), 1'000U);
}

TEST(TokenBucket, grants_less_than_is_wanted_rather_than_nothing) {
  TokenBucket bucket;
  EXPECT_EQ(bucket.take(10, 7, kStart), 7U);
  EXPECT_EQ(bucket.take(10, 7, kStart), 3U);
  EXPECT_EQ(bucket.take(10, 7, kStart), 0U);
}

TEST(TokenBucket, minds_neither_clocks_that_are_behind_nor_one_that_wraps) {
  TokenBucket bucket;
  EXPECT_EQ(take_all(bucket, 100, kStart), 100U);
  EXPECT_EQ(take_all(bucket, 100, kStart - 5), 0U) << "another worker read its clock earlier";
  EXPECT_EQ(take_all(bucket, 100, kStart + 10), 1U);
  EXPECT_EQ(take_all(bucket, 100, 0xffffffff), 100U);
  EXPECT_EQ(take_all(bucket, 100, 499), 50U) << "500 ms later";
  EXPECT_EQ(take_all(bucket, 100, 0xf0000000), 100U) << "47 days later";
}

TEST(TokenBucket, follows_a_changed_rate) {
  TokenBucket bucket;
  EXPECT_EQ(bucket.take(1'000, 100, kStart), 100U);
  EXPECT_EQ(take_all(bucket, 10, kStart), 10U) << "what was saved up by the old rate is none of the new one";
  EXPECT_EQ(take_all(bucket, 1'000'000, kStart + 1), 1'000U);
}

TEST(TokenBucket, holds_the_largest_rate_there_is) {
  TokenBucket bucket;
  EXPECT_EQ(take_all(bucket, 0xffffffff, kStart), 4'294'967U) << "as many as it can save up";
  EXPECT_EQ(take_all(bucket, 0xffffffff, kStart + 1), 4'294'967U);
}

TEST(TokenBucket, grants_threads_together_what_it_grants_one) {
  TokenBucket bucket;
  constexpr std::uint32_t kRate = 100'000;
  std::vector<std::uint64_t> granted(4);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < granted.size(); ++thread)
    threads.emplace_back([&bucket, &sum = granted[thread]] {
      for (Tick now = kStart; now <= kStart + 1'000; ++now)
        for (int i = 0; i < 10; ++i) sum += bucket.take(kRate, 1 + now % 64, now);
    });
  for (auto& thread : threads) thread.join();
  std::uint64_t sum = take_all(bucket, kRate, kStart + 1'000);
  for (const std::uint64_t part : granted) sum += part;
  EXPECT_GE(sum, std::uint64_t{kRate});
  EXPECT_LE(sum, 2 * std::uint64_t{kRate}) << "one second of it, and what was saved up before";
}

}  // namespace
}  // namespace hypernat::dataplane
