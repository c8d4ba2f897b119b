#include "control/api/code_links.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "control/api/base64.h"
#include "control/api/hmac.h"
#include "control/lifecycle/refusal.h"

namespace hypernat::control {
namespace {

constexpr std::string_view kPrefix = "/code/";
constexpr std::chrono::minutes kValidity{10};  // AWS's

// Base64 of a path has "-" and "_" (RFC 4648, 5).
std::string exchange(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t i = 0; i < from.size(); ++i) std::replace(text.begin(), text.end(), from[i], to[i]);
  return text;
}

std::string value(const std::map<std::string, std::string>& map, const std::string& name) {
  const auto found = map.find(name);
  return found == map.end() ? std::string() : found->second;
}

TimePoint parse_time(const std::string& text) {
  std::int64_t milliseconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), milliseconds);
  return from_milliseconds(milliseconds);
}

}  // namespace

CodeLinks::CodeLinks() : secret_(random_uuid() + random_uuid()) {}

std::string CodeLinks::signature_of(const std::string& path, const std::string& expires) const {
  return hex(hmac(secret_, path + "?" + expires));
}

std::string CodeLinks::make(const CodeName& code, const ApiRequest& asked, TimePoint now) const {
  const auto path = std::string(kPrefix) + code.account + "/" + exchange(code.sha256, "+/", "-_");
  const auto expires = std::to_string(to_milliseconds(now + kValidity));
  const auto host = value(asked.headers, "host");
  return "http://" + (host.empty() ? "localhost" : host) + path + "?Expires=" + expires +
         "&Signature=" + signature_of(path, expires);
}

bool CodeLinks::is_for(const ApiRequest& request) {
  return request.path.starts_with(kPrefix);
}

CodeName CodeLinks::open(const ApiRequest& request, TimePoint now) const {
  const auto expires = value(request.query, "Expires");
  if (!same_signature(value(request.query, "Signature"), signature_of(request.path, expires)))
    throw Refusal(RefusalKind::kAccessDenied, "Access Denied");
  // What was signed here is a path and a time as they are made here.
  if (now > parse_time(expires)) throw Refusal(RefusalKind::kAccessDenied, "Request has expired");
  const auto slash = request.path.find('/', kPrefix.size());
  return {.account = request.path.substr(kPrefix.size(), slash - kPrefix.size()),
          .sha256 = exchange(request.path.substr(slash + 1), "-_", "+/")};
}

}  // namespace hypernat::control
