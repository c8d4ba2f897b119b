// A request and its answer, free of any HTTP library, so that the whole API is tested as a function.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace hypernat::control {

/// Where a request came in: who may use the socket is the operator, and says whom he acts for.
enum class Origin : std::uint8_t { kSocket, kTcp };

struct ApiRequest {
  std::string method;
  std::string path;  ///< decoded, without the query
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  ///< names in lower case; values of equal ones joined by commas
  std::string body;
  std::string target{};  ///< path and query as they came, for signatures
  Origin origin = Origin::kSocket;
};

struct ApiResponse {
  int status = 200;
  std::map<std::string, std::string> headers;
  std::string content_type = "application/json";
  std::string body;
};

/// AWS's own: the payload of an invocation, and what it answers.
inline constexpr std::size_t kMaxPayload = 6 * 1024 * 1024;
/// Every other body.
inline constexpr std::size_t kMaxBody = 1024 * 1024;

}  // namespace hypernat::control
