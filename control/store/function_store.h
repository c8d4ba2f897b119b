// Functions and the references they hold on mappings: rows in, values out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/store/records.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

/// Which of a function's networks a reference belongs to.
enum class NetworkRole : std::uint8_t { kCurrent = 0, kNext = 1 };

std::optional<Function> find_function(Database& database, const std::string& account, const std::string& name);
/// Functions of an account by name, beginning behind `after`, at most `most`.
std::vector<Function> list_functions(Database& database, const std::string& account, const std::string& after,
                                     std::uint32_t most);
/// Those of every account that refer to mappings which changed, or changed what they refer to, since this was last
/// asked; at most `most`.
std::vector<Function> take_functions_to_follow(Database& database, std::uint32_t most);
void put(Database& database, const Function& function);
/// With its references.
void erase_function(Database& database, const std::string& account, const std::string& name);

void add_reference(Database& database, const Function& function, std::uint64_t mapping, NetworkRole role);
void drop_references(Database& database, const Function& function, NetworkRole role);
/// The next network's references become those of the current one.
void promote_references(Database& database, const Function& function);

/// Mappings that a function refers to, by uid.
std::vector<std::uint64_t> referenced_mappings(Database& database, const Function& function, NetworkRole role);
/// Names of the functions that refer to a mapping, sorted, each once.
std::vector<std::string> referring_functions(Database& database, std::uint64_t mapping);

}  // namespace hypernat::control
