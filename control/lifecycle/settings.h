// The settings that the lifecycle of functions and mappings obeys.
#pragma once

#include <chrono>
#include <cstdint>

#include "config/common_config.h"
#include "config/types.h"

namespace hypernat::control {

/// When a mapping gets another interface, and when it loses one. Shares are of the ports of all its interfaces towards
/// the remote endpoint that has most flows.
struct ScalingSettings {
  std::uint32_t widen_percent = 80;
  std::uint32_t narrow_percent = 40;                ///< would be in use with one interface less
  std::chrono::milliseconds narrow_after{600'000};  ///< of so little use
  std::chrono::milliseconds retry_after{60'000};    ///< once another interface could not be had
};

struct Settings {
  Ipv4Prefix lambda_vpc = config::kDefaultLambdaVpc;
  std::uint8_t worker_host_block = 20;                           ///< prefix length
  std::chrono::milliseconds mapping_reuse_after{600'000};        ///< how long a number rests once its mapping is gone
  std::chrono::milliseconds release_after{0};                    ///< how long a mapping outlives its last reference
  std::chrono::milliseconds environment_time{10'000};            ///< how long making one environment's interface takes
  std::uint32_t interfaces_per_vpc = 250;                        ///< AWS's quota
  std::chrono::milliseconds idle_after = std::chrono::days(14);  ///< how long unused, until interfaces are reclaimed
  ScalingSettings scaling{};
  std::chrono::milliseconds worker_host_beat{2'000};  ///< registrations come this often; three missed: not live
};

}  // namespace hypernat::control
