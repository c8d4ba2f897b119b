// A payload on its way out, with all that is known of where it goes.
#pragma once

#include <cstdint>

#include "dataplane/attach/encapsulate.h"
#include "dataplane/packet/drop.h"
#include "dataplane/packet/packet.h"

struct rte_mbuf;

namespace hypernat::dataplane {

enum class Layer : std::uint8_t {
  kSegment,   ///< inside the attachment's encapsulation
  kUnderlay,  ///< bare Ethernet on the attachment's port: a tunnel's own ARP
};

enum class Speaker : std::uint8_t {
  kDataPlane,  ///< ARP, RSTs, ICMP errors of its own
  kTenant,     ///< whose packet it is, forwarded
};

struct Outgoing {
  rte_mbuf* mbuf = nullptr;        ///< its data is the payload, nothing before, nothing behind
  FrameHeaders headers;            ///< what `next_hop` and the underlay tell is filled in by the sender
  std::uint32_t next_hop = kNone;  ///< index in Neighbours; kNone: headers.dst and tunnel_end are set
  std::uint32_t tenant = kNone;    ///< slot: whose packet it is, or in whose segment it was said; kNone: nobody's
  std::uint8_t attachment = 0;
  Layer layer = Layer::kSegment;
  Speaker speaker = Speaker::kDataPlane;
  std::uint32_t flow = kNone;  ///< number, of a tenant's packet
};

/// What became of it.
struct Fate {
  enum class Kind : std::uint8_t { kSent, kHeld, kDropped };
  Kind kind = Kind::kSent;
  Drop reason{};  ///< of kDropped
};

}  // namespace hypernat::dataplane
