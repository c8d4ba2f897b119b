// Where the data plane meets the world: the attachments of both sides, compiled from the configuration.
//
// An attachment is a side and an encapsulation on a port; a port has at most one for tagged frames and one for untagged
// ones, so that what a frame wears decides where it belongs. Immutable after start.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/dataplane_config.h"
#include "config/types.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

using config::Encapsulation;

struct Attachment {
  std::string name;
  std::uint8_t index = 0;
  Side side = Side::kInside;
  Encapsulation encapsulation = Encapsulation::kPlain;
  std::uint16_t port = 0;         ///< index into DataplaneConfig::ports
  std::uint32_t mapping = kNone;  ///< number, of a plain inside attachment
  std::uint16_t mtu = 1500;       ///< largest inner IPv4 packet
  std::uint16_t mss = 1460;       ///< largest TCP MSS that SYNs may announce; 0: any
  MacAddress port_mac;

  // Tunnels only.
  Ipv4Address address;
  Ipv4Prefix underlay;
  Ipv4Address router;  ///< zero: every peer is a neighbour
  std::uint16_t udp_port = config::kVxlanPort;
  std::uint8_t ttl = 64;
  bool df = true;
  std::vector<Ipv4Prefix> peers;  ///< empty: any

  bool is_tunnel() const { return config::is_tunnel(encapsulation); }
  bool may_be_peer(Ipv4Address peer) const;
  /// Who the underlay hands a packet for `peer` to.
  Ipv4Address underlay_next_hop(Ipv4Address peer) const {
    return underlay.contains(peer) || router.is_zero() ? peer : router;
  }
};

class Attachments {
 public:
  static constexpr std::uint8_t kNoAttachment = 0xff;

  struct OnPort {
    MacAddress mac;
    std::uint8_t untagged = kNoAttachment;  ///< plain or a tunnel
    std::uint8_t vlan = kNoAttachment;
  };

  /// `port_macs` in the order of `config.ports`. The loader has checked that nothing collides.
  Attachments(const config::DataplaneConfig& config, std::span<const MacAddress> port_macs);

  const Attachment& operator[](std::uint8_t index) const { return all_[index]; }
  std::span<const Attachment> all() const { return all_; }
  const OnPort& on_port(std::uint16_t port) const { return ports_[port]; }

  const Ipv4Prefix& lambda_vpc() const { return lambda_vpc_; }
  Ipv4Address gateway() const { return gateway_; }
  const MacAddress& gateway_mac() const { return gateway_mac_; }

 private:
  std::vector<Attachment> all_;
  std::vector<OnPort> ports_;
  Ipv4Prefix lambda_vpc_;
  Ipv4Address gateway_;
  MacAddress gateway_mac_;
};

}  // namespace hypernat::dataplane
