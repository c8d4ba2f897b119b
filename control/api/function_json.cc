#include "control/api/function_json.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "config/json.h"
#include "control/api/base64.h"

namespace hypernat::control {
namespace {

using Json = nlohmann::json;

constexpr NumberRange kTimeoutSeconds{.least = 1, .most = 900};
constexpr NumberRange kMemoryMegabytes{.least = 128, .most = 10'240};
constexpr std::size_t kLongestName = 64;
constexpr std::size_t kMostEnvironmentBytes = 4096;  // AWS's quota

std::vector<std::string> parse_command(const std::string& text) {
  const auto array = Json::parse(text, nullptr, false);
  std::vector<std::string> command;
  if (array.is_array() && std::all_of(array.begin(), array.end(), [](const Json& item) { return item.is_string(); }))
    command = array.get<std::vector<std::string>>();
  if (command.empty() || command.front().empty())
    throw invalid_parameter(std::string("Environment.Variables.") + kCommandVariable + ": found " + text +
                            R"(; expected a JSON array of strings, such as ["curl", "http://web.internal/"])");
  return command;
}

void read_environment(Fields& body, FunctionSettings& settings) {
  body.object("Environment", [&](Fields& environment) {
    settings.environment.clear();
    if (environment.has("Variables")) settings.environment = environment.text_map("Variables");
  });
  std::size_t bytes = 0;
  for (const auto& [name, value] : settings.environment) {
    bytes += name.size() + value.size();
    if (name.empty() || name.find('=') != std::string::npos || name.find('\0') != std::string::npos ||
        value.find('\0') != std::string::npos)
      throw invalid_parameter("Environment.Variables: found the name \"" + name +
                              "\"; expected one without \"=\", and no zero bytes");
  }
  if (bytes > kMostEnvironmentBytes)
    throw invalid_parameter("Environment.Variables: found " + std::to_string(bytes) + " bytes; expected at most " +
                            std::to_string(kMostEnvironmentBytes));
  if (const auto command = settings.environment.find(kCommandVariable); command != settings.environment.end())
    parse_command(command->second);
}

// Members that creation and update have in common; those absent keep the value they have.
void read_settings(Fields& body, FunctionSettings& settings) {
  settings.role = body.text("Role", settings.role);
  settings.runtime = body.text("Runtime", settings.runtime);
  settings.handler = body.text("Handler", settings.handler);
  settings.description = body.text("Description", settings.description);
  settings.timeout_seconds =
      static_cast<std::uint32_t>(body.number("Timeout", kTimeoutSeconds, settings.timeout_seconds));
  settings.memory_megabytes =
      static_cast<std::uint32_t>(body.number("MemorySize", kMemoryMegabytes, settings.memory_megabytes));
  if (body.has("Environment")) read_environment(body, settings);
}

std::optional<FunctionNetwork> read_network(Fields& body) {
  if (!body.has("VpcConfig")) return std::nullopt;
  FunctionNetwork network;
  body.object("VpcConfig", [&](Fields& config) {
    if (config.has("SubnetIds")) network.subnets = config.texts("SubnetIds");
    if (config.has("SecurityGroupIds")) network.groups = config.texts("SecurityGroupIds");
  });
  return network;
}

void read_code(Fields& body, FunctionSettings& settings) {
  std::string archive;
  body.object("Code", [&](Fields& code) {
    const auto decoded = from_base64(code.text("ZipFile", ""));
    if (!decoded) throw unexpected("Code.ZipFile", "a string that is not base64", "base64");
    archive = *decoded;
  });
  settings.code_size = archive.size();
  settings.code_sha256 = sha256_base64(archive);
}

// "2026-01-31T12:34:56.789+0000"
std::string lambda_time(std::int64_t milliseconds) {
  const std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%s.%03d+0000", date.data(), static_cast<int>(milliseconds % 1000));
  return text.data();
}

}  // namespace

void touch(FunctionSettings& settings, TimePoint now) {
  settings.revision = random_uuid();
  settings.last_modified = to_milliseconds(now);
}

void check_function_name(const std::string& name) {
  const bool is_name =
      !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
      });
  if (!is_name)
    throw invalid_parameter("FunctionName: found \"" + name + "\"; expected 1 to " + std::to_string(kLongestName) +
                            " characters of a-z A-Z 0-9 - _, or an ARN");
}

Function read_function(const std::string& account, const Json& body, TimePoint now) {
  Fields fields(body);
  Function function;
  function.account = account;
  function.name = fields.text("FunctionName");
  fields.text("Role");
  read_settings(fields, function.settings);
  read_code(fields, function.settings);
  if (const auto network = read_network(fields)) function.network = *network;
  touch(function.settings, now);
  return function;
}

FunctionChanges read_changes(const Json& body, TimePoint now) {
  FunctionChanges changes;
  Fields fields(body);
  changes.network = read_network(fields);
  changes.settings = [body, now](FunctionSettings& settings) {
    Fields again(body);
    check_revision(again.text("RevisionId", ""), settings);
    read_settings(again, settings);
    touch(settings, now);
  };
  return changes;
}

bool asks_to_publish(const Json& body) {
  Fields fields(body);
  return fields.flag("Publish");
}

PublishRequest read_publish_request(const Json& body) {
  Fields fields(body);
  PublishRequest request{.code_sha256 = fields.text("CodeSha256", ""),
                         .revision = fields.text("RevisionId", ""),
                         .own_revision = random_uuid(),
                         .description = {}};
  if (fields.has("Description")) request.description = fields.text("Description");
  return request;
}

std::string version_text(std::uint32_t version) {
  return version == 0 ? "$LATEST" : std::to_string(version);
}

std::vector<std::string> command_of(const Function& function) {
  const auto found = function.settings.environment.find(kCommandVariable);
  return found == function.settings.environment.end() ? std::vector<std::string>() : parse_command(found->second);
}

Json to_json(const FunctionView& view) {
  const auto& function = view.function;
  const auto& settings = function.settings;
  // While an update is under way AWS shows what was asked for.
  const auto& network = function.next_network ? *function.next_network : function.network;
  Json object{
      {"FunctionName", function.name},
      {"FunctionArn", view.arn},
      {"Role", settings.role},
      {"Runtime", settings.runtime},
      {"Handler", settings.handler},
      {"Description", settings.description},
      {"Timeout", settings.timeout_seconds},
      {"MemorySize", settings.memory_megabytes},
      {"CodeSize", settings.code_size},
      {"CodeSha256", settings.code_sha256},
      {"LastModified", lambda_time(settings.last_modified)},
      {"Version", version_text(function.version)},
      {"RevisionId", settings.revision},
      {"PackageType", "Zip"},
      {"Architectures", {"x86_64"}},
      {"TracingConfig", {{"Mode", "PassThrough"}}},
      {"State", to_string(function.state)},
      {"LastUpdateStatus", to_string(function.update_status)},
      {"VpcConfig", {{"SubnetIds", network.subnets}, {"SecurityGroupIds", network.groups}, {"VpcId", view.vpc}}}};
  if (!settings.environment.empty()) object["Environment"] = {{"Variables", settings.environment}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) object[name] = value;
  };
  add("StateReason", view.state_reason);
  add("StateReasonCode", function.reason_code);
  add("LastUpdateStatusReason", function.update_reason);
  add("LastUpdateStatusReasonCode", function.update_reason_code);
  return object;
}

}  // namespace hypernat::control
