// Whoever makes a network interface, which takes its time.
//
// The request is in the database before anybody is asked, and asking is repeated on every beat and after a restart,
// so an implementation keeps nothing that it could not find again by the mapping's uid.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "control/lifecycle/clock.h"

namespace hypernat::control {

struct ProvisioningRequest {
  std::uint64_t mapping = 0;  ///< uid
  TimePoint since;            ///< when it was first asked for
  /// How long it takes, where whoever asked for it said so: a measurement of another time's interfaces.
  std::optional<std::chrono::milliseconds> time;
};

class Provisioner {
 public:
  virtual ~Provisioner() = default;
  /// Whether the interface is made; begins to make it when nobody did.
  virtual bool is_ready(const ProvisioningRequest& request, TimePoint now) = 0;
  /// When it will be, if that is known; it is asked in any case.
  virtual std::optional<TimePoint> ready_at(const ProvisioningRequest& request) const = 0;
};

/// Takes as long as it is told to: AWS's announcement spoke of 90 seconds.
class TimedProvisioner final : public Provisioner {
 public:
  explicit TimedProvisioner(std::chrono::milliseconds time) : time_(time) {}
  bool is_ready(const ProvisioningRequest& request, TimePoint now) override { return now >= *ready_at(request); }
  std::optional<TimePoint> ready_at(const ProvisioningRequest& request) const override {
    return request.since + request.time.value_or(time_);
  }

 private:
  std::chrono::milliseconds time_;
};

}  // namespace hypernat::control
