// The smallest part of a failing sequence that still fails, as far as leaving out steps can find it: first only its
// end, since what went wrong is seldom old; then delta debugging, halves first, ever smaller runs, single steps.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace hypernat::model {

/// `steps` fails; so does what comes back. At most `most` tries.
template <class Step, class Fails>
std::vector<Step> shrunk(std::vector<Step> steps, Fails&& fails, std::size_t most) {
  for (std::size_t last = 64; last < steps.size(); last *= 4, --most) {
    const std::vector<Step> end(steps.end() - static_cast<std::ptrdiff_t>(last), steps.end());
    if (!fails(end)) continue;
    steps = end;
    break;
  }
  for (std::size_t run = std::max<std::size_t>(steps.size() / 2, 1); most > 0;) {
    bool smaller = false;
    for (std::size_t at = 0; at < steps.size() && most > 0;) {
      std::vector<Step> rest(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(at));
      rest.insert(rest.end(), steps.begin() + static_cast<std::ptrdiff_t>(std::min(at + run, steps.size())),
                  steps.end());
      --most;
      if (fails(rest)) {
        steps = std::move(rest);
        smaller = true;
      } else {
        at += run;
      }
    }
    if (run == 1 && !smaller) break;
    run = std::max<std::size_t>(run / 2, 1);
  }
  return steps;
}

}  // namespace hypernat::model
