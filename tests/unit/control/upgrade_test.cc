// Databases of earlier versions: made from one of today by taking away what has come since, and opened again.
#include <gtest/gtest.h>

#include "control/store/note_store.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

// What version 4 said of functions, interfaces and leases. Its triggers and most indices are left out: nothing is done
// with such a database but opening it.
constexpr const char* kVersion4 = R"sql(
PRAGMA foreign_keys=OFF;
PRAGMA legacy_alter_table=ON;
DROP TABLE wanted_interfaces;
DROP TABLE clock;
DROP TABLE provisioning_failures;
DROP TABLE functions_to_follow;
CREATE TABLE functions_to_follow (account TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (account, name))
  STRICT, WITHOUT ROWID;
ALTER TABLE functions RENAME TO of_today;
CREATE TABLE functions (
  account TEXT NOT NULL REFERENCES accounts, name TEXT NOT NULL, settings TEXT NOT NULL, network TEXT NOT NULL,
  next_network TEXT, state TEXT NOT NULL, reason_code TEXT NOT NULL, reason TEXT NOT NULL, update_status TEXT NOT NULL,
  update_reason_code TEXT NOT NULL, update_reason TEXT NOT NULL, PRIMARY KEY (account, name)) STRICT, WITHOUT ROWID;
INSERT INTO functions SELECT account, name, settings, network, next_network, state, reason_code, reason, update_status,
  update_reason_code, update_reason FROM of_today;
DROP TABLE of_today;
ALTER TABLE function_mappings RENAME TO of_today;
CREATE TABLE function_mappings (
  account TEXT NOT NULL, function TEXT NOT NULL, mapping INTEGER NOT NULL REFERENCES mappings, is_next INTEGER NOT NULL,
  PRIMARY KEY (account, function, mapping, is_next), FOREIGN KEY (account, function) REFERENCES functions)
  STRICT, WITHOUT ROWID;
INSERT INTO function_mappings SELECT account, function, mapping, is_next FROM of_today;
DROP TABLE of_today;
DELETE FROM dropped_references;
ALTER TABLE interfaces RENAME TO of_today;
CREATE TABLE interfaces (
  uid INTEGER PRIMARY KEY, mapping INTEGER NOT NULL REFERENCES mappings, subnet INTEGER NOT NULL REFERENCES subnets,
  address INTEGER NOT NULL, is_active INTEGER NOT NULL, generation INTEGER, UNIQUE (subnet, address)) STRICT;
INSERT INTO interfaces SELECT uid, mapping, subnet, address, state = 'active', generation FROM of_today;
DROP TABLE of_today;
CREATE INDEX interfaces_to_publish ON interfaces (uid) WHERE generation IS NULL;
ALTER TABLE leases RENAME TO of_today;
CREATE TABLE leases (
  uid INTEGER PRIMARY KEY, account TEXT NOT NULL, function TEXT NOT NULL, mapping INTEGER NOT NULL,
  mapping_number INTEGER NOT NULL, requested_at INTEGER NOT NULL, provisioned_at INTEGER, published_at INTEGER,
  active_at INTEGER, expires_at INTEGER NOT NULL, reason_code TEXT NOT NULL, reason TEXT NOT NULL,
  FOREIGN KEY (account, function) REFERENCES functions) STRICT;
INSERT INTO leases SELECT uid, account, function, mapping, mapping_number, requested_at, provisioned_at, published_at,
  active_at, expires_at, reason_code, reason FROM of_today;
DROP TABLE of_today;
PRAGMA user_version = 4;
PRAGMA legacy_alter_table=OFF;
PRAGMA foreign_keys=ON;
)sql";

constexpr const char* kVersion3 = R"sql(
DROP TABLE first_functions;
DROP TABLE notes;
DROP TABLE code;
PRAGMA user_version = 3;
)sql";

