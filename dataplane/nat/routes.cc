#include "dataplane/nat/routes.h"

namespace hypernat::dataplane {

CompiledRoutes::CompiledRoutes(const config::RouteSet& set) {
  std::vector<config::Route> routes = set.routes;
  std::sort(routes.begin(), routes.end(),
            [](const config::Route& a, const config::Route& b) { return a.prefix < b.prefix; });

  // Prefixes nest or are disjoint, so those that are open at any address form a stack, the longest on top.
  std::vector<config::Route> open;
  const auto close_before = [&](std::uint64_t address) {
    while (!open.empty() && open.back().prefix.last().host() < address) {
      const std::uint64_t behind = std::uint64_t{open.back().prefix.last().host()} + 1;
      open.pop_back();
      start_range(behind, open.empty() ? std::nullopt : std::optional(open.back().target));
    }
  };
  for (const config::Route& route : routes) {
    close_before(route.prefix.first().host());
    open.push_back(route);
    start_range(route.prefix.first().host(), route.target);
  }
  close_before(std::uint64_t{1} << 32);
}

void CompiledRoutes::start_range(std::uint64_t start, std::optional<config::RouteTarget> target) {
  if (start > 0xffffffff) return;
  // A prefix that begins where another ended, or where a shorter one begins, replaces the empty range between.
  if (!starts_.empty() && starts_.back() == start) {
    targets_.back() = target;
    return;
  }
  starts_.push_back(static_cast<std::uint32_t>(start));
  targets_.push_back(target);
}

}  // namespace hypernat::dataplane
