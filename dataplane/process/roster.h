// Who runs which worker, and how workers change hands while they run.
//
// Main says which lcore is wanted for each worker. The lcore that holds a worker gives it up between two rounds, and
// the wanted one takes it when nobody holds it. So only its holder ever steps a worker, and one that is stuck keeps its
// own. While nothing changes an lcore loads one word a round; the lock is for the beginning and the end of a loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "dataplane/process/dealing.h"

namespace hypernat::dataplane {

class Roster {
 public:
  explicit Roster(std::uint16_t workers);

  // Main alone.

  /// Keeps an lcore's loop from ending until the next `want`. True when none runs: the caller starts one.
  bool keep(unsigned lcore);
  /// Takes that back, as none could be started.
  void unkeep(unsigned lcore);
  /// The lcore of each worker, of those kept.
  void want(std::span<const unsigned> lcores);
  /// Every loop gives up what it holds and ends, whatever is wanted.
  void stop();

  // Any thread.

  std::uint16_t workers() const { return static_cast<std::uint16_t>(places_.size()); }
  /// kNoLcore: nobody, as it is on its way.
  unsigned holder(std::uint16_t worker) const { return places_[worker].holder.load(std::memory_order_relaxed); }
  unsigned wanted(std::uint16_t worker) const { return places_[worker].wanted.load(std::memory_order_relaxed); }

  /// The loop of an lcore: rounds of `step(worker)`, which returns how many packets it moved, then `idle(moved)`. Ends
  /// when the lcore is to hold nothing.
  template <typename Step, typename Idle>
  void run(unsigned lcore, Step&& step, Idle&& idle) {
    Shift shift(*this, lcore);
    while (shift.goes_on()) {
      std::uint32_t moved = 0;
      for (const std::uint16_t worker : shift.held()) moved += step(worker);
      idle(moved);
    }
  }

 private:
  struct Place {
    std::atomic<unsigned> wanted{kNoLcore};  ///< main writes it
    std::atomic<unsigned> holder{kNoLcore};  ///< who holds it, or takes it while nobody does
  };
  struct Seat {
    bool runs = false;  ///< a loop does, or is about to
    bool kept = false;  ///< and must go on
  };

  /// One run of a loop.
  class Shift {
   public:
    Shift(Roster& roster, unsigned lcore) : roster_(roster), lcore_(lcore) { held_.reserve(roster.workers()); }

    bool goes_on() {
      const std::uint32_t version = roster_.version_.load(std::memory_order_acquire);
      return (version == seen_ && !waits_) || look(version);
    }
    const std::vector<std::uint16_t>& held() const { return held_; }

   private:
    bool look(std::uint32_t version);

    Roster& roster_;
    unsigned lcore_;
    std::vector<std::uint16_t> held_;
    std::uint32_t seen_ = 0;  ///< version 0 is nobody's
    bool waits_ = false;      ///< for workers that others have still
  };

  bool may_end(unsigned lcore);

  std::deque<Place> places_;  ///< by worker
  std::atomic<std::uint32_t> version_{1};
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::map<unsigned, Seat> seats_;  ///< by lcore; guarded by the mutex
};

}  // namespace hypernat::dataplane
