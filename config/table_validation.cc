// Everything that a reader of a table relies on, checked in one pass over each list. A table that contradicts itself is
// refused whole, so the first contradiction is enough; its message names the object, what was found and what was
// expected.
#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "config/names.h"
#include "config/table.h"

namespace hypernat::config {
namespace {

[[noreturn]] void refuse(const std::string& object, const std::string& found, const std::string& expected) {
  throw TableError(object + ": found " + found + "; expected " + expected);
}

void check_name(const std::string& object, std::string_view text) {
  if (!is_name(text)) refuse(object, "the name " + quote(text), std::string(kNameRule));
}

void check_index(const std::string& object, const char* what, std::size_t index, std::size_t size) {
  if (index < size) return;
  refuse(object, std::string(what) + " index " + std::to_string(index),
         "one below " + std::to_string(size) + ", the number of them in the table");
}

void check_number24(const std::string& object, std::uint32_t number) {
  if (number >= 1 && number <= kMaxNumber24) return;
  refuse(object, "number " + std::to_string(number), "1 to " + std::to_string(kMaxNumber24));
}

void check_prefix(const std::string& object, const char* what, const Ipv4Prefix& prefix) {
  // The length first: beyond 32 a prefix's own arithmetic has no meaning.
  if (prefix.length > 32) refuse(object, std::string(what) + " length " + std::to_string(prefix.length), "0 to 32");
  if (Ipv4Prefix::covering(prefix.address, prefix.length) != prefix) {
    refuse(object, std::string(what) + " " + to_string(prefix), "no host bits set");
  }
}

void check_unicast(const std::string& object, const char* what, Ipv4Address address) {
  if (!address.is_unicast()) refuse(object, std::string(what) + " " + to_string(address), "a unicast address");
}

/// Inside the subnet, and neither its first (network) nor last (broadcast) address.
void check_host(const std::string& object, const char* what, Ipv4Address address, const Ipv4Prefix& prefix) {
  if (prefix.contains(address) && address != prefix.first() && address != prefix.last()) return;
  refuse(object, std::string(what) + " " + to_string(address), "a host address of " + to_string(prefix));
}

/// Values that must not occur twice in the table.
template <class Key, class Hash = std::hash<Key>>
class Unique {
 public:
  explicit Unique(std::size_t size) { seen_.reserve(size); }

  bool take(const Key& key) { return seen_.insert(key).second; }

