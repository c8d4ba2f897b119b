// Where an invocation runs, and through which mapping.
//
// The worker host: one in the zone of a subnet of the function when there is one, else any that is alive. The mapping:
// that of the subnet in the worker host's zone, else any active one; with a lease, the lease's. Among equals, each in
// turn. Nothing is made here.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "control/lifecycle/worker_hosts.h"
#include "control/store/records.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

struct Place {
  WorkerHost host;
  std::uint32_t mapping = 0;  ///< number; 0: the function has no network
  std::uint64_t mapping_uid = 0;
  std::optional<Ipv4Address> resolver;
};

class Placement {
 public:
  Placement(Database& database, const WorkerHosts& hosts) : database_(database), hosts_(hosts) {}

  /// For a function that may be invoked. Throws a Refusal when no worker host is alive.
  Place choose(const Function& function);
  /// Through this lease's mapping. Throws a Refusal when it is not active or no worker host is alive.
  Place choose(const Lease& lease);

 private:
  struct Candidate {
    Mapping mapping;
    Subnet subnet;
  };
  Place choose_among(const std::vector<Candidate>& candidates);

  Database& database_;
  const WorkerHosts& hosts_;
  std::uint64_t turn_ = 0;
};

}  // namespace hypernat::control
