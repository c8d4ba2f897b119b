// Whether a packet is a flow's: what its key says, by the one cache line that it will need anyway.
//
// Slots stand for the numbers in keys, as they do for as long as flows hold them (tables.h).
#pragma once

#include <cstdint>

#include "dataplane/flow/flow.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

/// `packet` is as parsed, with its key.
[[gnu::always_inline]] inline bool belongs_to(const Packet& packet, const Flow& flow) {
  const bool outbound = packet.side == Side::kInside;
  const L4Port local_port = outbound ? flow.inside_port : flow.interface_port;
  const std::uint64_t remote_and_ports = std::uint64_t{flow.remote.network()} << 32 |
                                         std::uint64_t{local_port.network()} << 16 | flow.remote_port.network();
  const bool is_local = outbound ? flow.mapping_slot == packet.slot && flow.inside == packet.src
                                 : flow.interface_slot == packet.interface;
  return remote_and_ports == packet.key.remote_and_ports && is_local && flow.protocol == packet.protocol &&
         flow.state != FlowState::kFree;
}

}  // namespace hypernat::dataplane
