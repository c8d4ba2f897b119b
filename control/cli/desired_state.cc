#include "control/cli/desired_state.h"

#include <algorithm>
#include <array>

#include "config/json.h"
#include "control/cli/errors.h"

namespace hypernat::cli {
namespace {

using nlohmann::json;

constexpr const char* kFunctionsPath = "/2015-03-31/functions";

/// What the management API calls a kind of object, in paths and in lists.
struct Collection {
  ObjectKind kind;
  const char* path;
  const char* list;
};

constexpr std::array kCollections{
    Collection{ObjectKind::kVpc, "vpcs", "Vpcs"},
    Collection{ObjectKind::kRouteTable, "route-tables", "RouteTables"},
    Collection{ObjectKind::kSubnet, "subnets", "Subnets"},
    Collection{ObjectKind::kSecurityGroup, "security-groups", "SecurityGroups"},
};

std::string account_path(const std::string& account) {
  return "/hypernat/v1/accounts/" + encode_segment(account);
}

std::string path_of(const ObjectKey& key) {
  if (key.kind == ObjectKind::kAccount) return account_path(key.account);
  if (key.kind == ObjectKind::kFunction) return std::string(kFunctionsPath) + "/" + encode_segment(key.id);
  const auto collection =
      std::find_if(kCollections.begin(), kCollections.end(), [&](const Collection& c) { return c.kind == key.kind; });
  return account_path(key.account) + "/" + collection->path + "/" + encode_segment(key.id);
}

// Every member, so that one which the file no longer names changes back.
json account_of(const config::TenantConfig& tenant) {
  const auto& limits = tenant.limits;
  const auto& timeouts = tenant.timeouts;
  return {{"Name", tenant.name},
          {"Limits",
           {{"Flows", limits.flows},
            {"NewFlowsPerSecond", limits.new_flows_per_second},
            {"PacketsPerSecond", limits.packets_per_second}}},
          {"Timeouts",
           {{"TcpOpeningMilliseconds", timeouts.tcp_opening.count()},
            {"TcpEstablishedMilliseconds", timeouts.tcp_established.count()},
            {"TcpClosingMilliseconds", timeouts.tcp_closing.count()},
            {"UdpMilliseconds", timeouts.udp.count()},
            {"IcmpMilliseconds", timeouts.icmp.count()}}}};
}

json rule_of(const config::GroupRule& written) {
  const auto& rule = written.rule;
  json entry{{"Protocol", rule.protocol < 0 ? "-1" : to_string(static_cast<Protocol>(rule.protocol))}};
  if (written.group.empty())
    entry["Destination"] = to_string(rule.destination);
  else
    entry["DestinationGroupId"] = written.group;
  const auto is = [&](Protocol protocol) { return rule.protocol == static_cast<std::int16_t>(protocol); };
  if (!is(Protocol::kTcp) && !is(Protocol::kUdp) && !is(Protocol::kIcmp)) return entry;
  const auto port = [&](std::uint16_t value) {
    return is(Protocol::kIcmp) && value == config::kAnyIcmp ? -1 : static_cast<int>(value);
  };
  entry["FromPort"] = port(rule.first_port);
  entry["ToPort"] = port(rule.last_port);
  return entry;
}

json group_of(const std::string& vpc, const config::SecurityGroupConfig& group) {
  json body{{"VpcId", vpc}, {"Egress", json::array()}, {"Members", json::array()}};
  for (const auto& rule : group.egress) body["Egress"].push_back(rule_of(rule));
  for (const auto member : group.members) body["Members"].push_back(to_string(member));
  return body;
}

json routes_of(const config::RouteTableConfig& table) {
  auto routes = json::array();
  for (const auto& route : table.routes)
    routes.push_back({{"Destination", to_string(route.prefix)},
                      {"Target", route.target == config::RouteTarget::kBlackhole ? "blackhole" : "router"}});
  return routes;
}

json subnet_of(const std::string& vpc, const config::SubnetConfig& subnet) {
  json body{{"VpcId", vpc},
            {"Cidr", to_string(subnet.cidr)},
            {"Zone", subnet.zone},
            {"Router", to_string(subnet.router)},
            {"Segment", {{"Attachment", subnet.segment.attachment}, {"Id", subnet.segment.id}}},
            {"Vteps", json::array()},
            {"Reserved", json::array()}};
  for (const auto vtep : subnet.vteps) body["Vteps"].push_back(to_string(vtep));
  for (const auto address : subnet.reserved) body["Reserved"].push_back(to_string(address));
  if (subnet.route_table) body["RouteTableId"] = *subnet.route_table;
  return body;
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

json function_of(const config::FunctionConfig& function) {
  return {
      {"VpcConfig", {{"SubnetIds", sorted(function.subnets)}, {"SecurityGroupIds", sorted(function.security_groups)}}},
      {"Timeout", function.timeout.count()},
      {"Environment", {{"Variables", {{"HYPERNAT_COMMAND", json(function.command).dump()}}}}}};
}

/// Lists that are sets come in any order; they are compared sorted.
json with_sorted_sets(json function) {
  if (!function.contains("VpcConfig")) return function;
  for (const char* name : {"SubnetIds", "SecurityGroupIds"})
    if (auto& config = function["VpcConfig"]; config.contains(name))
      std::sort(config[name].begin(), config[name].end());
  return function;
}

/// What CreateFunction wants beyond what may change later.
json creation_of(const ObjectKey& key, json body) {
  body["FunctionName"] = key.id;
  body["Role"] = "arn:aws:iam::" + key.account + ":role/hypernat";
  body["Runtime"] = "provided.al2";
  body["Handler"] = "command";
  body["Code"] = {{"ZipFile", ""}};
  return body;
}

}  // namespace

ObjectSet wished_objects(const config::FunctionsConfig& config) {
  ObjectSet objects;
  for (const auto& tenant : config.tenants) {
    const auto& account = tenant.account;
    objects[{ObjectKind::kAccount, account, account}] = account_of(tenant);
    for (const auto& vpc : tenant.vpcs) {
      json body{{"Cidr", to_string(vpc.cidr)}};
      if (vpc.resolver) body["Resolver"] = to_string(*vpc.resolver);
      objects[{ObjectKind::kVpc, account, vpc.id}] = std::move(body);
      for (const auto& table : vpc.route_tables)
        objects[{ObjectKind::kRouteTable, account, table.id}] = {{"VpcId", vpc.id}, {"Routes", routes_of(table)}};
      for (const auto& subnet : vpc.subnets)
        objects[{ObjectKind::kSubnet, account, subnet.id}] = subnet_of(vpc.id, subnet);
      for (const auto& group : vpc.security_groups)
        objects[{ObjectKind::kSecurityGroup, account, group.id}] = group_of(vpc.id, group);
    }
    for (const auto& function : tenant.functions)
      objects[{ObjectKind::kFunction, account, function.name}] = function_of(function);
  }
  return objects;
}

void add_present_objects(const ControlConnection& control, const std::string& account, ObjectSet& objects) {
  const auto known = control.find(account_path(account));
  if (!known) return;
  objects[{ObjectKind::kAccount, account, account}] = *known;
  for (const auto& collection : kCollections) {
    const auto answer = control.get(account_path(account) + "/" + collection.path);
    for (const auto& object : answer.at(collection.list))
      objects[{collection.kind, account, object.at("Id").get<std::string>()}] = object;
  }
  for (const auto& function : control.functions(account))
    objects[{ObjectKind::kFunction, account, function.at("FunctionName").get<std::string>()}] =
        with_sorted_sets(function);
}

void take(const ControlConnection& control, const Step& step) {
  const auto& key = step.key;
  if (step.action == Action::kDelete) {
    control.send("DELETE", path_of(key), nullptr, key.account);
  } else if (key.kind != ObjectKind::kFunction) {
    control.send("PUT", path_of(key), step.body, key.account);
  } else if (step.action == Action::kCreate) {
    control.send("POST", kFunctionsPath, creation_of(key, step.body), key.account);
  } else {
    control.send("PUT", path_of(key) + "/configuration", step.body, key.account);
  }
}

}  // namespace hypernat::cli
