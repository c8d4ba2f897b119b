// What a fragment is worth by itself: where it lies in its datagram, and what a first one says of it.
//
// All of this is decided from one fragment's own bytes, before anything is known of the others.
#pragma once

#include <optional>

#include "dataplane/fragments/datagram_cover.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

/// Why the fragment can not be part of a datagram, whatever the others are; nothing when it can.
std::optional<Drop> fault_of_fragment(const Packet& packet);

/// Where a fragment without a fault lies.
DatagramCover::Range range_of_fragment(const Packet& packet);

/// Reads the transport header at the front of a first fragment into `mark`, or says why the datagram is refused: the
/// header must be whole, and one that a whole packet could have (RFC 1858, RFC 3128).
std::optional<Drop> read_first_fragment(const Packet& packet, DatagramMark& mark);

}  // namespace hypernat::dataplane
