// How many flows each interface has towards each remote endpoint, of one worker.
//
// The count tells exactly when an interface has no port left for a remote, without a search, and how full the fullest
// remote is, which the control plane adds interfaces by. A hash table with linear probing, sized to the flow pool; it
// is touched when a flow opens and when it goes, by no packet in between. Four entries share a cache line, since there
// may be one for every flow.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/flow/flow_hash.h"
#include "dataplane/flow/memory.h"
#include "dataplane/nat/counters.h"
#include "dataplane/nat/remote_key.h"

namespace hypernat::dataplane {

/// A RemoteKey and what is known of it, packed.
struct RemoteEntry {
  static constexpr std::uint32_t kNoBitmap = 0xffffff;

  std::uint32_t interface_slot = 0;
  Ipv4Address remote;
  L4Port remote_port;
  std::uint16_t flows = 0;                ///< at most the ports of an interface; 0: nobody's entry
  std::uint32_t bitmap : 24 = kNoBitmap;  ///< in PortBitmaps, when there is one
  std::uint32_t protocol : 8 = 0;

  RemoteKey key() const { return {interface_slot, remote, remote_port, static_cast<Protocol>(protocol)}; }
  bool has_bitmap() const { return bitmap != kNoBitmap; }
};
static_assert(sizeof(RemoteEntry) == 16);

class RemoteUse {
 public:
  explicit RemoteUse(const FlowHash& hash) : hash_(hash) {}
  /// Room for `flows` entries, and some to spare, so that searches stay short. `interfaces` are counters by interface
  /// slot, whose fullest_remote is kept right here.
  bool allocate(std::uint32_t flows, std::span<InterfaceCounters> interfaces);

  /// Null when no flow goes there. Valid until the next add or remove.
  RemoteEntry* find(const RemoteKey& key);
  /// Counts one flow more. The entry is valid until the next add or remove.
  RemoteEntry& add(const RemoteKey& key);
  /// Counts one flow less; the caller has given back the bitmap of an entry that holds the last one.
  void remove(const RemoteKey& key);
  /// Looks at `steps` places, so that fullest_remote comes down again within a round of the table.
  void refresh(std::uint32_t steps);
  /// An interface slot without flows: what its fullest remote had is past.
  void forget(std::uint32_t interface_slot) {
    rounds_[interface_slot] = {};
    interfaces_[interface_slot].fullest_remote.set(0);
  }

  std::uint32_t size() const { return used_; }

 private:
  /// The fullest remote of an interface, as far as the present round has come.
  struct Round {
    std::uint32_t number = 0;
    std::uint32_t fullest = 0;
  };
  std::uint32_t place_of(const RemoteKey& key) const {
    const FlowKey words{.number_protocol_local = std::uint64_t{key.interface_slot} << 8 | std::uint64_t(key.protocol),
                        .remote_and_ports = std::uint64_t{key.remote.network()} << 16 | key.remote_port.network()};
    return static_cast<std::uint32_t>(std::uint64_t{hash_(words)} * entries_.size() >> 32);
  }
  std::uint32_t after(std::uint32_t place) const { return place + 1 == entries_.size() ? 0 : place + 1; }
  void close_gap(std::uint32_t gap);

  FlowHash hash_;
  FixedArray<RemoteEntry> entries_;
  FixedArray<Round> rounds_;  ///< by interface slot
  std::span<InterfaceCounters> interfaces_;
  std::uint32_t used_ = 0;
  std::uint32_t cursor_ = 0;
  std::uint32_t round_ = 1;
};

}  // namespace hypernat::dataplane
