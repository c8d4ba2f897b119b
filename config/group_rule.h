// An egress rule of a security group, as its owner writes it. The table has its meaning: rules towards addresses.
#pragma once

#include <string>

#include "config/table.h"

namespace hypernat::config {

struct GroupRule {
  EgressRule rule;
  std::string
      group{};  ///< "sg-…", of the same VPC: towards whoever is in it, whatever the rule's destination; or empty
  bool operator==(const GroupRule&) const = default;
};

}  // namespace hypernat::config
