// Who is behind a next hop: addresses on a link, and the MAC (and VTEP) that ARP found for them.
//
// One per worker, owned by it; what one worker learns it tells the others as a copy of the ARP packet. Flows hold an
// index, never a MAC, so that a neighbour that moves is one write. Nothing waits for resolution here: the worker's
// held packets do, few and bounded. Times are parameters; requests to send are handed out by `due`. One tenant holds
// at most half of the table, on however many links, so that one who calls every address there is leaves room for the
// others; what nobody holds gives way at once. Everything is allocated by the constructor.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "config/types.h"
#include "dataplane/flow/recency_list.h"
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
  kFailed,      ///< did not answer; asked again when somebody wants it
};

/// What an answer says.
struct Binding {
  MacAddress mac;
  Ipv4Address vtep;  ///< where the segment's tunnel to it ends; zero when the link is no tunnel
  constexpr bool operator==(const Binding&) const = default;
};

/// What an answer changed.
enum class Learned : std::uint8_t {
  kNothing,    ///< nobody here asks for it
  kConfirmed,  ///< what was known holds
  kMoved,      ///< what was known held no longer
  kFound,      ///< nothing was known
};

struct Neighbour {
  Binding at;
  Ipv4Address address;
  Link link;
  NeighbourState state = NeighbourState::kFree;
  std::uint8_t attempts = 0;     ///< requests since the last answer
  bool queued = false;           ///< in the list of those to ask without delay
  Tick changed = 0;              ///< of the last answer, or of the last request since
  std::uint32_t references = 0;  ///< flows, held packets and tunnels that hold the index
  std::uint32_t tenant = kNone;  ///< slot: whose share it takes while somebody holds it; kNone: nobody's
  std::uint32_t newer = kNone;   ///< while known and held by nobody: the list of those, by when they were given back
  std::uint32_t older = kNone;

  constexpr bool usable() const { return state == NeighbourState::kReachable || state == NeighbourState::kStale; }
};

class Neighbours {
 public:
  struct Options {
    std::uint32_t capacity = 4096;
    std::uint32_t tenants = 1024;  ///< slots
    Tick reachable_for = 60'000;   ///< milliseconds an answer holds before it is asked for again
    Tick retry_after = 1'000;      ///< milliseconds between requests
    std::uint8_t attempts = 3;     ///< requests without an answer before what waits is dropped
    std::uint64_t secret = 0;      ///< keys the hash, since tenants choose the addresses
  };

  explicit Neighbours(const Options& options);

  /// Index of `address` on `link`, made when it is new; the caller holds one reference. `tenant` (slot) is whose link
  /// it is, kNone for an underlay. Returns kNone when the table is full, or the tenant has its share.
  std::uint32_t acquire(Link link, Ipv4Address address, std::uint32_t tenant);
  /// One more reference to an entry that somebody holds.
  void retain(std::uint32_t index) { ++entries_[index].references; }
  /// Gives a reference back. The entry stays known until its place is needed.
  void release(std::uint32_t index);
  std::uint32_t find(Link link, Ipv4Address address) const;

  const Neighbour& operator[](std::uint32_t index) const { return entries_[index]; }
  std::uint32_t size() const { return size_; }
  std::uint32_t capacity() const { return static_cast<std::uint32_t>(entries_.size()); }

  /// An answer, or anything that proves the binding. Changes only what is already in the table.
  Learned learn(Link link, Ipv4Address address, const Binding& binding, Tick now);
  /// Somebody has a packet for it: a failed entry is asked for again when its last request is long enough ago.
  void want(std::uint32_t index, Tick now);
  /// Some entries want to be asked for at once.
  bool some_ask_soon() const { return soon_size_ > 0; }
  /// The next call of `due` begins at the first entry: what time brings was seen for all of them.
  bool looked_through() const { return cursor_ == 0; }
  /// Up to `out.size()` indices that want an ARP request now; marks them asked. Looks at a bounded number of entries.
  std::uint32_t due(Tick now, std::span<std::uint32_t> out);

 private:
  static std::uint64_t key_of(Link link, Ipv4Address address) {
    return std::uint64_t{link.value} << 32 | address.network();
  }
  // What is nobody's has a share of its own, the last.
  std::uint32_t& share_of(std::uint32_t tenant) {
    return shares_[tenant < shares_.size() ? tenant : shares_.size() - 1];
  }
  std::uint64_t mix(std::uint64_t key) const;
  std::uint32_t home_of(std::uint64_t key) const;
  std::uint32_t bucket_of(std::uint64_t key) const;
  std::uint32_t take_place();
  void remove(std::uint32_t index);
  void ask_soon(std::uint32_t index);
  bool ask(std::uint32_t index, Tick now);

  Options options_;
  std::vector<Neighbour> entries_;
  std::vector<std::uint32_t> buckets_;  ///< open addressing: indices of entries_, kNone where empty; at most half full
  std::vector<std::uint32_t> soon_;     ///< a queue of entries to ask without delay; each is in it at most once
  std::uint32_t soon_head_ = 0;
  std::uint32_t soon_size_ = 0;
  std::vector<std::uint32_t> shares_;  ///< held entries by tenant slot
  std::vector<std::uint32_t> free_;    ///< indices of entries nobody has
  std::uint32_t size_ = 0;
  std::uint32_t cursor_ = 0;  ///< where `due` goes on
  RecencyList unheld_;        ///< the known entries that nobody holds, by when they were given back
};

}  // namespace hypernat::dataplane
