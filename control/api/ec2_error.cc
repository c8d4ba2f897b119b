#include "control/api/ec2_error.h"

#include "control/api/xml_writer.h"

namespace hypernat::control {

Ec2Error ec2_error(const Refusal& refusal) {
  switch (refusal.kind()) {
    case RefusalKind::kInvalidContent:
    case RefusalKind::kInvalidParameter:
      return {"InvalidParameterValue", refusal.what()};
    case RefusalKind::kAccessDenied:
      return {"UnauthorizedOperation", refusal.what(), 403};
    case RefusalKind::kNotFound:
      return {"InvalidID.NotFound", refusal.what()};
    case RefusalKind::kConflict:
    case RefusalKind::kPrecondition:
      return {"DependencyViolation", refusal.what()};
    case RefusalKind::kTooLarge:
      return {"InvalidRequest", refusal.what(), 413};
    case RefusalKind::kTooManyRequests:
      return {"RequestLimitExceeded", refusal.what(), 503};
    case RefusalKind::kNotReady:
    case RefusalKind::kUnavailable:
      return {"Unavailable", refusal.what(), 503};
    case RefusalKind::kUnknownOperation:
      return {"InvalidAction", refusal.what()};
  }
  return {"InternalError", refusal.what(), 500};
}

Ec2Error ec2_error(const SignatureError& error) {
  switch (error.fault()) {
    case SignatureFault::kMissing:
      return {"MissingAuthenticationToken", "Request is missing Authentication Token", 403};
    case SignatureFault::kIncomplete:
      return {"IncompleteSignature", error.what()};
    case SignatureFault::kUnknownKey:
      return {"AuthFailure", "AWS was not able to validate the provided access credentials", 401};
    case SignatureFault::kExpired:
      return {"RequestExpired", error.what()};
    case SignatureFault::kMismatch:
      return {"SignatureDoesNotMatch", error.what(), 403};
  }
  return {"InternalError", error.what(), 500};
}

ApiResponse error_response(const Ec2Error& error, const std::string& request_id) {
  XmlWriter xml;
  xml.element("Errors", [&] {
    xml.element("Error", [&] {
      xml.text("Code", error.code());
      xml.text("Message", error.what());
    });
  });
  xml.text("RequestID", request_id);
  return {.status = error.status(),
          .headers = {},
          .content_type = "text/xml;charset=UTF-8",
          .body = xml.document("Response", {})};
}

}  // namespace hypernat::control
