// How far an environment has come, as its init writes it at the beginning of the environment's record: the one thing
// that a worker host which starts again has to go by.
#pragma once

#include <cstdint>

namespace hypernat::workerhost {

/// In this order, and never back.
enum class EnvironmentPhase : std::uint32_t {
  kForked,   ///< nothing is known yet
  kBorn,     ///< its process is known
  kInside,   ///< it is in its slot's network namespace, and has closed what was the worker host's
  kRunning,  ///< the command runs
  kEmpty,    ///< nothing runs in it any more but its init; the slot can be had back
  kSaid,     ///< its client was told the end
};

enum class EnvironmentEnding : std::uint32_t { kNone, kCommand, kTimeout, kClient, kFailure };

/// A process is told from a later one of the same number by the moment it was made.
struct EnvironmentLife {
  std::int64_t pid = 0;  ///< as /proc has it where the worker host runs
  std::uint64_t start_ticks = 0;
  EnvironmentPhase phase = EnvironmentPhase::kForked;
  EnvironmentEnding ending = EnvironmentEnding::kNone;
};

/// From the text of a /proc/PID/stat: pid and start_ticks. Both 0 when it is none. Allocates nothing.
EnvironmentLife life_from_stat(const char* text);

}  // namespace hypernat::workerhost
