// Functions as AWS's Lambda API reads and writes them (2015-03-31).
//
// Members that AWS has and nothing here uses are accepted and ignored, as clients send what their SDK knows. The
// command that a function runs is carried where any client can put it: in the environment variable HYPERNAT_COMMAND,
// a JSON array of strings.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "control/api/json_fields.h"
#include "control/lifecycle/functions.h"
#include "control/store/records.h"

namespace hypernat::control {

inline constexpr const char* kCommandVariable = "HYPERNAT_COMMAND";

/// A new function of this account.
Function read_function(const std::string& account, const nlohmann::json& body, TimePoint now);
/// Of settings that change now: a new revision.
void touch(FunctionSettings& settings, TimePoint now);
/// Whether CreateFunction is to publish a version at once.
bool asks_to_publish(const nlohmann::json& body);
/// What UpdateFunctionConfiguration changes.
FunctionChanges read_changes(const nlohmann::json& body, TimePoint now);
/// What PublishVersion asks for.
PublishRequest read_publish_request(const nlohmann::json& body);
/// As AWS says it: "$LATEST" or a number.
std::string version_text(std::uint32_t version);
/// Refuses a name that is not AWS's [a-zA-Z0-9-_]{1,64}.
void check_function_name(const std::string& name);

/// What the database says of a function, and what has to be looked up beside it.
struct FunctionView {
  Function function;
  std::string arn;
  std::string vpc;
  std::string state_reason;
};

/// AWS's FunctionConfiguration.
nlohmann::json to_json(const FunctionView& view);

/// The command in HYPERNAT_COMMAND; empty when there is none.
std::vector<std::string> command_of(const Function& function);

}  // namespace hypernat::control
