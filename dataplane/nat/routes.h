// A subnet's routes, ready to be asked: longest prefix match by one binary search.
//
// The prefixes are flattened into ranges that do not overlap, each with the target of the longest prefix that covers
// it. Immutable; subnets with equal routes share one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "config/table.h"

namespace hypernat::dataplane {

class CompiledRoutes {
 public:
  explicit CompiledRoutes(const config::RouteSet& set);

  /// Nothing when no route covers `destination`.
  std::optional<config::RouteTarget> find(Ipv4Address destination) const {
    const auto behind = std::upper_bound(starts_.begin(), starts_.end(), destination.host());
    if (behind == starts_.begin()) return std::nullopt;
    return targets_[static_cast<std::size_t>(behind - starts_.begin()) - 1];
  }

 private:
  void start_range(std::uint64_t start, std::optional<config::RouteTarget> target);

  std::vector<std::uint32_t> starts_;  ///< host order, ascending
  std::vector<std::optional<config::RouteTarget>> targets_;
};

}  // namespace hypernat::dataplane
