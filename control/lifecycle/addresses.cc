#include "control/lifecycle/addresses.h"

#include <algorithm>
#include <set>

namespace hypernat::control {
namespace {

constexpr std::uint32_t kReservedAtStart = 4;

}  // namespace

std::optional<Ipv4Address> lowest_free_address(const Subnet& subnet, const Vpc& vpc, Ipv4Address from,
                                               const std::function<bool(Ipv4Address)>& is_used) {
  const std::uint64_t end = std::uint64_t{subnet.cidr.first().host()} + subnet.cidr.size() - 1;
  const std::uint64_t first = std::uint64_t{subnet.cidr.first().host()} + kReservedAtStart;
  for (std::uint64_t host = std::max<std::uint64_t>(first, from.host()); host < end; ++host) {
    const auto address = Ipv4Address::from_host(static_cast<std::uint32_t>(host));
    if (address == subnet.router || address == vpc.resolver) continue;
    if (std::find(subnet.reserved.begin(), subnet.reserved.end(), address) != subnet.reserved.end()) continue;
    if (!is_used(address)) return address;
  }
  return std::nullopt;
}

std::uint64_t count_free_addresses(const Subnet& subnet, const Vpc& vpc, const std::vector<Ipv4Address>& used) {
  const std::uint64_t first = std::uint64_t{subnet.cidr.first().host()} + kReservedAtStart;
  const std::uint64_t end = std::uint64_t{subnet.cidr.first().host()} + subnet.cidr.size() - 1;
  std::set<Ipv4Address> taken(used.begin(), used.end());
  taken.insert(subnet.reserved.begin(), subnet.reserved.end());
  taken.insert(subnet.router);
  if (vpc.resolver) taken.insert(*vpc.resolver);
  const auto count = std::count_if(taken.begin(), taken.end(), [&](const Ipv4Address& address) {
    return address.host() >= first && address.host() < end;
  });
  return end - first - static_cast<std::uint64_t>(count);
}

std::optional<Ipv4Prefix> lowest_free_block(const Ipv4Prefix& prefix, std::uint8_t length,
                                            const std::vector<Ipv4Prefix>& taken) {
  if (length < prefix.length || length > 32) return std::nullopt;
  const std::uint64_t step = std::uint64_t{1} << (32 - length);
  const std::uint64_t end = prefix.first().host() + prefix.size();
  for (std::uint64_t host = prefix.first().host(); host < end; host += step) {
    const Ipv4Prefix block{Ipv4Address::from_host(static_cast<std::uint32_t>(host)), length};
    const bool is_taken =
        std::any_of(taken.begin(), taken.end(), [&](const auto& other) { return other.overlaps(block); });
    if (!is_taken) return block;
  }
  return std::nullopt;
}

}  // namespace hypernat::control
