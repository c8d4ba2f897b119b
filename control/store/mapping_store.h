// Mappings, their interfaces and their numbers: rows in, values out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "control/store/records.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

std::optional<Mapping> find_mapping(Database& database, std::uint64_t uid);
/// The one of exactly this network configuration that functions share.
std::optional<Mapping> find_mapping(Database& database, std::uint32_t subnet, const std::vector<std::string>& groups);
/// All, by number.
std::vector<Mapping> list_mappings(Database& database);
/// Those in this state, the longest first, until `visit` returns false; it must not change mappings.
void visit_mappings(Database& database, MappingState state, const std::function<bool(Mapping)>& visit);
/// Those in this state since then or longer, at most `most`, the longest first.
std::vector<Mapping> list_mappings(Database& database, MappingState state, TimePoint since, std::uint32_t most);
/// Those that lost their last reference since this was last asked.
std::vector<Mapping> take_unreferenced_mappings(Database& database);
void insert(Database& database, const Mapping& mapping);
/// Its state, reason and since.
void update_state(Database& database, const Mapping& mapping);
/// With its interfaces; the number rests until `number_free_at`.
void erase_mapping(Database& database, const Mapping& mapping, TimePoint number_free_at);

/// Takes the lowest number that no mapping has and that does not rest. Throws DatabaseError when there is none.
std::uint32_t take_mapping_number(Database& database, TimePoint now);

std::vector<Interface> list_interfaces(Database& database, std::uint64_t mapping);
/// All, by mapping and uid.
std::vector<Interface> list_interfaces(Database& database);
void insert_interface(Database& database, const Interface& interface, std::uint32_t subnet);
void set_interface_active(Database& database, std::uint64_t uid);
/// Every interface that no table held yet, of those made before `next_uid` was given, is in the one of this generation.
void set_first_generation(Database& database, std::uint64_t generation, std::uint64_t next_uid);
/// Those that are not active and were in the table of this generation or an earlier one; at most `most`.
std::vector<Interface> list_interfaces_to_activate(Database& database, std::uint64_t generation, std::uint32_t most);

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
bool is_subnet_in_use(Database& database, std::uint32_t subnet);
bool is_group_in_use(Database& database, const std::string& account, const std::string& group);

}  // namespace hypernat::control
