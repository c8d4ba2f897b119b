// Fragments for tests: datagrams cut into pieces and put together again, by code that shares nothing with the data
// plane's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tests/packet/craft.h"

namespace hypernat::craft {

/// A fragment that need not be part of anything: an IPv4 header and payload.
struct Piece {
  Ip ip;
  std::uint8_t protocol = 17;
  std::uint32_t offset = 0;  ///< in bytes, a multiple of eight
  bool more = false;
  Bytes payload;

  Bytes bytes() const;
};

/// Cuts a packet behind each of the payload bytes `at`, ascending multiples of eight. The first piece keeps all
/// options, the others those that are copied.
std::vector<Bytes> cut(const Bytes& packet, const std::vector<std::size_t>& at);
/// Cuts it into pieces that fit `mtu`, each as long as can be.
std::vector<Bytes> cut_to(const Bytes& packet, std::size_t mtu);

/// Puts pieces together, in any order: the packet as it was before somebody cut it, if they are all there, are of one
/// datagram, do not overlap and have right header checksums.
std::optional<Bytes> join(std::vector<Bytes> pieces);

/// Fields of a packet's IPv4 header.
std::uint16_t identification_of(const Bytes& packet);
std::uint32_t offset_of(const Bytes& packet);  ///< in bytes
bool has_more(const Bytes& packet);
/// The packet behind its IPv4 header.
Bytes payload_of(const Bytes& packet);

}  // namespace hypernat::craft
