// The contract of flow/flow_index.h. Linked once with each implementation; both must pass.
#include "dataplane/flow/flow_index.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataplane/flow/flow_hash.h"

namespace hypernat::dataplane {
namespace {

const FlowHash kHash({1, 22, 333, 4444});

FlowKey key_of(std::uint64_t number) {
  return {.number_protocol_local = number * 0x10001, .remote_and_ports = ~number};
}

std::unique_ptr<FlowIndex> make_index(std::uint32_t capacity) {
  static int made = 0;
  const std::string name = "index" + std::to_string(made++);
  return FlowIndex::create({.name = name.c_str(), .capacity = capacity});
}

bool insert(FlowIndex& index, std::uint64_t number, std::uint32_t value) {
  return index.insert(key_of(number), kHash(key_of(number)), value);
}
std::uint32_t lookup(const FlowIndex& index, std::uint64_t number) {
  return index.lookup(key_of(number), kHash(key_of(number)));
}
void erase(FlowIndex& index, std::uint64_t number) {
  index.erase(key_of(number), kHash(key_of(number)));
}

TEST(FlowIndexContract, finds_what_was_inserted_and_nothing_else) {
  const auto index = make_index(100);
  ASSERT_TRUE(index);
  EXPECT_EQ(index->size(), 0U);
  EXPECT_EQ(lookup(*index, 1), FlowIndex::kMissing);
  ASSERT_TRUE(insert(*index, 1, 17));
  ASSERT_TRUE(insert(*index, 2, 0));
  EXPECT_EQ(lookup(*index, 1), 17U);
  EXPECT_EQ(lookup(*index, 2), 0U) << "zero is a value";
  EXPECT_EQ(lookup(*index, 3), FlowIndex::kMissing);
  EXPECT_EQ(index->size(), 2U);
  erase(*index, 1);
  EXPECT_EQ(lookup(*index, 1), FlowIndex::kMissing);
  EXPECT_EQ(lookup(*index, 2), 0U);
  EXPECT_EQ(index->size(), 1U);
  ASSERT_TRUE(insert(*index, 1, 18)) << "an erased key can come again";
  EXPECT_EQ(lookup(*index, 1), 18U);
}

TEST(FlowIndexContract, holds_the_whole_range_of_values) {
  const auto index = make_index(10);
  ASSERT_TRUE(insert(*index, 1, 0xfffffffe));
  EXPECT_EQ(lookup(*index, 1), 0xfffffffeU);
}

TEST(FlowIndexContract, holds_as_many_keys_as_its_capacity) {
  constexpr std::uint32_t kCapacity = 10'000;
  const auto index = make_index(kCapacity);
  for (std::uint32_t i = 0; i < kCapacity; ++i) ASSERT_TRUE(insert(*index, i, i)) << i;
  for (std::uint32_t i = 0; i < kCapacity; ++i) ASSERT_EQ(lookup(*index, i), i);
  EXPECT_EQ(index->size(), kCapacity);
  EXPECT_GT(index->memory(), kCapacity * sizeof(FlowKey));
}

TEST(FlowIndexContract, refuses_at_some_point_and_changes_nothing_then) {
  const auto index = make_index(64);
  std::uint64_t held = 0;
  while (held < 10'000 && insert(*index, held, 1)) ++held;
  ASSERT_LT(held, 10'000U);
  EXPECT_GE(held, 64U);
  EXPECT_EQ(index->size(), held);
  EXPECT_EQ(lookup(*index, held), FlowIndex::kMissing);
  erase(*index, 0);
  EXPECT_TRUE(insert(*index, held, 2));
}

// More than random signatures ever bring about (flow_flood_test.cc).
TEST(FlowIndexContract, holds_several_keys_of_one_signature) {
  constexpr std::uint32_t kKeys = 16;
  constexpr std::uint32_t kSignature = 0x50042;
  const auto index = make_index(4096);
  for (std::uint32_t i = 0; i < kKeys; ++i) ASSERT_TRUE(index->insert(key_of(i), kSignature, i)) << i;
  for (std::uint32_t i = 0; i < kKeys; ++i) ASSERT_EQ(index->lookup(key_of(i), kSignature), i);
  EXPECT_EQ(index->lookup(key_of(kKeys), kSignature), FlowIndex::kMissing);
  for (std::uint32_t i = 0; i < kKeys; i += 2) index->erase(key_of(i), kSignature);
  for (std::uint32_t i = 0; i < kKeys; ++i)
    ASSERT_EQ(index->lookup(key_of(i), kSignature), i % 2 == 0 ? FlowIndex::kMissing : i);
}

TEST(FlowIndexContract, looks_up_bursts_of_every_size_with_hits_and_misses_mixed) {
  const auto index = make_index(1000);
  for (std::uint32_t i = 0; i < 1000; i += 3) ASSERT_TRUE(insert(*index, i, i));
  for (std::size_t size = 0; size <= FlowIndex::kMaxBulk; ++size) {
    std::vector<FlowKey> keys;
    std::vector<std::uint32_t> signatures;
    for (std::size_t i = 0; i < size; ++i) {
      keys.push_back(key_of(size + i));
      signatures.push_back(kHash(keys.back()));
    }
    std::vector<const FlowKey*> pointers;
    for (const FlowKey& key : keys) pointers.push_back(&key);
    std::vector<std::uint32_t> values(size, 5);
    index->lookup_bulk(pointers, signatures, values);
    for (std::size_t i = 0; i < size; ++i)
      EXPECT_EQ(values[i], (size + i) % 3 == 0 ? size + i : FlowIndex::kMissing) << size << ' ' << i;
  }
}

TEST(FlowIndexContract, agrees_with_a_map_over_random_operations) {
  constexpr std::uint32_t kCapacity = 2000;
  const auto index = make_index(kCapacity);
  std::unordered_map<std::uint64_t, std::uint32_t> model;
  std::mt19937_64 random(7);
  for (int step = 0; step < 100'000; ++step) {
    const std::uint64_t number = random() % 3000;
    const auto known = model.find(number);
    ASSERT_EQ(lookup(*index, number), known == model.end() ? FlowIndex::kMissing : known->second) << step;
    if (known != model.end() && random() % 2 == 0) {
      erase(*index, number);
      model.erase(known);
    } else if (known == model.end() && model.size() < kCapacity) {
      const auto value = static_cast<std::uint32_t>(random() % 0xffff'fffe);
      ASSERT_TRUE(insert(*index, number, value));
      model[number] = value;
    }
    ASSERT_EQ(index->size(), model.size());
  }
}

}  // namespace
}  // namespace hypernat::dataplane
