// EC2's API, as much of it as networks of functions need: the Query protocol, parameters form-encoded in and XML out.
//
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference. One call, one transaction; DryRun is a call whose transaction
// is undone.
#pragma once

#include <string>

#include "config/control_config.h"
#include "control/api/message.h"
#include "control/lifecycle/controller.h"

namespace hypernat::control {

class Ec2Api {
 public:
  Ec2Api(Controller& controller, std::string region, config::Ec2Config settings)
      : controller_(controller), region_(std::move(region)), settings_(std::move(settings)) {}

  /// Every refusal, and every failure, becomes an error in EC2's shape. `request_id` goes into the answer.
  ApiResponse handle(const std::string& account, const ApiRequest& request, const std::string& request_id);

  /// Whether a request is for this API, whoever signed it.
  static bool is_for(const ApiRequest& request) { return request.path == "/"; }

 private:
  ApiResponse perform(const std::string& account, const ApiRequest& request, const std::string& request_id);

  Controller& controller_;
  const std::string region_;
  const config::Ec2Config settings_;
};

}  // namespace hypernat::control
