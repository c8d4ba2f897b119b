// The BPF programs at the slots and at the tunnel, and the maps that steer them.
//
// Attaching an environment to a mapping, and detaching it, are updates of these maps and nothing else: microseconds,
// however many slots and mappings there are.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "config/types.h"
#include "control/workerhost/steering_shared.h"

struct bpf_object;

namespace hypernat::workerhost {

struct SteeringConfig {
  Ipv4Address dataplane;
  Ipv4Address underlay;
  std::uint32_t vxlan_ifindex = 0;
  MacAddress gateway_mac;
  std::uint32_t slots = 0;
};

struct SteeringSlot {
  Ipv4Address address;
  MacAddress mac;
  std::uint32_t ifindex = 0;  ///< at the host's side
};

using SteeringCounts = std::array<std::uint64_t, STEERING_COUNTS>;

/// "outbound_source_address" for STEERING_OUTBOUND_SOURCE, and so on.
std::string_view steering_count_name(std::size_t count);

class Steering {
 public:
  /// Loads the programs. Throws std::runtime_error with the verifier's words.
  explicit Steering(const SteeringConfig& config);
  ~Steering();
  Steering(const Steering&) = delete;
  Steering& operator=(const Steering&) = delete;

  /// Descriptors of the programs, for the filters that run them.
  int from_slot() const { return from_slot_; }
  int from_tunnel() const { return from_tunnel_; }

  /// Both throw std::system_error; a slot half attached is detached again.
  void attach(const SteeringSlot& slot, MappingNumber mapping);
  void detach(const SteeringSlot& slot);

  /// Of both maps together: two for each slot that is attached. Throws std::system_error.
  std::size_t entries() const;
  /// Sums over all CPUs. Throws std::system_error.
  SteeringCounts counts() const;

 private:
  struct Close {
    void operator()(bpf_object* object) const;
  };
  std::unique_ptr<bpf_object, Close> object_;
  int from_slot_ = -1;
  int from_tunnel_ = -1;
  int by_device_ = -1;
  int by_address_ = -1;
  int counters_ = -1;
};

}  // namespace hypernat::workerhost
