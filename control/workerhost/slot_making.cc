#include "control/workerhost/slot_making.h"

#include <fstream>
#include <stdexcept>
#include <string>

namespace hypernat::workerhost {
namespace {

std::int64_t available_memory_now() {
  std::ifstream meminfo("/proc/meminfo");
  return available_memory(meminfo);
}

}  // namespace

std::int64_t available_memory(std::istream& meminfo) {
  constexpr std::int64_t kKibibyte = 1024;
  std::string line;
  for (std::string key; meminfo >> key; std::getline(meminfo, line)) {
    std::int64_t kibibytes = 0;
    if (key == "MemAvailable:" && meminfo >> kibibytes) return kibibytes * kKibibyte;
  }
  throw std::runtime_error("/proc/meminfo: found no MemAvailable; expected a line of it");
}

SlotMakingMeter::SlotMakingMeter() : start_(std::chrono::steady_clock::now()), available_(available_memory_now()) {}

SlotMaking SlotMakingMeter::result(std::uint32_t made) const {
  return {.made = made,
          .took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start_),
          .available_memory_drop = available_ - available_memory_now()};
}

}  // namespace hypernat::workerhost
