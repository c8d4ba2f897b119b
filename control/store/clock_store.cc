#include "control/store/clock_store.h"

namespace hypernat::control {
namespace {

ClockAnchor read_anchor(Database& database) {
  auto row = database.query("SELECT wall, time, scale FROM clock");
  if (!row.step()) return {};
  return {
      .wall = from_milliseconds(row.integer(0)), .time = from_milliseconds(row.integer(1)), .scale = row.integer(2)};
}

}  // namespace

ClockAnchor resume_clock(Database& database, TimePoint wall, std::int64_t scale) {
  Transaction transaction(database);
  const auto before = read_anchor(database);
  if (before.scale == scale) return before;
  const ClockAnchor anchor{.wall = wall, .time = before.time_at(wall), .scale = scale};
  database.run("INSERT OR REPLACE INTO clock VALUES (1, ?1, ?2, ?3)", to_milliseconds(anchor.wall),
               to_milliseconds(anchor.time), anchor.scale);
  transaction.commit();
  return anchor;
}

}  // namespace hypernat::control
