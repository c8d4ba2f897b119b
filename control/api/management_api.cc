// What AWS has in other services than Lambda, or nowhere: accounts and networks, worker hosts, and what became of it
// all.

#include "config/json.h"
#include "config/names.h"
#include "control/api/api.h"
#include "control/api/json_fields.h"
#include "control/api/network_json.h"
#include "control/lifecycle/addresses.h"
#include "control/store/counters.h"
#include "control/store/function_store.h"
#include "control/store/host_store.h"
#include "control/store/interface_store.h"
#include "control/store/mapping_store.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

using Json = nlohmann::json;
using Lifecycle = Controller::Lifecycle;

ApiResponse answer(const Json& body) {
  return {.status = 200,
          .headers = {},
          .content_type = "application/json",
          .body = body.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

const ApiResponse kDeleted{.status = 204, .headers = {}, .content_type = {}, .body = {}};

// One kind of object that an account has: how it is read, kept, shown and named in lists.
struct Kind {
  const char* path;
  const char* list;
  std::function<Outcome(Lifecycle&, const ObjectName&, Fields&)> put;
  std::function<Json(Lifecycle&, const ObjectName&)> get;
  std::function<void(Lifecycle&, const ObjectName&)> erase;
  std::function<Json(Lifecycle&, const std::string& account)> all;
};

template <class Values>
Json array(const Values& values) {
  Json list = Json::array();
  for (const auto& value : values) list.push_back(to_json(value));
  return list;
}

// With what EC2 tells of a subnet, too.
Json subnet_json(Lifecycle& lifecycle, const Subnet& subnet) {
  auto object = to_json(subnet);
  object["AvailableIpAddressCount"] = count_free_addresses(subnet, lifecycle.networks.vpc(subnet.account, subnet.vpc),
                                                           used_addresses(lifecycle.database, subnet.number));
  return object;
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kKinds{
      {.path = "vpcs",
       .list = "Vpcs",
       .put = [](auto& l, auto& name, auto& body) { return l.networks.put_vpc(read_vpc(name, body)); },
       .get = [](auto& l, auto& name) { return to_json(l.networks.vpc(name.account, name.id)); },
       .erase = [](auto& l, auto& name) { l.networks.erase_vpc(name.account, name.id); },
       .all = [](auto& l, auto& account) { return array(list_vpcs(l.database, account)); }},
      {.path = "route-tables",
       .list = "RouteTables",
       .put = [](auto& l, auto& name, auto& body) { return l.networks.put_route_table(read_route_table(name, body)); },
       .get = [](auto& l, auto& name) { return to_json(l.networks.route_table(name.account, name.id)); },
       .erase = [](auto& l, auto& name) { l.networks.erase_route_table(name.account, name.id); },
       .all = [](auto& l, auto& account) { return array(list_route_tables(l.database, account)); }},
      {.path = "subnets",
       .list = "Subnets",
       .put = [](auto& l, auto& name, auto& body) { return l.networks.put_subnet(read_subnet(name, body)); },
       .get = [](auto& l, auto& name) { return subnet_json(l, l.networks.subnet(name.account, name.id)); },
       .erase = [](auto& l, auto& name) { l.networks.erase_subnet(name.account, name.id); },
       .all = [](auto& l, auto& account) { return array(list_subnets(l.database, account)); }},
      {.path = "security-groups",
       .list = "SecurityGroups",
       .put = [](auto& l, auto& name,
                 auto& body) { return l.networks.put_security_group(read_security_group(name, body)); },
       .get = [](auto& l, auto& name) { return to_json(l.networks.security_group(name.account, name.id)); },
       .erase = [](auto& l, auto& name) { l.networks.erase_security_group(name.account, name.id); },
       .all = [](auto& l, auto& account) { return array(list_security_groups(l.database, account)); }},
  };
  return kKinds;
}

const Kind kAccount{
    .path = "accounts",
    .list = "Accounts",
    .put = [](auto& l, auto& name, auto& body) { return l.networks.put_account(read_account(name, body)); },
    .get = [](auto& l, auto& name) { return to_json(l.networks.account(name.account)); },
    .erase = [](auto& l, auto& name) { l.networks.erase_account(name.account); },
    .all = [](auto& l, auto&) { return array(list_accounts(l.database)); }};

ApiResponse serve_object(Controller& controller, const Kind& kind, const ObjectName& name, const ApiRequest& request) {
  if (request.method == "GET")
    return answer(controller.read([&](Lifecycle& lifecycle) { return kind.get(lifecycle, name); }));
  if (request.method == "DELETE") {
    controller.change([&](Lifecycle& lifecycle) { kind.erase(lifecycle, name); });
    return kDeleted;
  }
  if (request.method != "PUT") throw unknown_operation(request);
  const auto body = parse_body(request.body);
  return answer(controller.change([&](Lifecycle& lifecycle) {
    Fields fields(body);
    const auto outcome = kind.put(lifecycle, name, fields);
    auto object = kind.get(lifecycle, name);
    object["Changed"] = outcome == Outcome::kChanged;
    return object;
  }));
}

ApiResponse serve_list(Controller& controller, const Kind& kind, const std::string& account,
                       const ApiRequest& request) {
  if (request.method != "GET") throw unknown_operation(request);
  return answer(controller.read([&](Lifecycle& lifecycle) { return Json{{kind.list, kind.all(lifecycle, account)}}; }));
}

void check_name(const char* what, const std::string& name) {
  if (config::is_name(name)) return;
  throw invalid_parameter(std::string(what) + ": found \"" + name + "\"; expected " + std::string(config::kNameRule));
}

// As a client of AWS would expect it: being made is Pending, whatever it waits for.
std::string mapping_state(MappingState state) {
  switch (state) {
    case MappingState::kProvisioning:
    case MappingState::kPublishing:
      return "Pending";
    case MappingState::kActive:
      return "Active";
    case MappingState::kFailed:
      return "Failed";
    case MappingState::kReleasing:
      return "Releasing";
  }
  return {};
}

Json mapping_json(Lifecycle& lifecycle, const Mapping& mapping) {
  const auto subnet = find_subnet(lifecycle.database, mapping.subnet);
  Json object{{"Number", mapping.number},
              {"Uid", mapping.uid},
              {"Account", mapping.account},
              {"SubnetId", subnet ? subnet->id : std::string()},
              {"SecurityGroupIds", mapping.groups},
              {"State", mapping_state(mapping.state)},
              {"StateReason", lifecycle.mappings.reason(mapping, lifecycle.live)},
              {"Interfaces", array(list_interfaces(lifecycle.database, mapping.uid))},
              {"Functions", referring_functions(lifecycle.database, mapping.uid)}};
  if (!mapping.reason_code.empty()) object["StateReasonCode"] = mapping.reason_code;
  if (mapping.lease != 0) object["Lease"] = lease_id(mapping.lease);
  if (const auto wanted = find_wanted_interface(lifecycle.database, mapping.uid))
    object["Wanted"] = {{"InterfaceId", interface_id(wanted->uid)},
                        {"StateReasonCode", wanted->reason_code.empty() ? "Creating" : wanted->reason_code},
                        {"StateReason", wanted->reason}};
  return object;
}

Json host_json(Lifecycle& lifecycle, const WorkerHost& host) {
  auto object = to_json(host);
  object["Live"] = lifecycle.hosts.is_live(host.name);
  return object;
}

Json dataplane_json(Lifecycle& lifecycle, const config::DataplaneStatus& status) {
  Json uses = Json::array();
  for (const auto& use : status.port_use)
    uses.push_back({{"InterfaceId", use.interface_id}, {"PortsInUse", use.ports_in_use}, {"Exhausted", use.exhausted}});
  const auto is_live = std::any_of(lifecycle.live.begin(), lifecycle.live.end(),
                                   [&](const auto& live) { return live.node == status.node; });
  return {{"Node", status.node},
          {"Epoch", status.epoch},
          {"Generation", status.generation},
          {"TableSha256", status.table_sha256},
          {"UnixMilliseconds", status.unix_milliseconds},
          {"BeatMilliseconds", status.beat_milliseconds},
          {"Refusal", status.refusal},
          {"PortUse", uses},
          {"StalledWorkers", status.stalled_workers},
          {"Live", is_live}};
}

std::int64_t count(Database& database, const char* table) {
  auto row = database.query(std::string("SELECT count(*) FROM ") + table);
  row.step();
  return row.integer(0);
}

}  // namespace

ApiResponse Api::management(const ApiRequest& request, const PathParts& parts) {
  const auto& what = parts[2];
  const PathParts rest(parts.begin() + 3, parts.end());
  if (what == "accounts" && rest.empty()) return serve_list(controller_, kAccount, {}, request);
  if (what == "accounts") return account_objects(request, rest.front(), {rest.begin() + 1, rest.end()});
  if (what == "worker-hosts") return worker_hosts(request, rest);
  if (what == "leases") return leases(request, rest);
  if (what == "provisioning-failures") return provisioning_failures(request, rest);
  if (what == "placements" && rest.empty() && request.method == "POST") return place(request);
  if (!rest.empty() || request.method != "GET") throw unknown_operation(request);
  if (what == "mappings") return mappings();
  if (what == "interfaces") return interfaces();
  if (what == "status") return status();
  throw unknown_operation(request);
}

ApiResponse Api::account_objects(const ApiRequest& request, const std::string& account, const PathParts& rest) {
  if (!config::is_account(account))
    throw invalid_parameter("Account: found \"" + account + "\"; expected 12 decimal digits");
  if (rest.empty()) return serve_object(controller_, kAccount, {.account = account, .id = account}, request);
  for (const auto& kind : kinds()) {
    if (rest.front() != kind.path) continue;
    if (rest.size() == 1) return serve_list(controller_, kind, account, request);
    if (rest.size() > 2) break;
    check_name("Id", rest[1]);
    return serve_object(controller_, kind, {.account = account, .id = rest[1]}, request);
  }
  throw unknown_operation(request);
}

ApiResponse Api::worker_hosts(const ApiRequest& request, const PathParts& rest) {
  if (rest.empty() && request.method == "GET")
    return answer(controller_.read([](Lifecycle& lifecycle) {
      Json hosts = Json::array();
      for (const auto& host : list_worker_hosts(lifecycle.database)) hosts.push_back(host_json(lifecycle, host));
      return Json{{"WorkerHosts", hosts}};
    }));
  if (rest.size() != 1) throw unknown_operation(request);
  const auto& name = rest.front();
  check_name("Name", name);
  if (request.method == "GET")
    return answer(controller_.read([&](Lifecycle& lifecycle) {
      if (const auto host = find_worker_host(lifecycle.database, name)) return host_json(lifecycle, *host);
      throw not_found("The worker host '" + name + "' has never registered");
    }));
  if (request.method != "PUT") throw unknown_operation(request);
  const auto body = parse_body(request.body);
  return answer(controller_.change([&](Lifecycle& lifecycle) {
    Fields fields(body);
    return host_json(lifecycle, lifecycle.hosts.renew(read_worker_host(name, fields)));
  }));
}

ApiResponse Api::mappings() {
  return answer(controller_.read([](Lifecycle& lifecycle) {
    Json list = Json::array();
    for (const auto& mapping : list_mappings(lifecycle.database)) list.push_back(mapping_json(lifecycle, mapping));
    return Json{{"Mappings", std::move(list)}};
  }));
}

ApiResponse Api::interfaces() {
  return answer(controller_.read([](Lifecycle& lifecycle) {
    Json list = Json::array();
    for (const auto& mapping : list_mappings(lifecycle.database)) {
      const auto subnet = find_subnet(lifecycle.database, mapping.subnet);
      for (const auto& interface : list_interfaces(lifecycle.database, mapping.uid)) {
        auto& object = list.emplace_back(to_json(interface));
        object["Account"] = mapping.account;
        object["SubnetId"] = subnet ? subnet->id : std::string();
        object["MappingNumber"] = mapping.number;
        if (mapping.lease != 0) object["Lease"] = lease_id(mapping.lease);
      }
    }
    return Json{{"Interfaces", std::move(list)}};
  }));
}

ApiResponse Api::status() {
  return answer(controller_.read([](Lifecycle& lifecycle) {
    const auto publication = read_publication(lifecycle.database);
    Json dataplanes = Json::array();
    for (const auto& each : lifecycle.statuses) dataplanes.push_back(dataplane_json(lifecycle, each));
    Json hosts = Json::array();
    for (const auto& host : list_worker_hosts(lifecycle.database)) hosts.push_back(host_json(lifecycle, host));
    return Json{{"Epoch", publication.epoch},
                {"Generation", publication.generation},
                {"TableSha256", publication.table_sha256},
                {"StoreProblem", lifecycle.store_problem},
                {"Publications", lifecycle.published.tables},
                {"PublishedBytes", lifecycle.published.bytes},
                {"Dataplanes", dataplanes},
                {"WorkerHosts", hosts},
                {"Functions", count(lifecycle.database, "functions WHERE version = 0")},
                {"Versions", count(lifecycle.database, "functions WHERE version > 0")},
                {"Mappings", count(lifecycle.database, "mappings")},
                {"Interfaces", count(lifecycle.database, "interfaces")},
                {"Leases", count(lifecycle.database, "leases")}};
  }));
}

}  // namespace hypernat::control
