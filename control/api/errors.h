// Refusals in AWS's shape: an HTTP status, the error's name in x-amzn-ErrorType, and a message in the body.
#pragma once

#include <string>

#include "control/api/message.h"
#include "control/api/sigv4.h"
#include "control/lifecycle/refusal.h"

namespace hypernat::control {

struct ErrorName {
  int status = 500;
  const char* type = "ServiceException";
};

ErrorName error_name(RefusalKind kind);
ErrorName error_name(SignatureFault fault);
ApiResponse error_response(const ErrorName& name, const std::string& message);
ApiResponse error_response(const Refusal& refusal);

}  // namespace hypernat::control
