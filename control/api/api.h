// The API: AWS Lambda's own paths, EC2's calls at "/", and /hypernat/v1/ for what AWS has nowhere.
//
// A thin map between JSON and calls of the state machine; every refusal, and every failure, becomes an error in AWS's
// shape. Safe to call from many threads: the controller has the lock, and an invocation runs outside it.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "control/api/code_links.h"
#include "control/api/ec2_api.h"
#include "control/api/environment_protocol.h"
#include "control/api/function_json.h"
#include "control/api/invocation.h"
#include "control/api/message.h"
#include "control/api/request_rate.h"
#include "control/api/sigv4.h"
#include "control/api/warm_pool.h"
#include "control/lifecycle/controller.h"
#include "control/lifecycle/refusal.h"

namespace hypernat::control {

struct ApiSettings {
  std::string region = "us-east-1";
  /// What requests are signed with. Without any, whoever asks says whom for.
  SigningKeys keys;
  std::uint32_t requests_per_second = 0;  ///< of an account, over TCP; 0: no limit
  config::Ec2Config ec2;
  std::chrono::milliseconds environment_idle_after{0};  ///< how long one waits for the next event; 0: none does
  const Clock* clock = nullptr;                         ///< what clients sign by; nothing: the system's
};

/// A path cut at its slashes: "/hypernat/v1/mappings" → {"hypernat", "v1", "mappings"}.
using PathParts = std::vector<std::string>;

class Api {
 public:
  Api(Controller& controller, ApiSettings settings)
      : controller_(controller),
        settings_(std::move(settings)),
        rate_(settings_.requests_per_second),
        pool_(settings_.environment_idle_after),
        ec2_(controller, settings_.region, settings_.ec2) {}

  ApiResponse handle(const ApiRequest& request);

  /// Ends the invocations that run: nobody will be there to answer them.
  void stop() { is_stopping_ = true; }

  /// No call takes a larger body.
  static constexpr std::size_t kLargestBody = 70U << 20;  // code of 50 MiB in base64, and what else is said
  /// How large a body this request may have.
  static std::size_t body_limit(const ApiRequest& request);

 private:
  struct FunctionName {
    std::string account;
    std::string name;
    std::optional<std::uint32_t> version;  ///< 0: $LATEST, told so; nothing: $LATEST, or all of them

    VersionName version_name() const { return {.function = name, .version = version.value_or(0)}; }
  };

  ApiResponse serve(const ApiRequest& request);
  ApiResponse serve_ec2(const ApiRequest& request, const std::string& request_id);
  /// The account, made when it is one that has a key and nothing else yet.
  void welcome(const std::string& account);
  /// Whom the request is for: who signed it for this service or, on the socket, whom it names. Throws Refusal or
  /// SignatureError.
  std::string account_of(const ApiRequest& request, const char* service);
  /// Refuses what is beyond the account's rate.
  void admit(const ApiRequest& request, const std::string& account);
  /// What clients and links are held to. Not the state machine's time, which need not be that of the world.
  TimePoint now() const;
  ApiResponse route(const ApiRequest& request);

  // lambda_api.cc
  ApiResponse lambda(const ApiRequest& request, const PathParts& parts);
  ApiResponse function(const ApiRequest& request, const FunctionName& name, const PathParts& rest);
  ApiResponse create_function(const ApiRequest& request);
  ApiResponse get_function(const ApiRequest& request, const FunctionName& name);
  ApiResponse get_configuration(const FunctionName& name);
  ApiResponse update_function(const ApiRequest& request, const FunctionName& name);
  ApiResponse erase_function(const FunctionName& name);
  ApiResponse list_functions(const ApiRequest& request);
  ApiResponse invoke_function(const ApiRequest& request, const FunctionName& name);
  ApiResponse place(const ApiRequest& request);
  FunctionName resolve(const std::string& account, const std::string& identifier) const;
  FunctionName resolve(const std::string& account, const std::string& identifier, const std::string& qualifier) const;
  /// Runs `work(Lifecycle&, Function)` with a function that can be invoked, and notes the use. One that is inactive is
  /// revived, and the invocation refused.
  template <class Work>
  auto with_invocable(const FunctionName& name, Work work);

  // version_api.cc
  ApiResponse versions(const ApiRequest& request, const FunctionName& name);
  ApiResponse list_all_versions(const ApiRequest& request, const std::string& account);

  FunctionView view(Controller::Lifecycle& lifecycle, const Function& function) const;

  // code_api.cc
  ApiResponse update_code(const ApiRequest& request, const FunctionName& name);
  /// GetFunction's Code: nothing for a function that has none.
  nlohmann::json code_of(Controller::Lifecycle& lifecycle, const Function& function, const ApiRequest& request) const;
  ApiResponse fetch_code(const ApiRequest& request);
  InvocationResult invoke_code(const Function& function, const Place& place, EnvironmentRequest wanted,
                               const std::string& payload);

  // lease_api.cc
  ApiResponse leases(const ApiRequest& request, const PathParts& rest);
  ApiResponse request_lease(const ApiRequest& request);

  // failure_api.cc
  ApiResponse provisioning_failures(const ApiRequest& request, const PathParts& rest);

  // management_api.cc
  ApiResponse management(const ApiRequest& request, const PathParts& parts);
  ApiResponse account_objects(const ApiRequest& request, const std::string& account, const PathParts& rest);
  ApiResponse worker_hosts(const ApiRequest& request, const PathParts& rest);
  ApiResponse mappings();
  ApiResponse interfaces();
  ApiResponse status();

  Controller& controller_;
  const ApiSettings settings_;
  RequestRate rate_;
  const CodeLinks code_links_;
  WarmPool pool_;
  Ec2Api ec2_;
  std::atomic<int> invocations_ = 0;
  std::atomic<bool> is_stopping_ = false;
};

ApiResponse answer(int status, const nlohmann::json& body);

/// The archive in CreateFunction's body, checked; empty when the function has a command instead. Throws Refusal, also
/// for a role that is none.
std::string read_code(const nlohmann::json& body);

/// How many functions or versions a list may have.
std::uint32_t most_items(const ApiRequest& request);

/// The refusal of a path or method that nobody serves.
Refusal unknown_operation(const ApiRequest& request);

}  // namespace hypernat::control
