// A packet on its way through a NatWorld. Private to it.
#pragma once

#include <functional>
#include <memory>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {

/// The ends of the flow that a packet belongs to, as a packet of it in that direction has them: of an ICMP error those
/// of its quote, the other way round.
struct Tuple {
  HomeTuple ends;
  Protocol protocol{};
  Content content{};
  std::uint8_t tcp_flags = 0;
};

/// In a buffer of exactly its size, and its descriptor as the parse stage would have filled it.
struct NatWorld::Delivery {
  Side side{};
  Environment from;
  std::uint32_t subnet = 0;
  craft::Bytes sent;
  Tuple tuple;  ///< of a whole packet
  bool is_piece = false;
  std::unique_ptr<std::uint8_t[]> buffer;
  Packet packet;
  std::uint16_t came_to = 0;
  std::uint16_t worker = 0;
  std::uint32_t passes = 0;
  bool gathered = false;  ///< a fragment whose datagram is known: `mark`
  DatagramMark mark;
  std::uint16_t home = 0;  ///< of such a one
};

/// What one part of each worker counts, of all together.
template <class Parts, class Count>
std::uint32_t sum_of(const Parts& parts, Count count) {
  std::uint32_t sum = 0;
  for (const auto& part : parts) sum += std::invoke(count, *part);
  return sum;
}

}  // namespace hypernat::dataplane
