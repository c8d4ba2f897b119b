// Settings that more than one of the processes has, with one shape and one set of defaults.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <filesystem>

#include "config/types.h"

namespace hypernat::config {

/// Where the mapping table and the statuses lie, and how often they are pulled and written.
struct StoreConfig {
  std::filesystem::path directory = "/run/hypernat/store";
  std::chrono::milliseconds beat{500};
  bool operator==(const StoreConfig&) const = default;
};

/// The gateway that every execution environment has its default route to; the same constant address everywhere.
struct GatewayConfig {
  Ipv4Address address = Ipv4Address::of(169, 254, 100, 1);
  MacAddress mac{{0x02, 0, 0, 0, 0, 0x01}};
  bool operator==(const GatewayConfig&) const = default;
};

/// The prefix that execution environments have their /32 from.
inline constexpr Ipv4Prefix kDefaultLambdaVpc{Ipv4Address::of(100, 64, 0, 0), 10};

/// An address of a device and the length of the prefix it stands in: "192.0.2.1/24", host bits kept.
struct DeviceAddress {
  Ipv4Address address;
  std::uint8_t length = 32;
  constexpr Ipv4Prefix prefix() const { return Ipv4Prefix::covering(address, length); }
  bool operator==(const DeviceAddress&) const = default;
};

}  // namespace hypernat::config
