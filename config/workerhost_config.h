// workerhost.yaml: one worker host's place in the underlay and its pool of slots.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "config/common_config.h"
#include "config/config_error.h"
#include "config/types.h"

namespace hypernat::config {

struct UnderlayConfig {
  std::string device;
  Ipv4Address address;  ///< this end of the tunnels
  bool operator==(const UnderlayConfig&) const = default;
};

struct WorkerhostConfig {
  std::string name;
  std::string zone;
  UnderlayConfig underlay;
  Ipv4Address dataplane;  ///< the other end of the tunnels: the data plane's inside attachment
  GatewayConfig gateway;
  std::uint16_t vxlan_port = 4789;
  std::uint16_t mtu = 1450;  ///< of an execution environment's device
  std::filesystem::path socket = "/run/hypernat/workerhost.sock";
  std::string control = "/run/hypernat/control.sock";  ///< a socket's absolute path, or "http://127.0.0.1:9040"
  std::uint32_t slots = 64;
  std::filesystem::path state_directory = "/run/hypernat/workerhost";
  bool operator==(const WorkerhostConfig&) const = default;
};

/// Both throw ConfigError with every mistake found.
WorkerhostConfig load_workerhost_config(const std::filesystem::path& file);
WorkerhostConfig parse_workerhost_config(std::string_view text, const std::string& file_name);

}  // namespace hypernat::config
