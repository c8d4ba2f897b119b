// Which bytes of a datagram its fragments have brought so far, in units of eight as fragments count them (RFC 791 3.2).
//
// What overlaps is found exactly, whatever the order and number of fragments: one bit for each unit of the longest
// datagram there can be. Nothing is held of the bytes themselves.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace hypernat::dataplane {

inline constexpr std::uint32_t kFragmentUnit = 8;

class DatagramCover {
 public:
  /// Units `first` up to, not including, `end`.
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t end = 0;
    bool last = false;  ///< no fragment follows: the datagram ends in the unit before `end`
  };
  enum class Added : std::uint8_t {
    kNew,
    kDuplicate,  ///< nothing in it is new; not added
    kOverlap,    ///< partly new, or it contradicts where the datagram ends; not added
  };
  static constexpr std::uint32_t kUnits = 65536 / kFragmentUnit;

  /// `range` is not empty and ends at kUnits at the latest.
  Added add(const Range& range) {
    const std::uint32_t known = count(range);
    if (known == range.end - range.first) return Added::kDuplicate;
    if (known != 0 || contradicts_end(range)) return Added::kOverlap;
    mark(range);
    covered_ += range.end - range.first;
    if (range.end > highest_) highest_ = range.end;
    if (range.last) total_ = range.end;
    return Added::kNew;
  }

  bool complete() const { return total_ != 0 && covered_ == total_; }
  void clear() { *this = DatagramCover(); }

 private:
  static constexpr std::uint32_t kBits = 64;

  bool contradicts_end(const Range& range) const {
    if (total_ != 0 && (range.last || range.end > total_)) return true;
    return range.last && highest_ > range.end;
  }
  // The bits of `range` that lie in word `word`.
  static std::uint64_t mask_of(const Range& range, std::uint32_t word) {
    const std::uint32_t start = word * kBits;
    std::uint64_t mask = ~std::uint64_t{0};
    if (range.first > start) mask &= ~std::uint64_t{0} << (range.first - start);
    if (range.end < start + kBits) mask &= ~std::uint64_t{0} >> (start + kBits - range.end);
    return mask;
  }
  std::uint32_t count(const Range& range) const {
    int units = 0;
    for (std::uint32_t word = range.first / kBits; word * kBits < range.end; ++word)
      units += std::popcount(units_[word] & mask_of(range, word));
    return static_cast<std::uint32_t>(units);
  }
  void mark(const Range& range) {
    for (std::uint32_t word = range.first / kBits; word * kBits < range.end; ++word)
      units_[word] |= mask_of(range, word);
  }

  std::array<std::uint64_t, kUnits / kBits> units_{};
  std::uint32_t covered_ = 0;
  std::uint32_t highest_ = 0;  ///< unit behind the last one covered
  std::uint32_t total_ = 0;    ///< 0: the last fragment has not come
};

}  // namespace hypernat::dataplane