 private:
  std::unordered_set<Key, Hash> seen_;
};

struct PairHash {
  template <class Text>
  std::size_t operator()(const std::pair<std::uint32_t, Text>& key) const {
    return std::hash<Text>{}(key.second) * 0x9e3779b97f4a7c15U + key.first;
  }
};

/// (index of a tenant or subnet, a value that only has to be unique within it)
template <class Value>
using UniqueWithin = Unique<std::pair<std::uint32_t, Value>, PairHash>;

void check_peers(const Table& table) {
  Unique<std::string_view> names(table.peers.size());
  Unique<Ipv4Address> addresses(table.peers.size());
  std::vector<std::pair<Ipv4Prefix, const TunnelPeer*>> blocks;
  for (const TunnelPeer& peer : table.peers) {
    const std::string object = "tunnel peer " + quote(peer.name);
    check_name(object, peer.name);
    if (!names.take(peer.name)) refuse(object, "the name twice", "every peer once");
    check_unicast(object, "address", peer.address);
    if (!addresses.take(peer.address)) refuse(object, "another peer's address " + to_string(peer.address), "its own");
    check_prefix(object, "block", peer.block);
    blocks.emplace_back(peer.block, &peer);
  }
  // Sorted by first address, prefixes that overlap at all include two neighbours that do.
  std::sort(blocks.begin(), blocks.end());
  for (std::size_t i = 1; i < blocks.size(); ++i) {
    if (!blocks[i - 1].first.overlaps(blocks[i].first)) continue;
    refuse("tunnel peer " + quote(blocks[i].second->name), "block " + to_string(blocks[i].first),
           "one apart from " + to_string(blocks[i - 1].first) + " of " + quote(blocks[i - 1].second->name));
  }
}

void check_timeout(const std::string& object, const char* what, std::chrono::milliseconds timeout) {
  if (timeout.count() == 0 || (timeout >= kShortestTimeout && timeout <= kLongestTimeout)) return;
  refuse(object, "a timeout " + std::string(what) + " of " + std::to_string(timeout.count()) + " ms",
         std::to_string(kShortestTimeout.count()) + " to " + std::to_string(kLongestTimeout.count()) +
             ", or 0 for the data plane's");
}

void check_tenants(const Table& table) {
  Unique<std::string_view> accounts(table.tenants.size());
  Unique<std::uint32_t> numbers(table.tenants.size());
  for (const Tenant& tenant : table.tenants) {
    const std::string object = "tenant " + quote(tenant.account);
    if (!is_account(tenant.account)) refuse(object, "that account", "12 decimal digits");
    if (!accounts.take(tenant.account)) refuse(object, "the account twice", "every tenant once");
    if (!numbers.take(tenant.number)) {
      refuse(object, "another tenant's number " + std::to_string(tenant.number), "its own");
    }
    check_timeout(object, "tcp_opening", tenant.timeouts.tcp_opening);
    check_timeout(object, "tcp_established", tenant.timeouts.tcp_established);
    check_timeout(object, "tcp_closing", tenant.timeouts.tcp_closing);
    check_timeout(object, "udp", tenant.timeouts.udp);
    check_timeout(object, "icmp", tenant.timeouts.icmp);
  }
}

void check_route_sets(const Table& table) {
  for (std::size_t i = 0; i < table.route_sets.size(); ++i) {
    const std::string object = "route set " + std::to_string(i);
    const Ipv4Prefix* previous = nullptr;
    for (const Route& route : table.route_sets[i].routes) {
      check_prefix(object, "destination", route.prefix);
      if (route.target > RouteTarget::kBlackhole) {
        refuse(object,
               "target " + std::to_string(static_cast<unsigned>(route.target)) + " of " + to_string(route.prefix),
               "0 (local), 1 (router) or 2 (blackhole)");
      }
      if (previous != nullptr && !(*previous < route.prefix)) {
        refuse(object, to_string(route.prefix) + " after " + to_string(*previous),
               "destinations in ascending order, each once");
      }
      previous = &route.prefix;
    }
  }
}

void check_rule(const std::string& object, const EgressRule& rule) {
  check_prefix(object, "destination", rule.destination);
  if (rule.protocol < -1 || rule.protocol > 255) {
    refuse(object, "protocol " + std::to_string(rule.protocol), "-1 to 255");
  }
  const std::string range = std::to_string(rule.first_port) + "-" + std::to_string(rule.last_port);
  if (rule.protocol == static_cast<int>(Protocol::kTcp) || rule.protocol == static_cast<int>(Protocol::kUdp)) {
    if (rule.first_port > rule.last_port) refuse(object, "ports " + range, "the lower one first");
  } else if (rule.protocol == static_cast<int>(Protocol::kIcmp)) {
    const auto known = [](std::uint16_t value) { return value <= 255 || value == kAnyIcmp; };
    if (!known(rule.first_port) || !known(rule.last_port) ||
        (rule.first_port == kAnyIcmp && rule.last_port != kAnyIcmp)) {
      refuse(object, "ICMP type and code " + range, "0 to 255, or any; any type has any code");
    }
  }
}

void check_rule_sets(const Table& table) {
  for (std::size_t i = 0; i < table.rule_sets.size(); ++i) {
    const auto& rules = table.rule_sets[i].rules;
    if (rules.size() > kMostRules) {
      refuse("rule set " + std::to_string(i), std::to_string(rules.size()) + " rules",
             "at most " + std::to_string(kMostRules));
    }
    for (std::size_t j = 0; j < rules.size(); ++j) {
      check_rule("rule set " + std::to_string(i) + ", rule " + std::to_string(j), rules[j]);
    }
  }
}

void check_vteps(const std::string& object, const std::vector<Ipv4Address>& vteps) {
  Unique<Ipv4Address> seen(vteps.size());
  for (const Ipv4Address vtep : vteps) {
    check_unicast(object, "VTEP", vtep);
    if (!seen.take(vtep)) refuse(object, "VTEP " + to_string(vtep) + " twice", "each once");
  }
}

void check_local_routes(const std::string& object, const Subnet& subnet, const RouteSet& set) {
  for (const Route& route : set.routes) {
    if (route.target != RouteTarget::kLocal || subnet.prefix.contains(route.prefix)) continue;
    refuse(object, "a local route to " + to_string(route.prefix), "one within " + to_string(subnet.prefix));
  }
}

void check_subnets(const Table& table) {
  Unique<std::uint32_t> numbers(table.subnets.size());
  UniqueWithin<std::string_view> ids(table.subnets.size());
  UniqueWithin<std::string_view> segments(table.subnets.size());
  for (const Subnet& subnet : table.subnets) {
    const std::string object = "subnet " + quote(subnet.id);
    check_name(object, subnet.id);
    check_number24(object, to_number(subnet.number));
    if (!numbers.take(to_number(subnet.number))) {
      refuse(object, "another subnet's number " + std::to_string(to_number(subnet.number)), "its own");
    }
    check_index(object, "tenant", subnet.tenant, table.tenants.size());
    // An id is its account's own: two accounts may have chosen the same.
    if (!ids.take({subnet.tenant, subnet.id})) refuse(object, "the id twice in one account", "every subnet once");
    check_prefix(object, "prefix", subnet.prefix);
    check_name(object + ", attachment", subnet.segment.attachment);
    const std::string segment = subnet.segment.attachment + ":" + std::to_string(subnet.segment.id);
    if (subnet.segment.id > kMaxNumber24) {
      refuse(object, "segment " + segment, "an id of at most " + std::to_string(kMaxNumber24));
    }
    if (!segments.take({subnet.segment.id, subnet.segment.attachment})) {
      refuse(object, "another subnet's segment " + segment, "its own");
    }
    check_host(object, "router", subnet.router, subnet.prefix);
    check_vteps(object, subnet.vteps);
    check_index(object, "route set", subnet.route_set, table.route_sets.size());
    check_local_routes(object, subnet, table.route_sets[subnet.route_set]);
  }
}

/// Interfaces over the whole table, and over the subnet that each lies in.
class InterfaceCheck {
 public:
  explicit InterfaceCheck(std::size_t size) : ids_(size), uids_(size), addresses_(size), macs_(size) {}

