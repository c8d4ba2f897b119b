#include "control/store/function_store.h"

#include "control/store/encoding.h"

namespace hypernat::control {
namespace {

constexpr const char* kFunctions =
    "SELECT account, name, version, settings, network, next_network, state, reason_code, reason, update_status, "
    "update_reason_code, update_reason, used_at, published FROM functions ";

Function read_function(const Statement& row) {
  Function function{.account = row.text(0),
                    .name = row.text(1),
                    .version = row.as<std::uint32_t>(2),
                    .settings = decode_settings(row.text(3)),
                    .network = decode_network(row.text(4)),
                    .next_network = {},
                    .state = decode_function_state(row.text(6)),
                    .reason_code = row.text(7),
                    .reason = row.text(8),
                    .update_status = decode_update_status(row.text(9)),
                    .update_reason_code = row.text(10),
                    .update_reason = row.text(11),
                    .used_at = {},
                    .published = row.as<std::uint32_t>(13)};
  if (!row.is_null(5)) function.next_network = decode_network(row.text(5));
  if (!row.is_null(12)) function.used_at = from_milliseconds(row.integer(12));
  return function;
}

std::vector<Function> read_functions(Statement rows) {
  std::vector<Function> functions;
  while (rows.step()) functions.push_back(read_function(rows));
  return functions;
}

}  // namespace

std::optional<Function> find_function(Database& database, const std::string& account, const std::string& name,
                                      std::uint32_t version) {
  auto row = database.query(std::string(kFunctions) + "WHERE account = ?1 AND name = ?2 AND version = ?3", account,
                            name, version);
  return row.step() ? std::optional(read_function(row)) : std::nullopt;
}

std::vector<Function> list_functions(Database& database, const std::string& account, const std::string& after,
                                     std::uint32_t most) {
  return read_functions(database.query(
      std::string(kFunctions) + "WHERE account = ?1 AND name > ?2 AND version = 0 ORDER BY name LIMIT ?3", account,
      after, most));
}

std::vector<Function> list_functions_with_versions(Database& database, const std::string& account,
                                                   const VersionName& after, std::uint32_t most) {
  return read_functions(database.query(
      std::string(kFunctions) + "WHERE account = ?1 AND (name, version) > (?2, ?3) ORDER BY name, version LIMIT ?4",
      account, after.function, after.version, most));
}

std::vector<Function> list_versions(Database& database, const std::string& account, const std::string& name,
                                    std::int64_t after, std::uint32_t most) {
  return read_functions(database.query(
      std::string(kFunctions) + "WHERE account = ?1 AND name = ?2 AND version > ?3 ORDER BY version LIMIT ?4", account,
      name, after, most));
}

std::optional<Function> find_last_version(Database& database, const std::string& account, const std::string& name) {
  auto row = database.query(
      std::string(kFunctions) + "WHERE account = ?1 AND name = ?2 AND version > 0 ORDER BY version DESC LIMIT 1",
      account, name);
  return row.step() ? std::optional(read_function(row)) : std::nullopt;
}

std::vector<Function> take_functions_to_follow(Database& database, std::uint32_t most) {
  // Deleting nothing would still write a page, and so make every beat wait for the disk.
  if (!database.query("SELECT 1 FROM functions_to_follow").step()) return {};
  constexpr const char* kFirst =
      "(SELECT account, name, version FROM functions_to_follow ORDER BY account, name, version LIMIT ?1)";
  auto functions = read_functions(database.query(
      std::string(kFunctions) + "WHERE (account, name, version) IN " + kFirst + " ORDER BY account, name, version",
      most));
  database.run(std::string("DELETE FROM functions_to_follow WHERE (account, name, version) IN ") + kFirst, most);
  return functions;
}

std::vector<Function> list_functions_unused_since(Database& database, TimePoint since, std::uint32_t most) {
  return read_functions(database.query(
      std::string(kFunctions) +
          "WHERE state = 'Active' AND update_status <> 'InProgress' AND used_at <= ?1 ORDER BY used_at LIMIT ?2",
      to_milliseconds(since), most));
}

std::optional<TimePoint> first_unused_since(Database& database) {
  auto row = database.query(
      "SELECT min(used_at) FROM functions WHERE state = 'Active' AND update_status <> 'InProgress' AND "
      "used_at IS NOT NULL");
  return row.step() && !row.is_null(0) ? std::optional(from_milliseconds(row.integer(0))) : std::nullopt;
}

void set_used_at(Database& database, const Function& function, TimePoint time) {
  database.run("UPDATE functions SET used_at = ?4 WHERE account = ?1 AND name = ?2 AND version = ?3 AND used_at < ?4",
               function.account, function.name, function.version, to_milliseconds(time));
}

void put(Database& database, const Function& function) {
  std::optional<std::string> next;
  if (function.next_network) next = encode(*function.next_network);
  std::optional<std::int64_t> used_at;
  if (function.used_at) used_at = to_milliseconds(*function.used_at);
  database.run(
      "INSERT INTO functions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) "
      "ON CONFLICT (account, name, version) DO UPDATE SET settings = excluded.settings, network = excluded.network, "
      "next_network = excluded.next_network, state = excluded.state, reason_code = excluded.reason_code, "
      "reason = excluded.reason, update_status = excluded.update_status, "
      "update_reason_code = excluded.update_reason_code, update_reason = excluded.update_reason, "
      "used_at = excluded.used_at, published = excluded.published",
      function.account, function.name, function.version, encode(function.settings), encode(function.network), next,
      to_string(function.state), function.reason_code, function.reason, to_string(function.update_status),
      function.update_reason_code, function.update_reason, used_at, function.published);
}

void erase_version(Database& database, const Function& function) {
  database.run("DELETE FROM function_mappings WHERE account = ?1 AND function = ?2 AND version = ?3", function.account,
               function.name, function.version);
  database.run("DELETE FROM functions WHERE account = ?1 AND name = ?2 AND version = ?3", function.account,
               function.name, function.version);
}

void erase_function(Database& database, const std::string& account, const std::string& name) {
  database.run("DELETE FROM function_mappings WHERE account = ?1 AND function = ?2", account, name);
  database.run("DELETE FROM functions WHERE account = ?1 AND name = ?2", account, name);
}

void add_reference(Database& database, const Function& function, std::uint64_t mapping, NetworkRole role) {
  database.run("INSERT OR IGNORE INTO function_mappings VALUES (?1, ?2, ?3, ?4, ?5)", function.account, function.name,
               function.version, mapping, static_cast<int>(role));
}

void drop_references(Database& database, const Function& function, NetworkRole role) {
  database.run("DELETE FROM function_mappings WHERE account = ?1 AND function = ?2 AND version = ?3 AND is_next = ?4",
               function.account, function.name, function.version, static_cast<int>(role));
}

void promote_references(Database& database, const Function& function) {
  drop_references(database, function, NetworkRole::kCurrent);
  database.run("UPDATE function_mappings SET is_next = 0 WHERE account = ?1 AND function = ?2 AND version = ?3",
               function.account, function.name, function.version);
}

std::vector<std::uint64_t> referenced_mappings(Database& database, const Function& function, NetworkRole role) {
  auto rows = database.query(
      "SELECT mapping FROM function_mappings WHERE account = ?1 AND function = ?2 AND version = ?3 AND is_next = ?4 "
      "ORDER BY mapping",
      function.account, function.name, function.version, static_cast<int>(role));
  std::vector<std::uint64_t> mappings;
  while (rows.step()) mappings.push_back(rows.as<std::uint64_t>(0));
  return mappings;
}

std::vector<std::string> referring_functions(Database& database, std::uint64_t mapping) {
  auto rows =
      database.query("SELECT DISTINCT function FROM function_mappings WHERE mapping = ?1 ORDER BY function", mapping);
  std::vector<std::string> names;
  while (rows.step()) names.push_back(rows.text(0));
  return names;
}

std::vector<Function> referring_versions(Database& database, std::uint64_t mapping) {
  return read_functions(database.query(
      std::string(kFunctions) +
          "WHERE (account, name, version) IN (SELECT account, function, version FROM function_mappings WHERE "
          "mapping = ?1) ORDER BY name, version",
      mapping));
}

}  // namespace hypernat::control
