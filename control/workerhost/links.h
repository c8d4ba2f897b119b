// The netlink messages that a worker host needs, one function each.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "config/types.h"
#include "control/workerhost/netlink.h"

namespace hypernat::workerhost {

struct VxlanDevice {
  std::string name;
  std::string alias;
  std::uint32_t group = 0;
  std::uint32_t mtu = 0;
  std::uint16_t port = 0;
};

/// A collect-metadata VXLAN device, down: whoever sends through it says to whom and in which network.
NetlinkMessage add_vxlan(const VxlanDevice& device);

/// A pair of devices: `inside`, up, in the namespace the request is made in; `outside`, down, in another.
struct VethPair {
  std::string inside;
  std::uint32_t inside_index = 0;
  MacAddress inside_mac;
  std::string outside;
  std::string outside_alias;
  int outside_namespace = -1;
  std::uint32_t outside_group = 0;
  std::uint32_t mtu = 0;
};

NetlinkMessage add_veth(const VethPair& pair);
NetlinkMessage set_up(std::uint32_t ifindex);
NetlinkMessage add_host_address(std::uint32_t ifindex, Ipv4Address address);
NetlinkMessage add_permanent_neighbour(std::uint32_t ifindex, Ipv4Address address, const MacAddress& mac);
/// By way of a gateway that is in no subnet of ours ("onlink").
NetlinkMessage add_default_route(std::uint32_t ifindex, Ipv4Address gateway, Ipv4Address source);

NetlinkMessage add_classifier_queue(std::uint32_t ifindex);
/// Also where there is one already.
void ensure_classifier_queue(NetlinkSocket& socket, std::uint32_t ifindex);
/// Every packet that comes in goes through the BPF program, whose verdict is final; from one packet to the next it
/// takes the place of the program that was there.
NetlinkMessage put_ingress_program(std::uint32_t ifindex, int program, const std::string& name);

/// Removes every device of the group in one step; that there is none is no error.
void delete_group(NetlinkSocket& socket, std::uint32_t group);
struct GroupMove {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
};
/// Those of the named devices that are in the group.
void move_devices(NetlinkSocket& socket, const GroupMove& move, const std::set<std::string>& names);
/// Names and indices of the group's devices.
std::map<std::string, std::uint32_t> devices_of_group(NetlinkSocket& socket, std::uint32_t group);

}  // namespace hypernat::workerhost