  void check(const Interface& interface, std::uint32_t subnet_index, const Subnet& subnet) {
    const std::string object = "interface " + quote(interface.id);
    check_name(object, interface.id);
    if (!ids_.take(interface.id)) refuse(object, "the id twice", "every interface once");
    if (interface.uid == 0 || !uids_.take(interface.uid)) {
      refuse(object, "uid " + std::to_string(interface.uid), "one of its own, not 0");
    }
    check_host(object, "address", interface.address, subnet.prefix);
    if (interface.address == subnet.router) {
      refuse(object, "the router's address " + to_string(interface.address), "another");
    }
    if (!addresses_.take({subnet_index, interface.address})) {
      refuse(object, "another interface's address " + to_string(interface.address), "its own");
    }
    if (interface.mac.is_zero() || interface.mac.is_multicast()) {
      refuse(object, "MAC " + to_string(interface.mac), "a unicast one");
    }
    std::uint64_t mac = 0;
    for (const std::uint8_t byte : interface.mac.bytes) mac = mac << 8 | byte;
    if (!macs_.take({subnet_index, mac})) {
      refuse(object, "another interface's MAC " + to_string(interface.mac), "its own");
    }
  }

 private:
  Unique<std::string_view> ids_;
  Unique<std::uint64_t> uids_;
  UniqueWithin<Ipv4Address> addresses_;
  UniqueWithin<std::uint64_t> macs_;
};

void check_mappings(const Table& table) {
  Unique<std::uint64_t> uids(table.mappings.size());
  InterfaceCheck interfaces(table.mappings.size());
  std::uint32_t previous = 0;
  for (const Mapping& mapping : table.mappings) {
    const std::uint32_t number = to_number(mapping.number);
    const std::string object = "mapping " + std::to_string(number);
    check_number24(object, number);
    if (number <= previous) {
      refuse(object, "it after mapping " + std::to_string(previous), "mappings in ascending order, each once");
    }
    previous = number;
    if (mapping.uid == 0 || !uids.take(mapping.uid)) {
      refuse(object, "uid " + std::to_string(mapping.uid), "one of its own, not 0");
    }
    check_index(object, "tenant", mapping.tenant, table.tenants.size());
    check_index(object, "subnet", mapping.subnet, table.subnets.size());
    check_index(object, "rule set", mapping.rule_set, table.rule_sets.size());
    const Subnet& subnet = table.subnets[mapping.subnet];
    if (subnet.tenant != mapping.tenant) {
      refuse(object, "subnet " + quote(subnet.id) + " of tenant " + table.tenants[subnet.tenant].account,
             "one of its own tenant " + table.tenants[mapping.tenant].account);
    }
    if (mapping.interfaces.empty()) refuse(object, "no interface", "at least one");
    if (std::all_of(mapping.interfaces.begin(), mapping.interfaces.end(), [](const auto& each) { return each.drains; }))
      refuse(object, "only draining interfaces", "at least one for new flows");
    for (const Interface& interface : mapping.interfaces) interfaces.check(interface, mapping.subnet, subnet);
  }
}

}  // namespace

void validate(const Table& table) {
  if (table.generation == 0) refuse("table", "generation 0", "one counted from 1");
  check_peers(table);
  check_tenants(table);
  check_route_sets(table);
  check_rule_sets(table);
  check_subnets(table);
  check_mappings(table);
}

}  // namespace hypernat::config
