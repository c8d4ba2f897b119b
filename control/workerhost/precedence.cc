#include "control/workerhost/precedence.h"

#include <sched.h>
#include <sys/resource.h>

namespace hypernat::workerhost {
namespace {

constexpr int kBestNice = -20;

// Priorities of 0 are for policies that have none.
bool set_policy(int policy, int priority) {
  const sched_param parameters{.sched_priority = priority};
  return ::sched_setscheduler(0, policy, &parameters) == 0;
}

}  // namespace

// The lowest of the real-time priorities: before ordinary processes is enough.
Precedence::Precedence() {
  if (set_policy(SCHED_RR | SCHED_RESET_ON_FORK, ::sched_get_priority_min(SCHED_RR)))
    kind_ = Kind::kRealTime;
  else if (set_policy(SCHED_OTHER | SCHED_RESET_ON_FORK, 0) && ::setpriority(PRIO_PROCESS, 0, kBestNice) == 0)
    kind_ = Kind::kNice;
}

Precedence::~Precedence() {
  set_policy(SCHED_OTHER | SCHED_RESET_ON_FORK, 0);
  if (kind_ == Kind::kNice) ::setpriority(PRIO_PROCESS, 0, 0);
}

const char* name_of(Precedence::Kind kind) {
  switch (kind) {
    case Precedence::Kind::kRealTime:
      return "real time";
    case Precedence::Kind::kNice:
      return "the best nice value, as real time is not permitted";
    case Precedence::Kind::kNone:
      break;
  }
  return "none, as it is not permitted: attaching waits behind whatever runs";
}

}  // namespace hypernat::workerhost
