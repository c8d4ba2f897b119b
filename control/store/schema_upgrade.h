// Databases of earlier versions: every table is set aside, today's are made, and the rows are taken over.
//
// So the schema has one text, that of today, and each earlier version is told by what its rows lack. What only keeps
// books (counts, what is to be followed) comes about by itself, as the rows are written. Callers hold a transaction, in
// which references are not checked.
#pragma once

#include "control/lifecycle/clock.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

/// Renames every table out of the way and removes what hangs on them.
void set_aside_tables(Database& database);
/// Fills today's tables from those set aside, which were of `version`, and removes these. Functions count as used now.
void take_over_rows(Database& database, std::int64_t version, TimePoint now);

}  // namespace hypernat::control
