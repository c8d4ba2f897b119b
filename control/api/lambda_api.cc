// The verbs of AWS Lambda that there are: Create, Get, List, UpdateConfiguration, UpdateCode, Delete and Invoke; those
// of versions are in version_api.cc.
#include <charconv>
#include <regex>

#include "config/json.h"
#include "config/names.h"
#include "control/api/api.h"
#include "control/api/base64.h"
#include "control/api/environment_protocol.h"
#include "control/api/errors.h"
#include "control/api/function_json.h"
#include "control/api/invocation.h"
#include "control/store/code_store.h"

namespace hypernat::control {
namespace {

using Json = nlohmann::json;

constexpr const char* kService = "lambda";
constexpr int kMostInvocations = 256;
constexpr std::uint32_t kFunctionsPerPage = 50;  // AWS's
constexpr std::uint32_t kMostVersions = UINT32_MAX;

std::string value(const std::map<std::string, std::string>& map, const std::string& name) {
  const auto found = map.find(name);
  return found == map.end() ? std::string() : found->second;
}

// What a command finds in its environment, beside its own variables: AWS's names.
std::map<std::string, std::string> environment_of(const Function& function, const std::string& region) {
  auto environment = function.settings.environment;
  environment.erase(kCommandVariable);
  environment["AWS_REGION"] = region;
  environment["AWS_LAMBDA_FUNCTION_NAME"] = function.name;
  environment["AWS_LAMBDA_FUNCTION_VERSION"] = version_text(function.version);
  environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = std::to_string(function.settings.memory_megabytes);
  return environment;
}

// The body of a failed invocation whose command wrote none.
std::string error_payload(const InvocationResult& result, const Function& function) {
  std::string type = "Runtime.ExitError";
  std::string message = result.message;
  switch (result.end) {
    case InvocationEnd::kExited:
      message = "The command exited with status " + std::to_string(result.code);
      break;
    case InvocationEnd::kSignalled:
      message = "The command was ended by signal " + std::to_string(result.code);
      break;
    case InvocationEnd::kTimedOut:
      type = "Sandbox.Timedout";
      message = "Task timed out after " + std::to_string(function.settings.timeout_seconds) + ".00 seconds";
      break;
    case InvocationEnd::kOutputTooLarge:
      type = "Function.ResponseSizeTooLarge";
      message =
          "Response payload size exceeded maximum allowed payload size (" + std::to_string(kMaxPayload) + " bytes).";
      break;
    case InvocationEnd::kFailed:
      type = "Runtime.StartError";
      break;
  }
  return Json{{"errorType", type}, {"errorMessage", message}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

ApiResponse invocation_response(const InvocationResult& result, const Function& function, const ApiRequest& request) {
  ApiResponse response{.status = 200,
                       .headers = {{"X-Amz-Executed-Version", version_text(function.version)}},
                       .content_type = "application/json",
                       .body = {}};
  if (value(request.headers, "x-amz-log-type") == "Tail")
    response.headers["X-Amz-Log-Result"] = base64(result.log_tail);
  const bool is_good = result.end == InvocationEnd::kExited && result.code == 0;
  const bool has_own_body = result.end == InvocationEnd::kExited && !result.output.empty();
  if (!is_good) response.headers["X-Amz-Function-Error"] = "Unhandled";
  response.body = is_good || has_own_body ? result.output : error_payload(result, function);
  return response;
}

// The lease with this id, which must have been made for the function.
Lease lease_for(Controller::Lifecycle& lifecycle, const std::string& id, const Function& function) {
  const auto uid = parse_lease_id(id);
  if (!uid) throw unexpected("Lease", '"' + id + '"', "a lease's id, such as \"" + lease_id(1) + '"');
  const auto lease = lifecycle.leases.lease(*uid).lease;
  if (lease.account == function.account && lease.function == function.name) return lease;
  throw conflict("Lease: found " + id + ", which is of function " + lease.function + " of " + lease.account +
                 "; expected one of " + function.name + " of " + function.account);
}

// Counts an invocation while it runs.
class Running {
 public:
  explicit Running(std::atomic<int>& count) : count_(count) {
    if (++count_ <= kMostInvocations) return;
    --count_;
    throw Refusal(RefusalKind::kTooManyRequests,
                  "Rate Exceeded: " + std::to_string(kMostInvocations) + " invocations are running");
  }
  ~Running() { --count_; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  std::atomic<int>& count_;
};

}  // namespace

ApiResponse answer(int status, const Json& body) {
  return {.status = status,
          .headers = {},
          .content_type = "application/json",
          .body = body.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

FunctionView Api::view(Controller::Lifecycle& lifecycle, const Function& function) const {
  const auto& network = function.next_network ? *function.next_network : function.network;
  return {.function = function,
          .arn = function_arn(settings_.region, function),
          .vpc = lifecycle.functions.vpc_of(function.account, network),
          .state_reason = lifecycle.functions.state_reason(function, lifecycle.live)};
}

namespace {

// "$LATEST" or the number of a version; there are no aliases.
std::optional<std::uint32_t> parse_qualifier(const std::string& qualifier) {
  if (qualifier == "$LATEST") return 0;
  std::uint32_t version = 0;
  const char* end = qualifier.data() + qualifier.size();
  const auto [stop, error] = std::from_chars(qualifier.data(), end, version);
  if (error != std::errc{} || stop != end || version == 0) return std::nullopt;
  return version;
}

}  // namespace

// A name, "account:function:name", or the whole ARN, each with a version behind it or not.
Api::FunctionName Api::resolve(const std::string& account, const std::string& identifier) const {
  static const std::regex kArn(
      R"((?:(?:arn:aws[a-z-]*:lambda:([a-z0-9-]+):)?(\d{12}):function:)?([a-zA-Z0-9_-]{1,64})(?::(\$LATEST|[a-zA-Z0-9_-]+))?)");
  FunctionName name{.account = account, .name = identifier, .version = {}};
  std::smatch match;
  if (identifier.size() <= 256 && std::regex_match(identifier, match, kArn)) {
    if (match[2].matched && match[2] != account)
      throw Refusal(RefusalKind::kAccessDenied,
                    "Found the function of account " + match[2].str() + " in a request of account " + account);
    if (match[1].matched && match[1] != settings_.region)
      throw not_found("Function not found: " + identifier + "; this is region " + settings_.region);
    if (match[4].matched) {
      name.version = parse_qualifier(match[4]);
      if (!name.version) throw not_found("Function not found: " + identifier);
    }
    name.name = match[3];
  }
  check_function_name(name.name);
  return name;
}

Api::FunctionName Api::resolve(const std::string& account, const std::string& identifier,
                               const std::string& qualifier) const {
  auto name = resolve(account, identifier);
  if (qualifier.empty()) return name;
  const auto version = parse_qualifier(qualifier);
  if (!version) throw not_found("Function not found: " + name.name + ":" + qualifier);
  if (name.version && name.version != version)
    throw invalid_parameter("The derived qualifier from the function name does not match the specified qualifier.");
  name.version = version;
  return name;
}

template <class Work>
auto Api::with_invocable(const FunctionName& name, Work work) {
  try {
    return controller_.read([&](Controller::Lifecycle& lifecycle) {
      const auto function = lifecycle.functions.invocable(name.account, name.version_name(), lifecycle.live);
      lifecycle.idling.note_use(function, lifecycle.now);
      return work(lifecycle, function);
    });
  } catch (const Refusal& refusal) {
    if (refusal.kind() != RefusalKind::kNotReady) throw;
    controller_.change([&](Controller::Lifecycle& lifecycle) {
      lifecycle.functions.revive(name.account, name.version_name(), lifecycle.now);
    });
    throw;
  }
}

ApiResponse Api::lambda(const ApiRequest& request, const PathParts& parts) {
  if (parts.size() == 2) {
    if (request.method == "POST") return create_function(request);
    if (request.method == "GET") return list_functions(request);
    throw unknown_operation(request);
  }
  return function(request, resolve(account_of(request, kService), parts[2], value(request.query, "Qualifier")),
                  {parts.begin() + 3, parts.end()});
}

ApiResponse Api::function(const ApiRequest& request, const FunctionName& name, const PathParts& rest) {
  const auto& method = request.method;
  const std::string what = rest.empty() ? "" : rest.front();
  if (rest.size() > 1) throw unknown_operation(request);
  if (what.empty() && method == "GET") return get_function(request, name);
  if (method == "PUT" && name.version.value_or(0) != 0)
    throw invalid_parameter("FunctionName: found version " + version_text(*name.version) +
                            ", which nothing changes any more; expected a function or its $LATEST");
  if (what == "code" && method == "PUT") return update_code(request, name);
  if (what == "configuration" && method == "GET") return get_configuration(name);
  if (what == "configuration" && method == "PUT") return update_function(request, name);
  if (what.empty() && method == "DELETE") return erase_function(name);
  if (what == "versions") return versions(request, name);
  if (what == "invocations" && method == "POST") return invoke_function(request, name);
  throw unknown_operation(request);
}

ApiResponse Api::get_function(const ApiRequest& request, const FunctionName& name) {
  return answer(200, controller_.read([&](Controller::Lifecycle& lifecycle) {
    const auto found = lifecycle.functions.function(name.account, name.name, name.version.value_or(0));
    return Json{{"Configuration", to_json(view(lifecycle, found))}, {"Code", code_of(lifecycle, found, request)}};
  }));
}

ApiResponse Api::get_configuration(const FunctionName& name) {
  return answer(200, controller_.read([&](Controller::Lifecycle& lifecycle) {
    return to_json(view(lifecycle, lifecycle.functions.function(name.account, name.name, name.version.value_or(0))));
  }));
}

ApiResponse Api::update_function(const ApiRequest& request, const FunctionName& name) {
  const auto body = parse_body(request.body);
  return answer(200, controller_.change([&](Controller::Lifecycle& lifecycle) {
    const auto changes = read_changes(body, lifecycle.now);
    return to_json(view(lifecycle, lifecycle.functions.update(name.account, name.name, changes, lifecycle.now)));
  }));
}

ApiResponse Api::erase_function(const FunctionName& name) {
  if (name.version == 0U) throw invalid_parameter("$LATEST version cannot be deleted without deleting the function.");
  std::vector<std::string> arns;
  controller_.change([&](Controller::Lifecycle& lifecycle) {
    arns.clear();
    if (name.version) {
      arns.push_back(
          function_arn(settings_.region, lifecycle.functions.function(name.account, name.name, *name.version)));
      lifecycle.functions.erase_version(name.account, name.name, *name.version);
    } else {
      for (const auto& each : list_versions(lifecycle.database, name.account, name.name, -1, kMostVersions))
        arns.push_back(function_arn(settings_.region, each));
      lifecycle.functions.erase(name.account, name.name);
    }
    erase_unused_code(lifecycle.database);
  });
  for (const auto& arn : arns) pool_.retire(arn);
  return {.status = 204, .headers = {}, .content_type = {}, .body = {}};
}

ApiResponse Api::create_function(const ApiRequest& request) {
  const auto account = account_of(request, kService);
  const auto body = parse_body(request.body);
  const auto code = read_code(body);
  welcome(account);
  return answer(201, controller_.change([&](Controller::Lifecycle& lifecycle) {
    auto function = read_function(account, body, lifecycle.now);
    const auto name = resolve(account, function.name);
    if (name.version) throw invalid_parameter("FunctionName: found \"" + function.name + "\"; expected no version");
    function.name = name.name;
    const auto created = asks_to_publish(body) ? lifecycle.functions.create_published(function, lifecycle.now)
                                               : lifecycle.functions.create(function, lifecycle.now);
    if (!code.empty()) put_code(lifecycle.database, created.settings.code_sha256, code);
    return to_json(view(lifecycle, created));
  }));
}

std::uint32_t most_items(const ApiRequest& request) {
  const auto wanted = value(request.query, "MaxItems");
  if (wanted.empty()) return kFunctionsPerPage;
  if (wanted.size() > 5 || wanted.find_first_not_of("0123456789") != std::string::npos || std::stoul(wanted) < 1 ||
      std::stoul(wanted) > 10'000)
    throw invalid_parameter("MaxItems: found \"" + wanted + "\"; expected 1 to 10000");
  return static_cast<std::uint32_t>(std::stoul(wanted));
}

ApiResponse Api::list_functions(const ApiRequest& request) {
  const auto account = account_of(request, kService);
  if (const auto wanted = value(request.query, "FunctionVersion"); wanted == "ALL") {
    return list_all_versions(request, account);
  } else if (!wanted.empty()) {
    throw invalid_parameter("FunctionVersion: found \"" + wanted + "\"; expected ALL");
  }
  const auto most = most_items(request);
  const auto after = value(request.query, "Marker");
  return answer(200, controller_.read([&](Controller::Lifecycle& lifecycle) {
    // One more than the page tells whether there is another.
    auto functions = control::list_functions(lifecycle.database, account, after, most + 1);
    Json body{{"Functions", Json::array()}};
    if (functions.size() > most) {
      functions.pop_back();
      body["NextMarker"] = functions.back().name;
    }
    for (const auto& each : functions) body["Functions"].push_back(to_json(view(lifecycle, each)));
    return body;
  }));
}

ApiResponse Api::invoke_function(const ApiRequest& request, const FunctionName& name) {
  const auto type = value(request.headers, "x-amz-invocation-type");
  if (!type.empty() && type != "RequestResponse" && type != "DryRun")
    throw invalid_parameter("X-Amz-Invocation-Type: found \"" + type + "\"; expected RequestResponse or DryRun");
  Function function;
  const auto place = with_invocable(name, [&](Controller::Lifecycle& lifecycle, const Function& found) {
    function = found;
    return lifecycle.placement.choose(found);
  });
  if (type == "DryRun") return {.status = 204, .headers = {}, .content_type = {}, .body = {}};

  EnvironmentRequest wanted;
  wanted.function = function.name;
  wanted.mapping = place.mapping;
  if (place.resolver) wanted.resolver = to_string(*place.resolver);
  wanted.command = command_of(function);
  wanted.environment = environment_of(function, settings_.region);
  wanted.timeout = std::chrono::seconds(function.settings.timeout_seconds);
  const Running running(invocations_);
  const auto result =
      wanted.command.empty()
          ? invoke_code(function, place, wanted, request.body)
          : invoke({.socket = place.host.socket, .request = wanted, .payload = request.body}, is_stopping_);
  return invocation_response(result, function, request);
}

ApiResponse Api::place(const ApiRequest& request) {
  const auto body = parse_body(request.body);
  Fields fields(body);
  const auto account = fields.text("Account");
  const auto identifier = fields.text("FunctionName");
  const auto lease = fields.text("Lease", "");
  fields.finish();
  if (!config::is_account(account)) throw unexpected("Account", '"' + account + '"', "12 decimal digits");
  const auto name = resolve(account, identifier);
  const auto describe = [&](const Place& place, const Function& function) {
    return Json{{"WorkerHost", place.host.name},
                {"Socket", place.host.socket},
                {"Mapping", place.mapping},
                {"MappingUid", place.mapping_uid},
                {"Resolver", place.resolver ? to_string(*place.resolver) : std::string()},
                {"Command", command_of(function)},
                {"TimeoutSeconds", function.settings.timeout_seconds},
                {"Environment", environment_of(function, settings_.region)}};
  };
  if (lease.empty())
    return answer(200, with_invocable(name, [&](Controller::Lifecycle& lifecycle, const Function& function) {
                    return describe(lifecycle.placement.choose(function), function);
                  }));
  // A lease brings its own mapping, so the function's need not be active.
  return answer(200, controller_.read([&](Controller::Lifecycle& lifecycle) {
    const auto function = lifecycle.functions.function(name.account, name.name);
    return describe(lifecycle.placement.choose(lease_for(lifecycle, lease, function)), function);
  }));
}

}  // namespace hypernat::control
