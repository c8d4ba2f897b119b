// Databases of earlier versions: made from one of today by taking away what has come since, and opened again.
#include <gtest/gtest.h>

#include "control/store/note_store.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

constexpr const char* kVersion3 = R"sql(
DROP TABLE first_functions;
DROP TRIGGER first_reference;
DROP TRIGGER notes_of_vpcs;
DROP TRIGGER notes_of_route_tables;
DROP TRIGGER notes_of_security_groups;
DROP TRIGGER notes_of_subnets;
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
DROP INDEX interfaces_to_activate;
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

void turn_into_version_1(Database& database) {
  database.run_script(kVersion3);
  database.run_script(kVersion2);
  std::vector<std::string> triggers;
  {
    auto rows = database.query("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name != 'reference_dropped'");
    while (rows.step()) triggers.push_back(rows.text(0));
  }
  for (const auto& trigger : triggers) database.run_script(("DROP TRIGGER " + trigger).c_str());
  database.run_script("PRAGMA legacy_alter_table=ON;");
  database.run_script(kVersion1);
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

TEST_F(Upgrade, from_version_3_knows_whom_mappings_were_made_for) {
  world->database->run_script(kVersion3);
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
  world->database->run_script(kVersion3);
  world->database->run_script(kVersion2);
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
  turn_into_version_1(*world->database);
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
