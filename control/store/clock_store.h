// How the life cycle's time follows the wall clock, over restarts: it goes on while nobody runs, and never back.
#pragma once

#include "control/lifecycle/clock.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

/// From now on the life cycle's time goes `scale` times as fast as the wall clock. It continues from where the anchor
/// written last has brought it; without one it is the wall clock's.
ClockAnchor resume_clock(Database& database, TimePoint wall, std::int64_t scale);

}  // namespace hypernat::control
