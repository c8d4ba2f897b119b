// Who is behind a next hop: addresses on a link, and the MAC (and VTEP) that ARP found for them.
//
// One per worker, owned by it; what one worker learns it tells the others as a copy of the ARP packet. Flows hold an
// index, never a MAC, so that a neighbour that moves is one write. Nothing waits for resolution here: the worker's
// held packets do, few and bounded. Times are parameters; requests to send are handed out by `due`.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "config/types.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

/// A broadcast domain: a subnet's segment, or the underlay of a tunnel attachment.
struct Link {
  std::uint32_t value = 0;
  static constexpr Link subnet(SubnetNumber number) { return {to_number(number)}; }
  static constexpr Link underlay(std::uint8_t attachment) { return {kUnderlay | attachment}; }
  constexpr bool is_underlay() const { return (value & kUnderlay) != 0; }
  /// Only where `is_underlay` is false. A number rather than a slot, since slots are given away again: what was learned
  /// in a subnet that is gone must not answer for the next one. Tables::subnet_by_number has the slot, if there is one.
  constexpr SubnetNumber subnet_number() const { return SubnetNumber{value}; }
  /// Only where `is_underlay` is true.
  constexpr std::uint8_t attachment() const { return static_cast<std::uint8_t>(value); }
  constexpr bool operator==(const Link&) const = default;

  static constexpr std::uint32_t kUnderlay = 0x80000000;
};

enum class NeighbourState : std::uint8_t {
  kFree,
  kUnresolved,  ///< asked for, no answer yet
  kReachable,   ///< mac (and vtep) hold
  kStale,       ///< still used, being asked for again
};

struct Neighbour {
  MacAddress mac;
  Ipv4Address address;
  Ipv4Address vtep;  ///< where the segment's tunnel to it ends; zero when the link is no tunnel
  std::uint32_t underlay =
      kNone;  ///< index of the vtep's own next hop on the underlay; kNone when the link is no tunnel
  Link link;
  NeighbourState state = NeighbourState::kFree;
  std::uint8_t attempts = 0;
  Tick changed = 0;              ///< of the last answer, or of the last request while unresolved
  std::uint32_t references = 0;  ///< flows and tunnels that hold the index
};

class Neighbours {
 public:
  struct Options {
    std::uint32_t capacity = 4096;
    Tick reachable_for = 60'000;  ///< milliseconds an answer holds before it is asked for again
    Tick retry_after = 1'000;     ///< milliseconds between requests
    std::uint8_t attempts = 3;    ///< requests without an answer before what waits is dropped
  };

  explicit Neighbours(const Options& options);

  /// Index of `address` on `link`, made when it is new; the caller holds one reference. kNone: the table is full.
  std::uint32_t acquire(Link link, Ipv4Address address);
  /// Gives a reference back. The entry stays known until its place is needed.
  void release(std::uint32_t index);
  std::uint32_t find(Link link, Ipv4Address address) const;

  const Neighbour& operator[](std::uint32_t index) const { return entries_[index]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(index_of_.size()); }

  /// An answer, or anything that proves the binding. Changes only what is already in the table; kNone when nothing is.
  std::uint32_t learn(Link link, Ipv4Address address, const MacAddress& mac, Ipv4Address vtep, Tick now);
  /// Up to `out.size()` indices that want an ARP request now; marks them asked.
  std::uint32_t due(Tick now, std::span<std::uint32_t> out);

 private:
  struct KeyHash {
    std::size_t operator()(std::uint64_t key) const { return key * 0x9e3779b97f4a7c15ULL >> 16; }
  };
  static std::uint64_t key_of(Link link, Ipv4Address address) {
    return std::uint64_t{link.value} << 32 | address.network();
  }

  Options options_;
  std::vector<Neighbour> entries_;
  std::unordered_map<std::uint64_t, std::uint32_t, KeyHash> index_of_;
  std::uint32_t cursor_ = 0;  ///< where `due` and the search for a free place go on
};

}  // namespace hypernat::dataplane
