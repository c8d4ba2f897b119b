// What EC2 refuses, under EC2's own codes, in the shape that its clients read.
#pragma once

#include <stdexcept>
#include <string>

#include "control/api/message.h"
#include "control/api/sigv4.h"
#include "control/lifecycle/refusal.h"

namespace hypernat::control {

class Ec2Error : public std::runtime_error {
 public:
  Ec2Error(std::string code, const std::string& message, int status = 400)
      : std::runtime_error(message), code_(std::move(code)), status_(status) {}
  const std::string& code() const { return code_; }
  int status() const { return status_; }

 private:
  std::string code_;
  int status_;
};

/// The code that EC2 has for what the state machine refuses for everybody.
Ec2Error ec2_error(const Refusal& refusal);
Ec2Error ec2_error(const SignatureError& error);

ApiResponse error_response(const Ec2Error& error, const std::string& request_id);

// Those that many actions have.
inline Ec2Error missing_parameter(const std::string& name) {
  return {"MissingParameter", "The request must contain the parameter " + name};
}
inline Ec2Error invalid_value(const std::string& message) {
  return {"InvalidParameterValue", message};
}
inline Ec2Error dependency_violation(const std::string& message) {
  return {"DependencyViolation", message};
}

}  // namespace hypernat::control
