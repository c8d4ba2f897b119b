// ARP as one worker speaks it: hears and answers, learns, and asks for the neighbours that are wanted.
//
// Every worker asks for itself. A reply, and whatever shows that a neighbour moved, is heard by the worker that
// received it, which gives the others a copy. A copy teaches; only the packet itself is answered. Copies occupy every
// worker, so that a tenant has only so many in a second: of those beyond, others learn when they ask for themselves.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/attach/arp.h"
#include "dataplane/attach/attachments.h"
#include "dataplane/attach/neighbours.h"
#include "dataplane/nat/allowance.h"
#include "dataplane/nat/tables.h"
#include "dataplane/packet/packet.h"
#include "dataplane/worker/account.h"
#include "dataplane/worker/sender.h"

namespace hypernat::dataplane {

enum class ArpOrigin : std::uint8_t { kDevice, kOtherWorker };

class ArpStage {
 public:
  struct Surroundings {
    const Attachments& attachments;
    Neighbours& neighbours;
    Sender& sender;
    Account& account;
    rte_mempool* pool;
    std::uint32_t tenants = 0;  ///< slots
    std::uint16_t others = 0;   ///< workers beside this one
  };
  explicit ArpStage(const Surroundings& around);

  /// Of each tenant, and as many at once; and of what is on underlays.
  static constexpr std::uint32_t kCopiedPerSecond = 256;

  struct Heard {
    bool sound = false;
    bool tell_others = false;  ///< other workers may wait for it, or know what holds no longer, and are to get a copy
    bool learned = false;
  };
  /// `packet` was parsed as kArp.
  Heard hear(const Packet& packet, const Tables& tables, Tick now, ArpOrigin origin);

  /// Sends the requests that are due, a bounded number.
  void ask(const Tables& tables, Tick now);

  /// Tells who remembers another MAC (RFC 5227 2.3): of the tunnels' own addresses, and of one interface.
  void announce_underlays(Tick now);
  void announce_interface(std::uint32_t interface, const Tables& tables, Tick now);

 private:
  void answer(const ArpMessage& request, const MacAddress& ours, const ArpPlace& place, const Packet& packet,
              const Tables& tables, Tick now);
  void ask_underlay(const Neighbour& neighbour, Tick now);
  void ask_segment(const Neighbour& neighbour, const Tables& tables, Tick now);
  void say_to_segment(const ArpMessage& message, const InterfaceEntry& from, std::uint32_t tenant, const Tables& tables,
                      Tick now);
  void say(const ArpMessage& message, Outgoing outgoing, Tick now);
  bool may_be_copied(std::uint32_t tenant, Tick now);

  Surroundings around_;
  std::vector<Allowance> copies_;  ///< by tenant slot; the last is that of underlays
};

}  // namespace hypernat::dataplane
