// The interfaces of mappings, and those that mappings want beside: rows in, values out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/store/records.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

std::optional<Interface> find_interface(Database& database, std::uint64_t uid);
std::vector<Interface> list_interfaces(Database& database, std::uint64_t mapping);
/// All, by mapping and uid.
std::vector<Interface> list_interfaces(Database& database);
void insert_interface(Database& database, const Interface& interface, std::uint32_t subnet);
void erase_interface(Database& database, std::uint64_t uid);
/// Its state and since; a state that tables tell of has not been in one.
void update_state(Database& database, const Interface& interface);
/// Whether there are any whose state no table holds yet, of those that came into it before `next_uid` was given.
bool has_interfaces_to_publish(Database& database, std::uint64_t next_uid);
/// The table of this generation is the first that holds these.
void set_first_generation(Database& database, std::uint64_t generation, std::uint64_t next_uid);
/// Those that wait for the data planes and were in the table of this generation or an earlier one; at most `most`.
std::vector<Interface> list_interfaces_to_confirm(Database& database, std::uint64_t generation, std::uint32_t most);
/// Those that only old flows keep, the longest first.
std::vector<Interface> list_draining_interfaces(Database& database);
/// Mappings that have more interfaces than their first, by uid.
std::vector<std::uint64_t> list_widened_mappings(Database& database);

std::optional<WantedInterface> find_wanted_interface(Database& database, std::uint64_t mapping);
/// By the beginning of the present attempt.
std::vector<WantedInterface> list_wanted_interfaces(Database& database);
void put(Database& database, const WantedInterface& wanted);
void erase_wanted_interface(Database& database, std::uint64_t mapping);

/// A mapping that has interfaces, and what a table says of it: for all at once, so nothing more than that.
struct MappedInterfaces {
  std::uint64_t uid = 0;
  std::uint32_t number = 0;
  std::string account;
  std::uint32_t subnet = 0;  ///< number
  std::string group_key;     ///< account and groups: equal keys have equal rules
  std::vector<Interface> interfaces;
};
/// By number.
std::vector<MappedInterfaces> list_mapped_interfaces(Database& database);
std::vector<std::string> groups_of(const MappedInterfaces& mapping);

/// Addresses of interfaces in a subnet, sorted.
std::vector<Ipv4Address> used_addresses(Database& database, std::uint32_t subnet);
bool is_address_used(Database& database, std::uint32_t subnet, Ipv4Address address);
std::uint32_t count_interfaces(Database& database, const std::string& account, const std::string& vpc);

}  // namespace hypernat::control
