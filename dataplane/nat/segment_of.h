// Where a fragment came in, as its datagram is gathered by (fragments/gathering.h), read off the tables.
#pragma once

#include "dataplane/fragments/gathering.h"
#include "dataplane/nat/tables.h"

namespace hypernat::dataplane {

/// `packet` is a parsed fragment: its side and slot are set.
inline Gathering::Segment segment_of(const Packet& packet, const Tables& tables) {
  const bool inside = packet.side == Side::kInside;
  const SubnetEntry& subnet = tables.subnets[inside ? tables.mappings[packet.slot].subnet : packet.slot];
  return {.number = inside ? to_number(tables.mapping_numbers[packet.slot]) : to_number(subnet.number),
          .tenant = tables.tenant_of(packet.side, packet.slot),
          .outside = subnet.attachment,
          .outside_id = subnet.segment_id};
}

}  // namespace hypernat::dataplane
