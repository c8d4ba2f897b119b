#include "dataplane/process/worker_watch.h"

#include <cassert>

namespace hypernat::dataplane {

std::vector<WorkerWatch::Change> WorkerWatch::look(std::span<const Tick> rounds, Tick now) {
  assert(rounds.size() == seen_.size());
  std::vector<Change> changes;
  for (std::size_t worker = 0; worker < seen_.size(); ++worker) {
    Seen& seen = seen_[worker];
    const Tick silent_for = now - rounds[worker];
    const bool is_stalled = seen.looked && rounds[worker] == seen.round && silent_for >= patience_;
    if (is_stalled != seen.is_stalled) {
      changes.push_back({.worker = static_cast<std::uint16_t>(worker),
                         .is_stalled = is_stalled,
                         .silent_for = is_stalled ? silent_for : 0});
    }
    seen = {.round = rounds[worker], .looked = true, .is_stalled = is_stalled};
  }
  return changes;
}

std::vector<std::uint16_t> WorkerWatch::stalled() const {
  std::vector<std::uint16_t> numbers;
  for (std::size_t worker = 0; worker < seen_.size(); ++worker)
    if (seen_[worker].is_stalled) numbers.push_back(static_cast<std::uint16_t>(worker));
  return numbers;
}

}  // namespace hypernat::dataplane
