// Which port of an interface a new flow gets: one that is free towards its remote endpoint, is hard to guess, and
// brings the reply home to this worker.
//
// While few ports are taken, random ones are asked for in the table. Once that fails, a bitmap of the ports known to be
// taken is kept for this remote, so that the very last port is found with few questions. The count of flows tells when
// none is left; then it may be asked who has them. Questions per opening are bounded.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/flow/flow_hash.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/flow/home.h"
#include "dataplane/flow/secret_random.h"
#include "dataplane/nat/port_bitmaps.h"
#include "dataplane/nat/remote_use.h"

namespace hypernat::dataplane {

class PortChoice {
 public:
  struct Parts {
    const Home& home;
    const FlowTable& table;
    RemoteUse& use;
    PortBitmaps& bitmaps;
    FlowHash hash;
    SecretRandom random;
    std::uint16_t worker = 0;
  };
  explicit PortChoice(const Parts& parts);

  /// Towards whom a port is wanted: the inbound tuple, its local port still open.
  struct Wanted {
    std::uint32_t interface_slot = kNone;
    SubnetNumber subnet{};
    FlowEnds ends;

    RemoteKey remote() const { return {interface_slot, ends.remote, ends.remote_port, ends.protocol}; }
  };
  enum class Result : std::uint8_t { kFound, kExhausted, kGaveUp };

  /// Draws a port for each, at most kMaxBulk, some times over where it is taken: those that are free become the local
  /// ports, the others' are zero. What `choose` then looks at is in the cache; nothing is claimed.
  void propose(std::span<Wanted> wanted);
  /// Sets `wanted.ends.local_port` when it finds one; a port that is there already is tried first. `questions` are what
  /// the opening may still ask of the table.
  Result choose(Wanted& wanted, std::uint32_t& questions);
  /// Numbers of flows that have this worker's ports towards that remote: so many as are met going on, a bounded way,
  /// from where the last call stopped, so that one after another meets all. `out` has room for kHolders.
  std::size_t holders(const Wanted& wanted, std::span<std::uint32_t> out);
  /// A flow with that inbound tuple was opened, or is gone.
  void opened(const Wanted& flow);
  void closed(const Wanted& flow);

  /// Questions of the table that one opening may ask in all.
  static constexpr std::uint32_t kMaxQuestions = 4096;
  static constexpr std::uint32_t kHolders = 256;

 private:
  struct Search;
  std::uint32_t base_of(const FlowEnds& ends) const;
  std::uint32_t signature_of(const Wanted& flow) const;
  void look_up_ports(const Wanted& wanted, std::span<const std::uint32_t> positions,
                     std::span<std::uint32_t> values) const;
  bool ask(Search& search, std::span<const std::uint32_t> positions, PortBitmap& bitmap);
  void draw(const PortSpace& space, std::uint32_t base, std::span<std::uint32_t> positions);
  bool try_proposed(Search& search);
  bool try_random(Search& search);
  bool search_bitmap(Search& search, PortBitmap& bitmap);
  bool search_class(Search& search, PortBitmap& bitmap, std::uint32_t contribution_class);
  PortBitmap& bitmap_for(RemoteEntry& entry);
  std::uint32_t share_of(const Search& search) const;

  Parts parts_;
  std::span<const std::uint16_t> buckets_;
};

}  // namespace hypernat::dataplane
