#include "dataplane/flow/flow_hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <set>
#include <unordered_set>

#include "dataplane/flow/secret_random.h"

namespace hypernat::dataplane {
namespace {

FlowKey random_key(std::mt19937_64& random) {
  return {random(), random()};
}

TEST(FlowHash, depends_on_the_secret) {
  const FlowHash one({1, 2, 3, 4});
  const FlowHash other({5, 2, 3, 4});
  std::mt19937_64 random(1);
  int equal = 0;
  for (int i = 0; i < 1000; ++i) {
    const FlowKey key = random_key(random);
    equal += one(key) == other(key) ? 1 : 0;
  }
  EXPECT_LE(equal, 1);
}

TEST(FlowHash, changes_half_its_bits_when_any_bit_of_the_key_changes) {
  const FlowHash hash({0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89});
  std::mt19937_64 random(2);
  constexpr int kRounds = 2000;
  for (unsigned bit = 0; bit < 128; ++bit) {
    int changed = 0;
    for (int i = 0; i < kRounds; ++i) {
      const FlowKey key = random_key(random);
      FlowKey other = key;
      (bit < 64 ? other.number_protocol_local : other.remote_and_ports) ^= std::uint64_t{1} << bit % 64;
      changed += std::popcount(hash(key) ^ hash(other));
    }
    EXPECT_NEAR(changed / double{kRounds}, 16.0, 0.6) << "bit " << bit;
  }
}

// With a linear hash, keys that differ by one and the same difference collide together or not at all.
TEST(FlowHash, has_no_difference_that_always_collides) {
  const FlowHash hash({11, 22, 33, 44});
  std::mt19937_64 random(3);
  std::set<std::uint32_t> differences;
  constexpr FlowKey kDifference{0, 0x0000000100010001};
  for (int i = 0; i < 10'000; ++i) {
    const FlowKey key = random_key(random);
    differences.insert(hash(key) ^ hash({key.number_protocol_local ^ kDifference.number_protocol_local,
                                         key.remote_and_ports ^ kDifference.remote_and_ports}));
  }
  EXPECT_GT(differences.size(), 9'900U);
}

// Seen with g++ 12 at -O2: a struct of narrow members, hashed by words, gave different keys one hash.
TEST(FlowHash, tells_apart_keys_that_differ_in_one_small_field) {
  const FlowHash hash({1, 2, 3, 4});
  std::unordered_set<std::uint32_t> seen;
  std::size_t keys = 0;
  FlowEnds ends{.protocol = Protocol::kTcp,
                .local = Ipv4Address::of(100, 64, 0, 1),
                .local_port = L4Port::from_host(1),
                .remote = Ipv4Address::of(10, 0, 0, 1),
                .remote_port = L4Port::from_host(80)};
  for (std::uint32_t i = 0; i < 20'000; ++i, ++keys) {
    ends.local_port = L4Port::from_host(static_cast<std::uint16_t>(i));
    seen.insert(hash(outbound_key(MappingNumber{1}, ends)));
  }
  for (std::uint32_t i = 0; i < 20'000; ++i, ++keys) seen.insert(hash(outbound_key(MappingNumber{i + 2}, ends)));
  EXPECT_GE(seen.size() + 2, keys);
}

TEST(FlowKey, of_a_mapping_and_of_a_subnet_of_the_same_number_differ) {
  const FlowEnds ends{.protocol = Protocol::kUdp,
                      .local = Ipv4Address::of(10, 0, 1, 20),
                      .local_port = L4Port::from_host(5000),
                      .remote = Ipv4Address::of(10, 0, 1, 10),
                      .remote_port = L4Port::from_host(53)};
  EXPECT_FALSE(outbound_key(MappingNumber{7}, ends) == inbound_key(SubnetNumber{7}, ends));
}

TEST(SecretRandom, is_siphash_2_4_of_its_counter) {
  // The published vector for the eight bytes 00 01 ... 07 under the key 00 01 ... 0f.
  constexpr std::array<std::uint64_t, 2> kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  EXPECT_EQ(SecretRandom::siphash(kKey, 0x0706050403020100), 0x93f5f5799a932462U);
}

TEST(SecretRandom, draws_evenly_and_each_worker_for_itself) {
  SecretRandom one({1, 2}, 0);
  SecretRandom other({1, 2}, 1);
  std::array<int, 10> counts{};
  int equal = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint32_t drawn = one.below(10);
    ASSERT_LT(drawn, 10U);
    ++counts[drawn];
    equal += drawn == other.below(10) ? 1 : 0;
  }
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
  EXPECT_NEAR(equal, 10'000, 500);
}

}  // namespace
}  // namespace hypernat::dataplane
