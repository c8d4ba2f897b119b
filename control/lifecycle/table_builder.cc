#include "control/lifecycle/table_builder.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "control/store/counters.h"
#include "control/store/host_store.h"
#include "control/store/mapping_store.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

using config::EgressRule;
using config::Route;
using config::RouteTarget;

auto order(const Route& route) {
  return std::tuple(route.prefix, route.target);
}
auto order(const EgressRule& rule) {
  return std::tuple(rule.protocol, rule.destination, rule.first_port, rule.last_port);
}

struct ByContent {
  template <class Value>
  bool operator()(const Value& a, const Value& b) const {
    return order(a) < order(b);
  }
  template <class Value>
  bool operator()(const std::vector<Value>& a, const std::vector<Value>& b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), *this);
  }
};

// Lists that are shared by content, in the order of their content.
template <class Value>
class Shared {
 public:
  void add(const std::vector<Value>& list) { indices_.emplace(list, 0); }
  void number() {
    std::uint32_t next = 0;
    for (auto& [list, index] : indices_) index = next++;
  }
  std::uint32_t index(const std::vector<Value>& list) const { return indices_.at(list); }
  const auto& all() const { return indices_; }

 private:
  std::map<std::vector<Value>, std::uint32_t, ByContent> indices_;
};

// The fewest prefixes that hold these addresses and no other.
std::vector<Ipv4Prefix> covering(const std::set<Ipv4Address>& addresses) {
  std::vector<Ipv4Prefix> prefixes;
  for (const auto address : addresses) {
    prefixes.push_back({address, 32});
    while (prefixes.size() > 1) {
      const auto last = prefixes.back();
      const auto before = prefixes[prefixes.size() - 2];
      const auto both = Ipv4Prefix::covering(before.address, static_cast<std::uint8_t>(before.length - 1));
      if (last.length != before.length || !both.contains(last)) break;
      prefixes.pop_back();
      prefixes.back() = both;
    }
  }
  return prefixes;
}

std::vector<Route> routes_of(Database& database, const Subnet& subnet) {
  std::map<Ipv4Prefix, RouteTarget> routes;
  if (subnet.route_table)
    if (const auto table = find_route_table(database, subnet.account, *subnet.route_table))
      for (const auto& route : table->routes) routes[route.prefix] = route.target;
  // What is local stays local, whatever a route table says.
  if (const auto vpc = find_vpc(database, subnet.account, subnet.vpc)) routes[vpc->cidr] = RouteTarget::kRouter;
  routes[subnet.cidr] = RouteTarget::kLocal;
  std::vector<Route> list;
  for (const auto& [prefix, target] : routes) list.push_back({.prefix = prefix, .target = target});
  return list;
}

// Rules of groups as rules towards addresses: where one leads to a group, one for each part of the members' addresses.
class RuleResolver {
 public:
  RuleResolver(Database& database, const std::vector<MappedInterfaces>& mappings)
      : database_(database), mappings_(mappings) {}

  std::vector<EgressRule> rules_of(const MappedInterfaces& mapping) {
    std::set<EgressRule, ByContent> rules;
    for (const auto& id : groups_of(mapping)) {
      const auto group = find_security_group(database_, mapping.account, id);
      if (!group) continue;
      for (const auto& [rule, destination] : group->egress) {
        if (destination.empty()) {
          rules.insert(rule);
          continue;
        }
        for (const auto& part : members_of(mapping.account, destination)) {
          rules.insert({.protocol = rule.protocol,
                        .first_port = rule.first_port,
                        .last_port = rule.last_port,
                        .destination = part});
        }
      }
    }
    return {rules.begin(), rules.end()};
  }

 private:
  using Members = std::vector<Ipv4Prefix>;

  const Members& members_of(const std::string& account, const std::string& group) {
    const auto [known, is_new] = members_.try_emplace({account, group});
    if (!is_new) return known->second;
    auto addresses = carriers_of(account, group);
    if (const auto found = find_security_group(database_, account, group))
      addresses.insert(found->members.begin(), found->members.end());
    return known->second = covering(addresses);
  }

  // The addresses of interfaces that carry the group. All are found together, when somebody asks for the first time.
  std::set<Ipv4Address> carriers_of(const std::string& account, const std::string& group) {
    if (!carriers_are_known_)
      for (const auto& mapping : mappings_)
        for (const auto& id : groups_of(mapping))
          for (const auto& interface : mapping.interfaces) carriers_[{mapping.account, id}].insert(interface.address);
    carriers_are_known_ = true;
    const auto found = carriers_.find({account, group});
    return found == carriers_.end() ? std::set<Ipv4Address>{} : found->second;
  }

