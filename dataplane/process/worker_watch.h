// Whether every worker still goes its rounds: one that stopped polling loses its packets at the device, where no
// counter of the data plane sees them.
//
// A worker is stalled when its last round is long past and it has gone none since the look before, so that a process
// that was stopped as a whole and goes on raises no alarm. Times are parameters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

class WorkerWatch {
 public:
  struct Change {
    std::uint16_t worker = 0;
    bool is_stalled = false;  ///< or goes on
    Tick silent_for = 0;      ///< of one that stalled: since its last round
  };

  /// `patience`: milliseconds without a round.
  WorkerWatch(std::size_t workers, Tick patience) : patience_(patience), seen_(workers) {}

  /// `rounds` are the times of the workers' last rounds. Returns whose state changed.
  std::vector<Change> look(std::span<const Tick> rounds, Tick now);
  /// Numbers of the workers that are stalled.
  std::vector<std::uint16_t> stalled() const;

 private:
  struct Seen {
    Tick round = 0;
    bool looked = false;
    bool is_stalled = false;
  };
  Tick patience_;
  std::vector<Seen> seen_;
};

}  // namespace hypernat::dataplane
