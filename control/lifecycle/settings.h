// The settings that the lifecycle of functions and mappings obeys.
#pragma once

#include <chrono>
#include <cstdint>

#include "config/common_config.h"
#include "config/types.h"

namespace hypernat::control {

struct Settings {
  Ipv4Prefix lambda_vpc = config::kDefaultLambdaVpc;
  std::uint8_t worker_host_block = 20;                     ///< prefix length
  std::chrono::milliseconds mapping_reuse_after{600'000};  ///< how long a number rests once its mapping is gone
  std::chrono::milliseconds release_after{0};              ///< how long a mapping outlives its last reference
  std::chrono::milliseconds environment_time{10'000};      ///< how long making one environment's interface takes
  std::uint32_t interfaces_per_vpc = 250;                  ///< AWS's quota
  std::chrono::milliseconds worker_host_beat{2'000};       ///< registrations come this often; three missed: not live
};

}  // namespace hypernat::control
