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

std::uint32_t Tables::find_interface(std::uint32_t subnet, Ipv4Address address) const {
  if (subnet >= interfaces_by_subnet_.size()) return kMissing;
  const auto& sorted = interfaces_by_subnet_[subnet];
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), std::pair{address.host(), 0U});
  return at != sorted.end() && at->first == address.host() ? at->second : kMissing;
}

std::uint32_t Tables::any_interface(std::uint32_t subnet) const {
  if (subnet >= interfaces_by_subnet_.size() || interfaces_by_subnet_[subnet].empty()) return kMissing;
  return interfaces_by_subnet_[subnet].front().second;
}

}  // namespace hypernat::dataplane
