#include "control/store/function_store.h"

#include "control/store/encoding.h"

namespace hypernat::control {
namespace {

constexpr const char* kFunctions =
    "SELECT account, name, settings, network, next_network, state, reason_code, reason, update_status, "
    "update_reason_code, update_reason FROM functions ";

Function read_function(const Statement& row) {
  Function function{.account = row.text(0),
                    .name = row.text(1),
                    .settings = decode_settings(row.text(2)),
                    .network = decode_network(row.text(3)),
                    .next_network = {},
                    .state = decode_function_state(row.text(5)),
                    .reason_code = row.text(6),
                    .reason = row.text(7),
                    .update_status = decode_update_status(row.text(8)),
                    .update_reason_code = row.text(9),
                    .update_reason = row.text(10)};
  if (!row.is_null(4)) function.next_network = decode_network(row.text(4));
  return function;
}

std::vector<Function> read_functions(Statement rows) {
  std::vector<Function> functions;
  while (rows.step()) functions.push_back(read_function(rows));
  return functions;
}

}  // namespace

std::optional<Function> find_function(Database& database, const std::string& account, const std::string& name) {
  auto row = database.query(std::string(kFunctions) + "WHERE account = ?1 AND name = ?2", account, name);
  return row.step() ? std::optional(read_function(row)) : std::nullopt;
}

std::vector<Function> list_functions(Database& database, const std::string& account, const std::string& after,
                                     std::uint32_t most) {
  return read_functions(database.query(
      std::string(kFunctions) + "WHERE account = ?1 AND name > ?2 ORDER BY name LIMIT ?3", account, after, most));
}

std::vector<Function> take_functions_to_follow(Database& database, std::uint32_t most) {
  // Deleting nothing would still write a page, and so make every beat wait for the disk.
  if (!database.query("SELECT 1 FROM functions_to_follow").step()) return {};
  constexpr const char* kFirst = "(SELECT account, name FROM functions_to_follow ORDER BY account, name LIMIT ?1)";
  auto functions = read_functions(
      database.query(std::string(kFunctions) + "WHERE (account, name) IN " + kFirst + " ORDER BY account, name", most));
  database.run(std::string("DELETE FROM functions_to_follow WHERE (account, name) IN ") + kFirst, most);
  return functions;
}

void put(Database& database, const Function& function) {
  std::optional<std::string> next;
  if (function.next_network) next = encode(*function.next_network);
  database.run(
      "INSERT INTO functions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
      "ON CONFLICT (account, name) DO UPDATE SET settings = excluded.settings, network = excluded.network, "
      "next_network = excluded.next_network, state = excluded.state, reason_code = excluded.reason_code, "
      "reason = excluded.reason, update_status = excluded.update_status, "
      "update_reason_code = excluded.update_reason_code, update_reason = excluded.update_reason",
      function.account, function.name, encode(function.settings), encode(function.network), next,
      to_string(function.state), function.reason_code, function.reason, to_string(function.update_status),
      function.update_reason_code, function.update_reason);
}

void erase_function(Database& database, const std::string& account, const std::string& name) {
  database.run("DELETE FROM function_mappings WHERE account = ?1 AND function = ?2", account, name);
  database.run("DELETE FROM functions WHERE account = ?1 AND name = ?2", account, name);
}

void add_reference(Database& database, const Function& function, std::uint64_t mapping, NetworkRole role) {
  database.run("INSERT OR IGNORE INTO function_mappings VALUES (?1, ?2, ?3, ?4)", function.account, function.name,
               mapping, static_cast<int>(role));
}

void drop_references(Database& database, const Function& function, NetworkRole role) {
  database.run("DELETE FROM function_mappings WHERE account = ?1 AND function = ?2 AND is_next = ?3", function.account,
               function.name, static_cast<int>(role));
}

void promote_references(Database& database, const Function& function) {
  drop_references(database, function, NetworkRole::kCurrent);
  database.run("UPDATE function_mappings SET is_next = 0 WHERE account = ?1 AND function = ?2", function.account,
               function.name);
}

std::vector<std::uint64_t> referenced_mappings(Database& database, const Function& function, NetworkRole role) {
  auto rows = database.query(
      "SELECT mapping FROM function_mappings WHERE account = ?1 AND function = ?2 AND is_next = ?3 ORDER BY mapping",
      function.account, function.name, static_cast<int>(role));
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

}  // namespace hypernat::control
