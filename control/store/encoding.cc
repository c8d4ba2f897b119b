#include "control/store/encoding.h"

#include "config/json.h"
#include "control/store/sqlite.h"

namespace hypernat::control {
namespace {

using Json = nlohmann::json;

template <class Read>
auto decode(const std::string& text, Read read) {
  try {
    return read(Json::parse(text));
  } catch (const Json::exception& error) {
    throw DatabaseError("database is damaged: found " + text + ": " + error.what());
  }
}

template <class Value>
Value found(std::optional<Value> value, const std::string& text) {
  if (!value) throw DatabaseError("database is damaged: found \"" + text + "\"; expected an address or prefix");
  return *value;
}

// The enumerator whose text this is.
template <class Enum>
Enum named(const std::string& text, std::initializer_list<Enum> all) {
  for (const Enum value : all)
    if (to_string(value) == text) return value;
  throw DatabaseError("database is damaged: found state \"" + text + "\"");
}

}  // namespace

Ipv4Address decode_address(const std::string& text) {
  return found(parse_ipv4_address(text), text);
}
Ipv4Prefix decode_prefix(const std::string& text) {
  return found(parse_ipv4_prefix(text), text);
}

MappingState decode_mapping_state(const std::string& text) {
  using enum MappingState;
  return named(text, {kProvisioning, kPublishing, kActive, kFailed, kReleasing});
}

InterfaceState decode_interface_state(const std::string& text) {
  using enum InterfaceState;
  return named(text, {kPublishing, kActive, kLeaving, kDraining});
}

FunctionState decode_function_state(const std::string& text) {
  using enum FunctionState;
  return named(text, {kPending, kActive, kInactive, kFailed});
}

UpdateStatus decode_update_status(const std::string& text) {
  using enum UpdateStatus;
  return named(text, {kSuccessful, kInProgress, kFailed});
}

std::string encode(const std::vector<config::Route>& routes) {
  Json array = Json::array();
  for (const auto& route : routes)
    array.push_back({{"to", to_string(route.prefix)}, {"by", static_cast<unsigned>(route.target)}});
  return array.dump();
}

std::vector<config::Route> decode_routes(const std::string& text) {
  return decode(text, [](const Json& array) {
    std::vector<config::Route> routes;
    for (const auto& item : array)
      routes.push_back({.prefix = decode_prefix(item.at("to").get<std::string>()),
                        .target = static_cast<config::RouteTarget>(item.at("by").get<unsigned>())});
    return routes;
  });
}

std::string encode(const std::vector<config::GroupRule>& rules) {
  Json array = Json::array();
  for (const auto& [rule, group] : rules) {
    Json& object = array.emplace_back(Json{{"protocol", rule.protocol},
                                           {"first", rule.first_port},
                                           {"last", rule.last_port},
                                           {"to", to_string(rule.destination)}});
    if (!group.empty()) object["group"] = group;
  }
  return array.dump();
}

std::vector<config::GroupRule> decode_rules(const std::string& text) {
  return decode(text, [](const Json& array) {
    std::vector<config::GroupRule> rules;
    for (const auto& item : array)
      rules.push_back({.rule = {.protocol = item.at("protocol").get<std::int16_t>(),
                                .first_port = item.at("first").get<std::uint16_t>(),
                                .last_port = item.at("last").get<std::uint16_t>(),
                                .destination = decode_prefix(item.at("to").get<std::string>())},
                       .group = item.value("group", std::string())});
    return rules;
  });
}

std::string encode(const std::vector<Ipv4Address>& addresses) {
  Json array = Json::array();
  for (const auto address : addresses) array.push_back(to_string(address));
  return array.dump();
}

std::vector<Ipv4Address> decode_addresses(const std::string& text) {
  return decode(text, [](const Json& array) {
    std::vector<Ipv4Address> addresses;
    for (const auto& item : array) addresses.push_back(decode_address(item.get<std::string>()));
    return addresses;
  });
}

std::string encode(const config::TenantLimits& limits) {
  return Json{{"flows", limits.flows},
              {"new_flows_per_second", limits.new_flows_per_second},
              {"packets_per_second", limits.packets_per_second}}
      .dump();
}

config::TenantLimits decode_limits(const std::string& text) {
  return decode(text, [](const Json& object) {
    return config::TenantLimits{.flows = object.at("flows").get<std::uint32_t>(),
                                .new_flows_per_second = object.at("new_flows_per_second").get<std::uint32_t>(),
                                .packets_per_second = object.at("packets_per_second").get<std::uint32_t>()};
  });
}

std::string encode(const config::TenantTimeouts& timeouts) {
  return Json{{"tcp_opening", timeouts.tcp_opening.count()},
              {"tcp_established", timeouts.tcp_established.count()},
              {"tcp_closing", timeouts.tcp_closing.count()},
              {"udp", timeouts.udp.count()},
              {"icmp", timeouts.icmp.count()}}
      .dump();
}

config::TenantTimeouts decode_timeouts(const std::string& text) {
  return decode(text, [](const Json& object) {
    const auto timeout = [&](const char* name) {
      return std::chrono::milliseconds(object.at(name).get<std::int64_t>());
    };
    return config::TenantTimeouts{.tcp_opening = timeout("tcp_opening"),
                                  .tcp_established = timeout("tcp_established"),
                                  .tcp_closing = timeout("tcp_closing"),
                                  .udp = timeout("udp"),
                                  .icmp = timeout("icmp")};
  });
}

std::string encode(const FunctionSettings& settings) {
  return Json{{"role", settings.role},
              {"runtime", settings.runtime},
              {"handler", settings.handler},
              {"description", settings.description},
              {"timeout_seconds", settings.timeout_seconds},
              {"memory_megabytes", settings.memory_megabytes},
              {"environment", settings.environment},
              {"code_size", settings.code_size},
              {"code_sha256", settings.code_sha256},
              {"revision", settings.revision},
              {"last_modified", settings.last_modified}}
      .dump();
}

FunctionSettings decode_settings(const std::string& text) {
  return decode(text, [](const Json& object) {
    FunctionSettings settings;
    object.at("role").get_to(settings.role);
    object.at("runtime").get_to(settings.runtime);
    object.at("handler").get_to(settings.handler);
    object.at("description").get_to(settings.description);
    object.at("timeout_seconds").get_to(settings.timeout_seconds);
    object.at("memory_megabytes").get_to(settings.memory_megabytes);
    object.at("environment").get_to(settings.environment);
    object.at("code_size").get_to(settings.code_size);
    object.at("code_sha256").get_to(settings.code_sha256);
    object.at("revision").get_to(settings.revision);
    object.at("last_modified").get_to(settings.last_modified);
    return settings;
  });
}

std::string encode(const FunctionNetwork& network) {
  return Json{{"subnets", network.subnets}, {"groups", network.groups}}.dump();
}

FunctionNetwork decode_network(const std::string& text) {
  return decode(text, [](const Json& object) {
    return FunctionNetwork{.subnets = object.at("subnets").get<std::vector<std::string>>(),
                           .groups = object.at("groups").get<std::vector<std::string>>()};
  });
}

}  // namespace hypernat::control
