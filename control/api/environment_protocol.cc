#include "control/api/environment_protocol.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <stdexcept>

#include "config/json.h"

namespace hypernat::control {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLongestQuote = 100;

std::string shortened(std::string text) {
  return text.size() > kLongestQuote ? text.substr(0, kLongestQuote) + "…" : text;
}

// Lists and objects by their kind alone: writing one out takes a stack frame for each level, and whoever sent it chose
// how many.
std::string describe(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return "nothing";
  if (found->is_structured()) return std::string("an ") + found->type_name();
  return shortened(found->dump());
}

Json parse_object(std::string_view text) {
  Json object = Json::parse(text, nullptr, false);
  if (!object.is_object()) throw std::invalid_argument("message: expected one JSON object");
  return object;
}

void only(const Json& object, std::initializer_list<std::string_view> names) {
  for (const auto& [name, value] : object.items())
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw std::invalid_argument("message: unknown member \"" + shortened(name) + "\"");
}

template <class T>
T member(const Json& object, const char* name, const char* expected) {
  try {
    return object.at(name).get<T>();
  } catch (const Json::exception&) {
    throw std::invalid_argument(std::string("message: ") + name + ": found " + describe(object, name) + "; expected " +
                                expected);
  }
}

std::int64_t number(const Json& object, const char* name, std::int64_t most) {
  const auto expected = "a whole number from 0 to " + std::to_string(most);
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer() || found->get<std::int64_t>() < 0 ||
      found->get<std::int64_t>() > most)
    throw std::invalid_argument(std::string("message: ") + name + ": found " + describe(object, name) + "; expected " +
                                expected);
  return found->get<std::int64_t>();
}

}  // namespace

std::string to_json(const EnvironmentRequest& request) {
  return Json{{"Function", request.function},       {"Mapping", request.mapping},
              {"Resolver", request.resolver},       {"Command", request.command},
              {"Environment", request.environment}, {"TimeoutSeconds", request.timeout.count()}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_json(const EnvironmentEvent& event) {
  Json object;
  switch (event.kind) {
    case EnvironmentEventKind::kStarted:
      object = {{"Event", "started"},
                {"Slot", event.slot},
                {"Address", event.address},
                {"Pid", event.pid},
                {"Namespace", event.namespace_path},
                {"ReceivedNs", event.received_ns},
                {"AttachedNs", event.attached_ns},
                {"BegunNs", event.begun_ns},
                {"LaunchedNs", event.launched_ns}};
      break;
    case EnvironmentEventKind::kExited:
      object = {{"Event", "exited"}, {"ExitCode", event.code}};
      break;
    case EnvironmentEventKind::kSignalled:
      object = {{"Event", "exited"}, {"Signal", event.code}};
      break;
    case EnvironmentEventKind::kError:
      object = {{"Event", "error"}, {"Message", event.message}};
      break;
  }
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

EnvironmentRequest environment_request_from_json(std::string_view text) {
  const Json object = parse_object(text);
  only(object, {"Function", "Mapping", "Resolver", "Command", "Environment", "TimeoutSeconds"});
  EnvironmentRequest request;
  request.function = member<std::string>(object, "Function", "a string");
  request.mapping = static_cast<std::uint32_t>(number(object, "Mapping", 0xffffff));
  request.resolver = member<std::string>(object, "Resolver", "an IPv4 address, or an empty string");
  request.command = member<std::vector<std::string>>(object, "Command", "an array of strings");
  if (request.command.empty() || request.command.front().empty())
    throw std::invalid_argument("message: Command: found nothing to run; expected a program and its arguments");
  request.environment =
      member<std::map<std::string, std::string>>(object, "Environment", "an object whose members are strings");
  request.timeout = std::chrono::seconds(number(object, "TimeoutSeconds", 86'400));
  return request;
}

EnvironmentEvent environment_event_from_json(std::string_view text) {
  const Json object = parse_object(text);
  const auto kind = member<std::string>(object, "Event", "\"started\", \"exited\" or \"error\"");
  EnvironmentEvent event;
  if (kind == "started") {
    event.kind = EnvironmentEventKind::kStarted;
    event.slot = static_cast<std::uint32_t>(number(object, "Slot", 0xffffffff));
    event.address = member<std::string>(object, "Address", "an IPv4 address");
    event.pid = number(object, "Pid", 0x7fffffff);
    event.namespace_path = member<std::string>(object, "Namespace", "a path");
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    event.received_ns = number(object, "ReceivedNs", kMost);
    event.attached_ns = number(object, "AttachedNs", kMost);
    event.begun_ns = number(object, "BegunNs", kMost);
    event.launched_ns = number(object, "LaunchedNs", kMost);
  } else if (kind == "exited") {
    const bool signalled = object.contains("Signal");
    event.kind = signalled ? EnvironmentEventKind::kSignalled : EnvironmentEventKind::kExited;
    event.code = static_cast<int>(number(object, signalled ? "Signal" : "ExitCode", 255));
  } else if (kind == "error") {
    event.message = member<std::string>(object, "Message", "a string");
  } else {
    throw std::invalid_argument("message: Event: found \"" + shortened(kind) +
                                "\"; expected \"started\", \"exited\" or \"error\"");
  }
  return event;
}

std::string environment_status_query() {
  return R"({"Query":"status"})";
}

bool is_environment_status_query(std::string_view text) {
  if (text.find("\"Query\"") == std::string_view::npos) return false;  // spares a request a parse of its own
  const Json object = Json::parse(text, nullptr, false);
  return object.is_object() && object.size() == 1 && object.contains("Query") && object["Query"] == "status";
}

}  // namespace hypernat::control
