#include "control/api/api.h"

#include <algorithm>

#include "config/names.h"
#include "control/api/base64.h"
#include "control/api/ec2_error.h"
#include "control/api/errors.h"
#include "control/lifecycle/journal.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

PathParts split(const std::string& path) {
  PathParts parts;
  std::size_t begin = 1;
  while (begin <= path.size()) {
    const auto end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  if (!parts.empty() && parts.back().empty()) parts.pop_back();  // "…/functions/" is "…/functions"
  return parts;
}

}  // namespace

Refusal unknown_operation(const ApiRequest& request) {
  return {RefusalKind::kUnknownOperation, "Found " + request.method + " " + request.path +
                                              ", which nothing here serves; paths begin with /2015-03-31/functions or "
                                              "/hypernat/v1"};
}

std::size_t Api::body_limit(const ApiRequest& request) {
  const bool has_code = (request.method == "POST" && request.path.starts_with("/2015-03-31/functions") &&
                         request.path.find('/', sizeof "/2015-03-31/functions") == std::string::npos) ||
                        (request.method == "PUT" && request.path.ends_with("/code"));
  if (has_code) return kLargestBody;
  return request.path.ends_with("/invocations") ? kMaxPayload : kMaxBody;
}

ApiResponse Api::handle(const ApiRequest& request) {
  const auto request_id = random_uuid();
  auto response = Ec2Api::is_for(request) ? serve_ec2(request, request_id) : serve(request);
  response.headers["x-amzn-RequestId"] = request_id;
  return response;
}

ApiResponse Api::serve_ec2(const ApiRequest& request, const std::string& request_id) {
  try {
    if (request.body.size() > body_limit(request))
      throw Refusal(RefusalKind::kTooLarge,
                    "Request entity too large: expected at most " + std::to_string(body_limit(request)) + " bytes");
    const auto account = account_of(request, "ec2");
    welcome(account);
    return ec2_.handle(account, request, request_id);
  } catch (const SignatureError& error) {
    return error_response(ec2_error(error), request_id);
  } catch (const Refusal& refusal) {
    return error_response(ec2_error(refusal), request_id);
  }
}

std::string Api::account_of(const ApiRequest& request, const char* service) {
  const auto named = request.headers.find("x-hypernat-account");
  const bool may_name = request.origin == Origin::kSocket || settings_.keys.empty();
  if (may_name && named != request.headers.end()) {
    if (config::is_account(named->second)) return named->second;
    throw invalid_parameter("X-Hypernat-Account: found \"" + named->second + "\"; expected 12 decimal digits");
  }
  if (settings_.keys.empty())
    throw Refusal(RefusalKind::kAccessDenied,
                  "Found no account; expected the header X-Hypernat-Account, or accounts with keys in control.yaml and "
                  "a request that is signed with one");
  const auto account =
      verify_signature(request, settings_.keys, {.region = settings_.region, .service = service}, now());
  admit(request, account);
  return account;
}

void Api::admit(const ApiRequest& request, const std::string& account) {
  if (request.origin == Origin::kTcp && !rate_.admit(account, now()))
    throw Refusal(RefusalKind::kTooManyRequests, "Rate exceeded");
}

TimePoint Api::now() const {
  return settings_.clock == nullptr ? SystemClock().now() : settings_.clock->now();
}

void Api::welcome(const std::string& account) {
  const bool has_key = std::any_of(settings_.keys.begin(), settings_.keys.end(),
                                   [&](const auto& key) { return key.second.account == account; });
  const bool is_known = controller_.read(
      [&](Controller::Lifecycle& lifecycle) { return find_account(lifecycle.database, account).has_value(); });
  if (is_known || !has_key) return;
  controller_.change([&](Controller::Lifecycle& lifecycle) {
    if (find_account(lifecycle.database, account)) return;
    lifecycle.networks.put_account({.account = account,
                                    .number = 0,
                                    .name = account,
                                    .limits = {.flows = config::kDefaultTenantFlows},
                                    .timeouts = {}});
  });
}

ApiResponse Api::serve(const ApiRequest& request) {
  try {
    return route(request);
  } catch (const SignatureError& error) {
    return error_response(error_name(error.fault()), error.what());
  } catch (const Refusal& refusal) {
    return error_response(refusal);
  } catch (const std::exception& error) {
    log_warning(request.method + " " + request.path + ": " + error.what());
    return error_response(ErrorName{.status = 500, .type = "ServiceException"}, error.what());
  }
}

ApiResponse Api::route(const ApiRequest& request) {
  if (request.body.size() > body_limit(request))
    throw Refusal(RefusalKind::kTooLarge, "Found a body of " + std::to_string(request.body.size()) +
                                              " bytes; expected at most " + std::to_string(body_limit(request)));
  const auto parts = split(request.path);
  if (CodeLinks::is_for(request)) return fetch_code(request);
  if (parts.size() >= 2 && parts[0] == "2015-03-31" && parts[1] == "functions") return lambda(request, parts);
  const bool is_management = parts.size() >= 3 && parts[0] == "hypernat" && parts[1] == "v1";
  if (is_management && request.origin == Origin::kTcp && !settings_.keys.empty())
    throw Refusal(RefusalKind::kAccessDenied,
                  "/hypernat/v1 is the operator's: it is served on the Unix socket only, once accounts have keys");
  if (is_management) return management(request, parts);
  throw unknown_operation(request);
}

}  // namespace hypernat::control
