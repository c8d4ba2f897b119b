#include "control/workerhost/slot_network.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <stdexcept>

#include "control/workerhost/links.h"

namespace hypernat::workerhost {
namespace {

constexpr std::uint32_t kLoopbackIndex = 1;
/// Beyond what the kernel itself may put into a new namespace.
constexpr std::uint32_t kSlotDeviceIndex = 1000;
/// Outer Ethernet, IPv4, UDP and VXLAN headers less the inner Ethernet header that the MTU does not count either.
constexpr int kVxlanOverhead = 50;

constexpr std::uint32_t kSlotsPerProc = 64;

/// FNV-1a. Its only use is to tell worker hosts of one machine apart.
std::uint32_t hash_of(const std::string& text) {
  std::uint32_t hash = 2166136261U;
  for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 16777619U;
  return hash;
}

/// In a slot's namespace, before it has a device.
void apply_slot_settings(const ProcInstance& proc) {
  NetworkSettings(proc, "ipv6/conf/all").write("disable_ipv6", "1");
  const NetworkSettings ipv4(proc, "ipv4");
  // ping without capabilities
  ipv4.write("ping_group_range", "0 2147483647");
  // What an environment leaves behind must die soon, for its slot to be used again; see SlotNetwork::is_quiet.
  ipv4.write("tcp_orphan_retries", "3");
  ipv4.write("ipfrag_time", "2");
  // One tenant's round-trip times are none of the next one's business.
  ipv4.write("tcp_no_metrics_save", "1");
}

/// Keeps the host's own IPv6 from speaking on a device of ours.
void silence_ipv6(const NetworkSettings& host_devices, const std::string& device) {
  host_devices.write(device + "/disable_ipv6", "1");
}

bool has_address(const std::string& device, Ipv4Address address) {
  ifaddrs* list = nullptr;
  checked(::getifaddrs(&list), "listing the host's addresses");
  bool found = false;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET || device != entry->ifa_name) continue;
    sockaddr_in socket_address{};
    std::memcpy(&socket_address, entry->ifa_addr, sizeof(socket_address));
    found = found || Ipv4Address::from_network(socket_address.sin_addr.s_addr) == address;
  }
  ::freeifaddrs(list);
  return found;
}

int mtu_of(const std::string& device) {
  const UniqueFd socket(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "opening a socket"));
  ifreq request{};
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  checked(::ioctl(socket.get(), SIOCGIFMTU, &request), "reading the MTU of the underlay device " + device);
  return request.ifr_mtu;
}

std::uint32_t index_of(const std::string& device, const std::map<std::string, std::uint32_t>& devices) {
  const auto found = devices.find(device);
  if (found == devices.end()) throw std::runtime_error("the device " + device + " has gone away: who removed it?");
  return found->second;
}

}  // namespace

std::uint32_t link_group_of(const std::string& worker_host) {
  return hash_of(worker_host) | 0x40000000U;
}

/// Where devices are for the moment in which all others of their group are removed.
std::uint32_t group_aside_of(const std::string& worker_host) {
  return link_group_of(worker_host) ^ 0x20000000U;
}

std::string tunnel_device_of(const std::string& worker_host) {
  return fmt::format("hx{:04x}", hash_of(worker_host) & 0xffff);
}

std::string slot_device_of(const std::string& worker_host, SlotNumber slot) {
  return fmt::format("hv{:04x}.{}", hash_of(worker_host) & 0xffff, to_number(slot));
}

/// What making one slot after another needs.
struct SlotNetwork::SlotMaker {
  NamespaceVisit visit;
  ProcInstance proc;
};

void remove_network_of(const std::string& worker_host) {
  NetlinkSocket netlink;
  delete_group(netlink, group_aside_of(worker_host));
  delete_group(netlink, link_group_of(worker_host));
}

SlotNetwork::SlotNetwork(const config::WorkerhostConfig& config, const Ipv4Prefix& block, SlotsInUse in_use)
    : config_(config), block_(block), group_(link_group_of(config.name)) {
  if (!in_use.empty()) kept_.insert(tunnel_device_of(config_.name));
  for (const auto& [slot, unused] : in_use) kept_.insert(slot_device_of(config_.name, slot));
  if (config_.slots > slots_of_block(block_))
    throw std::runtime_error(fmt::format("{} slots do not fit the block {} ({} addresses for slots): lower `slots`",
                                         config_.slots, to_string(block_), slots_of_block(block_)));
  check_underlay();
  const auto in_use_count = static_cast<std::uint32_t>(in_use.size());
  remove_devices();
  try {
    const SlotMakingMeter meter;
    make_tunnel(in_use);
    make_slots(in_use);
    guard_slots();
    making_ = meter.result(config_.slots - in_use_count);
  } catch (...) {
    slots_.clear();
    remove_devices();
    throw;
  }
}

SlotNetwork::~SlotNetwork() {
  if (is_left_) return;
  try {
    remove_devices();
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
  }
}

void SlotNetwork::check_underlay() const {
  const auto& [device, address] = config_.underlay;
  const int mtu = mtu_of(device);
  if (mtu < config_.mtu + kVxlanOverhead)
    throw std::runtime_error(fmt::format("the underlay device {} has MTU {}; environments with MTU {} need {} there",
                                         device, mtu, config_.mtu, config_.mtu + kVxlanOverhead));
  if (!has_address(device, address))
    throw std::runtime_error(
        fmt::format("the underlay device {} does not have the address {}", device, to_string(address)));
}

