// Addresses that are no single host beyond the link (RFC 1812 5.3.7, RFC 6890): nobody's source, nobody's destination.
#pragma once

#include "config/types.h"

namespace hypernat::dataplane {

inline bool is_martian(Ipv4Address address) {
  constexpr Ipv4Prefix kThisNetwork{Ipv4Address::of(0, 0, 0, 0), 8};
  constexpr Ipv4Prefix kLoopback{Ipv4Address::of(127, 0, 0, 0), 8};
  constexpr Ipv4Prefix kLinkLocal{Ipv4Address::of(169, 254, 0, 0), 16};
  constexpr Ipv4Prefix kMulticast{Ipv4Address::of(224, 0, 0, 0), 4};
  constexpr Ipv4Prefix kReservedAndBroadcast{Ipv4Address::of(240, 0, 0, 0), 4};
  return kThisNetwork.contains(address) || kLoopback.contains(address) || kLinkLocal.contains(address) ||
         kMulticast.contains(address) || kReservedAndBroadcast.contains(address);
}

inline bool is_network_or_broadcast(const Ipv4Prefix& prefix, Ipv4Address address) {
  return prefix.length < 31 && (address == prefix.first() || address == prefix.last());
}

}  // namespace hypernat::dataplane
