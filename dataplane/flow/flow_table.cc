#include "dataplane/flow/flow_table.h"

#include <bit>
#include <cassert>

namespace hypernat::dataplane {
namespace {

// Keys that the index has room for: more than twice as many as a full table is likely to have there, and all of a small
// one, where likelihood says little.
constexpr std::uint32_t index_capacity(std::uint32_t keys) {
  return keys / 16 + std::min(keys, 1024U);
}

}  // namespace

FlowEnds inbound_ends_of(const Flow& flow) {
  return {.protocol = flow.protocol,
          .local = flow.interface,
          .local_port = flow.interface_port,
          .remote = flow.remote,
          .remote_port = flow.remote_port};
}

FlowKey outbound_key_of(const Flow& flow, const FlowCold& cold) {
  return outbound_key(MappingNumber{cold.mapping_number}, {.protocol = flow.protocol,
                                                           .local = flow.inside,
                                                           .local_port = flow.inside_port,
                                                           .remote = flow.remote,
                                                           .remote_port = flow.remote_port});
}

FlowKey inbound_key_of(const Flow& flow, const FlowCold& cold) {
  return inbound_key(SubnetNumber{cold.subnet_number}, inbound_ends_of(flow));
}

bool FlowTable::allocate(const Options& options) {
  capacity_ = flows_.capacity();
  number_bits_ = static_cast<unsigned>(std::bit_width(capacity_ - 1));
  const std::uint32_t keys = 2 * capacity_;
  index_ = FlowIndex::create({.name = options.name, .capacity = index_capacity(keys), .numa_node = options.numa_node});
  return index_ != nullptr && sets_.allocate(std::size_t{keys} / kKeysOfSet + 1);
}

bool FlowTable::has_key(std::uint32_t number, const FlowKey& key) const {
  const Flow& flow = flows_[number];
  if (flow.state == FlowState::kFree) return false;  // an empty place may look like a number
  const FlowCold& cold = flows_.cold(number);
  return key == (is_inbound(key) ? inbound_key_of(flow, cold) : outbound_key_of(flow, cold));
}

std::uint32_t FlowTable::find_in(const Set& set, const FlowKey& key, std::uint32_t signature) const {
  const std::uint32_t tag = tag_of(signature);
  for (const std::uint32_t word : set.words) {
    const std::uint32_t number = word ^ tag;
    if (number < capacity_ && has_key(number, key)) return number;
  }
  return kNone;
}

void FlowTable::lookup_bulk(std::span<const FlowKey* const> keys, std::span<const std::uint32_t> signatures,
                            std::span<std::uint32_t> numbers) const {
  assert(keys.size() <= kMaxBulk && keys.size() == signatures.size() && keys.size() == numbers.size());
  for (const std::uint32_t signature : signatures) fetch(signature);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    numbers[i] = hint(signatures[i]);
    if (numbers[i] != kNone) flows_.fetch_both(numbers[i]);
  }
  std::array<const FlowKey*, kMaxBulk> spilled_keys;
  std::array<std::uint32_t, kMaxBulk> spilled_signatures;
  std::array<std::size_t, kMaxBulk> askers;
  std::size_t count = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Set& set = set_of(signatures[i]);
    if (numbers[i] != kNone) numbers[i] = find_in(set, *keys[i], signatures[i]);
    if (numbers[i] != kNone || !set.spilled()) continue;
    spilled_keys[count] = keys[i];
    spilled_signatures[count] = signatures[i];
    askers[count++] = i;
  }
  std::array<std::uint32_t, kMaxBulk> found;
  index_->lookup_bulk({spilled_keys.data(), count}, {spilled_signatures.data(), count}, {found.data(), count});
  for (std::size_t i = 0; i < count; ++i) numbers[askers[i]] = found[i];
}

std::uint32_t FlowTable::lookup(const FlowKey& key, std::uint32_t signature) const {
  const Set& set = set_of(signature);
  const std::uint32_t number = find_in(set, key, signature);
  return number != kNone || !set.spilled() ? number : index_->lookup(key, signature);
}

bool FlowTable::insert(const FlowKey& key, std::uint32_t signature, std::uint32_t number) {
  Set& set = set_of(signature);
  if (set.full()) {
    const bool inserted = index_->insert(key, signature, number);
    set.words[kPlaces] -= inserted ? 1 : 0;
    return inserted;
  }
  // In front, and the others one further, which takes no search.
  const Set before = set;
  std::copy_n(before.words.begin(), kPlaces - 1, set.words.begin() + 1);
  set.words.front() = tag_of(signature) | number;
  return true;
}

void FlowTable::erase(const FlowKey& key, std::uint32_t signature, std::uint32_t number) {
  Set& set = set_of(signature);
  const auto end = set.words.begin() + kPlaces;
  const auto place = std::find(set.words.begin(), end, tag_of(signature) | number);
  if (place == end) {
    index_->erase(key, signature);
    ++set.words[kPlaces];
    return;
  }
  std::copy(place + 1, end, place);
  *(end - 1) = kNone;
}

}  // namespace hypernat::dataplane
