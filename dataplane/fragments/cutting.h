// Cutting an IPv4 packet into fragments that fit (RFC 791 3.2): what is too big for where it goes and may be cut.
//
// A fragment may be cut again. The first piece keeps the header as it is; the others get those options that are to be
// copied. Every piece but the last carries a multiple of eight bytes, and all carry one identification.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/headers.h"

namespace hypernat::dataplane {

class Cutting {
 public:
  /// The smallest MTU that a packet is cut for.
  static constexpr std::uint32_t kLeastMtu = 576;
  /// 65,515 bytes in pieces of 512, what the longest header leaves of the least MTU.
  static constexpr std::size_t kMostPieces = 128;

  /// Whether its sender lets it be cut.
  static bool may_cut(const Ipv4Header& ip) { return (ip.fragment_be & swap16(kIpv4DontFragment)) == 0; }

  /// `packet` is a sound IPv4 packet that may be cut, whole and longer than `mtu`, which is kLeastMtu or more. It stays
  /// where it is for as long as pieces are written.
  Cutting(std::span<std::uint8_t> packet, std::uint32_t mtu);

  std::size_t pieces() const { return pieces_; }
  /// Bytes of one piece.
  std::uint32_t length_of(std::size_t piece) const;
  /// Writes one that is not the first, `length_of` bytes.
  void write(std::size_t piece, std::uint8_t* out) const;
  /// Last: makes the packet its own first piece, whose length is that of piece 0.
  void shorten();

 private:
  std::uint32_t payload_of(std::size_t piece) const;
  std::uint32_t payload_before(std::size_t piece) const;
  std::uint16_t fragment_field(std::size_t piece) const;
  void copy_options();

  static constexpr std::size_t kLongestHeader = 60;

  std::span<std::uint8_t> packet_;
  std::uint32_t header_length_;      ///< of the packet and of the first piece
  std::uint32_t payload_;            ///< of the packet
  std::uint32_t first_payload_ = 0;  ///< of the first piece
  std::uint32_t later_payload_ = 0;  ///< of the others, but for the last
  std::uint32_t later_header_length_ = sizeof(Ipv4Header);
  std::array<std::uint8_t, kLongestHeader> later_header_{};  ///< as all others but the first have it
  std::size_t pieces_ = 0;
};

}  // namespace hypernat::dataplane
