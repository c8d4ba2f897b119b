// Makes nothing, takes the time that AWS takes for it, and fails when it is ordered to.
//
// The announcement of 2019 spoke of 90 seconds, the documentation says several minutes: half of the interfaces take
// `time` or less, one in a hundred `slowest_percent` of it or more, by a log-logistic distribution that ends at one in
// ten thousand. Which of them an interface is follows from its request's uid, so that a restart changes nothing. Orders
// to fail are rows of the database, carried out in the transaction that finds the failure.
#pragma once

#include <vector>

#include "control/provisioning/provisioner.h"
#include "control/store/failure_store.h"

namespace hypernat::control {

struct ProvisioningModel {
  std::chrono::milliseconds time{90'000};
  std::uint32_t slowest_percent = 300;  ///< of `time`; 100: all take the same
};

/// How long the interface of this request takes.
std::chrono::milliseconds modelled_time(const ProvisioningModel& model, std::uint64_t uid);

/// The codes that an order to fail can have, AWS's documented ones.
const std::vector<std::string>& failure_codes();

class ModelledProvisioner final : public Provisioner {
 public:
  ModelledProvisioner(Database& database, const ProvisioningModel& model) : database_(database), model_(model) {}

  bool is_ready(const ProvisioningRequest& request, TimePoint now) override { return now >= *ready_at(request); }
  std::optional<TimePoint> ready_at(const ProvisioningRequest& request) const override {
    return request.since + (request.time ? *request.time : modelled_time(model_, request.uid));
  }
  std::optional<ProvisioningFailure> outcome(const ProvisioningTarget& target) override;

 private:
  Database& database_;
  const ProvisioningModel model_;
};

}  // namespace hypernat::control
