// The mapping table, built wholly from the database.
//
// Only what mappings need is in it, beside the worker hosts: a subnet that no function uses is no news to a data
// plane. Everything is sorted and shared by content, so the same database gives the same bytes.
#pragma once

#include "config/table.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

/// The table with the epoch and generation last given; a caller that finds it changed gives it the next one.
config::Table build_table(Database& database);

}  // namespace hypernat::control
