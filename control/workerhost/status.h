// What a worker host says of itself when asked.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "config/types.h"
#include "control/workerhost/heartbeat.h"
#include "control/workerhost/slot_making.h"
#include "control/workerhost/steering.h"

namespace hypernat::workerhost {

struct SlotStatus {
  std::size_t total = 0;
  std::size_t free = 0;
  std::size_t used = 0;
  std::size_t resting = 0;
};

struct EnvironmentStatus {
  std::uint32_t slot = 0;
  Ipv4Address address;
  std::string function;
  std::uint32_t mapping = 0;
  std::int64_t pid = 0;
  std::chrono::milliseconds age{};
};

struct HostStatus {
  std::string name;
  Ipv4Prefix block;
  HeartbeatState heartbeat{};
  SlotStatus slots{};
  SlotMaking making{};
  std::vector<EnvironmentStatus> environments{};
  std::size_t steering_entries = 0;
  SteeringCounts counts{};
};

/// An answer must fit one packet of the protocol: more environments than this are only counted.
inline constexpr std::size_t kMostEnvironmentsListed = 256;

/// {"Event":"status","Name","Block","Registered","RegistrationFailure","Slots":{…},
/// "SlotsMade":{"Number","Milliseconds","MemAvailableDropPerSlotBytes"},"Running":n,"Environments":[…],
/// "SteeringEntries":n,"Packets":{"outbound_sent","inbound_sent"},"Drops":{reason: count, …}}
std::string to_json(const HostStatus& status);

}  // namespace hypernat::workerhost
