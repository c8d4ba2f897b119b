#include "control/store/schema_upgrade.h"

#include <string>
#include <vector>

namespace hypernat::control {
namespace {

constexpr const char* kAside = "aside_";

std::vector<std::string> names_of(Database& database, const std::string& type) {
  std::vector<std::string> names;
  auto rows = database.query("SELECT name FROM sqlite_master WHERE type = ?1 AND name NOT LIKE 'sqlite_%'", type);
  while (rows.step()) names.push_back(rows.text(0));
  return names;
}

void run(Database& database, const std::string& sql) {
  database.run_script(sql.c_str());
}

// What is the same in every version.
constexpr const char* kUnchanged[] = {"publication", "counters",       "vpcs",         "route_tables",
                                      "subnets",     "mapping_groups", "worker_hosts", "retired_numbers"};

// Up to version 4 there were no published versions, one interface for each mapping, and nobody noted when a function
// was used.
constexpr const char* kFromVersion4 = R"sql(
INSERT INTO functions SELECT account, name, 0, settings, network, next_network, state, reason_code, reason,
    update_status, update_reason_code, update_reason,
    CASE WHEN json_array_length(network, '$.subnets') > 0 THEN 0 END, 0
  FROM aside_functions;
INSERT INTO function_mappings SELECT account, function, 0, mapping, is_next FROM aside_function_mappings
  ORDER BY account, function;
INSERT INTO interfaces SELECT uid, mapping, subnet, address, iif(is_active, 'active', 'publishing'), 0, generation, 0, uid
  FROM aside_interfaces;
INSERT OR IGNORE INTO functions_to_follow SELECT account, name, 0 FROM functions;
INSERT OR IGNORE INTO dropped_references SELECT mapping FROM aside_dropped_references;
)sql";

constexpr const char* kNotesFromVersion4 = R"sql(
INSERT INTO notes SELECT account, resource, name, value FROM aside_notes;
INSERT INTO first_functions SELECT mapping, function FROM aside_first_functions;
INSERT INTO code SELECT sha256, archive FROM aside_code;
)sql";

constexpr const char* kAccountsFromVersion3 = R"sql(
INSERT INTO accounts SELECT account, number, name, limits, timeouts FROM aside_accounts;
INSERT INTO security_groups SELECT account, id, vpc, egress, members FROM aside_security_groups;
)sql";

// Versions 1 and 2 knew of one limit only, and of groups without members.
constexpr const char* kAccountsFromVersion2 = R"sql(
INSERT INTO accounts SELECT account, number, name,
    json_object('flows', flow_limit, 'new_flows_per_second', 0, 'packets_per_second', 0),
    '{"tcp_opening":0,"tcp_established":0,"tcp_closing":0,"udp":0,"icmp":0}' FROM aside_accounts;
INSERT INTO security_groups SELECT account, id, vpc, egress, '[]' FROM aside_security_groups;
)sql";

constexpr const char* kLeasesFromVersion2 = R"sql(
INSERT INTO leases SELECT uid, account, function, mapping, mapping_number, requested_at, provisioned_at, published_at,
    active_at, expires_at, reason_code, reason, 0 FROM aside_leases;
INSERT INTO free_numbers SELECT number FROM aside_free_numbers;
)sql";

// Version 1 had no leases, and looked for free numbers among all.
constexpr const char* kNumbersFromVersion1 = R"sql(
INSERT INTO counters SELECT 'mapping', 1 + max(coalesce((SELECT max(number) FROM mappings), 0),
                                               coalesce((SELECT max(number) FROM retired_numbers), 0));
INSERT INTO free_numbers
  WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number + 1 <
    (SELECT next FROM counters WHERE name = 'mapping'))
  SELECT number FROM numbers WHERE number < (SELECT next FROM counters WHERE name = 'mapping')
    AND number NOT IN (SELECT number FROM mappings) AND number NOT IN (SELECT number FROM retired_numbers);
)sql";

}  // namespace

void set_aside_tables(Database& database) {
  for (const auto& trigger : names_of(database, "trigger")) run(database, "DROP TRIGGER " + trigger);
  for (const auto& index : names_of(database, "index")) run(database, "DROP INDEX " + index);
  for (const auto& table : names_of(database, "table"))
    run(database, "ALTER TABLE " + table + " RENAME TO " + kAside + table);
}

void take_over_rows(Database& database, std::int64_t version, TimePoint now) {
  for (const std::string table : kUnchanged) run(database, "INSERT INTO " + table + " SELECT * FROM " + kAside + table);
  run(database, version < 3 ? kAccountsFromVersion2 : kAccountsFromVersion3);
  const std::string own = version < 2 ? "0, NULL" : "lease, provisioning_time";
  run(database, "INSERT INTO mappings SELECT uid, number, account, subnet, group_set, " + own +
                    ", state, reason_code, reason, since FROM aside_mappings");
  if (version == 4) run(database, kNotesFromVersion4);
  run(database, kFromVersion4);
  database.run("UPDATE functions SET used_at = ?1 WHERE used_at IS NOT NULL", to_milliseconds(now));
  run(database, version < 2 ? kNumbersFromVersion1 : kLeasesFromVersion2);
  for (const auto& table : names_of(database, "table"))
    if (table.starts_with(kAside)) run(database, "DROP TABLE " + table);
}

}  // namespace hypernat::control
