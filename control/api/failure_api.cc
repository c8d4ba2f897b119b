// Orders to fail: how a user provokes what a network interface may come to at AWS.
#include <algorithm>
#include <charconv>

#include "config/json.h"
#include "control/api/api.h"
#include "control/api/json_fields.h"
#include "control/provisioning/modelled_provisioner.h"
#include "control/store/failure_store.h"

namespace hypernat::control {
namespace {

using Json = nlohmann::json;

constexpr NumberRange kTimes{.least = 1, .most = 1'000'000};

FailureOrder read_failure_order(const Json& body) {
  Fields fields(body);
  FailureOrder order;
  order.code = fields.text("Code");
  const auto& codes = failure_codes();
  if (std::find(codes.begin(), codes.end(), order.code) == codes.end()) {
    std::string known;
    for (const auto& code : codes) known += (known.empty() ? "" : ", ") + code;
    throw unexpected("Code", '"' + order.code + '"', "one of " + known);
  }
  const auto read = [&](const char* name, std::optional<std::string>& value) {
    if (fields.has(name)) value = fields.text(name);
  };
  read("Account", order.account);
  read("SubnetId", order.subnet);
  read("SecurityGroupId", order.group);
  read("Role", order.role);
  if (fields.has("Times")) order.times = static_cast<std::uint32_t>(fields.number("Times", kTimes));
  fields.finish();
  return order;
}

Json to_json(const FailureOrder& order) {
  Json object{{"Number", order.number}, {"Code", order.code}};
  const auto add = [&](const char* name, const std::optional<std::string>& value) {
    if (value) object[name] = *value;
  };
  add("Account", order.account);
  add("SubnetId", order.subnet);
  add("SecurityGroupId", order.group);
  add("Role", order.role);
  if (order.times) object["Times"] = *order.times;
  return object;
}

}  // namespace

ApiResponse Api::provisioning_failures(const ApiRequest& request, const PathParts& rest) {
  if (rest.empty() && request.method == "GET")
    return answer(200, controller_.read([](Controller::Lifecycle& lifecycle) {
      Json list = Json::array();
      for (const auto& order : list_failure_orders(lifecycle.database)) list.push_back(to_json(order));
      return Json{{"ProvisioningFailures", list}};
    }));
  if (rest.empty() && request.method == "POST") {
    auto order = read_failure_order(parse_body(request.body));
    return answer(201, controller_.change([&](Controller::Lifecycle& lifecycle) {
      order.number = insert(lifecycle.database, order);
      return to_json(order);
    }));
  }
  if (rest.size() != 1 || request.method != "DELETE") throw unknown_operation(request);
  std::uint64_t number = 0;
  const char* end = rest[0].data() + rest[0].size();
  const auto [stop, error] = std::from_chars(rest[0].data(), end, number);
  const bool is_number = error == std::errc{} && stop == end;
  controller_.change([&, is_known = is_number](Controller::Lifecycle& lifecycle) {
    if (!is_known || !erase_failure_order(lifecycle.database, number))
      throw not_found("There is no order to fail with number " + rest[0]);
  });
  return {.status = 204, .headers = {}, .content_type = {}, .body = {}};
}

}  // namespace hypernat::control
