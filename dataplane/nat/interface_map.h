// Which interface an address of a subnet is: asked for every packet from outside, so one cache line answers, MAC and
// all.
//
// Open addressing with linear probing, half full at most, made whole for a generation of the tables. The addresses in
// it are given out by the control plane; what packets ask for is compared and never entered.
#pragma once

#include <bit>
#include <cstdint>

#include "config/types.h"
#include "dataplane/flow/memory.h"

namespace hypernat::dataplane {

class InterfaceMap {
 public:
  static constexpr std::uint32_t kMissing = 0xffffffff;

  struct alignas(32) Entry {
    std::uint64_t key = 0;
    std::uint32_t slot = kMissing;  ///< in Tables::interfaces; kMissing: nobody's entry
    MacAddress mac;
  };

  /// Empties it and makes room for `interfaces`.
  void reserve(std::size_t interfaces) {
    const std::size_t places = std::bit_ceil(2 * interfaces + 2);
    entries_.assign(places, {});
    shift_ = 64U - static_cast<unsigned>(std::countr_zero(places));
  }
  /// `subnet` is a slot; the pair is not there yet, and room was made.
  void add(std::uint32_t subnet, Ipv4Address address, std::uint32_t slot, const MacAddress& mac) {
    const std::uint64_t key = key_of(subnet, address);
    std::size_t place = home_of(key);
    while (entries_[place].slot != kMissing) place = after(place);
    entries_[place] = {.key = key, .slot = slot, .mac = mac};
  }

  /// The interface's entry; one whose slot is kMissing when there is none.
  const Entry& find(std::uint32_t subnet, Ipv4Address address) const {
    const std::uint64_t key = key_of(subnet, address);
    std::size_t place = home_of(key);
    while (entries_[place].key != key && entries_[place].slot != kMissing) place = after(place);
    return entries_[place];
  }

  /// Asks for the entry that `find` is about to look at.
  void fetch(std::uint32_t subnet, Ipv4Address address) const {
    __builtin_prefetch(&entries_[home_of(key_of(subnet, address))]);
  }

 private:
  static std::uint64_t key_of(std::uint32_t subnet, Ipv4Address address) {
    return std::uint64_t{subnet} << 32 | address.network();
  }
  std::size_t home_of(std::uint64_t key) const { return key * 0x9e3779b97f4a7c15 >> shift_; }
  std::size_t after(std::size_t place) const { return place + 1 == entries_.size() ? 0 : place + 1; }

  RandomAccessVector<Entry> entries_ = RandomAccessVector<Entry>(2);
  unsigned shift_ = 63;
};

}  // namespace hypernat::dataplane
