// A flow as a person reads it: the copy that listing hands out.
#pragma once

#include <cstdint>

#include "config/types.h"
#include "dataplane/flow/flow.h"

namespace hypernat::dataplane {

struct FlowView {
  MappingNumber mapping{};
  SubnetNumber subnet{};
  std::uint32_t mapping_slot = 0;
  std::uint32_t interface_slot = 0;
  Protocol protocol{};
  FlowState state = FlowState::kFree;
  Ipv4Address inside;
  L4Port inside_port;
  Ipv4Address interface;
  L4Port interface_port;
  Ipv4Address remote;
  L4Port remote_port;
  Ipv4Address peer;
  MacAddress environment_mac;
  std::uint32_t next_hop = 0;  ///< index in the worker's Neighbours
  std::uint16_t rule = 0;
  Tick age = 0;   ///< milliseconds since it was opened
  Tick idle = 0;  ///< milliseconds since the last packet that keeps it
  std::uint64_t outbound_packets = 0;
  std::uint64_t outbound_bytes = 0;
  std::uint64_t inbound_packets = 0;
  std::uint64_t inbound_bytes = 0;
};

/// "opening", "established", "closing", "udp", "echo", "free".
const char* name_of(FlowState state);

}  // namespace hypernat::dataplane