void SlotNetwork::make_tunnel(const SlotsInUse& in_use) {
  const std::string name = tunnel_device_of(config_.name);
  auto devices = devices_of_group(netlink_, group_);
  if (!devices.contains(name)) {
    netlink_.execute(add_vxlan({.name = name,
                                .alias = "hypernat worker host " + config_.name,
                                .group = group_,
                                .mtu = config_.mtu,
                                .port = config_.vxlan_port}));
    devices = devices_of_group(netlink_, group_);
  }
  silence_ipv6(NetworkSettings(ProcInstance(), "ipv6/conf"), name);
  const std::uint32_t ifindex = index_of(name, devices);
  steering_ = std::make_unique<Steering>(SteeringConfig{.dataplane = config_.dataplane,
                                                        .underlay = config_.underlay.address,
                                                        .vxlan_ifindex = ifindex,
                                                        .gateway_mac = config_.gateway.mac,
                                                        .slots = config_.slots});
  // Before the programs are in their places: an environment that runs must miss no packet.
  for (const auto& [slot, use] : in_use) {
    const Ipv4Address address = slot_address(block_, slot);
    if (to_number(use.mapping) == 0) continue;
    steering_->attach({.address = address,
                       .mac = slot_mac(address),
                       .ifindex = index_of(slot_device_of(config_.name, slot), devices)},
                      use.mapping);
  }
  ensure_classifier_queue(netlink_, ifindex);
  netlink_.execute(put_ingress_program(ifindex, steering_->from_tunnel(), "hypernat_from_tunnel"));
  // Not before: what the tunnel brings must never reach the host's own stack.
  netlink_.execute(set_up(ifindex));
}

SlotNetwork::Slot SlotNetwork::make_slot(SlotNumber number, const SlotMaker& maker) const {
  const Ipv4Address address = slot_address(block_, number);
  Slot slot{.steering = {.address = address, .mac = slot_mac(address)}, .network_namespace = maker.visit.enter_new()};
  apply_slot_settings(maker.proc);
  NetlinkMessage messages[] = {
      set_up(kLoopbackIndex),
      add_veth({.inside = "eth0",
                .inside_index = kSlotDeviceIndex,
                .inside_mac = slot.steering.mac,
                .outside = slot_device_of(config_.name, number),
                .outside_alias = fmt::format("hypernat worker host {} slot {}", config_.name, to_number(number)),
                .outside_namespace = maker.visit.home(),
                .outside_group = group_,
                .mtu = config_.mtu}),
      add_host_address(kSlotDeviceIndex, address),
      add_permanent_neighbour(kSlotDeviceIndex, config_.gateway.address, config_.gateway.mac),
      add_default_route(kSlotDeviceIndex, config_.gateway.address, address),
  };
  NetlinkSocket().execute(messages);
  return slot;
}

void SlotNetwork::make_slots(SlotsInUse& in_use) {
  SlotMaker maker;
  slots_.reserve(config_.slots);
  for (std::uint32_t number = 0; number < config_.slots; ++number) {
    const auto used = in_use.find(SlotNumber{number});
    if (used != in_use.end()) {
      const Ipv4Address address = slot_address(block_, used->first);
      slots_.push_back({.steering = {.address = address, .mac = slot_mac(address)},
                        .network_namespace = std::move(used->second.network_namespace)});
      continue;
    }
    try {
      if (number % kSlotsPerProc == 0) maker.proc = ProcInstance();
      slots_.push_back(make_slot(SlotNumber{number}, maker));
    } catch (const std::system_error& error) {
      throw std::runtime_error(fmt::format("slot {} of {}: {}", number, config_.slots, error.what()));
    }
  }
}

void SlotNetwork::guard_slots() {
  const auto devices = devices_of_group(netlink_, group_);
  const NetworkSettings host_devices(ProcInstance(), "ipv6/conf");
  std::vector<NetlinkMessage> messages;
  messages.reserve(3 * slots_.size());
  for (std::uint32_t number = 0; number < slots_.size(); ++number) {
    const std::string device = slot_device_of(config_.name, SlotNumber{number});
    const std::uint32_t ifindex = index_of(device, devices);
    slots_[number].steering.ifindex = ifindex;
    if (!kept_.contains(device)) {
      silence_ipv6(host_devices, device);
      messages.push_back(add_classifier_queue(ifindex));
    }
    messages.push_back(put_ingress_program(ifindex, steering_->from_slot(), "hypernat_from_slot"));
    messages.push_back(set_up(ifindex));
  }
  netlink_.execute(messages);
}

void SlotNetwork::remove_devices() {
  if (kept_.empty()) return remove_network_of(config_.name);
  // A group goes in one step, thousands of devices one by one would take minutes: so the others step aside.
  const std::uint32_t aside = group_aside_of(config_.name);
  move_devices(netlink_, {.from = group_, .to = aside}, kept_);
  delete_group(netlink_, group_);
  move_devices(netlink_, {.from = aside, .to = group_}, kept_);
  delete_group(netlink_, aside);
}

void SlotNetwork::attach(SlotNumber slot, MappingNumber mapping) {
  steering_->attach(slots_.at(to_number(slot)).steering, mapping);
}

void SlotNetwork::detach(SlotNumber slot) {
  steering_->detach(slots_.at(to_number(slot)).steering);
}

bool SlotNetwork::is_quiet(SlotNumber slot) const {
  const NamespaceVisit visit;
  visit.enter(network_namespace(slot));
  return is_network_quiet();
}

}  // namespace hypernat::workerhost
