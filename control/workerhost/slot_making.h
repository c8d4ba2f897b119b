// What making the slots cost.
#pragma once

#include <chrono>
#include <cstdint>
#include <istream>

namespace hypernat::workerhost {

struct SlotMaking {
  std::uint32_t made = 0;  ///< those that were taken over cost nothing
  std::chrono::milliseconds took{};
  /// By how much MemAvailable fell meanwhile, in bytes: the kernel's memory is the largest part, and what other
  /// programs took or gave back is in it, too. With few slots that is mostly noise.
  std::int64_t available_memory_drop = 0;

  std::int64_t drop_per_slot() const { return made == 0 ? 0 : available_memory_drop / std::int64_t{made}; }
};

/// MemAvailable of a /proc/meminfo, in bytes. Throws std::runtime_error when it is not there.
std::int64_t available_memory(std::istream& meminfo);

/// Begins when it is made.
class SlotMakingMeter {
 public:
  /// Throws std::runtime_error.
  SlotMakingMeter();
  SlotMaking result(std::uint32_t made) const;

 private:
  std::chrono::steady_clock::time_point start_;
  std::int64_t available_;
};

}  // namespace hypernat::workerhost
