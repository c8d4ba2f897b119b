#include "control/store/schema.h"

#include <string>

#include "control/store/code_store.h"
#include "control/store/note_store.h"
#include "control/store/schema_upgrade.h"

namespace hypernat::control {
namespace {

constexpr std::int64_t kSchemaVersion = 5;

// Lists and groups of settings (routes, rules, addresses, limits) are JSON text: they are read and written whole, never
// searched.
constexpr const char* kMakeTables = R"sql(
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
  limits TEXT NOT NULL,
  timeouts TEXT NOT NULL
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
  members TEXT NOT NULL,             -- addresses that belong to it beside those of interfaces
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
)sql";

constexpr const char* kMakeMappings = R"sql(
CREATE TABLE mappings (
  uid INTEGER PRIMARY KEY,
  number INTEGER NOT NULL UNIQUE,
  account TEXT NOT NULL REFERENCES accounts,
  subnet INTEGER NOT NULL REFERENCES subnets,
  group_set TEXT NOT NULL,           -- sorted ids joined by commas: the exact set
  lease INTEGER NOT NULL,            -- uid of the lease that it is made for; 0: functions share it
  provisioning_time INTEGER,         -- milliseconds; NULL: as long as interfaces take
  state TEXT NOT NULL CHECK (state IN ('provisioning', 'publishing', 'active', 'failed', 'releasing')),
  reason_code TEXT NOT NULL,         -- why it failed
  reason TEXT NOT NULL,
  since INTEGER NOT NULL,            -- Unix milliseconds of the last change of state
  UNIQUE (subnet, group_set, lease)
) STRICT;
CREATE INDEX mappings_by_state ON mappings (state, since, number);
)sql";

constexpr const char* kMakeTablesOfMappings = R"sql(
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
  state TEXT NOT NULL CHECK (state IN ('publishing', 'active', 'leaving', 'draining')),
  is_extra INTEGER NOT NULL,         -- 1: added for the load, and taken away without it
  generation INTEGER,                -- of the first table of this epoch that holds it in this state; NULL: none yet
  since INTEGER NOT NULL,            -- Unix milliseconds of the last change of state, by the wall clock
  change INTEGER NOT NULL,           -- a uid given then, to tell it from what a table being written has of it
  UNIQUE (subnet, address)
) STRICT;
CREATE INDEX interfaces_of_mapping ON interfaces (mapping);
CREATE INDEX extra_interfaces ON interfaces (mapping) WHERE is_extra = 1;

CREATE TABLE wanted_interfaces (     -- one more, for a mapping whose ports run short
  mapping INTEGER PRIMARY KEY REFERENCES mappings ON DELETE CASCADE,
  uid INTEGER NOT NULL UNIQUE,       -- the one that it will have
  since INTEGER NOT NULL,            -- Unix milliseconds: when the present attempt began, or begins
  reason_code TEXT NOT NULL,         -- why the attempt before failed; empty: none did
  reason TEXT NOT NULL
) STRICT;
CREATE INDEX wanted_interfaces_by_time ON wanted_interfaces (since);

CREATE TABLE retired_numbers (       -- of mappings that are gone, resting
  number INTEGER PRIMARY KEY,
  free_at INTEGER NOT NULL
) STRICT;

CREATE TABLE functions (             -- and what has been published of them
  account TEXT NOT NULL REFERENCES accounts,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,          -- 0: $LATEST
  settings TEXT NOT NULL,
  network TEXT NOT NULL,             -- the subnets and groups it runs with
  next_network TEXT,                 -- those an update under way will bring
  state TEXT NOT NULL,
  reason_code TEXT NOT NULL,
  reason TEXT NOT NULL,
  update_status TEXT NOT NULL,
  update_reason_code TEXT NOT NULL,
  update_reason TEXT NOT NULL,
  used_at INTEGER,                   -- Unix milliseconds of its last use that was noted; NULL: it has no network
  published INTEGER NOT NULL,        -- of $LATEST: the number that was last given to a version; 0: none was
  PRIMARY KEY (account, name, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX functions_by_use ON functions (used_at) WHERE state = 'Active' AND update_status <> 'InProgress';

CREATE TABLE function_mappings (     -- the references that are counted
  account TEXT NOT NULL,
  function TEXT NOT NULL,
  version INTEGER NOT NULL,
  mapping INTEGER NOT NULL REFERENCES mappings,
  is_next INTEGER NOT NULL,          -- 1: of an update under way
  PRIMARY KEY (account, function, version, mapping, is_next),
  FOREIGN KEY (account, function, version) REFERENCES functions
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

CREATE TABLE clock (                 -- how the life cycle's time follows the wall clock; no row: it is the wall clock's
  only INTEGER PRIMARY KEY CHECK (only = 1),
  wall INTEGER NOT NULL,             -- Unix milliseconds
  time INTEGER NOT NULL,             -- what it was then
  scale INTEGER NOT NULL             -- how fast it has gone since
) STRICT;

CREATE TABLE provisioning_failures ( -- orders to fail, the first that fits is carried out
  number INTEGER PRIMARY KEY,
  code TEXT NOT NULL,
  account TEXT,                      -- this and those below: what it is for; NULL: whatever there is
  subnet TEXT,
  security_group TEXT,
  role TEXT,
  times_left INTEGER                 -- NULL: until it is taken back
) STRICT;
)sql";

constexpr const char* kMakeLeases = R"sql(
CREATE TABLE leases (                -- times are Unix milliseconds; NULL: not yet
  uid INTEGER PRIMARY KEY,
  account TEXT NOT NULL,
  function TEXT NOT NULL,
  mapping INTEGER NOT NULL,          -- uid; that of a failed lease is gone
  mapping_number INTEGER NOT NULL,
  requested_at INTEGER NOT NULL,
  provisioned_at INTEGER,
  published_at INTEGER,
  active_at INTEGER,
  expires_at INTEGER NOT NULL,
  reason_code TEXT NOT NULL,         -- why it failed; empty: it did not
  reason TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version = 0),  -- only $LATEST has leases
  FOREIGN KEY (account, function, version) REFERENCES functions
) STRICT;
CREATE INDEX leases_of_function ON leases (account, function);
CREATE INDEX leases_by_expiry ON leases (expires_at);
CREATE INDEX waiting_leases ON leases (mapping) WHERE active_at IS NULL AND reason_code = '';
)sql";

