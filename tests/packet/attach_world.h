// Attachments of every kind on both sides, and tables for them, for tests of the attach layer and of workers.
//
//   port 0  hosts    inside, VXLAN at 192.0.2.1        port 3  lan     outside, plain: subnet 3
//   port 1  tenants  outside, VXLAN at 198.51.100.1    port 4  racks   inside, VLAN: id = mapping
//   port 2  bench    inside, plain: mapping 3          port 5  trunk   outside, VLAN: id 104 is subnet 4
//   port 6  pods     inside, Geneve at 192.0.3.1, whose peers are behind the router 192.0.3.254
//   port 7  cloud    outside, Geneve at 198.51.101.1: VNI 7005 is subnet 5
//
// Subnet n is 10.0.1.0/24 with interface 10.0.1.20 of mapping n; 1 and 2 are VXLAN segments 5001 and 5002.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "config/dataplane_config.h"
#include "config/table.h"
#include "dataplane/attach/attachments.h"
#include "dataplane/attach/decapsulate.h"
#include "dataplane/nat/table_compiler.h"
#include "dataplane/nat/tables.h"
#include "tests/packet/frames.h"

namespace hypernat::dataplane {

inline constexpr MacAddress kGatewayMac{{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr MacAddress kEnvironmentMac{{0x02, 0, 0, 0, 0x05, 0x05}};
inline constexpr MacAddress kPeerMac{{0x02, 0, 0, 0, 0xee, 0x01}};
inline constexpr MacAddress kServerMac{{0x02, 0, 0, 0, 0xdd, 0x01}};
constexpr MacAddress port_mac(std::uint16_t port) {
  return {{0x02, 0, 0, 0, 0xaa, static_cast<std::uint8_t>(port)}};
}
constexpr MacAddress interface_mac(std::uint32_t subnet) {
  return {{0x02, 0, 0, 1, 0, static_cast<std::uint8_t>(subnet)}};
}

enum AttachPort : std::uint16_t { kHosts, kTenants, kBench, kLan, kRacks, kTrunk, kPods, kCloud, kPorts };

config::DataplaneConfig every_attachment();
config::Table every_segment(std::uint64_t generation = 1);
/// And so many interfaces besides that packets are parsed as where there are many.
config::Table many_interfaces();
TableCompiler::Options compiler_options(const config::DataplaneConfig& config);
std::vector<MacAddress> port_macs();

/// From worker host wh1, by mapping 1.
inline craft::Vxlan from_host(std::uint32_t mapping = 1) {
  return {.dst = port_mac(kHosts), .src = kPeerMac, .from = "192.0.2.11", .to = "192.0.2.1", .vni = mapping};
}
/// From the VTEP of subnet 1.
inline craft::Vxlan from_vtep(std::uint32_t segment = 5001) {
  return {.dst = port_mac(kTenants), .src = kPeerMac, .from = "198.51.100.11", .to = "198.51.100.1", .vni = segment};
}
/// From worker host wh1 by Geneve, by way of the router.
inline craft::Geneve from_pod(std::uint32_t mapping = 1) {
  return {.dst = port_mac(kPods), .src = kPeerMac, .from = "192.0.2.11", .to = "192.0.3.1", .vni = mapping};
}
/// From the Geneve end of subnet 5.
inline craft::Geneve from_cloud(std::uint32_t segment = 7005) {
  return {.dst = port_mac(kCloud), .src = kPeerMac, .from = "198.51.101.11", .to = "198.51.101.1", .vni = segment};
}
inline craft::Ethernet to_gateway() {
  return {.dst = kGatewayMac, .src = kEnvironmentMac};
}
inline craft::Ethernet to_interface(std::uint32_t subnet) {
  return {.dst = interface_mac(subnet), .src = kServerMac};
}

class AttachWorld {
 public:
  explicit AttachWorld(const config::DataplaneConfig& made = every_attachment(),
                       const config::Table& table = every_segment());

  /// A packet parsed from a frame that lies in a buffer of exactly its size.
  struct Received {
    std::unique_ptr<std::uint8_t[]> buffer;
    Packet packet;
    Parsed parsed{};
  };
  Received receive(std::uint16_t port, const craft::Bytes& frame) const;
  /// A packet that has frame, length and port.
  Parsed parse(Packet& packet) const;

  config::DataplaneConfig config;
  Attachments attachments;
  std::shared_ptr<const Tables> tables;
};

}  // namespace hypernat::dataplane
