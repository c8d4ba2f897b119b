// The thread that settles: woken by changes, by the beat, and by interfaces that become ready.
//
// Changes that come while it works are settled together. It rests as long as it has worked, so that a flood of changes
// has at least half of the state's time to itself, while a lone change is settled at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "control/lifecycle/controller.h"

namespace hypernat::control {

class Settler {
 public:
  /// Is told of the controller's changes from now on, until destroyed; both happen while nothing changes.
  Settler(Controller& controller, std::chrono::milliseconds beat);
  ~Settler();
  Settler(const Settler&) = delete;
  Settler& operator=(const Settler&) = delete;

 private:
  void wake();
  void run();

  Controller& controller_;
  const std::chrono::milliseconds beat_;
  std::mutex mutex_;  ///< guards the two below
  bool is_woken_ = false;
  bool is_over_ = false;
  std::condition_variable changed_;
  std::thread thread_;  ///< last: it uses the others
};

}  // namespace hypernat::control
