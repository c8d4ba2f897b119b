// Finds flows by their keys: one cache line tells which flow it may be, and the flow itself whether it is.
//
// A set has room for seven flow numbers and is half a line. A number lies below as many bits of its signature as there
// is room for, the tag, so that hardly ever another flow has the same, and all are compared without a branch. Keys are
// not kept: a flow's are made of what it is (flow_key.h). What finds its set full goes into an index beside the sets,
// which is asked only where that happened; when every flow is open, it is one key of fifty.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/flow/flow_index.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/flow/flow_pool.h"
#include "dataplane/flow/memory.h"

namespace hypernat::dataplane {

/// What those outside see of a flow: `local` is the interface's end.
FlowEnds inbound_ends_of(const Flow& flow);
/// By which a flow's packets from inside are found, and those from outside.
FlowKey outbound_key_of(const Flow& flow, const FlowCold& cold);
FlowKey inbound_key_of(const Flow& flow, const FlowCold& cold);

class FlowTable {
 public:
  static constexpr std::size_t kMaxBulk = FlowIndex::kMaxBulk;

  struct Options {
    const char* name = "";  ///< unique in the process
    int numa_node = -1;     ///< where the memory of the index lies; -1: anywhere
  };

  /// Of flows that are in the pool, which outlives the table.
  explicit FlowTable(const FlowPool& flows) : flows_(flows) {}
  /// Room for both keys of every flow that the pool has. False when the memory can not be had.
  bool allocate(const Options& options);

  /// Asks for what `hint` and `lookup` look at first.
  void fetch(std::uint32_t signature) const { __builtin_prefetch(&set_of(signature), 0, 3); }
  /// Number of a flow that may have the signature, or kNone. The flow tells whether it has (nat/belonging.h); when it
  /// has not, or there is none, `lookup` may find another.
  std::uint32_t hint(std::uint32_t signature) const {
    const std::uint32_t tag = tag_of(signature);
    std::uint32_t nearest = kNone;
    // With the tag taken off, a number is left of what has it, and of others more than any number.
    for (const std::uint32_t word : set_of(signature).words) nearest = std::min(nearest, word ^ tag);
    return nearest < capacity_ ? nearest : kNone;
  }

  /// True when no flow can have the signature. Of those that none has it is hardly ever false, and no flow is looked
  /// at.
  bool is_free(std::uint32_t signature) const { return hint(signature) == kNone && !set_of(signature).spilled(); }

  /// numbers[i] = that of the flow with *keys[i], or kNone. At most kMaxBulk keys; the three spans are of one length.
  void lookup_bulk(std::span<const FlowKey* const> keys, std::span<const std::uint32_t> signatures,
                   std::span<std::uint32_t> numbers) const;
  std::uint32_t lookup(const FlowKey& key, std::uint32_t signature) const;

  /// The flow is all that its key says. False when there is no room; then nothing has changed. No flow has the key yet.
  bool insert(const FlowKey& key, std::uint32_t signature, std::uint32_t number);
  /// The flow was inserted under that key; its keys are erased in the order in which they were inserted.
  void erase(const FlowKey& key, std::uint32_t signature, std::uint32_t number);

  /// Keys that found no place but in the index.
  std::uint32_t overflow() const { return index_->size(); }
  /// Bytes of memory that the table occupies, without the pool.
  std::size_t memory() const { return sets_.size() * sizeof(Set) + index_->memory(); }

 private:
  static constexpr std::size_t kPlaces = 7;
  static constexpr std::uint32_t kKeysOfSet = 4;  // on average, when every flow is open
  struct alignas(32) Set {
    std::array<std::uint32_t, kPlaces + 1> words;  ///< places, the last ones empty: kNone; then kNone less the spilled
    Set() { words.fill(kNone); }
    bool full() const { return words[kPlaces - 1] != kNone; }
    /// Some key found no place.
    bool spilled() const { return words[kPlaces] != kNone; }
  };

  // The set is told by the upper bits of the signature, and the tag has the lower ones.
  std::size_t set_number(std::uint32_t signature) const { return std::uint64_t{signature} * sets_.size() >> 32; }
  Set& set_of(std::uint32_t signature) { return sets_[set_number(signature)]; }
  const Set& set_of(std::uint32_t signature) const { return sets_[set_number(signature)]; }
  std::uint32_t tag_of(std::uint32_t signature) const { return signature << number_bits_; }
  std::uint32_t find_in(const Set& set, const FlowKey& key, std::uint32_t signature) const;
  bool has_key(std::uint32_t number, const FlowKey& key) const;

  const FlowPool& flows_;
  FixedArray<Set> sets_;
  std::uint32_t capacity_ = 0;  ///< flows
  unsigned number_bits_ = 0;
  std::unique_ptr<FlowIndex> index_;
};

}  // namespace hypernat::dataplane
