// From a tunnel's far end to the neighbour on the underlay that packets for it are given to.
//
// Every packet into a tunnel asks, so the answers lie in a small direct-mapped cache in front of Neighbours. A place of
// the cache holds one reference, so that the index stays good.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/attach/attachments.h"
#include "dataplane/attach/neighbours.h"

namespace hypernat::dataplane {

class UnderlayHops {
 public:
  explicit UnderlayHops(Neighbours& neighbours) : neighbours_(neighbours) {}

  /// Index in Neighbours, good until the next call; kNone: the table is full.
  std::uint32_t find(const Attachment& attachment, Ipv4Address tunnel_end) {
    Place& place = places_[(tunnel_end.host() ^ attachment.index * 0x9dU) % kPlaces];
    if (place.tunnel_end == tunnel_end && place.attachment == attachment.index) return place.index;
    const std::uint32_t index =
        neighbours_.acquire(Link::underlay(attachment.index), attachment.underlay_next_hop(tunnel_end), kNone);
    if (index == kNone) return kNone;
    if (place.index != kNone) neighbours_.release(place.index);
    place = {tunnel_end, index, attachment.index};
    return index;
  }

 private:
  static constexpr std::uint32_t kPlaces = 1024;
  struct Place {
    Ipv4Address tunnel_end;
    std::uint32_t index = kNone;
    std::uint8_t attachment = Attachments::kNoAttachment;
  };
  Neighbours& neighbours_;
  std::array<Place, kPlaces> places_{};
};

}  // namespace hypernat::dataplane
