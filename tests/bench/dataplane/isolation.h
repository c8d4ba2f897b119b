// What one tenant's flood costs another's throughput, on one worker: the NAT alone, at as many packets of the flood as
// of the other's open flows.
//
// Nobody's packets are lost for it (tests/model/nat_isolation_test.cc); what the flood takes is the worker's time. Per
// flood: cycles of one of its packets, and what is left of the other tenant's rate once the worker is saturated.
#pragma once

#include <cstdint>

#include "tests/bench/dataplane/report.h"

namespace hypernat::bench {

struct IsolationPlan {
  std::uint32_t flows = 65536;  ///< open ones of the tenant that does not flood
  std::uint32_t runs = 3;
};
void measure_isolation(const IsolationPlan& plan, Report& report);

}  // namespace hypernat::bench
