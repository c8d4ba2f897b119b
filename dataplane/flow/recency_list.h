// Entries of an array by when they were used: a list through the entries themselves, so that nothing is allocated.
//
// The entries have members `newer` and `older`, which are the list's; an entry is in one list at a time, or in none.
#pragma once

#include <cstdint>

#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

class RecencyList {
 public:
  /// kNone when the list is empty.
  std::uint32_t newest() const { return newest_; }
  std::uint32_t oldest() const { return oldest_; }

  template <typename Entries>
  void add_newest(Entries& entries, std::uint32_t index) {
    entries[index].newer = kNone;
    entries[index].older = newest_;
    (newest_ == kNone ? oldest_ : entries[newest_].newer) = index;
    newest_ = index;
  }
  template <typename Entries>
  void add_oldest(Entries& entries, std::uint32_t index) {
    entries[index].older = kNone;
    entries[index].newer = oldest_;
    (oldest_ == kNone ? newest_ : entries[oldest_].older) = index;
    oldest_ = index;
  }
  template <typename Entries>
  void remove(Entries& entries, std::uint32_t index) {
    const auto& entry = entries[index];
    (entry.newer == kNone ? newest_ : entries[entry.newer].older) = entry.older;
    (entry.older == kNone ? oldest_ : entries[entry.older].newer) = entry.newer;
  }

 private:
  std::uint32_t newest_ = kNone;
  std::uint32_t oldest_ = kNone;
};

}  // namespace hypernat::dataplane
