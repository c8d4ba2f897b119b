// LongRules as a plain list: for tests, and as the other side of the contract that rte_acl has to keep.
#include <vector>

#include "dataplane/nat/long_rules.h"

namespace hypernat::dataplane {

struct LongRules::Impl {
  std::vector<Rule> rules;
};

LongRules::LongRules(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LongRules::~LongRules() = default;

std::unique_ptr<const LongRules> LongRules::build(std::span<const config::EgressRule> rules) {
  auto impl = std::make_unique<Impl>();
  impl->rules = std::vector<Rule>(rules.begin(), rules.end());
  return std::unique_ptr<const LongRules>(new LongRules(std::move(impl)));
}

std::uint16_t LongRules::find(const OpeningPacket& packet) const {
  for (std::size_t i = 0; i < impl_->rules.size(); ++i)
    if (impl_->rules[i].permits(packet)) return static_cast<std::uint16_t>(i);
  return Rule::kNone;
}

}  // namespace hypernat::dataplane
