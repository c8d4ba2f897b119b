#include "control/api/warm_pool.h"

#include <algorithm>

namespace hypernat::control {
WarmPool::WarmPool(std::chrono::milliseconds idle_after) : idle_after_(idle_after), watcher_([this] { watch(); }) {}

WarmPool::~WarmPool() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  watcher_.join();
}

// Those taken are ended, if they are, without the lock.
std::list<WarmPool::Waiting> WarmPool::take(const std::function<bool(const Waiting&)>& wanted, std::size_t most) {
  std::list<Waiting> taken;
  const std::lock_guard lock(mutex_);
  // The one that came last is the warmest.
  for (auto at = waiting_.end(); at != waiting_.begin() && taken.size() < most;) {
    const auto each = std::prev(at);
    if (wanted(*each))
      taken.splice(taken.end(), waiting_, each);
    else
      at = each;
  }
  return taken;
}

InvocationResult WarmPool::invoke(const Purpose& purpose, const Make& make, std::string_view payload,
                                  std::chrono::milliseconds time, const std::atomic<bool>& is_stopping) {
  const auto youngest = Clock::now() - kLongestLife;
  const auto is_wanted = [&](const auto& waiting) { return waiting.purpose == purpose && waiting.born > youngest; };
  auto own = take(is_wanted, 1);
  while (!own.empty() && !own.front().environment->is_alive()) own = take(is_wanted, 1);
  if (own.empty()) own.push_back({.purpose = purpose, .environment = make(), .born = Clock::now(), .since = {}});
  auto result = own.front().environment->invoke(payload, time, is_stopping);
  if (result.end != InvocationEnd::kExited || idle_after_.count() == 0) return result;
  const std::lock_guard lock(mutex_);
  own.front().since = Clock::now();
  waiting_.splice(waiting_.end(), own);
  changed_.notify_all();
  return result;
}

void WarmPool::retire_others(const Purpose& purpose) {
  take(
      [&](const auto& waiting) {
        return waiting.purpose.function == purpose.function && waiting.purpose.revision != purpose.revision;
      },
      SIZE_MAX);
}

void WarmPool::retire(const std::string& function) {
  take([&](const auto& waiting) { return waiting.purpose.function.starts_with(function + ":"); }, SIZE_MAX);
}

void WarmPool::watch() {
  std::unique_lock lock(mutex_);
  while (!is_over_) {
    if (waiting_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto due = waiting_.front().since + idle_after_;
    if (Clock::now() < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    std::list<Waiting> late;
    late.splice(late.end(), waiting_, waiting_.begin());
    lock.unlock();
    late.clear();
    lock.lock();
  }
}

}  // namespace hypernat::control
