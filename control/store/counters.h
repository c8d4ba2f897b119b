// Numbers that the database gives out and never gives again.
#pragma once

#include <cstdint>

#include "control/store/records.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

/// Unique over the life of the database and of every copy of it that was put back: they start at a number that grows
/// with the epoch. Below 2^53, so that any JSON reader keeps them exact.
std::uint64_t take_uid(Database& database);
std::uint32_t take_tenant_number(Database& database);
std::uint32_t take_subnet_number(Database& database);
/// One that no mapping ever had. Throws DatabaseError when there is none.
std::uint32_t take_unused_mapping_number(Database& database);
/// Every uid given so far is below this one.
std::uint64_t read_next_uid(Database& database);
/// Changes whenever something does that a table may be made of.
std::int64_t read_content_version(Database& database);

Publication read_publication(Database& database);
void write_publication(Database& database, const Publication& publication);
/// Starts a new epoch: generation 0, and uids beyond those of every earlier epoch.
void start_epoch(Database& database, std::uint64_t epoch);

}  // namespace hypernat::control
