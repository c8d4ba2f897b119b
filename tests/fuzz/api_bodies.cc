// Bodies of requests to the control plane: every reader of one, without the database behind it. An object, or a
// Refusal; what was read can be shown.
#include <nlohmann/json.hpp>
#include <string>

#include "control/api/function_json.h"
#include "control/api/json_fields.h"
#include "control/api/network_json.h"
#include "tests/fuzz/fuzz_target.h"

namespace hypernat::control {
namespace {

constexpr const char* kAccount = "111111111111";

template <class Read>
void check(const std::string& body, Read read) {
  try {
    const auto json = parse_body(body);
    read(json);
  } catch (const Refusal& refusal) {
    require(refusal.what()[0] != '\0', "a refusal says why");
  }
}

// One object of a network: read by the path's name and the body's members, shown as GET shows it.
template <class Object>
void check_object(const std::string& body, Object (*read)(const ObjectName&, Fields&)) {
  check(body, [&](const nlohmann::json& json) {
    Fields fields(json);
    const Object object = read({.account = kAccount, .id = "id-1"}, fields);
    require(to_json(object).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).front() == '{',
            "what was read can be shown");
  });
}

void check_all(const std::string& body) {
  check(body, [](const nlohmann::json& json) {
    const Function function = read_function(kAccount, json, {});
    command_of(function);
    to_json(FunctionView{.function = function, .arn = "arn", .vpc = "vpc-1", .state_reason = {}}).dump();
  });
  check(body, [](const nlohmann::json& json) {
    FunctionSettings settings;
    read_changes(json, {}).settings(settings);
  });
  check_object(body, read_account);
  check_object(body, read_vpc);
  check_object(body, read_route_table);
  check_object(body, read_security_group);
  check_object(body, read_subnet);
  check(body, [](const nlohmann::json& json) {
    Fields fields(json);
    to_json(read_worker_host("wh1", fields)).dump();
  });
}

}  // namespace
}  // namespace hypernat::control

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hypernat::control::check_all(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
