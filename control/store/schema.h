// The tables of the control plane's database, and their version.
#pragma once

#include "control/lifecycle/clock.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

/// Makes the tables in an empty database (its epoch is `now`), brings an older schema up to date, and refuses a newer
/// one with DatabaseError.
void prepare_schema(Database& database, TimePoint now);

}  // namespace hypernat::control