constexpr const char* kVersion2 = R"sql(
ALTER TABLE accounts ADD COLUMN flow_limit INTEGER NOT NULL DEFAULT 0;
UPDATE accounts SET flow_limit = json_extract(limits, '$.flows');
ALTER TABLE accounts DROP COLUMN limits;
ALTER TABLE accounts DROP COLUMN timeouts;
ALTER TABLE security_groups DROP COLUMN members;
PRAGMA user_version = 2;
)sql";

// What version 1 of the schema said of mappings, with one in it.
constexpr const char* kVersion1 = R"sql(
PRAGMA foreign_keys=OFF;
DROP TABLE leases;
DROP TABLE free_numbers;
DROP TABLE interface_counts;
DROP TABLE functions_to_follow;
DROP TABLE content;
DELETE FROM counters WHERE name = 'mapping';
DROP INDEX mappings_of_group;
DROP INDEX interfaces_to_publish;
DROP INDEX retired_numbers_by_time;
DROP INDEX mappings_by_state;
ALTER TABLE mappings RENAME TO version_2;
CREATE TABLE mappings (
  uid INTEGER PRIMARY KEY,
  number INTEGER NOT NULL UNIQUE,
  account TEXT NOT NULL REFERENCES accounts,
  subnet INTEGER NOT NULL REFERENCES subnets,
  group_set TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('provisioning', 'publishing', 'active', 'failed', 'releasing')),
  reason_code TEXT NOT NULL,
  reason TEXT NOT NULL,
  since INTEGER NOT NULL,
  UNIQUE (subnet, group_set)
) STRICT;
CREATE INDEX mappings_by_state ON mappings (state);
INSERT INTO mappings SELECT uid, number, account, subnet, group_set, state, reason_code, reason, since FROM version_2;
DROP TABLE version_2;
PRAGMA user_version = 1;
PRAGMA foreign_keys=ON;
)sql";

void turn_into(Database& database, int version) {
  std::vector<std::string> triggers;
  {
    auto rows = database.query("SELECT name FROM sqlite_master WHERE type = 'trigger'");
    while (rows.step()) triggers.push_back(rows.text(0));
  }
  for (const auto& trigger : triggers) database.run_script(("DROP TRIGGER " + trigger).c_str());
  database.run_script(kVersion4);
  if (version <= 3) database.run_script(kVersion3);
  if (version <= 2) database.run_script(kVersion2);
  database.run_script("PRAGMA legacy_alter_table=ON;");
  if (version <= 1) database.run_script(kVersion1);
}

class Upgrade : public ::testing::Test {
 protected:
  Upgrade() {
    settings.database = directory / "control.db";
    world = std::make_unique<World>(settings);
    world->declare();
    world->create("web", {"subnet-a"}, {"sg-1"});  // mapping 1
    world->run();
  }
  Json lease() {
    return world
        ->call("POST", "/hypernat/v1/leases",
               {{"Account", kAcme}, {"FunctionName", "web"}, {"ProvisioningMilliseconds", 0}})
        .body;
  }
  std::string state(const Json& lease) {
    return world->call("GET", "/hypernat/v1/leases/" + lease["Id"].get<std::string>()).body["State"];
  }
  TemporaryDirectory directory;
  WorldSettings settings;
  std::unique_ptr<World> world;
};

TEST_F(Upgrade, from_version_4_gives_functions_as_long_to_idle_as_new_ones) {
  put_note(*world->database, kAcme, "sg-2", "name", "two");
  world->create("plain", {}, {});
  world->clock.advance(13 * 24h);
  lease();
  world->run();
  world->store.reported.clear();
  world->beat();
  world->create("late", {"subnet-b"}, {"sg-2"});
  const auto mappings = world->mappings();
  const auto table = world->store.table;
  turn_into(*world->database, 4);
  world->restart();
  EXPECT_EQ(world->mappings(), mappings);
  EXPECT_EQ(world->store.table, table);
  EXPECT_FALSE(world->database->query("PRAGMA foreign_key_check").step());
  EXPECT_EQ(find_notes(*world->database, kAcme, "sg-2"), (Notes{{"name", "two"}}));
  EXPECT_EQ(world->call("GET", "/hypernat/v1/leases").body["Leases"][0]["State"], "Active");
  world->run();
  EXPECT_EQ(world->state("late"), "Active");
  EXPECT_EQ(world->call("POST", "/2015-03-31/functions/web/versions", Json::object()).body["Version"], "1");
  world->clock.advance(13 * 24h);
  world->beat();
  EXPECT_EQ(world->state("web"), "Active");
  world->clock.advance(24h);
  world->beat();
  EXPECT_EQ(world->state("web"), "Inactive");
  EXPECT_EQ(world->state("plain"), "Active");
}

