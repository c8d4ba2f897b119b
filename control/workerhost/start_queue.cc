#include "control/workerhost/start_queue.h"

#include <sched.h>

#include <utility>

namespace hypernat::workerhost {
namespace {

// The second has something to do while the first waits for a disk.
constexpr std::size_t kStartsPerCpu = 2;

}  // namespace

StartQueue::Turn StartQueue::join(std::function<void()> begin) {
  waiting_.emplace(++last_, std::move(begin));
  call_soon();
  return last_;
}

void StartQueue::leave(Turn turn) {
  waiting_.erase(turn);
  const auto found = starting_.find(turn);
  if (found == starting_.end()) return;
  loop_.cancel(found->second);
  starting_.erase(found);
  call_soon();
}

// Not at once: whoever joins or leaves is in the middle of something.
void StartQueue::call_soon() {
  if (!waiting_.empty()) loop_.at(EventLoop::Clock::now(), [this] { call_next(); });
}

void StartQueue::call_next() {
  while (starting_.size() < limits_.at_once && !waiting_.empty()) {
    const auto next = waiting_.extract(waiting_.begin());
    const Turn turn = next.key();
    starting_.emplace(turn, loop_.at(EventLoop::Clock::now() + limits_.patience, [this, turn] { leave(turn); }));
    next.mapped()();
  }
}

std::size_t starts_at_once() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  // It fails on machines with more CPUs than the set has room for.
  const int known = ::sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : CPU_SETSIZE;
  return kStartsPerCpu * static_cast<std::size_t>(known);
}

}  // namespace hypernat::workerhost
