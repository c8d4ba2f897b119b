// Time as the control plane uses it: a parameter, in milliseconds since 1970, because it outlives the process in the
// database.
//
// There are two: that of the life cycle, by which interfaces are made, functions fall idle and numbers rest, and which
// can be made to go faster; and the wall clock's, by which other processes are held to what they wrote.
#pragma once

#include <chrono>
#include <cstdint>

namespace hypernat::control {

using TimePoint = std::chrono::sys_time<std::chrono::milliseconds>;

inline std::int64_t to_milliseconds(TimePoint time) {
  return time.time_since_epoch().count();
}
inline TimePoint from_milliseconds(std::int64_t milliseconds) {
  return TimePoint(std::chrono::milliseconds(milliseconds));
}

class Clock {
 public:
  virtual ~Clock() = default;
  /// The life cycle's time.
  virtual TimePoint now() const = 0;
  /// What everybody else's clock says.
  virtual TimePoint wall() const = 0;
  /// How long somebody has to wait until the life cycle's time has gone on by this much.
  virtual std::chrono::milliseconds real(std::chrono::milliseconds life_time) const = 0;
};

/// When the life cycle's time was what, and how many times as fast as the wall clock it has gone since.
struct ClockAnchor {
  TimePoint wall;
  TimePoint time;
  std::int64_t scale = 1;

  TimePoint time_at(TimePoint wall_time) const { return time + (wall_time - wall) * scale; }
};

class SystemClock final : public Clock {
 public:
  SystemClock() = default;
  explicit SystemClock(const ClockAnchor& anchor) : anchor_(anchor) {}

  static TimePoint wall_now() {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }

  TimePoint now() const override { return anchor_.time_at(wall_now()); }
  TimePoint wall() const override { return wall_now(); }
  std::chrono::milliseconds real(std::chrono::milliseconds life_time) const override {
    return life_time / anchor_.scale;
  }

 private:
  ClockAnchor anchor_;
};

}  // namespace hypernat::control
