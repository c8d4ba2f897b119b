#include "dataplane/attach/attachments.h"

#include <algorithm>
#include <cassert>

namespace hypernat::dataplane {
namespace {

std::uint16_t port_index(const config::DataplaneConfig& config, const std::string& name) {
  const auto port = std::find_if(config.ports.begin(), config.ports.end(),
                                 [&](const config::PortConfig& candidate) { return candidate.name == name; });
  assert(port != config.ports.end());
  return static_cast<std::uint16_t>(port - config.ports.begin());
}

Attachment compile(const config::AttachmentConfig& from, std::uint8_t index, std::uint16_t port, MacAddress port_mac) {
  Attachment to;
  to.name = from.name;
  to.index = index;
  to.side = from.side == config::Side::kInside ? Side::kInside : Side::kOutside;
  to.encapsulation = from.encapsulation;
  to.port = port;
  to.mapping = from.mapping ? to_number(*from.mapping) : kNone;
  to.mtu = from.mtu;
  to.mss = from.mss;
  to.port_mac = port_mac;
  if (!to.is_tunnel()) return to;
  assert(from.address);
  to.address = from.address->address;
  to.underlay = from.address->prefix();
  to.router = from.router.value_or(Ipv4Address{});
  to.udp_port = from.udp_port;
  to.ttl = from.ttl;
  to.df = from.df;
  to.peers = from.peers;
  return to;
}

}  // namespace

bool Attachment::may_be_peer(Ipv4Address peer) const {
  return peers.empty() ||
         std::any_of(peers.begin(), peers.end(), [&](const Ipv4Prefix& prefix) { return prefix.contains(peer); });
}

Attachments::Attachments(const config::DataplaneConfig& config, std::span<const MacAddress> port_macs)
    : ports_(config.ports.size()),
      lambda_vpc_(config.lambda_vpc.prefix),
      gateway_(config.lambda_vpc.gateway.address),
      gateway_mac_(config.lambda_vpc.gateway.mac) {
  assert(port_macs.size() == config.ports.size() && config.attachments.size() < kNoAttachment);
  for (std::size_t port = 0; port < ports_.size(); ++port) ports_[port].mac = port_macs[port];
  for (const auto& from : config.attachments) {
    const auto index = static_cast<std::uint8_t>(all_.size());
    const std::uint16_t port = port_index(config, from.port);
    all_.push_back(compile(from, index, port, port_macs[port]));
    OnPort& on_port = ports_[port];
    (from.encapsulation == Encapsulation::kVlan ? on_port.vlan : on_port.untagged) = index;
  }
}

}  // namespace hypernat::dataplane
