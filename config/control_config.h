// control.yaml: where the control plane listens, keeps its database and publishes.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/common_config.h"
#include "config/config_error.h"
#include "config/types.h"

namespace hypernat::config {

struct TcpEndpoint {
  Ipv4Address address;
  std::uint16_t port = 0;
  bool operator==(const TcpEndpoint&) const = default;
};

struct ListenConfig {
  /// Loopback only: nothing is encrypted. Absent: no TCP.
  std::optional<TcpEndpoint> tcp = TcpEndpoint{Ipv4Address::of(127, 0, 0, 1), 9040};
  std::filesystem::path socket = "/run/hypernat/control.sock";
  std::uint32_t connections = 320;          ///< served at a time, on each of both
  std::uint32_t requests_per_second = 100;  ///< of an account, over TCP; 0: no limit
  bool operator==(const ListenConfig&) const = default;
};

struct LambdaVpcBlocks {
  Ipv4Prefix prefix = kDefaultLambdaVpc;
  std::uint8_t worker_host_block = 20;  ///< prefix length of the block that each worker host gets
  bool operator==(const LambdaVpcBlocks&) const = default;
};

/// What requests of an account are signed with.
struct AccessKey {
  std::string account;  ///< 12 decimal digits
  std::string access_key_id;
  std::string secret_access_key;
  bool operator==(const AccessKey&) const = default;
};

/// What a subnet made through EC2's API gets where its tags say nothing.
struct Ec2Config {
  std::string attachment;           ///< of its segment; empty: subnets must say it
  std::uint32_t first_segment = 0;  ///< the lowest id that may be given out
  std::uint32_t last_segment = 0;
  std::vector<Ipv4Address> vteps;
  bool operator==(const Ec2Config&) const = default;
};

/// When a mapping gets another interface, and when it loses one.
struct ScalingConfig {
  std::uint32_t widen_percent = 80;
  std::uint32_t narrow_percent = 40;
  std::chrono::milliseconds narrow_after{600'000};
  std::chrono::milliseconds retry_after{60'000};
  bool operator==(const ScalingConfig&) const = default;
};

struct ControlConfig {
  std::string region = "us-east-1";
  ListenConfig listen;
  std::filesystem::path database = "/var/lib/hypernat/control.db";
  StoreConfig store;
  LambdaVpcBlocks lambda_vpc;
  std::chrono::milliseconds provisioning_time{90'000};         ///< how long making an interface takes, as in AWS
  std::uint32_t provisioning_slowest_percent = 300;            ///< of that, which one in a hundred takes or exceeds
  std::chrono::milliseconds environment_time{10'000};          ///< the same, for one environment's own
  std::chrono::milliseconds mapping_reuse_after{600'000};      ///< longer than the data planes' longest timeout
  std::chrono::milliseconds mapping_release_after{1'200'000};  ///< how long a mapping outlives its last function
  std::chrono::milliseconds environment_idle_after{300'000};   ///< how long one waits for the next event; 0: none does
  std::chrono::milliseconds idle_after = std::chrono::days(14);  ///< unused, until interfaces are reclaimed; as in AWS
  ScalingConfig scaling;
  std::uint32_t interfaces_per_vpc = 250;  ///< AWS's quota
  Ec2Config ec2;
  std::vector<AccessKey> access_keys;
  bool operator==(const ControlConfig&) const = default;
};

/// Both throw ConfigError with every mistake found.
ControlConfig load_control_config(const std::filesystem::path& file);
ControlConfig parse_control_config(std::string_view text, const std::string& file_name);

}  // namespace hypernat::config
