#include "control/api/network_json.h"

#include <algorithm>
#include <chrono>

#include "config/json.h"

#include "config/scalars.h"

namespace hypernat::control {
namespace {

using Json = nlohmann::json;
using config::EgressRule;
using config::GroupRule;
using config::kAnyIcmp;
using config::RouteTarget;
using std::chrono::milliseconds;

constexpr std::int16_t kEveryProtocol = -1;
constexpr std::uint16_t kLastPort = 65535;

struct ProtocolName {
  std::int16_t number;
  const char* text;
};
constexpr ProtocolName kProtocols[] = {{6, "tcp"}, {17, "udp"}, {1, "icmp"}, {kEveryProtocol, "-1"}};

std::int16_t read_protocol(Fields& rule) {
  const auto text = rule.text("Protocol");
  for (const auto& protocol : kProtocols)
    if (text == protocol.text) return protocol.number;
  if (const auto number = config::parse_decimal(text); number && *number <= 255)
    return static_cast<std::int16_t>(*number);
  throw unexpected(rule.path("Protocol"), '"' + text + '"', R"("tcp", "udp", "icmp", "-1" or a number up to "255")");
}

std::string protocol_text(std::int16_t number) {
  for (const auto& protocol : kProtocols)
    if (protocol.number == number) return protocol.text;
  return std::to_string(number);
}

bool is(const EgressRule& rule, Protocol protocol) {
  return rule.protocol == static_cast<std::int16_t>(protocol);
}
bool has_ports(const EgressRule& rule) {
  return is(rule, Protocol::kTcp) || is(rule, Protocol::kUdp);
}

// ICMP: type and code, -1 meaning any.
std::uint16_t read_icmp_field(Fields& rule, const std::string& name) {
  const auto value = rule.number(name, {.least = -1, .most = 255}, -1);
  return value < 0 ? kAnyIcmp : static_cast<std::uint16_t>(value);
}

void read_ports(Fields& fields, EgressRule& rule) {
  if (is(rule, Protocol::kIcmp)) {
    rule.first_port = read_icmp_field(fields, "FromPort");
    rule.last_port = read_icmp_field(fields, "ToPort");
    if (rule.first_port == kAnyIcmp && rule.last_port != kAnyIcmp)
      throw unexpected(fields.path("ToPort"), std::to_string(rule.last_port), "-1, since FromPort is any ICMP type");
  } else if (has_ports(rule)) {
    rule.first_port = static_cast<std::uint16_t>(fields.number("FromPort", {.least = 0, .most = kLastPort}, 0));
    rule.last_port = static_cast<std::uint16_t>(fields.number("ToPort", {.least = 0, .most = kLastPort}, kLastPort));
    if (rule.first_port > rule.last_port)
      throw unexpected(fields.path("ToPort"), std::to_string(rule.last_port), "at least FromPort");
  } else {
    // AWS sends them for every protocol too; they mean nothing.
    fields.number("FromPort", {.least = -1, .most = kLastPort}, -1);
    fields.number("ToPort", {.least = -1, .most = kLastPort}, -1);
  }
}

GroupRule read_rule(Fields& fields) {
  GroupRule read{.rule = {.protocol = read_protocol(fields), .first_port = 0, .last_port = 0, .destination = {}},
                 .group = {}};
  if (fields.has("DestinationGroupId")) {
    read.group = fields.name("DestinationGroupId");
    if (fields.has("Destination"))
      throw unexpected(fields.path("Destination"), "it beside DestinationGroupId", "one of the two");
  } else {
    read.rule.destination = fields.prefix("Destination");
  }
  read_ports(fields, read.rule);
  fields.finish();
  return read;
}

Json rule_json(const GroupRule& written) {
  const auto& rule = written.rule;
  Json object{{"Protocol", protocol_text(rule.protocol)}};
  if (written.group.empty())
    object["Destination"] = to_string(rule.destination);
  else
    object["DestinationGroupId"] = written.group;
  const bool is_icmp = is(rule, Protocol::kIcmp);
  if (!is_icmp && !has_ports(rule)) return object;
  const auto port = [&](std::uint16_t value) { return is_icmp && value == kAnyIcmp ? -1 : int{value}; };
  object["FromPort"] = port(rule.first_port);
  object["ToPort"] = port(rule.last_port);
  return object;
}

RouteTarget read_target(Fields& route) {
  const auto text = route.text("Target");
  if (text == "router") return RouteTarget::kRouter;
  if (text == "blackhole") return RouteTarget::kBlackhole;
  throw unexpected(route.path("Target"), '"' + text + '"', R"("router" or "blackhole")");
}

struct LimitName {
  const char* name;
  std::uint32_t config::TenantLimits::*member;
};
constexpr LimitName kLimits[] = {{"Flows", &config::TenantLimits::flows},
                                 {"NewFlowsPerSecond", &config::TenantLimits::new_flows_per_second},
                                 {"PacketsPerSecond", &config::TenantLimits::packets_per_second}};

struct TimeoutName {
  const char* name;
  milliseconds config::TenantTimeouts::*member;
};
constexpr TimeoutName kTimeouts[] = {{"TcpOpeningMilliseconds", &config::TenantTimeouts::tcp_opening},
                                     {"TcpEstablishedMilliseconds", &config::TenantTimeouts::tcp_established},
                                     {"TcpClosingMilliseconds", &config::TenantTimeouts::tcp_closing},
                                     {"UdpMilliseconds", &config::TenantTimeouts::udp},
                                     {"IcmpMilliseconds", &config::TenantTimeouts::icmp}};

// 0, or nothing at all: the data plane's.
milliseconds read_timeout(Fields& timeouts, const std::string& name) {
  const milliseconds value(timeouts.number(name, {.least = 0, .most = config::kLongestTimeout.count()}, 0));
  if (value.count() != 0 && value < config::kShortestTimeout)
    throw unexpected(timeouts.path(name), std::to_string(value.count()),
                     "0, or at least " + std::to_string(config::kShortestTimeout.count()));
  return value;
}

Json texts(const std::vector<Ipv4Address>& addresses) {
  Json array = Json::array();
  for (const auto address : addresses) array.push_back(to_string(address));
  return array;
}

bool is_unicast(Ipv4Address address) {
  const auto first_octet = address.host() >> 24;
  return first_octet != 0 && first_octet != 127 && first_octet < 224;
}

}  // namespace

// What is left out is as for a tenant that nobody said anything of.
Account read_account(const ObjectName& name, Fields& body) {
  Account account{.account = name.account,
                  .number = 0,
                  .name = body.text("Name", name.account),
                  .limits = {.flows = config::kDefaultTenantFlows},
                  .timeouts = {}};
  if (body.has("Limits"))
    body.object("Limits", [&](Fields& limits) {
      for (const auto& limit : kLimits)
        account.limits.*limit.member = static_cast<std::uint32_t>(
            limits.number(limit.name, {.least = 0, .most = UINT32_MAX}, account.limits.*limit.member));
      limits.finish();
    });
  if (body.has("Timeouts"))
    body.object("Timeouts", [&](Fields& timeouts) {
      for (const auto& timeout : kTimeouts) account.timeouts.*timeout.member = read_timeout(timeouts, timeout.name);
      timeouts.finish();
    });
  body.finish();
  return account;
}

Vpc read_vpc(const ObjectName& name, Fields& body) {
  Vpc vpc{.account = name.account, .id = name.id, .cidr = body.prefix("Cidr"), .resolver = {}};
  if (!body.text("Resolver", "").empty()) vpc.resolver = body.address("Resolver");
  body.finish();
  return vpc;
}

RouteTable read_route_table(const ObjectName& name, Fields& body) {
  RouteTable table{.account = name.account, .id = name.id, .vpc = body.text("VpcId"), .routes = {}};
  body.objects("Routes", [&](Fields& route) {
    table.routes.push_back({.prefix = route.prefix("Destination"), .target = read_target(route)});
    route.finish();
  });
  body.finish();
  return table;
}

SecurityGroup read_security_group(const ObjectName& name, Fields& body) {
  SecurityGroup group{.account = name.account, .id = name.id, .vpc = body.text("VpcId"), .egress = {}, .members = {}};
  body.objects("Egress", [&](Fields& rule) { group.egress.push_back(read_rule(rule)); });
  if (body.has("Members")) group.members = body.addresses("Members");
  body.finish();
  return group;
}

Subnet read_subnet(const ObjectName& name, Fields& body) {
  Subnet subnet;
  subnet.account = name.account;
  subnet.id = name.id;
  subnet.vpc = body.text("VpcId");
  subnet.cidr = body.prefix("Cidr");
  subnet.zone = body.name("Zone");
  subnet.router = body.address("Router");
  body.object("Segment", [&](Fields& segment) {
    subnet.segment.attachment = segment.name("Attachment");
    subnet.segment.id = static_cast<std::uint32_t>(segment.number("Id", {.least = 0, .most = kMaxNumber24}));
    segment.finish();
  });
  if (body.has("Vteps")) subnet.vteps = body.addresses("Vteps");
  for (const auto vtep : subnet.vteps)
    if (!is_unicast(vtep) || std::count(subnet.vteps.begin(), subnet.vteps.end(), vtep) != 1)
      throw unexpected("Vteps", to_string(vtep), "unicast addresses, each once");
  if (body.has("Reserved")) subnet.reserved = body.addresses("Reserved");
  if (const auto routes = body.text("RouteTableId", ""); !routes.empty()) subnet.route_table = routes;
  body.finish();
  return subnet;
}

WorkerHost read_worker_host(const std::string& name, Fields& body) {
  WorkerHost host{.name = name,
                  .address = body.address("Address"),
                  .block = {},
                  .zone = body.name("Zone"),
                  .socket = body.text("Socket"),
                  .slots = static_cast<std::uint32_t>(body.number("Slots", {.least = 0, .most = 1'000'000}))};
  if (!is_unicast(host.address)) throw unexpected("Address", to_string(host.address), "a unicast address");
  body.finish();
  return host;
}

Json to_json(const Account& account) {
  Json limits;
  for (const auto& limit : kLimits) limits[limit.name] = account.limits.*limit.member;
  Json timeouts;
  for (const auto& timeout : kTimeouts) timeouts[timeout.name] = (account.timeouts.*timeout.member).count();
  return {{"Id", account.account}, {"Name", account.name}, {"Limits", limits}, {"Timeouts", timeouts}};
}

Json to_json(const Vpc& vpc) {
  Json object{{"Id", vpc.id}, {"Account", vpc.account}, {"Cidr", to_string(vpc.cidr)}};
  if (vpc.resolver) object["Resolver"] = to_string(*vpc.resolver);
  return object;
}

Json to_json(const RouteTable& table) {
  Json routes = Json::array();
  for (const auto& route : table.routes)
    routes.push_back({{"Destination", to_string(route.prefix)},
                      {"Target", route.target == RouteTarget::kBlackhole ? "blackhole" : "router"}});
  return {{"Id", table.id}, {"Account", table.account}, {"VpcId", table.vpc}, {"Routes", routes}};
}

Json to_json(const SecurityGroup& group) {
  Json rules = Json::array();
  for (const auto& rule : group.egress) rules.push_back(rule_json(rule));
  return {{"Id", group.id},
          {"Account", group.account},
          {"VpcId", group.vpc},
          {"Egress", rules},
          {"Members", texts(group.members)}};
}

Json to_json(const Subnet& subnet) {
  Json object{{"Id", subnet.id},
              {"Account", subnet.account},
              {"VpcId", subnet.vpc},
              {"Cidr", to_string(subnet.cidr)},
              {"Zone", subnet.zone},
              {"Router", to_string(subnet.router)},
              {"Segment", {{"Attachment", subnet.segment.attachment}, {"Id", subnet.segment.id}}},
              {"Vteps", texts(subnet.vteps)},
              {"Reserved", texts(subnet.reserved)}};
  if (subnet.route_table) object["RouteTableId"] = *subnet.route_table;
  return object;
}

Json to_json(const WorkerHost& host) {
  return {{"Name", host.name},
          {"Address", to_string(host.address)},
          {"Block", to_string(host.block)},
          {"Zone", host.zone},
          {"Socket", host.socket},
          {"Slots", host.slots}};
}

// As a client of AWS would expect it, beside those that leave, which AWS does not show.
static const char* interface_state(InterfaceState state) {
  switch (state) {
    case InterfaceState::kPublishing:
      return "Pending";
    case InterfaceState::kActive:
      return "Active";
    case InterfaceState::kLeaving:
    case InterfaceState::kDraining:
      return "Draining";
  }
  return "";
}

Json to_json(const Interface& interface) {
  return {{"Id", interface.id()},
          {"Address", to_string(interface.address)},
          {"Mac", to_string(interface.mac())},
          {"State", interface_state(interface.state)}};
}

}  // namespace hypernat::control
