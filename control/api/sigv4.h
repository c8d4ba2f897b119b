// AWS Signature Version 4, in its header form: who signed a request, and that nobody altered it since.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html. HMAC and SHA-256 are OpenSSL's. Nothing
// of a request may be believed before `verify_signature` has returned: everything that decides what it means is covered
// by the signature, or the request is refused.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include "control/api/message.h"
#include "control/lifecycle/clock.h"

namespace hypernat::control {

struct SigningKey {
  std::string account;
  std::string secret;
};
/// By access key id.
using SigningKeys = std::map<std::string, SigningKey>;

/// What a signature must be for.
struct SigningScope {
  std::string region;
  std::string service;
};

enum class SignatureFault : std::uint8_t {
  kMissing,     ///< no signature
  kIncomplete,  ///< one that cannot be read, or does not cover what it must
  kUnknownKey,
  kExpired,  ///< or not yet valid
  kMismatch,
};

class SignatureError : public std::runtime_error {
 public:
  SignatureError(SignatureFault fault, const std::string& message) : std::runtime_error(message), fault_(fault) {}
  SignatureFault fault() const { return fault_; }

 private:
  SignatureFault fault_;
};

/// The account that signed the request. Throws SignatureError.
std::string verify_signature(const ApiRequest& request, const SigningKeys& keys, const SigningScope& scope,
                             TimePoint now);

/// The parts of an Authorization header; views into it.
struct Authorization {
  std::string_view key_id;
  std::string_view date;  ///< of the credential's scope: "20150830"
  std::string_view region;
  std::string_view service;
  std::string_view signed_headers;  ///< "host;x-amz-date"
  std::string_view signature;
};
/// Throws SignatureError kMissing or kIncomplete.
Authorization parse_authorization(std::string_view header);

/// What is signed: the request in the one form that both sides agree on. `signed_headers` must all be there.
std::string canonical_request(const ApiRequest& request, std::string_view signed_headers);
/// In lower-case hexadecimal. `time`: "20150830T123600Z".
std::string sigv4_signature(const std::string& canonical, const SigningScope& scope, std::string_view time,
                            const std::string& secret);

}  // namespace hypernat::control
