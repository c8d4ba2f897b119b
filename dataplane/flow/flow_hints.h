// Where flows were found last: a small table of flow numbers by signature, asked before the index.
//
// It may be wrong and may forget, so whoever asks looks at the flow itself, which his packet needs anyway. A packet
// whose hint is right touches two cache lines, one here and the flow's, where the index alone would touch two more.
// Eight hints are a set, and a set is half a line; a hint is a flow's number below as many bits of its signature as
// there is room for, so that a wrong one is rare, and the eight are compared without a branch.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "dataplane/flow/memory.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

class FlowHints {
 public:
  /// For flows numbered below `flows`, each with two signatures. False when the memory can not be had.
  bool allocate(std::uint32_t flows) {
    flows_ = flows;
    number_bits_ = static_cast<unsigned>(std::bit_width(flows - 1));
    return sets_.allocate(std::size_t{2} * flows / kHintsOfSet + 1);
  }

  void fetch(std::uint32_t signature) const { __builtin_prefetch(&set_of(signature), 0, 3); }

  /// Number of the flow that may have the signature, or kNone.
  std::uint32_t find(std::uint32_t signature) const {
    const std::uint32_t tag = tag_of(signature);
    std::uint32_t nearest = kNone;
    // With the tag taken off, a number is left of a hint that has it, and of others more than any number.
    for (const std::uint32_t hint : set_of(signature).hints) nearest = std::min(nearest, hint ^ tag);
    return nearest < flows_ ? nearest : kNone;
  }

  /// Of a flow that has just come by the signature. The set's oldest hint goes when it is full.
  void add(std::uint32_t signature, std::uint32_t number) {
    Set& set = set_of(signature);
    const Set before = set;
    std::copy_n(before.hints.begin(), kHints - 1, set.hints.begin() + 1);
    set.hints[0] = tag_of(signature) | number;
  }

  /// Adds a hint that may be there already.
  void remember(std::uint32_t signature, std::uint32_t number) {
    const Set& set = set_of(signature);
    if (place_of(set, tag_of(signature) | number) == kHints) add(signature, number);
  }

  void forget(std::uint32_t signature, std::uint32_t number) {
    Set& set = set_of(signature);
    const std::size_t place = place_of(set, tag_of(signature) | number);
    if (place == kHints) return;
    std::copy(set.hints.begin() + place + 1, set.hints.end(), set.hints.begin() + place);
    set.hints.back() = kNone;
  }

  /// Bytes of memory that the hints occupy.
  std::size_t memory() const { return sets_.size() * sizeof(Set); }

 private:
  static constexpr std::size_t kHints = 8;
  static constexpr std::uint32_t kHintsOfSet = 5;  // on average, when there are as many flows as can be
  struct alignas(32) Set {
    std::array<std::uint32_t, kHints> hints;  ///< newest first, then kNone
    Set() { hints.fill(kNone); }
  };

  static std::size_t place_of(const Set& set, std::uint32_t hint) {
    return static_cast<std::size_t>(std::find(set.hints.begin(), set.hints.end(), hint) - set.hints.begin());
  }
  // The set is told by the upper bits of the signature, and the tag has the lower ones.
  std::size_t place(std::uint32_t signature) const { return std::uint64_t{signature} * sets_.size() >> 32; }
  Set& set_of(std::uint32_t signature) { return sets_[place(signature)]; }
  const Set& set_of(std::uint32_t signature) const { return sets_[place(signature)]; }
  std::uint32_t tag_of(std::uint32_t signature) const { return signature << number_bits_; }

  FixedArray<Set> sets_;
  std::uint32_t flows_ = 0;
  unsigned number_bits_ = 0;
};

}  // namespace hypernat::dataplane
