// Route tables. Whatever gateway a route names, packets to its destination go to the subnet's router: what stands
// behind that is the tenant's network. The name is kept and shown.
#include <algorithm>

#include "control/api/ec2_actions.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

struct TargetKind {
  const char* parameter;
  const char* element;
  const char* filter;
  std::vector<std::string> prefixes;  ///< of ids
};

const std::vector<TargetKind>& target_kinds() {
  static const std::vector<TargetKind> kKinds{
      {"GatewayId", "gatewayId", "route.gateway-id", {"igw-", "vgw-"}},
      {"NatGatewayId", "natGatewayId", "route.nat-gateway-id", {"nat-"}},
      {"TransitGatewayId", "transitGatewayId", "route.transit-gateway-id", {"tgw-"}},
      {"VpcPeeringConnectionId", "vpcPeeringConnectionId", "route.vpc-peering-connection-id", {"pcx-"}},
      {"NetworkInterfaceId", "networkInterfaceId", "route.network-interface-id", {"eni-"}},
      {"InstanceId", "instanceId", "route.instance-id", {"i-"}}};
  return kKinds;
}

const TargetKind& kind_of(const std::string& target) {
  for (const auto& kind : target_kinds())
    for (const auto& prefix : kind.prefixes)
      if (target.starts_with(prefix)) return kind;
  return target_kinds().front();  // "router", of a route that was not made here
}

std::string target_note(const Ipv4Prefix& destination) {
  return std::string(kTargetNote) + to_string(destination);
}

// What a route was said to lead to.
std::string target_of(const config::Route& route, const Notes& notes) {
  const auto target = note(notes, target_note(route.prefix));
  return target.empty() && route.target == config::RouteTarget::kRouter ? "router" : target;
}

const char* state_of(const config::Route& route) {
  return route.target == config::RouteTarget::kBlackhole ? "blackhole" : "active";
}

// A subnet's, or the main one of a VPC.
struct Association {
  std::string id;
  std::string subnet;  ///< empty: main
};

std::vector<Association> associations_of(Ec2Call& call, const RouteTable& table, const Notes& notes) {
  std::vector<Association> found;
  if (notes.contains(kDefaultNote)) found.push_back({.id = association_id({}, table.vpc), .subnet = {}});
  for (const auto& subnet : list_subnets(call.lifecycle.database, call.account)) {
    if (subnet.route_table != table.id) continue;
    const auto subnet_notes = find_notes(call.lifecycle.database, call.account, subnet.id);
    // That of a subnet with the main table is implicit unless somebody made it.
    if (!notes.contains(kDefaultNote) || subnet_notes.contains(kAssociationNote))
      found.push_back({.id = association_id(subnet_notes, subnet.id), .subnet = subnet.id});
  }
  return found;
}

struct ShownTable {
  RouteTable table;
  Ipv4Prefix local;
  std::vector<Association> associations;
  Notes notes;
};

ShownTable show(Ec2Call& call, const RouteTable& table) {
  const auto notes = find_notes(call.lifecycle.database, call.account, table.id);
  return {.table = table,
          .local = find_vpc(call, table.vpc).cidr,
          .associations = associations_of(call, table, notes),
          .notes = notes};
}

void write_table(Ec2Call& call, const ShownTable& shown) {
  auto& xml = call.xml;
  const auto& table = shown.table;
  xml.text("routeTableId", table.id);
  xml.text("vpcId", table.vpc);
  xml.text("ownerId", table.account);
  xml.element("routeSet", [&] {
    const auto write_route = [&](const Ipv4Prefix& destination, const std::string& target, const char* state,
                                 const char* origin) {
      xml.element("item", [&] {
        xml.text("destinationCidrBlock", to_string(destination));
        if (!target.empty()) xml.text(kind_of(target).element, target);
        xml.text("state", state);
        xml.text("origin", origin);
      });
    };
    write_route(shown.local, "local", "active", "CreateRouteTable");
    for (const auto& route : table.routes)
      write_route(route.prefix, target_of(route, shown.notes), state_of(route), "CreateRoute");
  });
  xml.items("associationSet", shown.associations, [&](const Association& association) {
    xml.text("routeTableAssociationId", association.id);
    xml.text("routeTableId", table.id);
    if (!association.subnet.empty()) xml.text("subnetId", association.subnet);
    xml.truth("main", association.subnet.empty());
    xml.element("associationState", [&] { xml.text("state", "associated"); });
  });
  xml.element("propagatingVgwSet", [] {});
  write_tags(call, shown.notes);
}

