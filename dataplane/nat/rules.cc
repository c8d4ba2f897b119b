#include "dataplane/nat/rules.h"

namespace hypernat::dataplane {

CompiledRules::CompiledRules(const config::RuleSet& set) {
  if (set.rules.size() > kLongestList) long_ = LongRules::build(set.rules);
  if (!long_) list_ = std::vector<Rule>(set.rules.begin(), set.rules.end());
}

std::uint16_t CompiledRules::find(const OpeningPacket& packet) const {
  if (long_) return long_->find(packet);
  for (std::size_t i = 0; i < list_.size(); ++i)
    if (list_[i].permits(packet)) return static_cast<std::uint16_t>(i);
  return Rule::kNone;
}

}  // namespace hypernat::dataplane
