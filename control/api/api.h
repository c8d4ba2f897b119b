// The API: AWS Lambda's own paths, EC2's calls at "/", and /hypernat/v1/ for what AWS has nowhere.
//
// A thin map between JSON and calls of the state machine; every refusal, and every failure, becomes an error in AWS's
// shape. Safe to call from many threads: the controller has the lock, and an invocation runs outside it.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "control/api/ec2_api.h"
#include "control/api/message.h"
#include "control/lifecycle/controller.h"
#include "control/lifecycle/refusal.h"

namespace hypernat::control {

struct ApiSettings {
  std::string region = "us-east-1";
  /// Account by access key id, for requests that name no account otherwise. Signatures are not verified.
  std::map<std::string, std::string> accounts_by_key;
  config::Ec2Config ec2;
};

/// A path cut at its slashes: "/hypernat/v1/mappings" → {"hypernat", "v1", "mappings"}.
using PathParts = std::vector<std::string>;

class Api {
 public:
  Api(Controller& controller, ApiSettings settings)
      : controller_(controller), settings_(std::move(settings)), ec2_(controller, settings_.region, settings_.ec2) {}

  ApiResponse handle(const ApiRequest& request);

  /// Ends the invocations that run: nobody will be there to answer them.
  void stop() { is_stopping_ = true; }

  /// How large a body this request may have.
  static std::size_t body_limit(const ApiRequest& request);

 private:
  struct FunctionName {
    std::string account;
    std::string name;
  };

  ApiResponse serve(const ApiRequest& request);
  ApiResponse serve_ec2(const ApiRequest& request, const std::string& request_id);
  /// The account, made when it is one that has a key and nothing else yet.
  void welcome(const std::string& account);
  ApiResponse route(const ApiRequest& request);

  // lambda_api.cc
  ApiResponse lambda(const ApiRequest& request, const PathParts& parts);
  ApiResponse function(const ApiRequest& request, const FunctionName& name, const PathParts& rest);
  ApiResponse create_function(const ApiRequest& request);
  ApiResponse list_functions(const ApiRequest& request);
  ApiResponse invoke_function(const ApiRequest& request, const FunctionName& name);
  ApiResponse place(const ApiRequest& request);
  std::string account_of(const ApiRequest& request) const;
  FunctionName resolve(const std::string& account, const std::string& identifier) const;

  // lease_api.cc
  ApiResponse leases(const ApiRequest& request, const PathParts& rest);
  ApiResponse request_lease(const ApiRequest& request);

  // management_api.cc
  ApiResponse management(const ApiRequest& request, const PathParts& parts);
  ApiResponse account_objects(const ApiRequest& request, const std::string& account, const PathParts& rest);
  ApiResponse worker_hosts(const ApiRequest& request, const PathParts& rest);
  ApiResponse mappings();
  ApiResponse interfaces();
  ApiResponse status();

  Controller& controller_;
  const ApiSettings settings_;
  Ec2Api ec2_;
  std::atomic<int> invocations_ = 0;
  std::atomic<bool> is_stopping_ = false;
};

/// The refusal of a path or method that nobody serves.
Refusal unknown_operation(const ApiRequest& request);

}  // namespace hypernat::control
