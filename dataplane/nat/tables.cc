#include "dataplane/nat/tables.h"

#include <algorithm>

namespace hypernat::dataplane {

void NumberMap::set(std::uint32_t number, std::uint32_t slot) {
  auto& page = pages_[number >> kPageBits & kPageMask];
  if (!page) page = std::make_unique<Page>(std::size_t{1} << kPageBits, kMissing);
  (*page)[number & kPageMask] = slot;
}

const config::TunnelPeer* Tables::find_peer(Ipv4Address address) const {
  const auto at = std::lower_bound(peers.begin(), peers.end(), address,
                                   [](const config::TunnelPeer& peer, Ipv4Address key) { return peer.address < key; });
  return at != peers.end() && at->address == address ? &*at : nullptr;
}

std::uint32_t Tables::any_interface(std::uint32_t subnet) const {
  return subnet < first_interfaces_.size() ? first_interfaces_[subnet] : kMissing;
}

}  // namespace hypernat::dataplane
