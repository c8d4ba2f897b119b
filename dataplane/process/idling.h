// What an lcore does between rounds that moved nothing: it pauses, as a burst is often followed by another, then
// sleeps.
#pragma once

#include <rte_pause.h>

#include <chrono>
#include <cstdint>
#include <thread>

namespace hypernat::dataplane {

class Idling {
 public:
  /// Zero: never sleeps.
  explicit Idling(std::chrono::microseconds sleep) : sleep_(sleep) {}

  void operator()(std::uint32_t moved) {
    if (moved > 0) {
      empty_rounds_ = 0;
    } else if (++empty_rounds_ <= kPausesBeforeSleep || sleep_.count() == 0) {
      rte_pause();
    } else {
      std::this_thread::sleep_for(sleep_);
    }
  }

 private:
  static constexpr std::uint32_t kPausesBeforeSleep = 256;

  std::chrono::microseconds sleep_;
  std::uint32_t empty_rounds_ = 0;
};

}  // namespace hypernat::dataplane
