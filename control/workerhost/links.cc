#include "control/workerhost/links.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

namespace hypernat::workerhost {
namespace {

constexpr std::uint16_t kCreate = NLM_F_CREATE | NLM_F_EXCL;

void set_flags(ifinfomsg& link, unsigned flags) {
  link.ifi_flags = flags;
  link.ifi_change = flags;
}

tcmsg& classifier_header(NetlinkMessage& message, std::uint32_t ifindex) {
  auto& header = message.header<tcmsg>();
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = static_cast<int>(ifindex);
  return header;
}

struct LinkIdentity {
  std::string name;
  std::uint32_t group = 0;
};

int read_identity(const nlattr* attribute, void* into) {
  auto& identity = *static_cast<LinkIdentity*>(into);
  if (mnl_attr_get_type(attribute) == IFLA_IFNAME) identity.name = mnl_attr_get_str(attribute);
  if (mnl_attr_get_type(attribute) == IFLA_GROUP) identity.group = mnl_attr_get_u32(attribute);
  return MNL_CB_OK;
}

}  // namespace

NetlinkMessage add_vxlan(const VxlanDevice& device) {
  NetlinkMessage message(RTM_NEWLINK, kCreate, "make the VXLAN device " + device.name);
  set_flags(message.header<ifinfomsg>(), IFF_NOARP);
  message.put_string(IFLA_IFNAME, device.name);
  message.put_string(IFLA_IFALIAS, device.alias);
  message.put_value(IFLA_GROUP, device.group);
  message.put_value(IFLA_MTU, device.mtu);
  message.nest(IFLA_LINKINFO, [&] {
    message.put_string(IFLA_INFO_KIND, "vxlan");
    message.nest(IFLA_INFO_DATA, [&] {
      message.put_value(IFLA_VXLAN_COLLECT_METADATA, std::uint8_t{1});
      message.put_value(IFLA_VXLAN_LEARNING, std::uint8_t{0});
      message.put_value(IFLA_VXLAN_PORT, htons(device.port));
    });
  });
  return message;
}

NetlinkMessage add_veth(const VethPair& pair) {
  NetlinkMessage message(RTM_NEWLINK, kCreate, "make the devices " + pair.inside + " and " + pair.outside);
  auto& inside = message.header<ifinfomsg>();
  set_flags(inside, IFF_UP);
  inside.ifi_index = static_cast<int>(pair.inside_index);
  message.put_string(IFLA_IFNAME, pair.inside);
  message.put_value(IFLA_ADDRESS, pair.inside_mac.bytes);
  message.put_value(IFLA_MTU, pair.mtu);
  // One queue: thousands of slots would hold one for each CPU otherwise.
  message.put_value(IFLA_NUM_TX_QUEUES, std::uint32_t{1});
  message.put_value(IFLA_NUM_RX_QUEUES, std::uint32_t{1});
  message.nest(IFLA_LINKINFO, [&] {
    message.put_string(IFLA_INFO_KIND, "veth");
    message.nest(IFLA_INFO_DATA, [&] {
      message.nest(VETH_INFO_PEER, [&] {
        set_flags(message.header<ifinfomsg>(), IFF_NOARP);
        message.put_string(IFLA_IFNAME, pair.outside);
        message.put_string(IFLA_IFALIAS, pair.outside_alias);
        message.put_value(IFLA_NET_NS_FD, pair.outside_namespace);
        message.put_value(IFLA_GROUP, pair.outside_group);
        message.put_value(IFLA_MTU, pair.mtu);
        message.put_value(IFLA_NUM_TX_QUEUES, std::uint32_t{1});
        message.put_value(IFLA_NUM_RX_QUEUES, std::uint32_t{1});
      });
    });
  });
  return message;
}

NetlinkMessage set_up(std::uint32_t ifindex) {
  NetlinkMessage message(RTM_NEWLINK, 0, "bring up device " + std::to_string(ifindex));
  auto& link = message.header<ifinfomsg>();
  set_flags(link, IFF_UP);
  link.ifi_index = static_cast<int>(ifindex);
  return message;
}

NetlinkMessage add_host_address(std::uint32_t ifindex, Ipv4Address address) {
  NetlinkMessage message(RTM_NEWADDR, kCreate, "add the address " + to_string(address) + "/32");
  auto& header = message.header<ifaddrmsg>();
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = 32;
  header.ifa_index = ifindex;
  message.put_value(IFA_LOCAL, address.network());
  message.put_value(IFA_ADDRESS, address.network());
  return message;
}

NetlinkMessage add_permanent_neighbour(std::uint32_t ifindex, Ipv4Address address, const MacAddress& mac) {
  NetlinkMessage message(RTM_NEWNEIGH, kCreate, "add the neighbour " + to_string(address));
  auto& header = message.header<ndmsg>();
  header.ndm_family = AF_INET;
  header.ndm_ifindex = static_cast<int>(ifindex);
  header.ndm_state = NUD_PERMANENT;
  message.put_value(NDA_DST, address.network());
  message.put_value(NDA_LLADDR, mac.bytes);
  return message;
}

NetlinkMessage add_default_route(std::uint32_t ifindex, Ipv4Address gateway, Ipv4Address source) {
  NetlinkMessage message(RTM_NEWROUTE, kCreate, "add the default route via " + to_string(gateway));
  auto& header = message.header<rtmsg>();
  header.rtm_family = AF_INET;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  header.rtm_flags = RTNH_F_ONLINK;
  message.put_value(RTA_GATEWAY, gateway.network());
  message.put_value(RTA_OIF, ifindex);
  message.put_value(RTA_PREFSRC, source.network());
  return message;
}

NetlinkMessage add_classifier_queue(std::uint32_t ifindex) {
  NetlinkMessage message(RTM_NEWQDISC, kCreate, "add the clsact queue to device " + std::to_string(ifindex));
  auto& header = classifier_header(message, ifindex);
  header.tcm_parent = TC_H_CLSACT;
  header.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
  message.put_string(TCA_KIND, "clsact");
  return message;
}

void ensure_classifier_queue(NetlinkSocket& socket, std::uint32_t ifindex) {
  try {
    socket.execute(add_classifier_queue(ifindex));
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::file_exists) throw;
  }
}

