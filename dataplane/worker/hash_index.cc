// FlowIndex on DPDK's rte_hash: no locks, since one worker owns it, and signatures from outside.
#include <rte_hash.h>
#include <rte_malloc.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>

#include "dataplane/flow/flow_index.h"

namespace hypernat::dataplane {
namespace {

// rte_hash keeps a pointer beside each key; the value travels in it.
void* to_data(std::uint32_t value) {
  return reinterpret_cast<void*>(std::uintptr_t{value});
}
std::uint32_t to_value(const void* data) {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(data));
}

std::size_t allocated_bytes() {
  std::size_t bytes = 0;
  for (int socket = 0; socket < RTE_MAX_NUMA_NODES; ++socket) {
    rte_malloc_socket_stats stats{};
    if (rte_malloc_get_socket_stats(socket, &stats) == 0) bytes += stats.heap_allocsz_bytes;
  }
  return bytes;
}

// Buckets are for the next power of two of entries, the keys' own places for just so many. At most 80 % of the buckets
// are ever used: below 98 % no key of a random signature was seen to be refused, and a tenant does not know the
// signatures of his (flow/flow_hash.h). Buckets for overflow would cost as much memory as the flows' timers and
// counters.
std::uint32_t entries_for(std::uint32_t capacity) {
  const std::uint32_t keys = std::max(capacity, 16U);
  const std::uint32_t room = std::bit_ceil(keys);
  return keys <= room / 5 * 4 ? keys : room + 1;
}

// Every key comes with its signature; nobody calls this.
std::uint32_t no_hash(const void*, std::uint32_t, std::uint32_t) {
  assert(false);
  return 0;
}

}  // namespace

struct FlowIndex::Impl {
  explicit Impl(rte_hash* made) : table(made) {}
  ~Impl() { rte_hash_free(table); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  rte_hash* table;
  std::size_t bytes = 0;
};

FlowIndex::FlowIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FlowIndex::~FlowIndex() = default;

std::unique_ptr<FlowIndex> FlowIndex::create(const Options& options) {
  const std::size_t before = allocated_bytes();
  rte_hash_parameters parameters{};
  parameters.name = options.name;
  parameters.entries = entries_for(options.capacity);
  parameters.key_len = sizeof(FlowKey);
  parameters.hash_func = no_hash;
  parameters.socket_id = options.numa_node;
  rte_hash* table = rte_hash_create(&parameters);
  if (table == nullptr) return nullptr;
  auto impl = std::make_unique<Impl>(table);
  impl->bytes = allocated_bytes() - before;
  return std::unique_ptr<FlowIndex>(new FlowIndex(std::move(impl)));
}

void FlowIndex::lookup_bulk(std::span<const FlowKey* const> keys, std::span<const std::uint32_t> signatures,
                            std::span<std::uint32_t> values) const {
  static_assert(kMaxBulk <= RTE_HASH_LOOKUP_BULK_MAX);
  assert(keys.size() <= kMaxBulk && keys.size() == signatures.size() && keys.size() == values.size());
  if (keys.empty()) return;  // rte_hash calls no keys an error
  std::array<const void*, kMaxBulk> pointers;
  std::array<void*, kMaxBulk> data;
  for (std::size_t i = 0; i < keys.size(); ++i) pointers[i] = keys[i];
  std::uint64_t hits = 0;
  // The signatures are only read; the parameter lacks a const.
  [[maybe_unused]] const int found =
      rte_hash_lookup_with_hash_bulk_data(impl_->table, pointers.data(), const_cast<hash_sig_t*>(signatures.data()),
                                          static_cast<std::uint32_t>(keys.size()), &hits, data.data());
  assert(found >= 0);
  for (std::size_t i = 0; i < keys.size(); ++i) values[i] = (hits >> i & 1) != 0 ? to_value(data[i]) : kMissing;
}

std::uint32_t FlowIndex::lookup(const FlowKey& key, std::uint32_t signature) const {
  void* data = nullptr;
  return rte_hash_lookup_with_hash_data(impl_->table, &key, signature, &data) >= 0 ? to_value(data) : kMissing;
}

bool FlowIndex::insert(const FlowKey& key, std::uint32_t signature, std::uint32_t value) {
  return rte_hash_add_key_with_hash_data(impl_->table, &key, signature, to_data(value)) == 0;
}

void FlowIndex::erase(const FlowKey& key, std::uint32_t signature) {
  [[maybe_unused]] const int erased = rte_hash_del_key_with_hash(impl_->table, &key, signature);
  assert(erased >= 0);
}

std::uint32_t FlowIndex::size() const {
  return static_cast<std::uint32_t>(rte_hash_count(impl_->table));
}

std::size_t FlowIndex::memory() const {
  return impl_->bytes;
}

}  // namespace hypernat::dataplane
