// Hundreds of egress rules, asked all at once: the contract, kept by rte_acl in the product and by a plain list beside
// it in tests.
//
// Built on the main lcore, immutable, asked by any worker. Which implementation a program has is decided by which
// library it links; the two pass one set of tests.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "config/table.h"
#include "dataplane/nat/rule.h"

namespace hypernat::dataplane {

class LongRules {
 public:
  /// Null when it can not be had, for want of memory. There is at least one rule.
  static std::unique_ptr<const LongRules> build(std::span<const config::EgressRule> rules);
  ~LongRules();
  LongRules(const LongRules&) = delete;
  LongRules& operator=(const LongRules&) = delete;

  /// The lowest index of a rule that permits it, or Rule::kNone.
  std::uint16_t find(const OpeningPacket& packet) const;

 private:
  struct Impl;
  explicit LongRules(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hypernat::dataplane
