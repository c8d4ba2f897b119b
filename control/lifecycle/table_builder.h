// The mapping table, built wholly from the database.
//
// Only what mappings need is in it, beside the worker hosts: a subnet that no function uses is no news to a data
// plane. Everything is sorted and shared by content, so the same database gives the same bytes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/table.h"
#include "control/store/interface_store.h"
#include "control/store/records.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

/// What goes into a table, before it has indices: the database at one moment.
struct TableContent {
  std::uint64_t epoch = 0;
  std::uint64_t generation = 0;                                  ///< the one last given
  std::vector<WorkerHost> hosts;                                 ///< by name
  std::vector<MappedInterfaces> mappings;                        ///< with an interface, by number
  std::map<std::uint32_t, Subnet> subnets;                       ///< by number
  std::map<std::string, Account> accounts;                       ///< by id
  std::map<std::uint32_t, std::vector<config::Route>> routes;    ///< by subnet
  std::map<std::string, std::vector<config::EgressRule>> rules;  ///< by MappedInterfaces::group_key
  std::vector<std::string> warnings;                             ///< what is less than its owner wished, for the log
};

TableContent read_table_content(Database& database);
config::Table make_table(const TableContent& content);

/// The table with the epoch and generation last given; a caller that finds it changed gives it the next one.
config::Table build_table(Database& database);

}  // namespace hypernat::control
