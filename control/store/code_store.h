// Functions' code, each archive once however many functions and versions have it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control/store/sqlite.h"

namespace hypernat::control {

void make_code_table(Database& database);

/// `sha256`: as in a function's settings.
void put_code(Database& database, const std::string& sha256, std::string_view archive);
std::optional<std::string> find_code(Database& database, const std::string& sha256);
bool has_code(Database& database, const std::string& sha256);
/// Those that no function has any more go.
void erase_unused_code(Database& database);

}  // namespace hypernat::control
