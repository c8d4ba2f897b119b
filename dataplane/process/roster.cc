#include "dataplane/process/roster.h"

#include <algorithm>
#include <cassert>

namespace hypernat::dataplane {

Roster::Roster(std::uint16_t workers) : places_(workers) {}

bool Roster::keep(unsigned lcore) {
  const std::lock_guard lock(mutex_);
  Seat& seat = seats_[lcore];
  const bool ran = seat.runs;
  seat = {.runs = true, .kept = true};
  return !ran;
}

void Roster::unkeep(unsigned lcore) {
  const std::lock_guard lock(mutex_);
  seats_[lcore] = {};
}

void Roster::want(std::span<const unsigned> lcores) {
  assert(lcores.size() == places_.size());
  const std::lock_guard lock(mutex_);
  for (auto& [lcore, seat] : seats_) seat.kept = std::count(lcores.begin(), lcores.end(), lcore) > 0;
  for (std::size_t worker = 0; worker < lcores.size(); ++worker)
    places_[worker].wanted.store(lcores[worker], std::memory_order_relaxed);
  version_.fetch_add(1, std::memory_order_release);
}

void Roster::stop() {
  stopped_.store(true, std::memory_order_relaxed);
  version_.fetch_add(1, std::memory_order_release);
}

bool Roster::may_end(unsigned lcore) {
  const std::lock_guard lock(mutex_);
  Seat& seat = seats_[lcore];
  if (seat.kept) return false;
  seat.runs = false;
  return true;
}

// Gives up, takes, and says whether the loop goes on. Between a look at what is wanted and the taking main may want
// another: two may then try, and one has it; the other is told by the version.
bool Roster::Shift::look(std::uint32_t version) {
  seen_ = version;
  waits_ = false;
  const bool stopped = roster_.stopped_.load(std::memory_order_relaxed);
  for (std::uint16_t worker = 0; worker < roster_.workers(); ++worker) {
    Place& place = roster_.places_[worker];
    const auto own = std::find(held_.begin(), held_.end(), worker);
    const bool wanted = !stopped && place.wanted.load(std::memory_order_relaxed) == lcore_;
    if (own != held_.end() && !wanted) {
      held_.erase(own);
      place.holder.store(kNoLcore, std::memory_order_release);
    } else if (own == held_.end() && wanted) {
      unsigned nobody = kNoLcore;
      if (place.holder.compare_exchange_strong(nobody, lcore_, std::memory_order_acquire, std::memory_order_relaxed)) {
        held_.push_back(worker);
      } else {
        waits_ = true;
      }
    }
  }
  if (stopped) return false;
  return !held_.empty() || waits_ || !roster_.may_end(lcore_);
}

}  // namespace hypernat::dataplane
