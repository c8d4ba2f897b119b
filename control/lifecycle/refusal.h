// A request that is refused, and what kind of refusal it is; the API gives each kind its HTTP status and AWS's name.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace hypernat::control {

enum class RefusalKind : std::uint8_t {
  kInvalidContent,    ///< the body is not what the call takes
  kInvalidParameter,  ///< the body can be read, its values cannot be had
  kAccessDenied,
  kNotFound,
  kConflict,  ///< with what exists, or with the state it is in
  kPrecondition,
  kTooLarge,
  kTooManyRequests,
  kNotReady,     ///< what it needs is being made again: soon
  kUnavailable,  ///< would be possible at another time
  kUnknownOperation,
};

class Refusal : public std::runtime_error {
 public:
  Refusal(RefusalKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  RefusalKind kind() const { return kind_; }

 private:
  RefusalKind kind_;
};

inline Refusal invalid_parameter(const std::string& message) {
  return {RefusalKind::kInvalidParameter, message};
}
inline Refusal not_found(const std::string& message) {
  return {RefusalKind::kNotFound, message};
}
inline Refusal conflict(const std::string& message) {
  return {RefusalKind::kConflict, message};
}

}  // namespace hypernat::control
