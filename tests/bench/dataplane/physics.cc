#include "tests/bench/dataplane/physics.h"

#include <rte_cycles.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>

#include <array>
#include <random>
#include <stdexcept>
#include <vector>

#include "dataplane/flow/memory.h"

namespace hypernat::bench {
namespace {

constexpr std::uint32_t kLookups = 64;
constexpr std::uint32_t kChunk = 1024;  // bursts of a sample
constexpr std::uint32_t kSamples = 48;

struct Key {
  std::uint64_t words[2];
};

Key key_of(std::uint32_t number) {
  return {{std::uint64_t{number} * 0x9e3779b97f4a7c15, std::uint64_t{number} << 17 ^ 0x5bd1e995}};
}

}  // namespace

struct Physics::State {
  struct alignas(64) Entry {
    std::uint64_t words[8];
  };

  ~State() { rte_hash_free(table); }
  std::uint32_t count = 0;
  rte_hash* table = nullptr;
  dataplane::FixedArray<Entry> entries;
  std::mt19937_64 random{7};
};

Physics::Physics(std::uint32_t entries) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.count = entries;
  static int tables = 0;
  const std::string name = "physics" + std::to_string(tables++);
  rte_hash_parameters parameters{};
  parameters.name = name.c_str();
  parameters.entries = entries + entries / 4 + 16;
  parameters.key_len = sizeof(Key);
  parameters.hash_func = rte_hash_crc;
  parameters.socket_id = SOCKET_ID_ANY;
  parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
  state.table = rte_hash_create(&parameters);
  if (state.table == nullptr || !state.entries.allocate(entries)) {
    throw std::runtime_error("no memory for a table of " + std::to_string(entries) + " keys");
  }
  for (std::uint32_t number = 0; number < entries; ++number) {
    const Key key = key_of(number);
    if (rte_hash_add_key_data(state.table, &key, &state.entries[number]) != 0)
      throw std::runtime_error("rte_hash refused a key");
  }
}

Physics::~Physics() = default;

Figure Physics::measure(std::uint32_t run) {
  State& state = *state_;
  Figure figure{.measure = "physics", .setting = "lookup and entry", .flows = state.count, .run = run, .samples = {}};
  std::vector<Key> keys(std::size_t{kChunk} * kLookups);
  for (std::uint32_t sample = 0; sample < kSamples; ++sample) {
    for (Key& key : keys) key = key_of(static_cast<std::uint32_t>(state.random() % state.count));
    const std::uint64_t before = rte_rdtsc();
    for (std::uint32_t burst = 0; burst < kChunk; ++burst) {
      std::array<const void*, kLookups> pointers;
      std::array<void*, kLookups> data;
      for (std::uint32_t i = 0; i < kLookups; ++i) pointers[i] = &keys[std::size_t{burst} * kLookups + i];
      std::uint64_t hits = 0;
      rte_hash_lookup_bulk_data(state.table, pointers.data(), kLookups, &hits, data.data());
      if (hits != ~std::uint64_t{0}) throw std::runtime_error("a key that was added is not there");
      for (void* entry : data) __builtin_prefetch(entry, 1, 3);
      for (void* entry : data) {
        Physics::State::Entry& line = *static_cast<Physics::State::Entry*>(entry);
        line.words[0] += burst;
        line.words[7] ^= line.words[0];
      }
    }
    figure.samples.push_back(static_cast<double>(rte_rdtsc() - before) / (std::uint64_t{kChunk} * kLookups));
  }
  return figure;
}

}  // namespace hypernat::bench