NetlinkMessage put_ingress_program(std::uint32_t ifindex, int program, const std::string& name) {
  NetlinkMessage message(RTM_NEWTFILTER, NLM_F_CREATE,
                         "add the BPF filter " + name + " to device " + std::to_string(ifindex));
  auto& header = classifier_header(message, ifindex);
  constexpr std::uint32_t kPriority = 1;
  header.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
  header.tcm_handle = 1;
  header.tcm_info = TC_H_MAKE(kPriority << 16, htons(ETH_P_ALL));
  message.put_string(TCA_KIND, "bpf");
  message.nest(TCA_OPTIONS, [&] {
    message.put_value(TCA_BPF_FD, program);
    message.put_string(TCA_BPF_NAME, name);
    message.put_value(TCA_BPF_FLAGS, std::uint32_t{TCA_BPF_FLAG_ACT_DIRECT});
  });
  return message;
}

void delete_group(NetlinkSocket& socket, std::uint32_t group) {
  NetlinkMessage message(RTM_DELLINK, 0, "remove the devices of group " + std::to_string(group));
  message.header<ifinfomsg>();
  message.put_value(IFLA_GROUP, group);
  try {
    socket.execute(std::move(message));
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::no_such_device) throw;
  }
}

void move_devices(NetlinkSocket& socket, const GroupMove& move, const std::set<std::string>& names) {
  std::vector<NetlinkMessage> messages;
  for (const auto& [name, ifindex] : devices_of_group(socket, move.from)) {
    if (!names.contains(name)) continue;
    NetlinkMessage& message = messages.emplace_back(RTM_NEWLINK, 0, "move the device " + name + " to another group");
    message.header<ifinfomsg>().ifi_index = static_cast<int>(ifindex);
    message.put_value(IFLA_GROUP, move.to);
  }
  socket.execute(messages);
}

std::map<std::string, std::uint32_t> devices_of_group(NetlinkSocket& socket, std::uint32_t group) {
  NetlinkMessage request(RTM_GETLINK, 0, "list the devices");
  request.header<ifinfomsg>();
  std::map<std::string, std::uint32_t> devices;
  socket.dump(std::move(request), [&](const nlmsghdr& message) {
    LinkIdentity identity;
    mnl_attr_parse(&message, sizeof(ifinfomsg), read_identity, &identity);
    const auto* link = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
    if (identity.group == group) devices.emplace(identity.name, static_cast<std::uint32_t>(link->ifi_index));
  });
  return devices;
}

}  // namespace hypernat::workerhost
