#include "control/api/errors.h"

#include "config/json.h"

namespace hypernat::control {

ErrorName error_name(RefusalKind kind) {
  switch (kind) {
    case RefusalKind::kInvalidContent:
      return {.status = 400, .type = "InvalidRequestContentException"};
    case RefusalKind::kInvalidParameter:
      return {.status = 400, .type = "InvalidParameterValueException"};
    case RefusalKind::kAccessDenied:
      return {.status = 403, .type = "AccessDeniedException"};
    case RefusalKind::kNotFound:
      return {.status = 404, .type = "ResourceNotFoundException"};
    case RefusalKind::kConflict:
      return {.status = 409, .type = "ResourceConflictException"};
    case RefusalKind::kPrecondition:
      return {.status = 412, .type = "PreconditionFailedException"};
    case RefusalKind::kTooLarge:
      return {.status = 413, .type = "RequestTooLargeException"};
    case RefusalKind::kTooManyRequests:
      return {.status = 429, .type = "TooManyRequestsException"};
    case RefusalKind::kNotReady:
      return {.status = 502, .type = "ResourceNotReadyException"};
    case RefusalKind::kUnavailable:
      return {.status = 503, .type = "ServiceException"};
    case RefusalKind::kUnknownOperation:
      return {.status = 404, .type = "UnknownOperationException"};
  }
  return {};
}

ErrorName error_name(SignatureFault fault) {
  switch (fault) {
    case SignatureFault::kMissing:
      return {.status = 403, .type = "MissingAuthenticationTokenException"};
    case SignatureFault::kIncomplete:
      return {.status = 400, .type = "IncompleteSignatureException"};
    case SignatureFault::kUnknownKey:
      return {.status = 403, .type = "UnrecognizedClientException"};
    case SignatureFault::kExpired:
    case SignatureFault::kMismatch:
      return {.status = 403, .type = "InvalidSignatureException"};
  }
  return {};
}

ApiResponse error_response(const ErrorName& name, const std::string& message) {
  const nlohmann::json body{{"Type", name.status < 500 ? "User" : "Service"}, {"Message", message}};
  return {.status = name.status,
          .headers = {{"x-amzn-ErrorType", name.type}},
          .content_type = "application/json",
          .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

ApiResponse error_response(const Refusal& refusal) {
  return error_response(error_name(refusal.kind()), refusal.what());
}

}  // namespace hypernat::control
