// Changes that come at the same time share one transaction, and so one wait for the disk.
//
// Whoever comes while nobody commits commits everything that is waiting by then; those who come while the disk is
// waited for make up the next group. Nobody returns before his own change is on disk, and a change that is refused is
// undone alone.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

namespace hypernat::control {

class GroupCommit {
 public:
  struct Change {
    const std::function<void()>& work;
    std::exception_ptr failure;  ///< what `work` threw, or why the group was not committed
    bool is_done = false;        ///< guarded by the group's own lock
  };
  using Group = std::vector<Change*>;

  /// `commit` runs the work of every change of a group in one transaction, under `state`, and keeps what one throws in
  /// its `failure`. What it throws itself means that nothing of the group was committed.
  GroupCommit(std::mutex& state, std::function<void(const Group&)> commit)
      : state_(state), commit_(std::move(commit)) {}

  /// Returns when the change is on disk; throws what `work` threw.
  void perform(const std::function<void()>& work);

 private:
  void commit_waiting();

  std::mutex& state_;
  const std::function<void(const Group&)> commit_;
  std::mutex mutex_;  ///< guards everything below; taken after `state_`, never before
  std::condition_variable done_;
  Group waiting_;
  bool is_committing_ = false;
};

}  // namespace hypernat::control
