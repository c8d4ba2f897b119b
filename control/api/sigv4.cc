#include "control/api/sigv4.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "config/names.h"
#include "config/table.h"
#include "control/api/hmac.h"

namespace hypernat::control {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";
constexpr std::chrono::minutes kValidity{5};  // AWS's, either way
constexpr std::size_t kLongestHeader = 4096;

SignatureError incomplete(const std::string& message) {
  return {SignatureFault::kIncomplete, message};
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = std::min(text.find(at), text.size());
    parts.push_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view trim(std::string_view text) {
  const auto begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string sha256_hex(std::string_view text) {
  return config::sha256_hex(std::as_bytes(std::span(text)));
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// RFC 3986 percent-encoding; `kept`: characters that stay beside the unreserved ones.
std::string encode(std::string_view text, std::string_view kept) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (is_unreserved(c) || kept.find(c) != std::string_view::npos) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 0xf];
  }
  return encoded;
}

// What is no escape stays as it is: both sides sign the same text then.
std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const auto digits = text.substr(i + 1 < text.size() ? i + 1 : text.size(), 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (text[i] == '%' && error == std::errc{} && digits.size() == 2 && end == digits.data() + 2) {
      decoded += static_cast<char>(value);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// Without "." and "..", without empty segments; then encoded once more, as every service but S3 has it.
std::string canonical_path(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const auto part : split(path, '/')) {
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!part.empty() && part != ".") {
      kept.push_back(part);
    }
  }
  std::string joined;
  for (const auto part : kept) joined.append("/").append(part);
  if (joined.empty() || path.back() == '/') joined += '/';
  return encode(joined, "/");
}

std::string canonical_query(std::string_view query) {
  if (query.empty()) return {};
  std::vector<std::pair<std::string, std::string>> parameters;
  for (const auto pair : split(query, '&')) {
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    parameters.emplace_back(encode(percent_decoded(pair.substr(0, equals)), ""),
                            encode(percent_decoded(pair.substr(std::min(equals + 1, pair.size()))), ""));
  }
  std::sort(parameters.begin(), parameters.end());
  std::string text;
  for (const auto& [name, value] : parameters)
    text.append(text.empty() ? "" : "&").append(name).append("=").append(value);
  return text;
}

// Without spaces around it, and one where there were several.
std::string canonical_value(std::string_view value) {
  std::string text;
  for (const char c : trim(value))
    if (c != ' ' || text.empty() || text.back() != ' ') text += c;
  return text;
}

std::string_view header(const ApiRequest& request, std::string_view name) {
  const auto found = request.headers.find(std::string(name));
  return found == request.headers.end() ? std::string_view() : std::string_view(found->second);
}

// "20150830T123600Z"
std::optional<TimePoint> parse_time(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t length) {
    int value = -1;
    const auto* begin = text.data() + at;
    const auto [end, error] = std::from_chars(begin, begin + length, value);
    return error == std::errc{} && end == begin + length ? value : -1;
  };
  using namespace std::chrono;
  const int hour = number(9, 2);
  const int minute = number(11, 2);
  const int second = number(13, 2);
  const year_month_day day{year(number(0, 4)), month(static_cast<unsigned>(number(4, 2))),
                           std::chrono::day(static_cast<unsigned>(number(6, 2)))};
  if (!day.ok() || number(0, 4) < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
    return std::nullopt;
  const auto since = sys_days(day).time_since_epoch() + hours(hour) + minutes(minute) + seconds(second);
  return from_milliseconds(duration_cast<milliseconds>(since).count());
}

// Every header that may change what a request means must be among the signed ones.
void check_signed_headers(const ApiRequest& request, std::string_view signed_headers) {
  const auto names = split(signed_headers, ';');
  const auto is_signed = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (!std::is_sorted(names.begin(), names.end()) || std::adjacent_find(names.begin(), names.end()) != names.end())
    throw incomplete("Found SignedHeaders " + config::quote(signed_headers) + "; expected each once, in order");
  for (const auto name : names)
    if (!request.headers.contains(std::string(name)))
      throw incomplete("Found " + config::quote(name) + " in SignedHeaders; the request has no such header");
  if (!is_signed("host")) throw incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization.");
  for (const auto& [name, value] : request.headers)
    if (name.starts_with("x-amz-") && !is_signed(name))
      throw incomplete("There were headers present in the request which were not signed: " + config::quote(name));
}

void check_scope(const Authorization& authorization, const SigningScope& scope, std::string_view time) {
  if (authorization.region != scope.region)
    throw SignatureError(SignatureFault::kMismatch,
                         "Credential should be scoped to a valid region, " + config::quote(scope.region) + ".");
  if (authorization.service != scope.service)
    throw SignatureError(SignatureFault::kMismatch,
                         "Credential should be scoped to correct service: " + config::quote(scope.service) + ".");
  if (authorization.date != time.substr(0, 8))
    throw SignatureError(SignatureFault::kMismatch,
                         "Date in Credential scope does not match YYYYMMDD from "
                         "ISO-8601 version of date from HTTP");
}

void check_time(std::string_view text, TimePoint now) {
  const auto time = parse_time(text);
  if (!time) throw incomplete("Found X-Amz-Date " + config::quote(text) + "; expected a time such as 20150830T123600Z");
  if (now - *time > kValidity)
    throw SignatureError(SignatureFault::kExpired,
                         "Signature expired: " + std::string(text) + " is more than 5 minutes ago by the clock here.");
  if (*time - now > kValidity)
    throw SignatureError(SignatureFault::kExpired, "Signature not yet current: " + std::string(text) +
                                                       " is more than 5 minutes ahead of the clock here.");
}

void check_body(const ApiRequest& request) {
  const auto claimed = header(request, "x-amz-content-sha256");
  if (claimed.empty() || claimed == sha256_hex(request.body)) return;
  throw SignatureError(SignatureFault::kMismatch,
                       "The provided 'x-amz-content-sha256' header does not match what was computed.");
}

}  // namespace

