#include "control/lifecycle/networks.h"

#include <algorithm>
#include <set>

#include "control/lifecycle/addresses.h"
#include "control/lifecycle/refusal.h"
#include "control/store/counters.h"
#include "control/store/function_store.h"
#include "control/store/interface_store.h"
#include "control/store/mapping_store.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

template <class Value>
Outcome put_if_different(Database& database, const std::optional<Value>& before, const Value& value) {
  if (before == value) return Outcome::kUnchanged;
  put(database, value);
  return Outcome::kChanged;
}

[[noreturn]] void refuse_in_use(const std::string& what, const std::string& by) {
  throw conflict(what + " is in use by " + by + "; remove that first");
}

// A subnet of five reserved addresses and one to give.
constexpr std::uint8_t kLongestSubnet = 29;

}  // namespace

Account Networks::account(const std::string& account) {
  if (auto found = find_account(database_, account)) return *found;
  throw not_found("The account '" + account + "' does not exist");
}

Vpc Networks::vpc(const std::string& account, const std::string& id) {
  if (auto found = find_vpc(database_, account, id)) return *found;
  throw not_found("The vpc ID '" + id + "' does not exist in account " + account);
}

RouteTable Networks::route_table(const std::string& account, const std::string& id) {
  if (auto found = find_route_table(database_, account, id)) return *found;
  throw not_found("The routeTable ID '" + id + "' does not exist in account " + account);
}

SecurityGroup Networks::security_group(const std::string& account, const std::string& id) {
  if (auto found = find_security_group(database_, account, id)) return *found;
  throw not_found("The security group '" + id + "' does not exist in account " + account);
}

Subnet Networks::subnet(const std::string& account, const std::string& id) {
  if (auto found = find_subnet(database_, account, id)) return *found;
  throw not_found("The subnet ID '" + id + "' does not exist in account " + account);
}

Outcome Networks::put_account(Account account) {
  const auto before = find_account(database_, account.account);
  account.number = before ? before->number : take_tenant_number(database_);
  return put_if_different(database_, before, account);
}

Outcome Networks::put_vpc(const Vpc& vpc) {
  account(vpc.account);
  for (const auto& subnet : list_subnets(database_, vpc.account)) {
    if (subnet.vpc != vpc.id) continue;
    if (!vpc.cidr.contains(subnet.cidr))
      throw conflict("Cidr: found " + to_string(vpc.cidr) + "; expected a prefix that holds " + subnet.id +
                     ", which is " + to_string(subnet.cidr));
    const auto used = used_addresses(database_, subnet.number);
    if (vpc.resolver && std::find(used.begin(), used.end(), *vpc.resolver) != used.end())
      throw conflict("Resolver: found " + to_string(*vpc.resolver) + ", which is an interface's address in " +
                     subnet.id);
  }
  for (const auto& table : list_route_tables(database_, vpc.account)) {
    if (table.vpc != vpc.id) continue;
    for (const auto& route : table.routes)
      if (vpc.cidr.contains(route.prefix))
        throw conflict("Cidr: found " + to_string(vpc.cidr) + "; expected a prefix that does not hold " +
                       to_string(route.prefix) + ", to which " + table.id + " has a route");
  }
  for (const auto& group : list_security_groups(database_, vpc.account))
    for (const auto member : group.members)
      if (group.vpc == vpc.id && !vpc.cidr.contains(member))
        throw conflict("Cidr: found " + to_string(vpc.cidr) + "; expected a prefix that holds " + to_string(member) +
                       ", a member of " + group.id);
  return put_if_different(database_, find_vpc(database_, vpc.account, vpc.id), vpc);
}

Outcome Networks::put_route_table(const RouteTable& table) {
  const auto home = vpc(table.account, table.vpc);
  std::set<Ipv4Prefix> seen;
  for (const auto& route : table.routes) {
    if (home.cidr.contains(route.prefix))
      throw invalid_parameter("Routes: found " + to_string(route.prefix) + "; expected destinations beyond " +
                              to_string(home.cidr) + " of " + home.id + ", whose routes are implied");
    if (!seen.insert(route.prefix).second)
      throw invalid_parameter("Routes: found " + to_string(route.prefix) + " twice");
  }
  const auto before = find_route_table(database_, table.account, table.id);
  if (before && before->vpc != table.vpc)
    for (const auto& subnet : list_subnets(database_, table.account))
      if (subnet.route_table == table.id) refuse_in_use("Route table " + table.id, "subnet " + subnet.id);
  return put_if_different(database_, before, table);
}

Outcome Networks::put_security_group(const SecurityGroup& group) {
  const auto home = vpc(group.account, group.vpc);
  std::set<Ipv4Address> members;
  for (const auto member : group.members) {
    if (!home.cidr.contains(member))
      throw invalid_parameter("Members: found " + to_string(member) + "; expected addresses in " +
                              to_string(home.cidr) + " of " + home.id);
    if (!members.insert(member).second) throw invalid_parameter("Members: found " + to_string(member) + " twice");
  }
  check_destinations(group);
  const auto before = find_security_group(database_, group.account, group.id);
  if (before && before->vpc != group.vpc) {
    if (is_group_in_use(database_, group.account, group.id)) refuse_in_use("Security group " + group.id, "a mapping");
    refuse_if_destination(*before);
  }
  return put_if_different(database_, before, group);
}

