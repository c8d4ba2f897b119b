#include "control/lifecycle/group_commit.h"

#include <utility>

namespace hypernat::control {

void GroupCommit::perform(const std::function<void()>& work) {
  Change change{.work = work, .failure = {}};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&change);
  while (!change.is_done) {
    if (is_committing_) {
      done_.wait(lock);
      continue;
    }
    is_committing_ = true;
    lock.unlock();
    commit_waiting();
    lock.lock();
    is_committing_ = false;
    done_.notify_all();
  }
  lock.unlock();
  if (change.failure) std::rethrow_exception(change.failure);
}

void GroupCommit::commit_waiting() {
  const std::lock_guard state(state_);
  Group group;
  {
    const std::lock_guard lock(mutex_);  // those who came while the state was waited for belong to it
    group = std::exchange(waiting_, {});
  }
  try {
    commit_(group);
  } catch (...) {
    for (auto* change : group)
      if (!change->failure) change->failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  for (auto* change : group) change->is_done = true;
}

}  // namespace hypernat::control
