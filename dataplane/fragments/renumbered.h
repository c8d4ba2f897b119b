// Which identification a datagram had before it left with one of ours: an error that comes back quotes ours, and
// whoever gets it knows his own (RFC 5508 REQ-3, REQ-4).
//
// The last few thousand datagrams of a worker that were renumbered, in places that newer ones take over. What has been
// forgotten can not be told; nothing is guessed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

class Renumbered {
 public:
  /// A datagram of a flow, as it left.
  struct Datagram {
    std::uint32_t flow = kNone;  ///< number
    Side from = Side::kInside;
    std::uint16_t identification_be = 0;
  };

  void remember(const Datagram& datagram, std::uint16_t original_be) {
    places_[place_of(datagram)] = {.name = name_of(datagram), .original_be = original_be};
  }
  std::optional<std::uint16_t> original(const Datagram& datagram) const {
    const Place& place = places_[place_of(datagram)];
    return place.name == name_of(datagram) ? std::optional(place.original_be) : std::nullopt;
  }

 private:
  static constexpr std::size_t kPlaces = 4096;
  static constexpr std::uint64_t kNobody = ~std::uint64_t{0};
  struct Place {
    std::uint64_t name = kNobody;
    std::uint16_t original_be = 0;
  };

  static std::uint64_t name_of(const Datagram& datagram) {
    return std::uint64_t{datagram.flow} << 24 | std::uint64_t{datagram.identification_be} << 8 |
           static_cast<std::uint8_t>(datagram.from);
  }
  // Identifications are permuted under a secret (identifications.h): they spread by themselves.
  static std::size_t place_of(const Datagram& datagram) {
    return (datagram.identification_be ^ datagram.flow * 0x9e37U) % kPlaces;
  }

  std::array<Place, kPlaces> places_{};
};

}  // namespace hypernat::dataplane
