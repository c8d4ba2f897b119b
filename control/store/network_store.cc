#include "control/store/network_store.h"

#include "control/store/encoding.h"

namespace hypernat::control {
namespace {

template <class Read>
auto first_row(Statement statement, Read read) {
  return statement.step() ? std::optional(read(statement)) : std::nullopt;
}

template <class Read>
auto every_row(Statement statement, Read read) {
  std::vector<decltype(read(statement))> rows;
  while (statement.step()) rows.push_back(read(statement));
  return rows;
}

constexpr const char* kAccounts = "SELECT account, number, name, limits, timeouts FROM accounts ";

Account read_account(const Statement& row) {
  return {.account = row.text(0),
          .number = row.as<std::uint32_t>(1),
          .name = row.text(2),
          .limits = decode_limits(row.text(3)),
          .timeouts = decode_timeouts(row.text(4))};
}

Vpc read_vpc(const Statement& row) {
  Vpc vpc{.account = row.text(0), .id = row.text(1), .cidr = decode_prefix(row.text(2)), .resolver = {}};
  if (const auto resolver = row.text(3); !resolver.empty()) vpc.resolver = decode_address(resolver);
  return vpc;
}

RouteTable read_route_table(const Statement& row) {
  return {.account = row.text(0), .id = row.text(1), .vpc = row.text(2), .routes = decode_routes(row.text(3))};
}

SecurityGroup read_group(const Statement& row) {
  return {.account = row.text(0),
          .id = row.text(1),
          .vpc = row.text(2),
          .egress = decode_rules(row.text(3)),
          .members = decode_addresses(row.text(4))};
}

constexpr const char* kSubnets =
    "SELECT number, account, id, vpc, cidr, zone, router, attachment, segment, vteps, reserved, route_table "
    "FROM subnets ";

Subnet read_subnet(const Statement& row) {
  Subnet subnet{.number = row.as<std::uint32_t>(0),
                .account = row.text(1),
                .id = row.text(2),
                .vpc = row.text(3),
                .cidr = decode_prefix(row.text(4)),
                .zone = row.text(5),
                .router = decode_address(row.text(6)),
                .segment = {.attachment = row.text(7), .id = row.as<std::uint32_t>(8)},
                .vteps = decode_addresses(row.text(9)),
                .reserved = decode_addresses(row.text(10)),
                .route_table = {}};
  if (!row.is_null(11)) subnet.route_table = row.text(11);
  return subnet;
}

}  // namespace

std::optional<Account> find_account(Database& database, const std::string& account) {
  return first_row(database.query(std::string(kAccounts) + "WHERE account = ?1", account), read_account);
}

std::vector<Account> list_accounts(Database& database) {
  return every_row(database.query(std::string(kAccounts) + "ORDER BY account"), read_account);
}

void put(Database& database, const Account& account) {
  database.run(
      "INSERT INTO accounts VALUES (?1, ?2, ?3, ?4, ?5) "
      "ON CONFLICT (account) DO UPDATE SET name = excluded.name, limits = excluded.limits, "
      "timeouts = excluded.timeouts",
      account.account, account.number, account.name, encode(account.limits), encode(account.timeouts));
}

void erase_account(Database& database, const std::string& account) {
  database.run("DELETE FROM accounts WHERE account = ?1", account);
}

std::optional<Vpc> find_vpc(Database& database, const std::string& account, const std::string& id) {
  return first_row(database.query("SELECT * FROM vpcs WHERE account = ?1 AND id = ?2", account, id), read_vpc);
}

std::vector<Vpc> list_vpcs(Database& database, const std::string& account) {
  return every_row(database.query("SELECT * FROM vpcs WHERE account = ?1 ORDER BY id", account), read_vpc);
}

void put(Database& database, const Vpc& vpc) {
  database.run(
      "INSERT INTO vpcs VALUES (?1, ?2, ?3, ?4) "
      "ON CONFLICT (account, id) DO UPDATE SET cidr = excluded.cidr, resolver = excluded.resolver",
      vpc.account, vpc.id, to_string(vpc.cidr), vpc.resolver ? to_string(*vpc.resolver) : std::string());
}

void erase_vpc(Database& database, const std::string& account, const std::string& id) {
  database.run("DELETE FROM vpcs WHERE account = ?1 AND id = ?2", account, id);
}

std::optional<RouteTable> find_route_table(Database& database, const std::string& account, const std::string& id) {
  return first_row(database.query("SELECT * FROM route_tables WHERE account = ?1 AND id = ?2", account, id),
                   read_route_table);
}

std::vector<RouteTable> list_route_tables(Database& database, const std::string& account) {
  return every_row(database.query("SELECT * FROM route_tables WHERE account = ?1 ORDER BY id", account),
                   read_route_table);
}

void put(Database& database, const RouteTable& table) {
  database.run(
      "INSERT INTO route_tables VALUES (?1, ?2, ?3, ?4) "
      "ON CONFLICT (account, id) DO UPDATE SET vpc = excluded.vpc, routes = excluded.routes",
      table.account, table.id, table.vpc, encode(table.routes));
}

void erase_route_table(Database& database, const std::string& account, const std::string& id) {
  database.run("DELETE FROM route_tables WHERE account = ?1 AND id = ?2", account, id);
}

std::optional<SecurityGroup> find_security_group(Database& database, const std::string& account,
                                                 const std::string& id) {
  return first_row(database.query("SELECT * FROM security_groups WHERE account = ?1 AND id = ?2", account, id),
                   read_group);
}

std::vector<SecurityGroup> list_security_groups(Database& database, const std::string& account) {
  return every_row(database.query("SELECT * FROM security_groups WHERE account = ?1 ORDER BY id", account), read_group);
}

void put(Database& database, const SecurityGroup& group) {
  database.run(
      "INSERT INTO security_groups VALUES (?1, ?2, ?3, ?4, ?5) "
      "ON CONFLICT (account, id) DO UPDATE SET vpc = excluded.vpc, egress = excluded.egress, "
      "members = excluded.members",
      group.account, group.id, group.vpc, encode(group.egress), encode(group.members));
}

void erase_security_group(Database& database, const std::string& account, const std::string& id) {
  database.run("DELETE FROM security_groups WHERE account = ?1 AND id = ?2", account, id);
}

std::optional<Subnet> find_subnet(Database& database, const std::string& account, const std::string& id) {
  return first_row(database.query(std::string(kSubnets) + "WHERE account = ?1 AND id = ?2", account, id), read_subnet);
}

std::optional<Subnet> find_subnet(Database& database, std::uint32_t number) {
  return first_row(database.query(std::string(kSubnets) + "WHERE number = ?1", number), read_subnet);
}

std::optional<Subnet> find_subnet(Database& database, const config::Segment& segment) {
  return first_row(
      database.query(std::string(kSubnets) + "WHERE attachment = ?1 AND segment = ?2", segment.attachment, segment.id),
      read_subnet);
}

std::vector<Subnet> list_subnets(Database& database, const std::string& account) {
  return every_row(database.query(std::string(kSubnets) + "WHERE account = ?1 ORDER BY id", account), read_subnet);
}

std::vector<Subnet> list_subnets(Database& database) {
  return every_row(database.query(std::string(kSubnets) + "ORDER BY number"), read_subnet);
}

void put(Database& database, const Subnet& subnet) {
  database.run(
      "INSERT INTO subnets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
      "ON CONFLICT (number) DO UPDATE SET vpc = excluded.vpc, cidr = excluded.cidr, zone = excluded.zone, "
      "router = excluded.router, attachment = excluded.attachment, segment = excluded.segment, "
      "vteps = excluded.vteps, reserved = excluded.reserved, route_table = excluded.route_table",
      subnet.number, subnet.account, subnet.id, subnet.vpc, to_string(subnet.cidr), subnet.zone,
      to_string(subnet.router), subnet.segment.attachment, subnet.segment.id, encode(subnet.vteps),
      encode(subnet.reserved), subnet.route_table);
}

void erase_subnet(Database& database, std::uint32_t number) {
  database.run("DELETE FROM subnets WHERE number = ?1", number);
}

}  // namespace hypernat::control
