#include "control/cli/control_connection.h"

#include <cctype>
#include <utility>

#include "config/json.h"
#include "control/cli/errors.h"

namespace hypernat::cli {
namespace {

constexpr int kNotFound = 404;
constexpr int kConflict = 409;
constexpr const char* kFunctionsPage = "/2015-03-31/functions?MaxItems=1000";

ApiRefusal refusal_of(const control::HttpResponse& response) {
  ApiRefusal refusal{.status = response.status, .type = {}, .message = response.body};
  if (const auto type = response.headers.find("x-amzn-errortype"); type != response.headers.end())
    refusal.type = type->second.substr(0, type->second.find(':'));
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
  if (!body.is_object()) return refusal;
  for (const char* name : {"Message", "message"})
    if (body.contains(name) && body[name].is_string()) refusal.message = body[name].get<std::string>();
  return refusal;
}

[[noreturn]] void throw_refusal(const control::HttpRequest& request, const control::HttpResponse& response) {
  const auto refusal = refusal_of(response);
  std::string what = "the control plane refused " + request.method + " " + request.path + ": " + refusal.message + " (";
  if (!refusal.type.empty()) what += refusal.type + ", ";
  throw CommandError(what + "HTTP " + std::to_string(refusal.status) + ")",
                     refusal.status == kConflict
                         ? "`hypernat functions` shows every function's state, `hypernat status` what it may wait for"
                         : "");
}

nlohmann::json body_of(const control::HttpRequest& request, const control::HttpResponse& response) {
  if (response.status < 200 || response.status > 299) throw_refusal(request, response);
  if (response.body.empty()) return nlohmann::json::object();
  auto body = nlohmann::json::parse(response.body, nullptr, false);
  if (body.is_discarded())
    throw CommandError("the answer to " + request.method + " " + request.path + " is no JSON: " + response.body);
  return body;
}

}  // namespace

ControlConnection::ControlConnection(std::string target, Connecting connecting)
    : target_(std::move(target)), client_(target_) {
  if (connecting == Connecting::kOnce) session_ = std::make_unique<control::HttpSession>(client_);
}

control::HttpRequest ControlConnection::prepare(const std::string& method, const std::string& path,
                                                const std::string& account) const {
  control::HttpRequest request{.method = method, .path = path, .headers = {}, .body = {}};
  if (!account.empty()) request.headers["X-Hypernat-Account"] = account;
  return request;
}

control::HttpResponse ControlConnection::exchange(const control::HttpRequest& request) const {
  try {
    return session_ ? session_->request(request) : client_.request(request);
  } catch (const std::runtime_error& error) {
    throw CommandError(error.what(),
                       "is hypernat-control running, and is this its address? give another with --control, or in "
                       "HYPERNAT_CONTROL");
  }
}

nlohmann::json ControlConnection::get(const std::string& path, const std::string& account) const {
  const auto request = prepare("GET", path, account);
  return body_of(request, exchange(request));
}

nlohmann::json ControlConnection::send(const std::string& method, const std::string& path, const nlohmann::json& body,
                                       const std::string& account) const {
  auto request = prepare(method, path, account);
  if (!body.is_null()) request.body = body.dump();
  return body_of(request, exchange(request));
}

std::optional<nlohmann::json> ControlConnection::find(const std::string& path, const std::string& account) const {
  const auto request = prepare("GET", path, account);
  const auto response = exchange(request);
  if (response.status == kNotFound) return std::nullopt;
  return body_of(request, response);
}

std::vector<std::string> ControlConnection::accounts() const {
  std::vector<std::string> accounts;
  const auto answer = get("/hypernat/v1/accounts");
  for (const auto& account : answer.at("Accounts")) accounts.push_back(account.at("Id").get<std::string>());
  return accounts;
}

nlohmann::json ControlConnection::functions(const std::string& account) const {
  auto functions = nlohmann::json::array();
  std::string marker;
  do {
    const auto page =
        get(std::string(kFunctionsPage) + (marker.empty() ? "" : "&Marker=" + encode_segment(marker)), account);
    for (const auto& function : page.at("Functions")) functions.push_back(function);
    marker = page.contains("NextMarker") && page["NextMarker"].is_string() ? page["NextMarker"].get<std::string>() : "";
  } while (!marker.empty());
  return functions;
}

std::string encode_segment(const std::string& text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      encoded += c;
    } else {
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

}  // namespace hypernat::cli
