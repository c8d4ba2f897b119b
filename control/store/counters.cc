#include "control/store/counters.h"

#include <algorithm>
#include <string_view>

namespace hypernat::control {
namespace {

// Two million numbers for every second an epoch lasts.
constexpr unsigned kUidsPerSecondBits = 21;

std::uint64_t first_uid(std::uint64_t epoch) {
  return (epoch / 1000) << kUidsPerSecondBits | 1;
}

std::uint64_t take(Database& database, std::string_view name, std::uint64_t first) {
  auto row = database.query(
      "INSERT INTO counters VALUES (?1, ?2 + 1) ON CONFLICT (name) DO UPDATE SET next = next + 1 RETURNING next - 1",
      name, first);
  row.step();
  const auto number = row.as<std::uint64_t>(0);
  row.step();
  return number;
}

}  // namespace

std::uint64_t take_uid(Database& database) {
  return take(database, "uid", first_uid(read_publication(database).epoch));
}

std::uint32_t take_tenant_number(Database& database) {
  return static_cast<std::uint32_t>(take(database, "tenant", 1));
}

std::uint32_t take_subnet_number(Database& database) {
  const auto number = take(database, "subnet", 1);
  if (number > kMaxNumber24) throw DatabaseError("database: every one of the 2^24 subnet numbers has been used");
  return static_cast<std::uint32_t>(number);
}

std::uint32_t take_unused_mapping_number(Database& database) {
  const auto number = take(database, "mapping", 1);
  if (number > kMaxNumber24) throw DatabaseError("database: every one of the 2^24 mapping numbers is in use");
  return static_cast<std::uint32_t>(number);
}

std::uint64_t read_next_uid(Database& database) {
  auto row = database.query("SELECT next FROM counters WHERE name = 'uid'");
  return row.step() ? row.as<std::uint64_t>(0) : first_uid(read_publication(database).epoch);
}

std::int64_t read_content_version(Database& database) {
  auto row = database.query("SELECT version FROM content");
  if (!row.step()) throw DatabaseError("database is damaged: its content has no version");
  return row.integer(0);
}

Publication read_publication(Database& database) {
  auto row = database.query("SELECT epoch, generation, table_sha256 FROM publication");
  if (!row.step()) throw DatabaseError("database is damaged: it has no epoch");
  return {.epoch = row.as<std::uint64_t>(0), .generation = row.as<std::uint64_t>(1), .table_sha256 = row.text(2)};
}

void write_publication(Database& database, const Publication& publication) {
  database.run("UPDATE publication SET epoch = ?1, generation = ?2, table_sha256 = ?3", publication.epoch,
               publication.generation, publication.table_sha256);
}

void start_epoch(Database& database, std::uint64_t epoch) {
  write_publication(database, {.epoch = epoch, .generation = 0, .table_sha256 = {}});
  database.run("UPDATE counters SET next = max(next, ?1) WHERE name = 'uid'", first_uid(epoch));
  database.run("UPDATE interfaces SET generation = NULL");
}

}  // namespace hypernat::control
