// Which ports are known to be taken, for the few (interface, protocol, remote endpoint) that are part-full.
//
// A bit stands for a position of PortSpace. Set: taken, as somebody found out or did himself. Clear: perhaps free, the
// table of flows knows. A bounded pool; the one not used for longest gives way, and what it knew is learned again.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/flow/memory.h"
#include "dataplane/flow/port_space.h"
#include "dataplane/flow/recency_list.h"
#include "dataplane/nat/remote_key.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

class PortBitmap {
 public:
  static constexpr std::uint32_t kWords = PortSpace::kPorts / 64;

  void clear_all() {
    cursor = 0;
    words_.fill(0);
    full_words_.fill(0);
  }
  void set(std::uint32_t position) {
    std::uint64_t& word = words_[position / 64];
    word |= std::uint64_t{1} << position % 64;
    if (~word == 0) full_words_[position / 4096] |= std::uint64_t{1} << position / 64 % 64;
  }
  void clear(std::uint32_t position) {
    words_[position / 64] &= ~(std::uint64_t{1} << position % 64);
    full_words_[position / 4096] &= ~(std::uint64_t{1} << position / 64 % 64);
  }
  bool test(std::uint32_t position) const { return (words_[position / 64] >> position % 64 & 1) != 0; }
  std::uint64_t word(std::uint32_t index) const { return words_[index]; }
  /// First word at or after `index` and before `end` that is not full; `end` when there is none.
  std::uint32_t next_open_word(std::uint32_t index, std::uint32_t end) const;

  /// How far somebody has come in going round its ports again and again (PortChoice::holders).
  std::uint32_t cursor = 0;

 private:
  std::array<std::uint64_t, kWords> words_;
  std::array<std::uint64_t, kWords / 64> full_words_;  ///< a bit for each word that is all ones
};

class PortBitmaps {
 public:
  bool allocate(std::uint32_t count);

  /// An empty bitmap for `owner`. When `evicted` comes back true, `evicted_owner` has lost his to it.
  struct Taken {
    std::uint32_t bitmap = kNone;
    bool evicted = false;
    RemoteKey evicted_owner;
  };
  Taken take(const RemoteKey& owner);
  void give_back(std::uint32_t bitmap);
  /// Marks it as the one used last.
  void touch(std::uint32_t bitmap);

  PortBitmap& operator[](std::uint32_t bitmap) { return bitmaps_[bitmap]; }
  std::uint32_t in_use() const { return in_use_; }

 private:
  struct Place {
    RemoteKey owner;
    bool used = false;
    std::uint32_t newer = kNone;
    std::uint32_t older = kNone;
  };

  FixedArray<PortBitmap> bitmaps_;
  FixedArray<Place> places_;  ///< a list by use; those that are nobody's are its oldest
  RecencyList by_use_;
  std::uint32_t in_use_ = 0;
};

}  // namespace hypernat::dataplane
