// Whoever makes a network interface, which takes its time and may fail.
//
// The request is in the database before anybody is asked, and asking is repeated on every beat and after a restart,
// so an implementation keeps nothing that it could not find again by the request's uid. The outcome is asked for once,
// in the transaction that writes down what becomes of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/lifecycle/clock.h"

namespace hypernat::control {

struct ProvisioningRequest {
  std::uint64_t uid = 0;  ///< the request's own
  TimePoint since;        ///< when it was first asked for
  /// How long it takes, where whoever asked for it said so: a measurement of another time's interfaces.
  std::optional<std::chrono::milliseconds> time;
};

/// What an interface is made for.
struct ProvisioningTarget {
  std::string account;
  std::string subnet;
  std::vector<std::string> groups;
  std::vector<std::string> roles;  ///< of the functions that wait for it: one that permits it is enough
};

struct ProvisioningFailure {
  std::string code;  ///< AWS's
  std::string reason;
};

class Provisioner {
 public:
  virtual ~Provisioner() = default;
  /// Whether it has been seen to; begins to make the interface when nobody did.
  virtual bool is_ready(const ProvisioningRequest& request, TimePoint now) = 0;
  /// When it will be, if that is known; it is asked in any case.
  virtual std::optional<TimePoint> ready_at(const ProvisioningRequest& request) const = 0;
  /// What came of a request that is ready; nothing: the interface is made.
  virtual std::optional<ProvisioningFailure> outcome(const ProvisioningTarget& target) = 0;
};

}  // namespace hypernat::control
