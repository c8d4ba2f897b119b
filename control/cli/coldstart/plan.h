// What `hypernat coldstart` shall do, and when each invocation is due.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/types.h"
#include "control/cli/coldstart/sample.h"

namespace hypernat::coldstart {

struct Plan {
  std::string function;
  std::string account;  ///< empty: the one that has the function
  Ipv4Address server;
  std::uint16_t port = 80;
  std::string path = "/";
  std::uint32_t count = 200;
  double rate = 0;  ///< arrivals per second; 0: all at once
  std::uint64_t seed = 1;
  std::chrono::milliseconds provisioning{10'000};  ///< the model's time to make an interface
  std::vector<Mode> modes{Mode::kShared, Mode::kPerEnvironment};
  std::optional<std::filesystem::path> json_file;
  std::optional<std::filesystem::path> csv_file;
};

/// Most invocations of one run: as many as a worker host may have slots.
inline constexpr std::uint32_t kMostInvocations = 16'384;

/// When each invocation is due after the start: all at once, or a Poisson process of that rate. The same seed gives
/// the same moments.
std::vector<std::chrono::nanoseconds> arrivals(const Plan& plan);

/// "10.0.1.10", "10.0.1.10:8080" or "http://10.0.1.10/path". Throws std::invalid_argument saying what was expected.
void set_target(Plan& plan, const std::string& target);

}  // namespace hypernat::coldstart
