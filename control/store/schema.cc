#include "control/store/schema.h"

#include <string>

namespace hypernat::control {
namespace {

constexpr std::int64_t kSchemaVersion = 1;

// Lists (routes, rules, addresses, settings) are JSON text: they are read and written whole, never searched.
constexpr const char* kTables = R"sql(
CREATE TABLE publication (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  epoch INTEGER NOT NULL,
  generation INTEGER NOT NULL,       -- last one given; 0: none yet
  table_sha256 TEXT NOT NULL
) STRICT;

CREATE TABLE counters (              -- numbers that are never given twice
  name TEXT PRIMARY KEY,
  next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
  account TEXT PRIMARY KEY,
  number INTEGER NOT NULL UNIQUE,
  name TEXT NOT NULL,
  flow_limit INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE vpcs (
  account TEXT NOT NULL REFERENCES accounts,
  id TEXT NOT NULL,
  cidr TEXT NOT NULL,
  resolver TEXT NOT NULL,            -- empty: none
  PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE route_tables (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  vpc TEXT NOT NULL,
  routes TEXT NOT NULL,
  PRIMARY KEY (account, id),
  FOREIGN KEY (account, vpc) REFERENCES vpcs
) STRICT, WITHOUT ROWID;

CREATE TABLE security_groups (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  vpc TEXT NOT NULL,
  egress TEXT NOT NULL,
  PRIMARY KEY (account, id),
  FOREIGN KEY (account, vpc) REFERENCES vpcs
) STRICT, WITHOUT ROWID;

CREATE TABLE subnets (
  number INTEGER PRIMARY KEY,
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  vpc TEXT NOT NULL,
  cidr TEXT NOT NULL,
  zone TEXT NOT NULL,
  router TEXT NOT NULL,
  attachment TEXT NOT NULL,
  segment INTEGER NOT NULL,
  vteps TEXT NOT NULL,
  reserved TEXT NOT NULL,
  route_table TEXT,                  -- NULL: none beyond the VPC's own routes
  UNIQUE (account, id),
  UNIQUE (attachment, segment),
  FOREIGN KEY (account, vpc) REFERENCES vpcs,
  FOREIGN KEY (account, route_table) REFERENCES route_tables
) STRICT;

CREATE TABLE mappings (
  uid INTEGER PRIMARY KEY,
  number INTEGER NOT NULL UNIQUE,
  account TEXT NOT NULL REFERENCES accounts,
  subnet INTEGER NOT NULL REFERENCES subnets,
  group_set TEXT NOT NULL,           -- sorted ids joined by commas: the exact set
  state TEXT NOT NULL CHECK (state IN ('provisioning', 'publishing', 'active', 'failed', 'releasing')),
  reason_code TEXT NOT NULL,         -- why it failed
  reason TEXT NOT NULL,
  since INTEGER NOT NULL,            -- Unix milliseconds of the last change of state
  UNIQUE (subnet, group_set)
) STRICT;
CREATE INDEX mappings_by_state ON mappings (state);

CREATE TABLE mapping_groups (
  mapping INTEGER NOT NULL REFERENCES mappings ON DELETE CASCADE,
  account TEXT NOT NULL,
  security_group TEXT NOT NULL,
  PRIMARY KEY (mapping, security_group),
  FOREIGN KEY (account, security_group) REFERENCES security_groups
) STRICT, WITHOUT ROWID;

CREATE TABLE interfaces (
  uid INTEGER PRIMARY KEY,
  mapping INTEGER NOT NULL REFERENCES mappings,
  subnet INTEGER NOT NULL REFERENCES subnets,
  address INTEGER NOT NULL,          -- host order, so that the lowest free one is found by counting
  is_active INTEGER NOT NULL,
  generation INTEGER,                -- of the first table of this epoch that holds it; NULL: none yet
  UNIQUE (subnet, address)
) STRICT;
CREATE INDEX interfaces_of_mapping ON interfaces (mapping);

CREATE TABLE retired_numbers (       -- of mappings that are gone
  number INTEGER PRIMARY KEY,
  free_at INTEGER NOT NULL
) STRICT;

CREATE TABLE functions (
  account TEXT NOT NULL REFERENCES accounts,
  name TEXT NOT NULL,
  settings TEXT NOT NULL,
  network TEXT NOT NULL,             -- the subnets and groups it runs with
  next_network TEXT,                 -- those an update under way will bring
  state TEXT NOT NULL,
  reason_code TEXT NOT NULL,
  reason TEXT NOT NULL,
  update_status TEXT NOT NULL,
  update_reason_code TEXT NOT NULL,
  update_reason TEXT NOT NULL,
  PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_functions ON functions (account, name)
  WHERE state = 'Pending' OR update_status = 'InProgress';

CREATE TABLE function_mappings (     -- the references that are counted
  account TEXT NOT NULL,
  function TEXT NOT NULL,
  mapping INTEGER NOT NULL REFERENCES mappings,
  is_next INTEGER NOT NULL,          -- 1: of an update under way
  PRIMARY KEY (account, function, mapping, is_next),
  FOREIGN KEY (account, function) REFERENCES functions
) STRICT, WITHOUT ROWID;
CREATE INDEX functions_of_mapping ON function_mappings (mapping);

CREATE TABLE dropped_references (    -- mappings that lost one since somebody last looked
  mapping INTEGER PRIMARY KEY
) STRICT;
CREATE TRIGGER reference_dropped AFTER DELETE ON function_mappings BEGIN
  INSERT OR IGNORE INTO dropped_references VALUES (OLD.mapping);
END;

CREATE TABLE worker_hosts (
  name TEXT PRIMARY KEY,
  address TEXT NOT NULL UNIQUE,
  block TEXT NOT NULL UNIQUE,
  zone TEXT NOT NULL,
  socket TEXT NOT NULL,
  slots INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

}  // namespace

void prepare_schema(Database& database, TimePoint now) {
  Transaction transaction(database);
  auto version_row = database.query("PRAGMA user_version");
  version_row.step();
  const auto version = version_row.integer(0);
  if (version > kSchemaVersion)
    throw DatabaseError("database: found schema version " + std::to_string(version) + "; expected at most " +
                        std::to_string(kSchemaVersion) + " (it was written by a newer hypernat-control)");
  if (version == kSchemaVersion) return;

  database.run_script(kTables);
  database.run("INSERT INTO publication VALUES (1, ?1, 0, '')", to_milliseconds(now));
  database.run_script(("PRAGMA user_version = " + std::to_string(kSchemaVersion)).c_str());
  transaction.commit();
}

}  // namespace hypernat::control