Authorization parse_authorization(std::string_view text) {
  text = trim(text);
  if (text.empty()) throw SignatureError(SignatureFault::kMissing, "Missing Authentication Token");
  if (text.size() > kLongestHeader || !text.starts_with(kAlgorithm))
    throw incomplete("Found the Authorization " + config::quote(text) + "; expected " + std::string(kAlgorithm) +
                     " and at most " + std::to_string(kLongestHeader) + " bytes");
  std::map<std::string_view, std::string_view> members;
  for (auto part : split(text.substr(kAlgorithm.size()), ',')) {
    part = trim(part);
    const auto equals = std::min(part.find('='), part.size());
    const auto value = part.substr(std::min(equals + 1, part.size()));
    if (value.empty() || !members.emplace(part.substr(0, equals), value).second)
      throw incomplete("Found " + config::quote(part) + " in Authorization; expected a name and a value, each once");
  }
  for (const auto* name : {"Credential", "SignedHeaders", "Signature"})
    if (!members.contains(name))
      throw incomplete(std::string("Authorization header requires '") + name + "' parameter.");
  const auto credential = split(members["Credential"], '/');
  if (credential.size() != 5 || credential[4] != kTerminator || members.size() != 3)
    throw incomplete("Found Credential " + config::quote(members["Credential"]) +
                     "; expected KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders and Signature beside it");
  return {.key_id = credential[0],
          .date = credential[1],
          .region = credential[2],
          .service = credential[3],
          .signed_headers = members["SignedHeaders"],
          .signature = members["Signature"]};
}

std::string canonical_request(const ApiRequest& request, std::string_view signed_headers) {
  const std::string_view target = request.target.empty() ? std::string_view("/") : std::string_view(request.target);
  const auto path = target.substr(0, target.find('?'));
  const auto query = target.substr(std::min(path.size() + 1, target.size()));
  std::string text =
      request.method + '\n' + canonical_path(path.empty() ? "/" : path) + '\n' + canonical_query(query) + '\n';
  for (const auto name : split(signed_headers, ';'))
    text.append(name).append(":").append(canonical_value(header(request, name))).append("\n");
  return text.append("\n").append(signed_headers).append("\n").append(sha256_hex(request.body));
}

std::string sigv4_signature(const std::string& canonical, const SigningScope& scope, std::string_view time,
                            const std::string& secret) {
  const std::string date(time.substr(0, 8));
  const auto to_sign = std::string(kAlgorithm) + '\n' + std::string(time) + '\n' + date + '/' + scope.region + '/' +
                       scope.service + '/' + std::string(kTerminator) + '\n' + sha256_hex(canonical);
  const auto key = hmac(hmac(hmac(hmac("AWS4" + secret, date), scope.region), scope.service), kTerminator);
  return hex(hmac(key, to_sign));
}

std::string verify_signature(const ApiRequest& request, const SigningKeys& keys, const SigningScope& scope,
                             TimePoint now) {
  const auto authorization = parse_authorization(header(request, "authorization"));
  const auto key = keys.find(std::string(authorization.key_id));
  if (key == keys.end() || request.headers.contains("x-amz-security-token"))
    throw SignatureError(SignatureFault::kUnknownKey, "The security token included in the request is invalid.");
  check_signed_headers(request, authorization.signed_headers);
  const auto time = header(request, "x-amz-date");
  check_time(time, now);
  check_scope(authorization, scope, time);
  check_body(request);
  const auto expected =
      sigv4_signature(canonical_request(request, authorization.signed_headers), scope, time, key->second.secret);
  if (same_signature(authorization.signature, expected)) return key->second.account;
  throw SignatureError(SignatureFault::kMismatch,
                       "The request signature we calculated does not match the signature you provided. Check your AWS "
                       "Secret Access Key and signing method. Consult the service documentation for details.");
}

}  // namespace hypernat::control
