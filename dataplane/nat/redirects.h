// Which outbound tuples that are at home here have their flow with another worker.
//
// A worker that has no port left towards a remote endpoint passes the opening on and keeps a redirect: the outbound
// key, and who owns the flow. Packets of flows at home never look here; those without a flow do, before they open one.
// A redirect begins with the opening that is passed on and ends when the owner reports that the opening failed or the
// flow is gone (redirect_reports.h), when a packet comes back that did not find the flow, or when its mapping goes. Its
// place may then be another tuple's: what is still said about the old one names an old ticket and counts for nothing.
// The home alone decides, so that a tuple never has two flows. A fixed number, allocated at start.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/flow/flow_hash.h"
#include "dataplane/flow/flow_index.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/flow/memory.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

enum class RedirectState : std::uint8_t {
  kFree,
  kOpening,     ///< somebody may have opened the flow: whoever it was will say so
  kReclaiming,  ///< the same, and the opening is on its second way round
  kOwned,
};

struct Redirect {
  FlowKey key;
  std::uint32_t mapping_slot = kNone;  ///< in Tables::mappings
  std::uint32_t tenant_slot = kNone;   ///< whose share it takes
  std::uint16_t serial = 0;            ///< of the ticket; another one each time the place is used
  RedirectState state = RedirectState::kFree;
  std::uint8_t worker = 0;  ///< the owner; while opening, who was asked first
};

class Redirects {
 public:
  explicit Redirects(const FlowHash& hash) : hash_(hash) {}

  struct Options {
    const char* name = "";  ///< unique in the process
    std::uint32_t capacity = 0;
    std::uint32_t tenants = 0;  ///< slots
    int numa_node = -1;
  };
  /// False when the memory can not be had.
  bool allocate(const Options& options);

  /// Of the capacity, how many may be one tenant's from now on; 0: all.
  void limit_tenants_to(std::uint32_t share) { per_tenant_ = share == 0 ? capacity() : share; }

  /// Null when there is none.
  Redirect* find(const FlowKey& key, std::uint32_t signature);
  /// Null when it is gone, whoever has its place now.
  Redirect* find(RedirectTicket ticket);
  RedirectTicket ticket_of(const Redirect& redirect) const;

  struct Wanted {
    FlowKey key;
    std::uint32_t signature = 0;
    std::uint32_t mapping_slot = kNone;
    std::uint32_t tenant_slot = kNone;
    std::uint8_t asked_first = 0;  ///< worker
  };
  /// A redirect of an opening; there is none for its key. The ticket is none when every place is in use, or the tenant
  /// has its share.
  RedirectTicket add(const Wanted& wanted);
  void remove(Redirect& redirect);

  Redirect& operator[](std::uint32_t number) { return entries_[number]; }
  std::uint32_t capacity() const { return static_cast<std::uint32_t>(entries_.size()); }
  std::uint32_t in_use() const { return capacity() - free_count_; }

 private:
  static constexpr std::uint16_t kSerialMask = (1U << (32 - RedirectTicket::kNumberBits)) - 1;

  FlowHash hash_;
  std::unique_ptr<FlowIndex> index_;
  FixedArray<Redirect> entries_;
  FixedArray<std::uint32_t> shares_;  ///< in use, by tenant slot
  std::uint32_t per_tenant_ = 0;
  FixedArray<std::uint32_t> free_;  ///< a queue, so that a place rests for as long as can be
  std::uint32_t free_head_ = 0;
  std::uint32_t free_count_ = 0;
};

}  // namespace hypernat::dataplane
