#include "control/lifecycle/settler.h"

#include <algorithm>
#include <exception>

#include "control/lifecycle/journal.h"

namespace hypernat::control {
namespace {

using std::chrono::steady_clock;

// Whatever is due is looked at after this long at the earliest, lest a clock that was set makes it spin.
constexpr std::chrono::milliseconds kShortestWait{1};

}  // namespace

Settler::Settler(Controller& controller, std::chrono::milliseconds beat)
    : controller_(controller), beat_(beat), thread_([this] { run(); }) {
  controller_.on_change([this] { wake(); });
}

Settler::~Settler() {
  controller_.on_change({});
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Settler::wake() {
  {
    const std::lock_guard lock(mutex_);
    is_woken_ = true;
  }
  changed_.notify_one();
}

void Settler::run() {
  auto next_beat = steady_clock::now() + beat_;
  auto next_look = next_beat;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_until(lock, next_look, [this] { return is_woken_ || is_over_; });
    if (is_over_) return;
    is_woken_ = false;
    lock.unlock();
    const auto begun = steady_clock::now();
    bool has_moved = false;
    auto until_due = beat_;
    try {
      if (begun >= next_beat) {
        controller_.look_at_dataplanes();
        next_beat = begun + beat_;
      }
      has_moved = controller_.settle_once();
      until_due = controller_.until_due().value_or(beat_);
    } catch (const std::exception& error) {
      log_warning(error.what());
    }
    const auto ended = steady_clock::now();
    next_look = std::min(next_beat, ended + std::max(until_due, kShortestWait));
    lock.lock();
    changed_.wait_until(lock, ended + (ended - begun), [this] { return is_over_; });
    if (has_moved) is_woken_ = true;
  }
}

}  // namespace hypernat::control
