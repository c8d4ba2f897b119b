#include "control/store/note_store.h"

namespace hypernat::control {
namespace {

constexpr const char* kTables = R"sql(
CREATE TABLE notes (                 -- what was said of something, and nothing here acts on
  account TEXT NOT NULL,
  resource TEXT NOT NULL,            -- id
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (account, resource, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE first_functions (       -- whom a mapping was made for, whoever uses it now
  mapping INTEGER PRIMARY KEY REFERENCES mappings ON DELETE CASCADE,
  function TEXT NOT NULL
) STRICT;
INSERT INTO first_functions SELECT mapping, min(function) FROM function_mappings GROUP BY mapping;
CREATE TRIGGER first_reference AFTER INSERT ON function_mappings BEGIN
  INSERT OR IGNORE INTO first_functions VALUES (NEW.mapping, NEW.function);
END;
)sql";

}  // namespace

void make_note_tables(Database& database) {
  database.run_script(kTables);
  for (const std::string table : {"vpcs", "route_tables", "security_groups", "subnets"})
    database.run_script(("CREATE TRIGGER notes_of_" + table + " AFTER DELETE ON " + table +
                         " BEGIN DELETE FROM notes WHERE account = OLD.account AND resource = OLD.id; END")
                            .c_str());
}

Notes find_notes(Database& database, const std::string& account, const std::string& resource) {
  auto rows = database.query("SELECT name, value FROM notes WHERE account = ?1 AND resource = ?2", account, resource);
  Notes notes;
  while (rows.step()) notes.emplace(rows.text(0), rows.text(1));
  return notes;
}

std::map<std::string, Notes> list_notes(Database& database, const std::string& account) {
  auto rows = database.query("SELECT resource, name, value FROM notes WHERE account = ?1", account);
  std::map<std::string, Notes> notes;
  while (rows.step()) notes[rows.text(0)].emplace(rows.text(1), rows.text(2));
  return notes;
}

void put_note(Database& database, const std::string& account, const std::string& resource, const std::string& name,
              const std::string& value) {
  database.run(
      "INSERT INTO notes VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account, resource, name) DO UPDATE SET "
      "value = excluded.value",
      account, resource, name, value);
}

void erase_note(Database& database, const std::string& account, const std::string& resource, const std::string& name) {
  database.run("DELETE FROM notes WHERE account = ?1 AND resource = ?2 AND name = ?3", account, resource, name);
}

std::string first_function(Database& database, std::uint64_t mapping) {
  auto row = database.query("SELECT function FROM first_functions WHERE mapping = ?1", mapping);
  return row.step() ? row.text(0) : std::string();
}

}  // namespace hypernat::control