FilterValues filter_values(const ShownTable& shown) {
  const auto& table = shown.table;
  FilterValues values{{"route-table-id", table.id}, {"vpc-id", table.vpc}, {"owner-id", table.account}};
  const auto add_route = [&](const Ipv4Prefix& destination, const std::string& target, const char* state,
                             const char* origin) {
    values.emplace("route.destination-cidr-block", to_string(destination));
    if (!target.empty()) values.emplace(kind_of(target).filter, target);
    values.emplace("route.state", state);
    values.emplace("route.origin", origin);
  };
  add_route(shown.local, "local", "active", "CreateRouteTable");
  for (const auto& route : table.routes)
    add_route(route.prefix, target_of(route, shown.notes), state_of(route), "CreateRoute");
  for (const auto& association : shown.associations) {
    values.emplace("association.main", association.subnet.empty() ? "true" : "false");
    values.emplace("association.route-table-association-id", association.id);
    values.emplace("association.route-table-id", table.id);
    if (!association.subnet.empty()) values.emplace("association.subnet-id", association.subnet);
  }
  add_tags(values, shown.notes);
  return values;
}

// The one target that the request names.
std::string read_target(QueryParameters& parameters) {
  std::vector<std::string> targets;
  for (const auto& kind : target_kinds()) {
    const auto id = parameters.text(kind.parameter, "");
    if (id.empty()) continue;
    if (std::none_of(kind.prefixes.begin(), kind.prefixes.end(), [&](auto& prefix) { return id.starts_with(prefix); }))
      throw invalid_value("Value (" + id + ") for parameter " + kind.parameter +
                          " is invalid. Expected an id such as " + kind.prefixes.front() + "0123456789abcdef0.");
    targets.push_back(id);
  }
  if (targets.size() == 1) return targets.front();
  throw Ec2Error("InvalidParameterCombination", "The request names " + std::to_string(targets.size()) +
                                                    " targets. Expected one of GatewayId, NatGatewayId, "
                                                    "TransitGatewayId, VpcPeeringConnectionId, NetworkInterfaceId, "
                                                    "InstanceId.");
}

// The table that a call with this token made, so that a call that is repeated makes no second one.
std::optional<RouteTable> made_before(Ec2Call& call, const std::string& token) {
  if (token.empty()) return std::nullopt;
  for (const auto& [id, notes] : list_notes(call.lifecycle.database, call.account))
    if (note(notes, kTokenNote) == token) return find_route_table(call, id);
  return std::nullopt;
}

auto find_route(RouteTable& table, const Ipv4Prefix& destination) {
  return std::find_if(table.routes.begin(), table.routes.end(),
                      [&](const auto& route) { return route.prefix == destination; });
}

Ec2Error no_route(const Ipv4Prefix& destination, const RouteTable& table) {
  return {"InvalidRoute.NotFound",
          "no route with destination-cidr-block " + to_string(destination) + " in route table " + table.id};
}

// Keeps the table with that route in it.
void keep_route(Ec2Call& call, const RouteTable& table, const Ipv4Prefix& destination) {
  const auto target = read_target(call.parameters);
  call.lifecycle.networks.put_route_table(table);
  put_note(call.lifecycle.database, call.account, table.id, target_note(destination), target);
  call.xml.truth("return", true);
}

}  // namespace

