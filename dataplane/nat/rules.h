// The egress rules of a mapping's security groups: what may open a flow. Any rule that matches permits.
//
// A short set is a list; a long one is asked all at once (long_rules.h), so that an opening costs the same however many
// rules its tenant has. Immutable; mappings with equal rules share one.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "config/table.h"
#include "dataplane/nat/long_rules.h"
#include "dataplane/nat/rule.h"

namespace hypernat::dataplane {

class CompiledRules {
 public:
  /// Rules of the longest list. Asked one after the other they cost about as much as all at once.
  static constexpr std::size_t kLongestList = 32;

  explicit CompiledRules(const config::RuleSet& set);

  /// The lowest index (in config::RuleSet) of a rule that permits it, or Rule::kNone.
  std::uint16_t find(const OpeningPacket& packet) const;

 private:
  std::vector<Rule> list_;                 ///< empty when `long_` is there
  std::unique_ptr<const LongRules> long_;  ///< null for a short set, or when the memory could not be had
};

}  // namespace hypernat::dataplane
