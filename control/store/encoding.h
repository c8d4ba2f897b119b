// Lists and settings as the JSON text that one database column holds.
//
// Decoding throws DatabaseError: such text was written by `encode`, so anything else means a damaged database.
#pragma once

#include <string>
#include <vector>

#include "control/store/records.h"

namespace hypernat::control {

std::string encode(const std::vector<config::Route>& routes);
std::string encode(const std::vector<config::GroupRule>& rules);
std::string encode(const std::vector<Ipv4Address>& addresses);
std::string encode(const config::TenantLimits& limits);
std::string encode(const config::TenantTimeouts& timeouts);
std::string encode(const FunctionSettings& settings);
std::string encode(const FunctionNetwork& network);

std::vector<config::Route> decode_routes(const std::string& text);
std::vector<config::GroupRule> decode_rules(const std::string& text);
std::vector<Ipv4Address> decode_addresses(const std::string& text);
config::TenantLimits decode_limits(const std::string& text);
config::TenantTimeouts decode_timeouts(const std::string& text);
FunctionSettings decode_settings(const std::string& text);
FunctionNetwork decode_network(const std::string& text);

Ipv4Address decode_address(const std::string& text);
Ipv4Prefix decode_prefix(const std::string& text);
MappingState decode_mapping_state(const std::string& text);
InterfaceState decode_interface_state(const std::string& text);
FunctionState decode_function_state(const std::string& text);
UpdateStatus decode_update_status(const std::string& text);

}  // namespace hypernat::control
