// Versions: PublishVersion, ListVersionsByFunction, and ListFunctions with all of them.
#include <charconv>

#include "config/json.h"
#include "control/api/api.h"
#include "control/api/function_json.h"

namespace hypernat::control {
namespace {

using Json = nlohmann::json;

std::string marker_of(const ApiRequest& request) {
  const auto found = request.query.find("Marker");
  return found == request.query.end() ? std::string() : found->second;
}

// What `to_marker` wrote; lists begin behind it.
VersionName parse_marker(const std::string& marker) {
  const auto colon = std::min(marker.find(':'), marker.size());
  VersionName name{.function = marker.substr(0, colon), .version = 0};
  const char* end = marker.data() + marker.size();
  if (colon == marker.size()) return name;
  const auto [stop, error] = std::from_chars(marker.data() + colon + 1, end, name.version);
  if (error == std::errc{} && stop == end) return name;
  throw invalid_parameter("Marker: found \"" + marker + "\"; expected the NextMarker of an answer");
}

std::string to_marker(const Function& function) {
  return function.name + ":" + std::to_string(function.version);
}

/// The first `most` of `all`, which has one more when the list goes on, under `name`.
template <class ToJson>
Json page_of(const char* name, std::vector<Function> all, std::size_t most, ToJson&& object_of) {
  Json body{{name, Json::array()}};
  if (all.size() > most) {
    all.pop_back();
    body["NextMarker"] = to_marker(all.back());
  }
  for (const auto& each : all) {
    Json object = object_of(each);
    if (each.version == 0) object["FunctionArn"] = object["FunctionArn"].template get<std::string>() + ":$LATEST";
    body[name].push_back(std::move(object));
  }
  return body;
}

}  // namespace

ApiResponse Api::versions(const ApiRequest& request, const FunctionName& name) {
  if (name.version.value_or(0) != 0) throw invalid_parameter("FunctionName: expected one without a version");
  if (request.method == "POST") {
    const auto body = request.body.empty() ? Json::object() : parse_body(request.body);
    return answer(201, controller_.change([&](Controller::Lifecycle& lifecycle) {
      return to_json(view(
          lifecycle, lifecycle.functions.publish(name.account, name.name, read_publish_request(body), lifecycle.now)));
    }));
  }
  if (request.method != "GET") throw unknown_operation(request);
  const auto most = most_items(request);
  const auto marker = marker_of(request);
  const std::int64_t after = marker.empty() ? -1 : std::int64_t{parse_marker(marker).version};
  return answer(200, controller_.read([&](Controller::Lifecycle& lifecycle) {
    lifecycle.functions.function(name.account, name.name);  // or it does not exist
    return page_of("Versions", list_versions(lifecycle.database, name.account, name.name, after, most + 1), most,
                   [&](const Function& each) { return to_json(view(lifecycle, each)); });
  }));
}

ApiResponse Api::list_all_versions(const ApiRequest& request, const std::string& account) {
  const auto most = most_items(request);
  const auto after = parse_marker(marker_of(request));
  return answer(200, controller_.read([&](Controller::Lifecycle& lifecycle) {
    return page_of("Functions", list_functions_with_versions(lifecycle.database, account, after, most + 1), most,
                   [&](const Function& each) { return to_json(view(lifecycle, each)); });
  }));
}

}  // namespace hypernat::control
