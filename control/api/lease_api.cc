// Leases: an interface for one execution environment, the way it was done before interfaces were shared.

#include "config/json.h"
#include "config/names.h"
#include "control/api/api.h"
#include "control/api/function_json.h"
#include "control/api/json_fields.h"

namespace hypernat::control {
namespace {

using Json = nlohmann::json;
using Lifecycle = Controller::Lifecycle;

constexpr NumberRange kProvisioningMilliseconds{.least = 0, .most = 3'600'000};
constexpr NumberRange kLifetimeSeconds{.least = 1, .most = 86'400};
constexpr std::int64_t kDefaultLifetimeSeconds = 900;

// A lease, and what is said of it beside its row.
struct LeaseView {
  LeasedInterface leased;
  std::string reason;
};

LeaseView lease_view(Lifecycle& lifecycle, LeasedInterface leased) {
  auto reason = lifecycle.leases.reason(leased, lifecycle.live);
  return {.leased = std::move(leased), .reason = std::move(reason)};
}

Json to_json(const LeaseView& view) {
  const auto& lease = view.leased.lease;
  const bool is_pending = !lease.active_at && !lease.has_failed();
  Json object = Json::object();
  object["Id"] = lease.id();
  object["Account"] = lease.account;
  object["FunctionName"] = lease.function;
  object["State"] = lease.active_at ? "Active" : is_pending ? "Pending" : "Failed";
  object["StateReasonCode"] = is_pending ? "Creating" : lease.reason_code;
  object["StateReason"] = view.reason;
  object["Mapping"] = lease.mapping_number;
  object["MappingUid"] = lease.mapping;
  object["RequestedAt"] = to_milliseconds(lease.requested_at);
  object["ExpiresAt"] = to_milliseconds(lease.expires_at);
  if (const auto& interface = view.leased.interface) {
    object["InterfaceId"] = interface->id();
    object["Address"] = to_string(interface->address);
  }
  const auto add_time = [&](const char* name, const std::optional<TimePoint>& time) {
    if (time) object[name] = to_milliseconds(*time);
  };
  add_time("ProvisionedAt", lease.provisioned_at);
  add_time("PublishedAt", lease.published_at);
  add_time("ActiveAt", lease.active_at);
  return object;
}

// A list is asked for often while a thousand environments wait for theirs: the lock is held for the rows only, and no
// tree of the whole answer is ever made.
ApiResponse list(Controller& controller) {
  const auto views = controller.read([](Lifecycle& lifecycle) {
    std::vector<LeaseView> all;
    for (auto& leased : list_leases(lifecycle.database)) all.push_back(lease_view(lifecycle, std::move(leased)));
    return all;
  });
  auto response = answer(200, Json::object());
  response.body = R"({"Leases":[)";
  for (const auto& each : views) {
    if (&each != &views.front()) response.body += ',';
    response.body += to_json(each).dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  response.body += "]}";
  return response;
}

}  // namespace

ApiResponse Api::leases(const ApiRequest& request, const PathParts& rest) {
  if (rest.empty() && request.method == "POST") return request_lease(request);
  if (rest.empty() && request.method == "GET") return list(controller_);
  if (rest.size() != 1) throw unknown_operation(request);
  const auto uid = parse_lease_id(rest.front());
  if (!uid)
    throw invalid_parameter("Id: found \"" + rest.front() + "\"; expected a lease's id, such as \"" + lease_id(1) +
                            '"');
  if (request.method == "GET")
    return answer(200, to_json(controller_.read(
                           [&](Lifecycle& lifecycle) { return lease_view(lifecycle, lifecycle.leases.lease(*uid)); })));
  if (request.method != "DELETE") throw unknown_operation(request);
  // Gone is what was asked for, whoever made it so: a caller that got no answer asks again.
  controller_.change([&](Lifecycle& lifecycle) { lifecycle.leases.erase(*uid); });
  return {.status = 204, .headers = {}, .content_type = {}, .body = {}};
}

ApiResponse Api::request_lease(const ApiRequest& request) {
  const auto body = parse_body(request.body);
  Fields fields(body);
  const auto account = fields.text("Account");
  if (!config::is_account(account)) throw unexpected("Account", '"' + account + '"', "12 decimal digits");
  const auto name = resolve(account, fields.text("FunctionName"));
  const auto lifetime = fields.number("LifetimeSeconds", kLifetimeSeconds, kDefaultLifetimeSeconds);
  std::optional<std::chrono::milliseconds> time;
  if (fields.has("ProvisioningMilliseconds"))
    time = std::chrono::milliseconds(fields.number("ProvisioningMilliseconds", kProvisioningMilliseconds));
  fields.finish();
  return answer(201, to_json(controller_.change([&](Lifecycle& lifecycle) {
                  const auto lease =
                      lifecycle.leases.request({.account = name.account,
                                                .function = name.name,
                                                .provisioning_time = time.value_or(lifecycle.settings.environment_time),
                                                .lifetime = std::chrono::seconds(lifetime)},
                                               lifecycle.now);
                  return lease_view(lifecycle, lifecycle.leases.lease(lease.uid));
                })));
}

}  // namespace hypernat::control