void create_route_table(Ec2Call& call) {
  const auto vpc = find_vpc(call, call.parameters.text("VpcId"));
  const auto token = call.parameters.text("ClientToken", "");
  if (const auto made = made_before(call, token)) {
    if (made->vpc != vpc.id)
      throw Ec2Error("IdempotentParameterMismatch", "The client token was used for a route table of " + made->vpc);
    read_tag_specifications(call, "route-table");
    call.xml.element("routeTable", [&] { write_table(call, show(call, *made)); });
    return;
  }
  const RouteTable table{.account = call.account, .id = new_id("rtb"), .vpc = vpc.id, .routes = {}};
  call.lifecycle.networks.put_route_table(table);
  put_tags(call, table.id, read_tag_specifications(call, "route-table"));
  if (!token.empty()) put_note(call.lifecycle.database, call.account, table.id, kTokenNote, token);
  call.xml.element("routeTable", [&] { write_table(call, show(call, table)); });
}

void describe_route_tables(Ec2Call& call) {
  std::vector<Ec2Item> items;
  for (const auto& table : list_route_tables(call.lifecycle.database, call.account)) {
    const auto shown = show(call, table);
    items.push_back(
        {.id = table.id, .values = filter_values(shown), .write = [&call, shown] { write_table(call, shown); }});
  }
  std::set<std::string> filters{"route-table-id",
                                "vpc-id",
                                "owner-id",
                                "route.destination-cidr-block",
                                "route.state",
                                "route.origin",
                                "association.main",
                                "association.route-table-association-id",
                                "association.route-table-id",
                                "association.subnet-id"};
  for (const auto& kind : target_kinds()) filters.insert(kind.filter);
  write_list(call,
             {.element = "routeTableSet",
              .ids = "RouteTableId",
              .not_found = "InvalidRouteTableID.NotFound",
              .what = "routeTable ID",
              .filters = std::move(filters)},
             std::move(items));
}

void delete_route_table(Ec2Call& call) {
  const auto table = find_route_table(call, call.parameters.text("RouteTableId"));
  const auto complaint = "The routeTable '" + table.id + "' has dependencies and cannot be deleted.";
  if (find_notes(call.lifecycle.database, call.account, table.id).contains(kDefaultNote))
    throw dependency_violation(complaint + " (It is the main route table of " + table.vpc + ")");
  erase_or_tell_dependency([&] { call.lifecycle.networks.erase_route_table(call.account, table.id); }, complaint);
  call.xml.truth("return", true);
}

void create_route(Ec2Call& call) {
  auto table = find_route_table(call, call.parameters.text("RouteTableId"));
  const auto destination = read_prefix(call.parameters, "DestinationCidrBlock");
  if (find_route(table, destination) != table.routes.end())
    throw Ec2Error("RouteAlreadyExists", "The route identified by " + to_string(destination) + " already exists.");
  table.routes.push_back({.prefix = destination, .target = config::RouteTarget::kRouter});
  keep_route(call, table, destination);
}

void replace_route(Ec2Call& call) {
  auto table = find_route_table(call, call.parameters.text("RouteTableId"));
  const auto destination = read_prefix(call.parameters, "DestinationCidrBlock");
  const auto found = find_route(table, destination);
  if (found == table.routes.end()) throw no_route(destination, table);
  found->target = config::RouteTarget::kRouter;
  keep_route(call, table, destination);
}

void delete_route(Ec2Call& call) {
  auto table = find_route_table(call, call.parameters.text("RouteTableId"));
  const auto destination = read_prefix(call.parameters, "DestinationCidrBlock");
  const auto found = find_route(table, destination);
  if (found == table.routes.end()) throw no_route(destination, table);
  table.routes.erase(found);
  call.lifecycle.networks.put_route_table(table);
  erase_note(call.lifecycle.database, call.account, table.id, target_note(destination));
  call.xml.truth("return", true);
}

}  // namespace hypernat::control
