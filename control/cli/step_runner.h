// Steps taken in an order that the control plane can take, those that do not need each other at the same time.
//
// The control plane acknowledges a change once it is on disk, and writes those that wait together: one after the other,
// thousands of steps would wait for the disk thousands of times.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "control/cli/difference.h"

namespace hypernat::cli {

inline constexpr std::size_t kStepTakers = 32;

struct StepActions {
  /// Takes a step, for one of kStepTakers takers: each is asked by one thread at a time. Throws when it is refused.
  std::function<void(std::size_t taker, const Step& step)> take;
  /// Told of every step that was taken, in their order.
  std::function<void(const Step& step)> taken;
};

/// Takes all steps. When one is refused no other begins; those under way are finished and told of. Throws a
/// CommandError that says what was refused and how many were taken.
void run_steps(const std::vector<Step>& steps, const StepActions& actions);

}  // namespace hypernat::cli
