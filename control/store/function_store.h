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

/// A version of a function; 0 is $LATEST.
struct VersionName {
  std::string function;
  std::uint32_t version = 0;
};

std::optional<Function> find_function(Database& database, const std::string& account, const std::string& name,
                                      std::uint32_t version = 0);
/// Functions of an account by name, beginning behind `after`, at most `most`; without their published versions.
std::vector<Function> list_functions(Database& database, const std::string& account, const std::string& after,
                                     std::uint32_t most);
/// The same with them, by name and version.
std::vector<Function> list_functions_with_versions(Database& database, const std::string& account,
                                                   const VersionName& after, std::uint32_t most);
/// Those of one function beginning behind `after`, at most `most`; -1 begins with $LATEST.
std::vector<Function> list_versions(Database& database, const std::string& account, const std::string& name,
                                    std::int64_t after, std::uint32_t most);
/// The one published last of those that are still there.
std::optional<Function> find_last_version(Database& database, const std::string& account, const std::string& name);
/// Those of every account that refer to mappings which changed, or changed what they refer to, since this was last
/// asked; at most `most`.
std::vector<Function> take_functions_to_follow(Database& database, std::uint32_t most);
/// Active ones with a network whose last noted use is then or earlier, the longest unused first; at most `most`.
std::vector<Function> list_functions_unused_since(Database& database, TimePoint since, std::uint32_t most);
/// When the one that has not been used for longest was used; nothing: there is no active one with a network.
std::optional<TimePoint> first_unused_since(Database& database);
/// Notes a use, unless a later one was noted.
void set_used_at(Database& database, const Function& function, TimePoint time);
void put(Database& database, const Function& function);
/// One version, with its references.
void erase_version(Database& database, const Function& function);
/// Every version, with their references.
void erase_function(Database& database, const std::string& account, const std::string& name);

void add_reference(Database& database, const Function& function, std::uint64_t mapping, NetworkRole role);
void drop_references(Database& database, const Function& function, NetworkRole role);
/// The next network's references become those of the current one.
void promote_references(Database& database, const Function& function);

/// Mappings that a function refers to, by uid.
std::vector<std::uint64_t> referenced_mappings(Database& database, const Function& function, NetworkRole role);
/// Names of the functions that refer to a mapping, sorted, each once.
std::vector<std::string> referring_functions(Database& database, std::uint64_t mapping);
/// The same, each with all of its versions that do.
std::vector<Function> referring_versions(Database& database, std::uint64_t mapping);

}  // namespace hypernat::control