// What could be found by looking at every row, kept so that nobody has to. Triggers see to it, within the transaction
// that changes what it is about.
constexpr const char* kBookkeeping = R"sql(
CREATE INDEX mappings_of_group ON mapping_groups (account, security_group);
CREATE INDEX interfaces_to_publish ON interfaces (uid) WHERE generation IS NULL;
CREATE INDEX interfaces_to_confirm ON interfaces (generation) WHERE state IN ('publishing', 'leaving');
CREATE INDEX interfaces_to_remove ON interfaces (since) WHERE state = 'draining';
CREATE INDEX retired_numbers_by_time ON retired_numbers (free_at);

CREATE TABLE free_numbers (          -- rested, and below the counter "mapping"
  number INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE interface_counts (
  subnet INTEGER PRIMARY KEY,
  interfaces INTEGER NOT NULL
) STRICT;
CREATE TRIGGER interface_made AFTER INSERT ON interfaces BEGIN
  INSERT INTO interface_counts VALUES (NEW.subnet, 1)
    ON CONFLICT (subnet) DO UPDATE SET interfaces = interfaces + 1;
  UPDATE content SET version = version + 1;
END;
CREATE TRIGGER interface_gone AFTER DELETE ON interfaces BEGIN
  UPDATE interface_counts SET interfaces = interfaces - 1 WHERE subnet = OLD.subnet;
  DELETE FROM interface_counts WHERE subnet = OLD.subnet AND interfaces = 0;
  UPDATE content SET version = version + 1;
END;
CREATE TRIGGER interface_turned AFTER UPDATE OF state ON interfaces WHEN NEW.generation IS NULL BEGIN
  UPDATE content SET version = version + 1;
END;

CREATE TABLE functions_to_follow (   -- those whose mappings, or whose mappings' states, changed since somebody looked
  account TEXT NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (account, name, version)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER reference_added AFTER INSERT ON function_mappings BEGIN
  INSERT OR IGNORE INTO functions_to_follow VALUES (NEW.account, NEW.function, NEW.version);
END;
CREATE TRIGGER mapping_settled AFTER UPDATE OF state ON mappings WHEN NEW.state IN ('active', 'failed') BEGIN
  INSERT OR IGNORE INTO functions_to_follow
    SELECT account, function, version FROM function_mappings WHERE mapping = NEW.uid;
END;

CREATE TABLE content (               -- of a table: its version changes with whatever a table may be made of
  only INTEGER PRIMARY KEY CHECK (only = 1),
  version INTEGER NOT NULL
) STRICT;
INSERT INTO content VALUES (1, 0);
)sql";

// What else a table is made of, beside interfaces.
constexpr const char* kTablesOfContent[] = {"accounts",        "vpcs",    "route_tables",
                                            "security_groups", "subnets", "worker_hosts"};

std::int64_t schema_version(Database& database) {
  auto row = database.query("PRAGMA user_version");
  row.step();
  return row.integer(0);
}

void make_tables(Database& database) {
  for (const auto* tables : {kMakeTables, kMakeMappings, kMakeTablesOfMappings, kMakeLeases, kBookkeeping})
    database.run_script(tables);
  make_note_tables(database);
  make_code_table(database);
  for (const std::string table : kTablesOfContent)
    for (const std::string change : {"INSERT", "UPDATE", "DELETE"})
      database.run_script(("CREATE TRIGGER content_" + change + "_" + table + " AFTER " + change + " ON " + table +
                           " BEGIN UPDATE content SET version = version + 1; END")
                              .c_str());
}

void bring_up_to_date(Database& database, std::int64_t version, TimePoint now) {
  if (version == 0) {
    make_tables(database);
    database.run("INSERT INTO publication VALUES (1, ?1, 0, '')", to_milliseconds(now));
    return;
  }
  set_aside_tables(database);
  make_tables(database);
  take_over_rows(database, version, now);
}

}  // namespace

void prepare_schema(Database& database, TimePoint now) {
  // Tables that refer to each other cannot be replaced one by one while references are checked, nor can that be turned
  // off in a transaction.
  database.run_script("PRAGMA foreign_keys=OFF; PRAGMA legacy_alter_table=ON;");
  {
    Transaction transaction(database);
    const auto version = schema_version(database);
    if (version > kSchemaVersion)
      throw DatabaseError("database: found schema version " + std::to_string(version) + "; expected at most " +
                          std::to_string(kSchemaVersion) + " (it was written by a newer hypernat-control)");
    if (version < kSchemaVersion) {
      bring_up_to_date(database, version, now);
      database.run_script(("PRAGMA user_version = " + std::to_string(kSchemaVersion)).c_str());
      transaction.commit();
    }
  }
  database.run_script("PRAGMA foreign_keys=ON; PRAGMA legacy_alter_table=OFF;");
}

}  // namespace hypernat::control
