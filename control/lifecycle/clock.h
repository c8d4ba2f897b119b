// Time as the control plane uses it: a parameter, in milliseconds, on the wall clock because it outlives the process
// in the database and is compared with what other processes wrote.
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
  virtual TimePoint now() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
};

}  // namespace hypernat::control
