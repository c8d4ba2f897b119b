// make_table STORE < table.yaml: publishes a mapping table without a control plane.
//
// For tests of the data plane alone. The YAML has the members of config::Table under their own names; what is left out
// has its default. Whatever config::validate refuses is refused here.
#include <yaml-cpp/yaml.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "config/store.h"
#include "config/table.h"

namespace {

using namespace hypernat;
using namespace hypernat::config;

template <typename Value>
Value required(std::optional<Value> value, const YAML::Node& node) {
  if (!value) throw std::runtime_error("line " + std::to_string(node.Mark().line + 1) + ": bad value " + node.Scalar());
  return *value;
}
Ipv4Address address(const YAML::Node& node) {
  return required(parse_ipv4_address(node.as<std::string>()), node);
}
Ipv4Prefix prefix(const YAML::Node& node) {
  return required(parse_ipv4_prefix(node.as<std::string>()), node);
}
MacAddress mac(const YAML::Node& node) {
  return required(parse_mac_address(node.as<std::string>()), node);
}

RouteTarget target(const YAML::Node& node) {
  const auto name = node.as<std::string>();
  if (name == "local") return RouteTarget::kLocal;
  if (name == "router") return RouteTarget::kRouter;
  if (name == "blackhole") return RouteTarget::kBlackhole;
  throw std::runtime_error("target: local, router or blackhole, not " + name);
}

RouteSet route_set(const YAML::Node& node) {
  RouteSet set;
  for (const auto& route : node)
    set.routes.push_back({.prefix = prefix(route["prefix"]), .target = target(route["target"])});
  return set;
}

RuleSet rule_set(const YAML::Node& node) {
  RuleSet set;
  for (const auto& rule : node) {
    set.rules.push_back({.protocol = rule["protocol"].as<std::int16_t>(-1),
                         .first_port = rule["first_port"].as<std::uint16_t>(0),
                         .last_port = rule["last_port"].as<std::uint16_t>(0),
                         .destination = prefix(rule["destination"])});
  }
  return set;
}

Subnet subnet(const YAML::Node& node) {
  Subnet made;
  made.number = SubnetNumber{node["number"].as<std::uint32_t>()};
  made.id = node["id"].as<std::string>();
  made.tenant = node["tenant"].as<std::uint32_t>(0);
  made.prefix = prefix(node["prefix"]);
  made.segment = {.attachment = node["attachment"].as<std::string>(), .id = node["segment"].as<std::uint32_t>(0)};
  made.router = address(node["router"]);
  for (const auto& vtep : node["vteps"]) made.vteps.push_back(address(vtep));
  made.route_set = node["route_set"].as<std::uint32_t>(0);
  return made;
}

Mapping mapping(const YAML::Node& node) {
  Mapping made;
  made.number = MappingNumber{node["number"].as<std::uint32_t>()};
  made.uid = node["uid"].as<std::uint64_t>();
  made.tenant = node["tenant"].as<std::uint32_t>(0);
  made.subnet = node["subnet"].as<std::uint32_t>(0);
  made.rule_set = node["rule_set"].as<std::uint32_t>(0);
  for (const auto& from : node["interfaces"]) {
    made.interfaces.push_back({.id = from["id"].as<std::string>(),
                               .uid = from["uid"].as<std::uint64_t>(),
                               .address = address(from["address"]),
                               .mac = mac(from["mac"])});
  }
  return made;
}

TenantLimits limits(const YAML::Node& node) {
  if (!node) return {};
  return {.flows = node["flows"].as<std::uint32_t>(0),
          .new_flows_per_second = node["new_flows_per_second"].as<std::uint32_t>(0),
          .packets_per_second = node["packets_per_second"].as<std::uint32_t>(0)};
}

Table table(const YAML::Node& node) {
  Table made;
  made.epoch = node["epoch"].as<std::uint64_t>(1);
  made.generation = node["generation"].as<std::uint64_t>(1);
  for (const auto& peer : node["peers"]) {
    made.peers.push_back(
        {.name = peer["name"].as<std::string>(), .address = address(peer["address"]), .block = prefix(peer["block"])});
  }
  for (const auto& tenant : node["tenants"]) {
    made.tenants.push_back({.account = tenant["account"].as<std::string>(),
                            .number = tenant["number"].as<std::uint32_t>(),
                            .limits = limits(tenant["limits"]),
                            .timeouts = {}});
  }
  for (const auto& set : node["route_sets"]) made.route_sets.push_back(route_set(set));
  for (const auto& set : node["rule_sets"]) made.rule_sets.push_back(rule_set(set));
  for (const auto& one : node["subnets"]) made.subnets.push_back(subnet(one));
  for (const auto& one : node["mappings"]) made.mappings.push_back(mapping(one));
  return made;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_table STORE < table.yaml\n");
    return 2;
  }
  try {
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    const auto bytes = write_table(table(YAML::Load(text)));
    open_directory_store(argv[1])->publish(bytes);
    std::printf("%s\n", sha256_hex(bytes).c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_table: %s\n", error.what());
    return 1;
  }
  return 0;
}
