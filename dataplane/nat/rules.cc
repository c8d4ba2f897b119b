#include "dataplane/nat/rules.h"

namespace hypernat::dataplane {

CompiledRules::CompiledRules(const config::RuleSet& set) {
  rules_.reserve(set.rules.size());
  for (const config::EgressRule& rule : set.rules) {
    const std::uint32_t mask = __builtin_bswap32(rule.destination.host_mask());
    rules_.push_back({.destination = rule.destination.address.network() & mask,
                      .mask = mask,
                      .protocol = rule.protocol,
                      .first = rule.first_port,
                      .last = rule.last_port});
  }
}

std::uint16_t CompiledRules::find(const Opening& opening) const {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const Rule& rule = rules_[i];
    if ((opening.destination.network() & rule.mask) != rule.destination) continue;
    if (rule.protocol == -1) return static_cast<std::uint16_t>(i);
    if (rule.protocol == static_cast<std::int16_t>(opening.protocol) && ports_match(rule, opening))
      return static_cast<std::uint16_t>(i);
  }
  return kNoRule;
}

bool CompiledRules::ports_match(const Rule& rule, const Opening& opening) {
  if (opening.protocol == Protocol::kIcmp) {
    return (rule.first == config::kAnyIcmp || rule.first == opening.icmp_type) &&
           (rule.last == config::kAnyIcmp || rule.last == opening.icmp_code);
  }
  const std::uint16_t port = opening.destination_port.host();
  return rule.first <= port && port <= rule.last;
}

}  // namespace hypernat::dataplane
