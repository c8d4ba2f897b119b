// Which address of a subnet an interface gets.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "control/store/records.h"

namespace hypernat::control {

/// The lowest address of the subnet, from `from` on, that is none of AWS's five reserved ones (the first four and the
/// last), nor the router, the resolver, one the subnet's owner reserved, or used. Nothing: none is left.
std::optional<Ipv4Address> lowest_free_address(const Subnet& subnet, const Vpc& vpc, Ipv4Address from,
                                               const std::function<bool(Ipv4Address)>& is_used);

/// How many addresses `lowest_free_address` could give in turn.
std::uint64_t count_free_addresses(const Subnet& subnet, const Vpc& vpc, const std::vector<Ipv4Address>& used);

/// The lowest block of `length` bits in `prefix` that overlaps none of `taken`.
std::optional<Ipv4Prefix> lowest_free_block(const Ipv4Prefix& prefix, std::uint8_t length,
                                            const std::vector<Ipv4Prefix>& taken);

}  // namespace hypernat::control