TEST_F(Upgrade, from_version_3_knows_whom_mappings_were_made_for) {
  turn_into(*world->database, 3);
  world->restart();
  const auto uid = world->mappings()[0]["Uid"].get<std::uint64_t>();
  EXPECT_EQ(first_function(*world->database, uid), "web");
  put_note(*world->database, kAcme, "sg-2", "name", "two");
  world->restart();
  EXPECT_EQ(find_notes(*world->database, kAcme, "sg-2"), (Notes{{"name", "two"}}));
  world->erase("/security-groups/sg-2");
  EXPECT_EQ(list_notes(*world->database, kAcme), (std::map<std::string, Notes>{}));
}

TEST_F(Upgrade, from_version_2_keeps_the_table_and_gives_tenants_what_they_had) {
  const auto mappings = world->mappings();
  const auto table = world->store.table;
  turn_into(*world->database, 2);
  world->restart();
  EXPECT_EQ(world->mappings(), mappings);
  EXPECT_EQ(world->store.table, table);
  const auto account = world->call("GET", std::string("/hypernat/v1/accounts/") + kAcme).body;
  EXPECT_EQ(account["Limits"], (Json{{"Flows", 1000}, {"NewFlowsPerSecond", 0}, {"PacketsPerSecond", 0}}));
  EXPECT_EQ(account["Timeouts"]["UdpMilliseconds"], 0);
  const auto group = world->call("GET", std::string("/hypernat/v1/accounts/") + kAcme + "/security-groups/sg-1").body;
  EXPECT_EQ(group["Members"], Json::array());
  const Json limits{{"Flows", 5}, {"NewFlowsPerSecond", 6}, {"PacketsPerSecond", 7}};
  EXPECT_EQ(world->put("", {{"Name", "tenant"}, {"Limits", limits}}).body["Limits"], limits);
  world->restart();
  EXPECT_EQ(world->call("GET", std::string("/hypernat/v1/accounts/") + kAcme).body["Limits"], limits);
}

TEST_F(Upgrade, from_version_1_makes_leases_possible) {
  world->create("gone", {"subnet-a"}, {"sg-1", "sg-2"});  // mapping 2
  world->create("dns", {"subnet-a"}, {"sg-2"});           // mapping 3
  world->call("DELETE", "/2015-03-31/functions/gone");
  world->store.reported.clear();
  world->create("late", {"subnet-b"}, {"sg-2"});  // mapping 4, Pending
  world->beat();
  const auto before = world->mappings();
  const auto table = world->store.table;
  turn_into(*world->database, 1);
  world->restart();
  EXPECT_EQ(world->mappings(), before);
  EXPECT_EQ(world->store.table, table);
  EXPECT_FALSE(world->database->query("PRAGMA foreign_key_check").step());
  EXPECT_THROW(world->database->run("DELETE FROM functions"), DatabaseError) << "references are checked again";
  world->run();
  EXPECT_EQ(world->state("late"), "Active");
  const auto first = lease();
  EXPECT_EQ(first["Mapping"], 5) << "2 rests";
  world->run();
  EXPECT_EQ(state(first), "Active");
  world->clock.advance(10min);
  EXPECT_EQ(lease()["Mapping"], 2);
}

}  // namespace
}  // namespace hypernat::control::testing
