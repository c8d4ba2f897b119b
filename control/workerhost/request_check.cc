#include "control/workerhost/request_check.h"

#include <fmt/format.h>

#include <stdexcept>
#include <string>

#include "config/types.h"

namespace hypernat::workerhost {
namespace {

constexpr std::size_t kStreams = 3;

bool has_null(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

}  // namespace

void check_request(const control::EnvironmentRequest& request, std::size_t descriptors) {
  if (descriptors != kStreams)
    throw std::invalid_argument(
        fmt::format("request: found {} descriptors; expected 3: stdin, stdout and stderr", descriptors));
  if (request.mapping > kMaxNumber24)
    throw std::invalid_argument(
        fmt::format("request: Mapping: found {}; expected at most {}", request.mapping, kMaxNumber24));
  if (!request.resolver.empty() && !parse_ipv4_address(request.resolver))
    throw std::invalid_argument(
        fmt::format("request: Resolver: found \"{}\"; expected an IPv4 address", request.resolver));
  for (const std::string& argument : request.command)
    if (has_null(argument))
      throw std::invalid_argument("request: Command: found an argument with a null character in it; expected none");
  for (const auto& [name, value] : request.environment)
    if (name.empty() || name.find('=') != std::string::npos || has_null(name) || has_null(value))
      throw std::invalid_argument(fmt::format(
          "request: Environment: found \"{}\"; expected a name without '=', and no null character anywhere", name));
}

}  // namespace hypernat::workerhost