// A group may lead to itself, which is there once it is put.
void Networks::check_destinations(const SecurityGroup& group) {
  for (const auto& rule : group.egress) {
    if (rule.group.empty() || rule.group == group.id) continue;
    if (security_group(group.account, rule.group).vpc != group.vpc)
      throw invalid_parameter("Egress: found " + rule.group + ", which is of another VPC; expected one of " +
                              group.vpc);
  }
}

void Networks::refuse_if_destination(const SecurityGroup& group) {
  for (const auto& other : list_security_groups(database_, group.account))
    for (const auto& rule : other.egress)
      if (rule.group == group.id && other.id != group.id)
        refuse_in_use("Security group " + group.id, "a rule of security group " + other.id);
}

Outcome Networks::put_subnet(Subnet subnet) {
  const auto home = vpc(subnet.account, subnet.vpc);
  if (subnet.route_table && route_table(subnet.account, *subnet.route_table).vpc != subnet.vpc)
    throw invalid_parameter("RouteTableId: found " + *subnet.route_table +
                            ", which is of another VPC; expected one of " + subnet.vpc);
  const auto before = find_subnet(database_, subnet.account, subnet.id);
  if (before) subnet.number = before->number;
  check_place(subnet, home);
  check_segment(subnet);
  if (before) check_interfaces(subnet, *before);
  if (!before) subnet.number = take_subnet_number(database_);
  return put_if_different(database_, before, subnet);
}

void Networks::check_place(const Subnet& subnet, const Vpc& vpc) {
  const auto cidr = to_string(subnet.cidr);
  if (!vpc.cidr.contains(subnet.cidr))
    throw invalid_parameter("Cidr: found " + cidr + "; expected a part of the VPC's " + to_string(vpc.cidr));
  if (subnet.cidr.length > kLongestSubnet)
    throw invalid_parameter("Cidr: found " + cidr + "; expected at most " + std::to_string(kLongestSubnet) +
                            " bits: five addresses of a subnet are reserved");
  for (const auto& other : list_subnets(database_, subnet.account))
    if (other.vpc == subnet.vpc && other.id != subnet.id && other.cidr.overlaps(subnet.cidr))
      throw invalid_parameter("Cidr: found " + cidr + ", which overlaps " + other.id + ", " + to_string(other.cidr));

  const auto is_host = [&](Ipv4Address address) {
    return subnet.cidr.contains(address) && address != subnet.cidr.first() && address != subnet.cidr.last();
  };
  if (!is_host(subnet.router))
    throw invalid_parameter("Router: found " + to_string(subnet.router) + "; expected a host's address in " + cidr);
  for (const auto address : subnet.reserved)
    if (!subnet.cidr.contains(address))
      throw invalid_parameter("Reserved: found " + to_string(address) + "; expected addresses in " + cidr);
}

void Networks::check_segment(const Subnet& subnet) {
  const auto other = find_subnet(database_, subnet.segment);
  if (other && (other->account != subnet.account || other->id != subnet.id))
    throw conflict("Segment: found " + subnet.segment.attachment + " " + std::to_string(subnet.segment.id) +
                   ", which another subnet has; expected one of its own");
}

void Networks::check_interfaces(const Subnet& subnet, const Subnet& before) {
  if (!is_subnet_in_use(database_, subnet.number)) return;
  if (subnet.cidr != before.cidr || subnet.vpc != before.vpc)
    refuse_in_use("Cidr and VpcId cannot change: subnet " + subnet.id, "a mapping");
  const auto used = used_addresses(database_, subnet.number);
  for (const auto address : used)
    if (address == subnet.router ||
        std::find(subnet.reserved.begin(), subnet.reserved.end(), address) != subnet.reserved.end())
      throw conflict("Router, Reserved: found " + to_string(address) + ", which is an interface's address in " +
                     subnet.id);
}

void Networks::erase_account(const std::string& id) {
  account(id);
  if (const auto vpcs = list_vpcs(database_, id); !vpcs.empty())
    refuse_in_use("Account " + id, "VPC " + vpcs.front().id);
  if (const auto functions = list_functions(database_, id, "", 1); !functions.empty())
    refuse_in_use("Account " + id, "function " + functions.front().name);
  control::erase_account(database_, id);
}

void Networks::erase_vpc(const std::string& account, const std::string& id) {
  vpc(account, id);
  const auto refuse_if_inside = [&](const auto& parts, const std::string& kind) {
    for (const auto& part : parts)
      if (part.vpc == id) refuse_in_use("VPC " + id, kind + " " + part.id);
  };
  refuse_if_inside(list_subnets(database_, account), "subnet");
  refuse_if_inside(list_security_groups(database_, account), "security group");
  refuse_if_inside(list_route_tables(database_, account), "route table");
  control::erase_vpc(database_, account, id);
}

void Networks::erase_route_table(const std::string& account, const std::string& id) {
  route_table(account, id);
  for (const auto& subnet : list_subnets(database_, account))
    if (subnet.route_table == id) refuse_in_use("Route table " + id, "subnet " + subnet.id);
  control::erase_route_table(database_, account, id);
}

void Networks::erase_security_group(const std::string& account, const std::string& id) {
  const auto found = security_group(account, id);
  if (is_group_in_use(database_, account, id)) refuse_in_use("Security group " + id, "a mapping");
  refuse_if_destination(found);
  control::erase_security_group(database_, account, id);
}

void Networks::erase_subnet(const std::string& account, const std::string& id) {
  const auto found = subnet(account, id);
  if (is_subnet_in_use(database_, found.number)) refuse_in_use("Subnet " + id, "a mapping");
  control::erase_subnet(database_, found.number);
}

}  // namespace hypernat::control
