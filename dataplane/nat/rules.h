// The egress rules of a mapping's security groups: what may open a flow. Any rule that matches permits.
//
// Immutable; mappings with equal rules share one.
#pragma once

#include <cstdint>
#include <vector>

#include "config/table.h"

namespace hypernat::dataplane {

class CompiledRules {
 public:
  static constexpr std::uint16_t kNoRule = 0xffff;

  /// The packet that wants to open a flow.
  struct Opening {
    Protocol protocol{};
    Ipv4Address destination = {};
    L4Port destination_port = {};  ///< TCP, UDP
    std::uint8_t icmp_type = 0;    ///< ICMP
    std::uint8_t icmp_code = 0;
  };

  explicit CompiledRules(const config::RuleSet& set);

  /// Index (in config::RuleSet) of a rule that permits it, or kNoRule.
  std::uint16_t find(const Opening& opening) const;

 private:
  struct Rule {
    std::uint32_t destination = 0;  ///< network order, masked
    std::uint32_t mask = 0;
    std::int16_t protocol = -1;
    std::uint16_t first = 0;  ///< host order; ICMP: type
    std::uint16_t last = 0;   ///< host order; ICMP: code
  };
  static bool ports_match(const Rule& rule, const Opening& opening);

  std::vector<Rule> rules_;
};

}  // namespace hypernat::dataplane
