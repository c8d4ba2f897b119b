// Mappings and their numbers: rows in, values out.
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

/// The ids that a mapping's set of groups is written as.
std::vector<std::string> split_group_set(const std::string& text);

bool is_subnet_in_use(Database& database, std::uint32_t subnet);
bool is_group_in_use(Database& database, const std::string& account, const std::string& group);

}  // namespace hypernat::control
