// Accounts and what they declare of their networks: rows in, values out, no judgement.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/store/records.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

std::optional<Account> find_account(Database& database, const std::string& account);
std::vector<Account> list_accounts(Database& database);
void put(Database& database, const Account& account);
void erase_account(Database& database, const std::string& account);

std::optional<Vpc> find_vpc(Database& database, const std::string& account, const std::string& id);
std::vector<Vpc> list_vpcs(Database& database, const std::string& account);
void put(Database& database, const Vpc& vpc);
void erase_vpc(Database& database, const std::string& account, const std::string& id);

std::optional<RouteTable> find_route_table(Database& database, const std::string& account, const std::string& id);
std::vector<RouteTable> list_route_tables(Database& database, const std::string& account);
void put(Database& database, const RouteTable& table);
void erase_route_table(Database& database, const std::string& account, const std::string& id);

std::optional<SecurityGroup> find_security_group(Database& database, const std::string& account, const std::string& id);
std::vector<SecurityGroup> list_security_groups(Database& database, const std::string& account);
void put(Database& database, const SecurityGroup& group);
void erase_security_group(Database& database, const std::string& account, const std::string& id);

std::optional<Subnet> find_subnet(Database& database, const std::string& account, const std::string& id);
std::optional<Subnet> find_subnet(Database& database, std::uint32_t number);
std::optional<Subnet> find_subnet(Database& database, const config::Segment& segment);
std::vector<Subnet> list_subnets(Database& database, const std::string& account);
/// Of every account, by number.
std::vector<Subnet> list_subnets(Database& database);
/// Inserts, or replaces the one with this number.
void put(Database& database, const Subnet& subnet);
void erase_subnet(Database& database, std::uint32_t number);

}  // namespace hypernat::control
