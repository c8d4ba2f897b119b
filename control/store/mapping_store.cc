#include "control/store/mapping_store.h"

#include <algorithm>

#include "control/store/counters.h"
#include "control/store/encoding.h"

namespace hypernat::control {
namespace {

constexpr const char* kMappings =
    "SELECT uid, number, account, subnet, group_set, lease, provisioning_time, state, reason_code, reason, since "
    "FROM mappings ";

std::string join(const std::vector<std::string>& groups) {
  std::string text;
  for (const auto& group : groups) text += (text.empty() ? "" : ",") + group;
  return text;
}

Mapping read_mapping(const Statement& row) {
  Mapping mapping{.uid = row.as<std::uint64_t>(0),
                  .number = row.as<std::uint32_t>(1),
                  .account = row.text(2),
                  .subnet = row.as<std::uint32_t>(3),
                  .groups = split_group_set(row.text(4)),
                  .lease = row.as<std::uint64_t>(5),
                  .provisioning_time = {},
                  .state = decode_mapping_state(row.text(7)),
                  .reason_code = row.text(8),
                  .reason = row.text(9),
                  .since = from_milliseconds(row.integer(10))};
  if (!row.is_null(6)) mapping.provisioning_time = std::chrono::milliseconds(row.integer(6));
  return mapping;
}

std::vector<Mapping> read_mappings(Statement rows) {
  std::vector<Mapping> mappings;
  while (rows.step()) mappings.push_back(read_mapping(rows));
  return mappings;
}

}  // namespace

std::optional<Mapping> find_mapping(Database& database, std::uint64_t uid) {
  auto row = database.query(std::string(kMappings) + "WHERE uid = ?1", uid);
  return row.step() ? std::optional(read_mapping(row)) : std::nullopt;
}

std::optional<Mapping> find_mapping(Database& database, std::uint32_t subnet, const std::vector<std::string>& groups) {
  auto row = database.query(std::string(kMappings) + "WHERE subnet = ?1 AND group_set = ?2 AND lease = 0", subnet,
                            join(groups));
  return row.step() ? std::optional(read_mapping(row)) : std::nullopt;
}

std::vector<Mapping> list_mappings(Database& database) {
  return read_mappings(database.query(std::string(kMappings) + "ORDER BY number"));
}

void visit_mappings(Database& database, MappingState state, const std::function<bool(Mapping)>& visit) {
  auto rows = database.query(std::string(kMappings) + "WHERE state = ?1 ORDER BY since, number", to_string(state));
  while (rows.step())
    if (!visit(read_mapping(rows))) return;
}

std::vector<Mapping> list_mappings(Database& database, MappingState state, TimePoint since, std::uint32_t most) {
  return read_mappings(
      database.query(std::string(kMappings) + "WHERE state = ?1 AND since <= ?2 ORDER BY since, number LIMIT ?3",
                     to_string(state), to_milliseconds(since), most));
}

std::vector<Mapping> take_unreferenced_mappings(Database& database) {
  // Deleting nothing would still write a page, and so make every beat wait for the disk.
  if (!database.query("SELECT 1 FROM dropped_references").step()) return {};
  auto mappings = read_mappings(database.query(
      std::string(kMappings) +
      "WHERE uid IN (SELECT mapping FROM dropped_references) AND "
      "NOT EXISTS (SELECT 1 FROM function_mappings WHERE function_mappings.mapping = mappings.uid) ORDER BY number"));
  database.run("DELETE FROM dropped_references");
  return mappings;
}

void insert(Database& database, const Mapping& mapping) {
  std::optional<std::int64_t> provisioning_time;
  if (mapping.provisioning_time) provisioning_time = mapping.provisioning_time->count();
  database.run("INSERT INTO mappings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)", mapping.uid,
               mapping.number, mapping.account, mapping.subnet, join(mapping.groups), mapping.lease, provisioning_time,
               to_string(mapping.state), mapping.reason_code, mapping.reason, to_milliseconds(mapping.since));
  for (const auto& group : mapping.groups)
    database.run("INSERT INTO mapping_groups VALUES (?1, ?2, ?3)", mapping.uid, mapping.account, group);
}

void update_state(Database& database, const Mapping& mapping) {
  database.run("UPDATE mappings SET state = ?2, reason_code = ?3, reason = ?4, since = ?5 WHERE uid = ?1", mapping.uid,
               to_string(mapping.state), mapping.reason_code, mapping.reason, to_milliseconds(mapping.since));
}

void erase_mapping(Database& database, const Mapping& mapping, TimePoint number_free_at) {
  database.run("DELETE FROM interfaces WHERE mapping = ?1", mapping.uid);
  database.run("DELETE FROM mappings WHERE uid = ?1", mapping.uid);
  database.run("INSERT OR REPLACE INTO retired_numbers VALUES (?1, ?2)", mapping.number,
               to_milliseconds(number_free_at));
}

// Every number below the counter is a mapping's, rests, or is free.
std::uint32_t take_mapping_number(Database& database, TimePoint now) {
  database.run("INSERT INTO free_numbers SELECT number FROM retired_numbers WHERE free_at <= ?1", to_milliseconds(now));
  database.run("DELETE FROM retired_numbers WHERE free_at <= ?1", to_milliseconds(now));
  auto row = database.query("SELECT min(number) FROM free_numbers");
  row.step();
  if (row.is_null(0)) return take_unused_mapping_number(database);
  const auto number = row.as<std::uint32_t>(0);
  database.run("DELETE FROM free_numbers WHERE number = ?1", number);
  return number;
}

std::vector<std::string> split_group_set(const std::string& text) {
  std::vector<std::string> groups;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    groups.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return groups;
}

bool is_subnet_in_use(Database& database, std::uint32_t subnet) {
  return database.query("SELECT 1 FROM mappings WHERE subnet = ?1", subnet).step();
}

bool is_group_in_use(Database& database, const std::string& account, const std::string& group) {
  return database.query("SELECT 1 FROM mapping_groups WHERE account = ?1 AND security_group = ?2", account, group)
      .step();
}

}  // namespace hypernat::control
