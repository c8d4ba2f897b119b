// What a port of an interface is used towards: one protocol of one remote endpoint.
#pragma once

#include <cstdint>

#include "config/types.h"

namespace hypernat::dataplane {

struct RemoteKey {
  std::uint32_t interface_slot = 0xffffffff;  ///< in Tables::interfaces; nobody else's while flows have it
  Ipv4Address remote;
  L4Port remote_port;  ///< echo: zero
  Protocol protocol{};
  constexpr bool operator==(const RemoteKey&) const = default;
};

}  // namespace hypernat::dataplane
