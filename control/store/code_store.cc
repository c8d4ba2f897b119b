#include "control/store/code_store.h"

namespace hypernat::control {

void make_code_table(Database& database) {
  database.run_script(R"sql(
CREATE TABLE code (
  sha256 TEXT PRIMARY KEY,           -- base64, as functions say it
  archive BLOB NOT NULL
) STRICT;
)sql");
}

void put_code(Database& database, const std::string& sha256, std::string_view archive) {
  database.run("INSERT OR IGNORE INTO code VALUES (?1, CAST(?2 AS BLOB))", sha256, archive);
}

std::optional<std::string> find_code(Database& database, const std::string& sha256) {
  auto row = database.query("SELECT archive FROM code WHERE sha256 = ?1", sha256);
  return row.step() ? std::optional(row.text(0)) : std::nullopt;
}

bool has_code(Database& database, const std::string& sha256) {
  return database.query("SELECT 1 FROM code WHERE sha256 = ?1", sha256).step();
}

void erase_unused_code(Database& database) {
  database.run("DELETE FROM code WHERE sha256 NOT IN (SELECT json_extract(settings, '$.code_sha256') FROM functions)");
}

}  // namespace hypernat::control
