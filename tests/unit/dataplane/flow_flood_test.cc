// What a tenant can do to the flow table who chooses addresses and ports, knows the code, and does not know the secret:
// no more than random keys do.
//
// rte_hash 22.11 has buckets of eight. A signature's low bits name the first bucket of a key, its upper half is stored
// beside the key and, xored with the first, names the second: keys crowd when they share both.
#include <gtest/gtest.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dataplane/flow/flow_hash.h"
#include "dataplane/flow/flow_index.h"

namespace hypernat::dataplane {
namespace {

constexpr std::uint32_t kFlood = 100'000;
constexpr std::array<std::uint64_t, 4> kSecret{0x9d3f1c7e5b20a864, 0x07d1e5c39ab846f2, 0xe84b6a1f20c5d793,
                                               0x3c92b7d4f1680ea5};

// ---- What one tenant can choose: an environment's address (12 bits of its host's block), both ports, the remote
// address.

FlowKey key_of(std::uint32_t environment, std::uint32_t remote, std::uint32_t ports) {
  return outbound_key(MappingNumber{7}, {.protocol = Protocol::kUdp,
                                         .local = Ipv4Address::from_host(0x64400000 + environment % 4096),
                                         .local_port = L4Port::from_host(static_cast<std::uint16_t>(ports >> 16)),
                                         .remote = Ipv4Address::from_host(remote),
                                         .remote_port = L4Port::from_host(static_cast<std::uint16_t>(ports))});
}

struct Flood {
  const char* name;
  std::vector<FlowKey> keys;
};

std::vector<FlowKey> made(const std::function<FlowKey(std::uint32_t)>& key) {
  std::vector<FlowKey> keys;
  for (std::uint32_t i = 0; i < kFlood; ++i) keys.push_back(key(i));
  return keys;
}

// ---- Keys of one CRC whatever the seed. A CRC is linear: two keys that differ by what the CRC maps to zero collide.

std::uint32_t crc_of(const FlowKey& key, std::uint32_t seed) {
  return rte_hash_crc(&key, sizeof key, seed);
}

// Differences that a tenant can bring about and a CRC does not see: a basis of them, by Gaussian elimination.
std::vector<FlowKey> invisible_differences() {
  struct Row {
    std::uint32_t crc;
    FlowKey difference;
  };
  std::vector<Row> pivots;
  std::vector<FlowKey> basis;
  const std::uint32_t nothing = crc_of({}, 0);
  for (unsigned bit = 0; bit < 64 + 12; ++bit) {
    FlowKey difference{};
    if (bit < 64) {
      difference.remote_and_ports = std::uint64_t{1} << bit;
    } else {
      difference.number_protocol_local = Ipv4Address::from_host(1U << (bit - 64)).network();
    }
    Row row{crc_of(difference, 0) ^ nothing, difference};
    for (const Row& pivot : pivots) {
      if ((row.crc ^ pivot.crc) >= row.crc) continue;
      row.crc ^= pivot.crc;
      row.difference.number_protocol_local ^= pivot.difference.number_protocol_local;
      row.difference.remote_and_ports ^= pivot.difference.remote_and_ports;
    }
    if (row.crc == 0) {
      basis.push_back(row.difference);
    } else {
      pivots.push_back(row);
    }
  }
  return basis;
}

std::vector<FlowKey> keys_of_one_crc() {
  const std::vector<FlowKey> basis = invisible_differences();
  return made([&](std::uint32_t i) {
    FlowKey key = key_of(5, 0x0a000135, 4000U << 16 | 53);
    for (std::size_t bit = 0; bit < 17; ++bit) {
      if ((i >> bit & 1) == 0) continue;
      key.number_protocol_local ^= basis.at(bit).number_protocol_local;
      key.remote_and_ports ^= basis.at(bit).remote_and_ports;
    }
    return key;
  });
}

const std::vector<Flood>& floods() {
  constexpr std::uint32_t kServer = 0x0a000135;  // 10.0.1.53
  static const std::vector<Flood> all = {
      {"ports in their order", made([](auto i) { return key_of(5, kServer, i * 65536 + (i >> 16) + 1); })},
      {"remote ports in their order", made([](auto i) { return key_of(5, kServer, i); })},
      {"remote addresses in their order", made([](auto i) { return key_of(5, kServer + i, 4000U << 16 | 53); })},
      {"remote networks in their order", made([](auto i) { return key_of(5, i << 15, 4000U << 16 | 53); })},
      {"environments and ports", made([](auto i) { return key_of(i, kServer, (i / 4096) << 16 | 53); })},
      {"one bit or two of everything", made([](auto i) {
         const std::uint64_t bits = std::uint64_t{1} << i % 64 ^ std::uint64_t{1} << i / 64 % 64;
         return key_of(i / 4096, kServer ^ static_cast<std::uint32_t>(bits >> 32), static_cast<std::uint32_t>(bits));
       })},
      {"ports and addresses that cancel each other",
       made([](auto i) { return key_of(5, kServer ^ i, (4000U << 16 | 53) ^ i); })},
      {"multiples of an odd number", made([](auto i) { return key_of(5, i * 0x9e3779b1U, i * 0x85ebca6bU); })},
      {"one CRC", keys_of_one_crc()},
  };
  return all;
}

std::vector<FlowKey> random_keys(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto draw = [&] { return static_cast<std::uint32_t>(random()); };
  return made([&](std::uint32_t) {
    const std::uint32_t environment = draw();
    const std::uint32_t remote = draw();
    return key_of(environment, remote, draw());
  });
}

using Signature = std::function<std::uint32_t(const FlowKey&)>;

/// How many keys share what: the fullest first bucket, the most keys with both buckets in common, and how many pairs of
/// keys there are with one first bucket.
struct Crowding {
  std::uint32_t bucket = 0;
  std::uint32_t both = 0;
  double pairs = 0;
};

Crowding crowding(const std::vector<FlowKey>& keys, const Signature& signature, std::uint32_t buckets) {
  std::vector<std::uint32_t> first(buckets);
  std::vector<std::uint64_t> places;
  Crowding seen;
  for (const FlowKey& key : keys) {
    const std::uint32_t value = signature(key);
    const std::uint32_t one = value & (buckets - 1);
    const std::uint32_t other = (one ^ value >> 16) & (buckets - 1);
    seen.pairs += first[one]++;
    places.push_back(std::uint64_t{std::min(one, other)} << 32 | std::max(one, other));
  }
  seen.bucket = *std::max_element(first.begin(), first.end());
  std::sort(places.begin(), places.end());
  std::uint32_t run = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    run = i > 0 && places[i] == places[i - 1] ? run + 1 : 1;
    seen.both = std::max(seen.both, run);
  }
  return seen;
}

std::size_t distinct(std::vector<FlowKey> keys) {
  const auto less = [](const FlowKey& a, const FlowKey& b) {
    return std::pair(a.number_protocol_local, a.remote_and_ports) <
           std::pair(b.number_protocol_local, b.remote_and_ports);
  };
  std::sort(keys.begin(), keys.end(), less);
  return static_cast<std::size_t>(std::unique(keys.begin(), keys.end()) - keys.begin());
}

// A table of 64 k flows has 2^15 buckets, one of 4 M flows 2^21: there the two halves of a signature overlap.
constexpr std::uint32_t kBuckets[] = {1U << 15, 1U << 18, 1U << 21};

TEST(FlowFlood, CrowdsNoBucketMoreThanRandomKeysDo) {
  for (const Flood& flood : floods()) {
    const bool few = std::string_view(flood.name).starts_with("one bit");  // there are no more of its kind
    EXPECT_GE(distinct(flood.keys), few ? 45'000U : kFlood) << flood.name;
  }
  for (const std::uint32_t buckets : kBuckets) {
    const FlowHash hash(kSecret);
    Crowding random;
    for (std::uint32_t seed = 1; seed <= 10; ++seed) {
      const Crowding one = crowding(random_keys(seed), hash, buckets);
      random = {.bucket = std::max(random.bucket, one.bucket), .both = std::max(random.both, one.both)};
    }
    for (const Flood& flood : floods()) {
      if (std::string_view(flood.name).starts_with("one bit")) continue;
      const Crowding seen = crowding(flood.keys, hash, buckets);
      EXPECT_LE(seen.bucket, random.bucket + 2) << flood.name << ", " << buckets << " buckets";
      EXPECT_LE(seen.both, random.both + 1) << flood.name << ", " << buckets << " buckets";
      const double expected = double{kFlood} * (kFlood - 1) / 2 / buckets;
      EXPECT_NEAR(seen.pairs, expected, 5 * std::sqrt(expected)) << flood.name << ", " << buckets << " buckets";
    }
  }
}

// The flood of one CRC is one: with a CRC, whatever its seed, all of it lies in one pair of buckets.
TEST(FlowFlood, OfOneCrcWouldFillOnePairOfBucketsIfACrcWereUsed) {
  const std::vector<FlowKey> keys = keys_of_one_crc();
  for (const std::uint32_t seed : {0U, 0xffffffffU, 0x12345678U, 0xdeadbeefU}) {
    const Crowding seen = crowding(
        keys, [seed](const FlowKey& key) { return crc_of(key, seed); }, kBuckets[0]);
    EXPECT_EQ(seen.both, kFlood) << seed;
  }
}

// Who has seen which keys collide here has learned nothing about another data plane, or this one after its next start.
TEST(FlowFlood, ThatCollidesUnderOneSecretIsSpreadByAnother) {
  constexpr std::uint32_t kMask = (1U << 16) - 1;
  const FlowHash known(kSecret);
  std::vector<FlowKey> colliding;  // about ninety in each of 1,100 buckets
  for (std::uint32_t i = 0; i < 60 * kFlood; ++i) {
    const FlowKey key = key_of(5, 0x0a000000 + i / 60'000, (i % 60'000 + 1) << 16 | 53);
    if ((known(key) & kMask) < 1100) colliding.push_back(key);
  }
  ASSERT_GT(colliding.size(), 90'000U);
  EXPECT_GT(crowding(colliding, known, kMask + 1).bucket, 60U);
  std::mt19937_64 random(7);
  for (int other = 0; other < 20; ++other) {
    const FlowHash unknown({random(), random(), random(), random()});
    const Crowding seen = crowding(colliding, unknown, kMask + 1);
    const double keys = static_cast<double>(colliding.size());
    const double expected = keys * (keys - 1) / 2 / (kMask + 1);
    EXPECT_NEAR(seen.pairs, expected, 5 * std::sqrt(expected)) << other;
    EXPECT_LE(seen.bucket, 15U) << other;
  }
}

// ---- The same with rte_hash itself.

struct FreeHash {
  void operator()(rte_hash* hash) const { rte_hash_free(hash); }
};

/// How many of the keys find room before one does not, in a table without buckets for overflow.
std::uint32_t accepted(const std::vector<FlowKey>& keys, const Signature& signature, std::uint32_t entries) {
  static int tables = 0;
  const std::string name = "flood" + std::to_string(tables++);
  rte_hash_parameters parameters{};
  parameters.name = name.c_str();
  parameters.entries = entries;
  parameters.key_len = sizeof(FlowKey);
  parameters.socket_id = SOCKET_ID_ANY;
  const std::unique_ptr<rte_hash, FreeHash> table(rte_hash_create(&parameters));
  if (table == nullptr) return 0;
  std::uint32_t count = 0;
  for (const FlowKey& key : keys) {
    if (rte_hash_add_key_with_hash(table.get(), &key, signature(key)) < 0) break;
    ++count;
  }
  return count;
}

TEST(FlowFlood, FindsRoomInABareHashTableAsRandomKeysDo) {
  constexpr std::uint32_t kEntries = 131'072;  // 76 % full in the end
  const FlowHash hash(kSecret);
  ASSERT_EQ(accepted(random_keys(1), hash, kEntries), kFlood);
  for (const Flood& flood : floods()) EXPECT_EQ(accepted(flood.keys, hash, kEntries), kFlood) << flood.name;
  const auto crc = [](const FlowKey& key) { return crc_of(key, 0x12345678); };
  EXPECT_EQ(accepted(keys_of_one_crc(), crc, kEntries), 16U) << "two buckets of eight, and the seventeenth is refused";
}

// ---- And with the flow table: one tenant's flood, then another tenant's flows.

FlowKey others_key(std::uint32_t i) {
  return outbound_key(MappingNumber{8}, {.protocol = Protocol::kTcp,
                                         .local = Ipv4Address::from_host(0x64400000 + i % 256),
                                         .local_port = L4Port::from_host(static_cast<std::uint16_t>(1024 + i / 256)),
                                         .remote = Ipv4Address::of(10, 0, 1, 53),
                                         .remote_port = L4Port::from_host(80)});
}

TEST(FlowFlood, RefusesNoOtherTenantsFlow) {
  constexpr std::uint32_t kOthers = 50'000;
  const FlowHash hash(kSecret);
  for (const Flood& flood : floods()) {
    const std::string name = std::string("index of ") + std::to_string(&flood - floods().data());
    const auto index = FlowIndex::create({.name = name.c_str(), .capacity = kFlood + kOthers});
    ASSERT_TRUE(index);
    std::uint32_t held = 0;
    for (const FlowKey& key : flood.keys) {
      if (index->lookup(key, hash(key)) != FlowIndex::kMissing) continue;  // a flood may name a flow twice
      ASSERT_TRUE(index->insert(key, hash(key), held++)) << flood.name;
    }
    for (std::uint32_t i = 0; i < kOthers; ++i) {
      ASSERT_TRUE(index->insert(others_key(i), hash(others_key(i)), i)) << flood.name << ", flow " << i;
    }
    for (std::uint32_t i = 0; i < kOthers; ++i) ASSERT_EQ(index->lookup(others_key(i), hash(others_key(i))), i);
    EXPECT_EQ(index->size(), held + kOthers);
  }
}

}  // namespace
}  // namespace hypernat::dataplane
