// Virtual reassembly: what the first fragment of a datagram tells, its ports, reaches all the others, in whatever order
// they come.
//
// Nothing is put together: each fragment goes on by itself as soon as its datagram's ports are known, and only those
// that came before the first one are held, for a bounded time and in bounded number. All fragments of a datagram come
// to one worker, by the hash of what they have in common. A datagram is known by (segment, direction, addresses,
// protocol, identification), so that neither tenants nor protocols meet.
//
// Nothing is believed of a later fragment's bytes, and nothing that contradicts itself goes on: a fragment that
// overlaps another, a header cut into pieces (RFC 1858, RFC 3128) or an end beyond 65,535 refuses the datagram, of
// which then nothing more passes. A duplicate dies alone.
//
// A tenant has at most its share of datagrams and of held fragments, and never more than are free: whatever others do,
// there is room for one who has little. Who opens more than that loses his own oldest datagram, nobody else's.
//
// Buffers are opaque here. One that is held belongs to the gathering until `next_leaving` gives it back.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "dataplane/flow/flow_hash.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/flow/memory.h"
#include "dataplane/flow/recency_list.h"
#include "dataplane/fragments/datagram_cover.h"
#include "dataplane/fragments/identifications.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

/// Of which protocols fragments are translated.
enum class FragmentProtocols : std::uint8_t { kAll, kUdp };

class Gathering {
 public:
  struct Options {
    FragmentProtocols protocols = FragmentProtocols::kAll;
    std::uint32_t datagrams = 1024;
    std::uint32_t datagrams_per_tenant = 256;
    std::uint32_t held = 512;  ///< fragments
    std::uint32_t held_per_tenant = 128;
    std::uint32_t held_per_datagram = 64;
    Tick timeout = 2000;           ///< of a datagram, from the first of its fragments to arrive
    std::uint32_t tenants = 1024;  ///< slots
    std::array<std::uint64_t, 4> secret{};
    int numa_node = -1;  ///< where the memory lies; -1: anywhere
  };

  /// Null when memory can not be had. `identifications` outlives it.
  static std::unique_ptr<Gathering> create(const Options& options, Identifications& identifications);

  /// Where a fragment came in.
  struct Segment {
    std::uint32_t number = 0;      ///< of the mapping inside, of the subnet outside
    std::uint32_t tenant = 0;      ///< slot
    std::uint8_t outside = 0;      ///< index of the attachment by which outbound packets leave
    std::uint32_t outside_id = 0;  ///< the subnet's id on the wire there
  };
  enum class Arrival : std::uint8_t {
    kKnown,    ///< goes on, with the datagram's ports and flags in the packet
    kHeld,     ///< with its buffer
    kRefused,  ///< `drop` says why
  };
  /// `packet` is a parsed fragment, `buffer` what it lies in.
  Arrival arrive(Packet& packet, const Segment& segment, void* buffer, Tick now);

  /// Into a packet what is known of its datagram.
  static void tell(Packet& packet, const DatagramMark& mark);

  /// Datagrams whose time is over go, a bounded number.
  void expire(Tick now);
  /// All of them.
  void give_up();

  /// A buffer that is not held any longer: it goes on, with `mark`, or dies.
  struct Leaving {
    void* buffer = nullptr;
    DatagramMark mark;
    std::uint32_t tenant = 0;  ///< slot: whose it is
    std::optional<Drop> drop;
  };
  bool anything_leaves() const { return leaving_.first != kNone; }
  /// One of them; there is one.
  Leaving next_leaving();

  /// Buffers that lie here, those that are to leave included.
  std::uint32_t held() const { return held_; }
  std::uint32_t datagrams() const { return datagrams_in_use_; }

 private:
  enum class State : std::uint8_t { kFree, kAwaitsFirst, kKnown, kRefused };
  /// Held fragments, first in, first out.
  struct Queue {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
    std::uint32_t size = 0;
  };
  struct Datagram {
    FlowKey key;
    DatagramMark mark;
    State state = State::kFree;
    Tick began = 0;
    std::uint32_t tenant = 0;
    std::uint32_t next = kNone;  ///< in the same bucket; of a free one, the next free one
    Queue held;
    std::uint32_t newer = kNone;  ///< by when they began, all
    std::uint32_t older = kNone;
    struct {
      std::uint32_t newer = kNone;
      std::uint32_t older = kNone;
    } of_tenant;  ///< the same, of one tenant
  };
  struct Held {
    Leaving what;
    std::uint32_t next = kNone;  ///< in its queue; of a free one, the next free one
  };
  struct Tenant {
    std::uint32_t datagrams = 0;
    std::uint32_t held = 0;
    RecencyList by_age;
  };
  /// The datagrams as the list of one tenant links them.
  struct OfTenant {
    FixedArray<Datagram>& all;
    auto& operator[](std::uint32_t index) { return all[index].of_tenant; }
  };

  Gathering(const Options& options, Identifications& identifications);
  bool allocate();

  std::uint32_t find(const FlowKey& key, Tick now);
  /// kNone: `full` says why not.
  std::uint32_t begin(const FlowKey& key, std::uint32_t tenant, Tick now, Drop& full);
  void end(std::uint32_t number, Drop drop);
  void learn(Datagram& datagram, const Packet& packet, const Segment& segment);
  Arrival hold(std::uint32_t number, Packet& packet, void* buffer);
  Arrival refuse_datagram(std::uint32_t number, Packet& packet, Drop drop);
  /// All that is held of it leaves.
  void let_go(Datagram& datagram, std::optional<Drop> drop);
  std::uint32_t& bucket_of(const FlowKey& key) { return buckets_[hash_(key) & bucket_mask_]; }

  Options options_;
  Identifications& identifications_;
  FlowHash hash_;
  FixedArray<std::uint32_t> buckets_;
  std::uint32_t bucket_mask_ = 0;
  FixedArray<Datagram> datagrams_;
  FixedArray<DatagramCover> covers_;  ///< by datagram
  FixedArray<Held> all_held_;
  FixedArray<Tenant> tenants_;  ///< by slot
  RecencyList by_age_;
  std::uint32_t free_datagram_ = kNone;
  std::uint32_t free_held_ = kNone;
  std::uint32_t datagrams_in_use_ = 0;
  std::uint32_t held_ = 0;
  Queue leaving_;
};

}  // namespace hypernat::dataplane