  Database& database_;
  const std::vector<MappedInterfaces>& mappings_;
  std::map<std::pair<std::string, std::string>, Members> members_;  // by account and group
  std::map<std::pair<std::string, std::string>, std::set<Ipv4Address>> carriers_;
  bool carriers_are_known_ = false;
};

config::Mapping describe(const MappedInterfaces& mapping) {
  config::Mapping described{.number = MappingNumber{mapping.number},
                            .uid = mapping.uid,
                            .tenant = 0,
                            .subnet = 0,
                            .rule_set = 0,
                            .interfaces = {}};
  for (const auto& interface : mapping.interfaces)
    described.interfaces.push_back({.id = interface.id(),
                                    .uid = interface.uid,
                                    .address = interface.address,
                                    .mac = interface.mac(),
                                    .drains = interface.drains()});
  return described;
}

}  // namespace

TableContent read_table_content(Database& database) {
  const auto publication = read_publication(database);
  TableContent content;
  content.epoch = publication.epoch;
  content.generation = publication.generation;
  content.hosts = list_worker_hosts(database);
  content.mappings = list_mapped_interfaces(database);
  std::unordered_set<std::uint32_t> used;
  RuleResolver resolver(database, content.mappings);
  for (const auto& mapping : content.mappings) {
    used.insert(mapping.subnet);
    const auto [place, is_new] = content.rules.try_emplace(mapping.group_key);
    if (!is_new) continue;
    place->second = resolver.rules_of(mapping);
    // What is left out is refused to functions: the safe side of a limit that members, too, may lead beyond.
    if (place->second.size() <= config::kMostRules) continue;
    content.warnings.push_back("account and security groups " + mapping.group_key + " come to " +
                               std::to_string(place->second.size()) + " rules; only " +
                               std::to_string(config::kMostRules) + " are in the table");
    place->second.resize(config::kMostRules);
  }
  for (auto& subnet : list_subnets(database)) {
    if (!used.contains(subnet.number)) continue;
    content.routes[subnet.number] = routes_of(database, subnet);
    content.accounts.try_emplace(subnet.account);
    content.subnets.emplace(subnet.number, std::move(subnet));
  }
  for (auto& account : list_accounts(database))
    if (const auto place = content.accounts.find(account.account); place != content.accounts.end())
      place->second = std::move(account);
  return content;
}

config::Table build_table(Database& database) {
  return make_table(read_table_content(database));
}

config::Table make_table(const TableContent& content) {
  config::Table table;
  table.epoch = content.epoch;
  table.generation = content.generation;
  for (const auto& host : content.hosts)
    table.peers.push_back({.name = host.name, .address = host.address, .block = host.block});

  std::map<std::string, std::uint32_t> tenants;
  for (const auto& [id, account] : content.accounts) {
    tenants.emplace(id, static_cast<std::uint32_t>(table.tenants.size()));
    table.tenants.push_back(
        {.account = id, .number = account.number, .limits = account.limits, .timeouts = account.timeouts});
  }

  Shared<Route> route_sets;
  for (const auto& [number, routes] : content.routes) route_sets.add(routes);
  route_sets.number();
  for (const auto& [routes, index] : route_sets.all()) table.route_sets.push_back({.routes = routes});

  Shared<EgressRule> rule_sets;
  for (const auto& [key, rules] : content.rules) rule_sets.add(rules);
  rule_sets.number();
  for (const auto& [rules, index] : rule_sets.all()) table.rule_sets.push_back({.rules = rules});
  std::unordered_map<std::string, std::uint32_t> rule_set_of;
  for (const auto& [key, rules] : content.rules) rule_set_of.emplace(key, rule_sets.index(rules));

  std::unordered_map<std::uint32_t, std::uint32_t> subnets;
  for (const auto& [number, subnet] : content.subnets) {
    subnets.emplace(number, static_cast<std::uint32_t>(table.subnets.size()));
    table.subnets.push_back({.number = SubnetNumber{number},
                             .id = subnet.id,
                             .tenant = tenants.at(subnet.account),
                             .prefix = subnet.cidr,
                             .segment = subnet.segment,
                             .router = subnet.router,
                             .vteps = subnet.vteps,
                             .route_set = route_sets.index(content.routes.at(number))});
  }
  table.mappings.reserve(content.mappings.size());
  for (const auto& mapping : content.mappings) {
    auto& described = table.mappings.emplace_back(describe(mapping));
    described.tenant = tenants.at(mapping.account);
    described.subnet = subnets.at(mapping.subnet);
    described.rule_set = rule_set_of.at(mapping.group_key);
  }
  return table;
}

}  // namespace hypernat::control
