#include "dataplane/port/port.h"

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <vector>

#include "dataplane/port/receive_offloads.h"

namespace hypernat::dataplane {
namespace {

constexpr std::uint64_t kHashedPackets = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP;

bool is_unsupported(int error) {
  return error == -ENOTSUP || error == -ENOSYS;
}

std::string known_devices() {
  std::string names;
  for (std::uint64_t next = rte_eth_find_next(0); next < RTE_MAX_ETHPORTS;) {
    const auto device = static_cast<std::uint16_t>(next);
    next = rte_eth_find_next(static_cast<std::uint16_t>(device + 1));
    std::array<char, RTE_ETH_NAME_MAX_LEN> name{};
    if (rte_eth_dev_get_name_by_port(device, name.data()) == 0)
      names += (names.empty() ? "" : ", ") + std::string(name.data());
  }
  return names.empty() ? "none" : names;
}

rte_eth_dev_info device_info(std::uint16_t device, const std::string& port) {
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(device, &info); error != 0) {
    throw PortError("port " + port + ": rte_eth_dev_info_get: " + rte_strerror(-error));
  }
  return info;
}

const char* text_of(DeviceWrites writes) {
  const bool checksum = writes.has(DeviceWrites::kOuterChecksum);
  if (writes.has(DeviceWrites::kVlanTag)) return checksum ? "outer checksums and VLAN tags" : "VLAN tags";
  return checksum ? "outer checksums" : "no headers";
}

}  // namespace

std::uint16_t find_device(const config::PortConfig& config) {
  std::uint16_t device = 0;
  if (rte_eth_dev_get_port_by_name(config.device.c_str(), &device) != 0) {
    throw PortError("port " + config.name + ": EAL has no device " + config.device + "; it has: " + known_devices());
  }
  return device;
}

int numa_node_of(std::uint16_t device) {
  return rte_eth_dev_socket_id(device);
}

Port::Port(const config::PortConfig& config, const Options& options)
    : config_(config),
      device_(find_device(config)),
      rx_descriptors_(config.rx_descriptors),
      tx_descriptors_(config.tx_descriptors) {
  configure(options);
  set_up_queues(options);
  set_mtu();
  choose_mac();
  if (const int error = rte_eth_dev_start(device_); error != 0) fail("rte_eth_dev_start", error);
  set_promiscuous();
  if (hashes_) fill_redirection_table(*options.home);
  spdlog::info(
      "port {}: device {} ({}), {}, MTU {}, {} receive and {} transmit queues, RSS {}, promiscuous {}, the device "
      "writes {}, link {}",
      config_.name, config_.device, driver_, to_string(mac_), config_.mtu, rx_queues_, tx_queues_,
      hashes_ ? "on" : "off", promiscuous_ ? "on" : "off", text_of(device_writes_), link_up() ? "up" : "down");
}

Port::~Port() {
  if (const int error = rte_eth_dev_stop(device_); error != 0) {
    spdlog::warn("port {}: rte_eth_dev_stop: {}", config_.name, rte_strerror(-error));
  }
  if (const int error = rte_eth_dev_close(device_); error != 0) {
    spdlog::warn("port {}: rte_eth_dev_close: {}", config_.name, rte_strerror(-error));
  }
}

void Port::fail(const char* call, int error) const {
  throw PortError("port " + config_.name + " (" + config_.device + "): " + call + ": " + rte_strerror(-error));
}

void Port::configure(const Options& options) {
  const rte_eth_dev_info info = device_info(device_, config_.name);
  driver_ = info.driver_name;
  choose_queues(info, options.workers);
  check_mtu(info);

  rte_eth_conf conf{};
  conf.rxmode.mtu = config_.mtu;
  conf.rxmode.offloads = receive_offloads(
      {.driver = driver_,
       .offered = info.rx_offload_capa,
       .mtu = config_.mtu,
       .buffer_bytes = static_cast<std::uint32_t>(rte_pktmbuf_data_room_size(options.pool) - RTE_PKTMBUF_HEADROOM)});
  conf.txmode.offloads = tx_offloads(info, options.useful);
  std::vector<std::uint8_t> key(std::max<std::size_t>(info.hash_key_size, kToeplitzKeyBytes));
  std::copy(options.home->key().begin(), options.home->key().end(), key.begin());
  hashes_ = rx_queues_ > 1 && (info.flow_type_rss_offloads & kHashedPackets) != 0 && driver_ != "net_tap";
  const std::uint64_t hash_offload = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH;
  if (hashes_) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rxmode.offloads |= hash_offload;
    conf.rx_adv_conf.rss_conf.rss_key = key.data();
    conf.rx_adv_conf.rss_conf.rss_key_len = static_cast<std::uint8_t>(key.size());
    conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & kHashedPackets;
  }
  int error = rte_eth_dev_configure(device_, rx_queues_, tx_queues_, &conf);
  if (error != 0 && hashes_) {
    spdlog::warn("port {}: the device does not take the RSS settings ({}); packets are handed over in software",
                 config_.name, rte_strerror(-error));
    hashes_ = false;
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
    conf.rxmode.offloads &= ~hash_offload;
    conf.rx_adv_conf = {};
    error = rte_eth_dev_configure(device_, rx_queues_, tx_queues_, &conf);
  }
  if (error != 0) fail("rte_eth_dev_configure", error);
  error = rte_eth_dev_adjust_nb_rx_tx_desc(device_, &rx_descriptors_, &tx_descriptors_);
  if (error != 0 && !is_unsupported(error)) fail("rte_eth_dev_adjust_nb_rx_tx_desc", error);
}

void Port::choose_queues(const rte_eth_dev_info& info, std::uint16_t workers) {
  rx_queues_ = std::min(workers, info.max_rx_queues);
  tx_queues_ = std::min(workers, info.max_tx_queues);
  if (driver_ == "net_tap") rx_queues_ = tx_queues_ = std::min(rx_queues_, tx_queues_);  // it wants them equal
  if (rx_queues_ == 0 || tx_queues_ == 0) throw PortError("port " + config_.name + ": the device has no queues");
}

// By the reckoning of rte_eth_dev_configure, which says no more than "invalid argument".
void Port::check_mtu(const rte_eth_dev_info& info) const {
  const bool says_overhead = info.max_mtu != UINT16_MAX && info.max_rx_pktlen > info.max_mtu;
  const std::uint32_t overhead =
      says_overhead ? info.max_rx_pktlen - info.max_mtu : RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
  const std::uint32_t largest = std::min<std::uint32_t>(info.max_mtu, info.max_rx_pktlen - overhead);
  if (config_.mtu <= largest) return;
  throw PortError("port " + config_.name + " (" + config_.device + "): the device's largest MTU is " +
                  std::to_string(largest) + ", the configured one is " + std::to_string(config_.mtu));
}

std::uint64_t Port::tx_offloads(const rte_eth_dev_info& info, DeviceWrites useful) {
  std::uint64_t offloads = 0;
  const auto leave = [&](DeviceWrites::What what, std::uint64_t offload) {
    if (!useful.has(what) || (info.tx_offload_capa & offload) == 0) return;
    device_writes_.add(what);
    offloads |= offload;
  };
  leave(DeviceWrites::kOuterChecksum, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);
  leave(DeviceWrites::kVlanTag, RTE_ETH_TX_OFFLOAD_VLAN_INSERT);
  return offloads;
}

void Port::set_up_queues(const Options& options) {
  const auto node = static_cast<unsigned>(numa_node_of(device_));
  for (std::uint16_t queue = 0; queue < rx_queues_; ++queue) {
    const int error = rte_eth_rx_queue_setup(device_, queue, rx_descriptors_, node, nullptr, options.pool);
    if (error != 0) fail("rte_eth_rx_queue_setup", error);
  }
  for (std::uint16_t queue = 0; queue < tx_queues_; ++queue) {
    const int error = rte_eth_tx_queue_setup(device_, queue, tx_descriptors_, node, nullptr);
    if (error != 0) fail("rte_eth_tx_queue_setup", error);
  }
}

void Port::choose_mac() {
  rte_ether_addr own{};
  if (const int error = rte_eth_macaddr_get(device_, &own); error != 0) fail("rte_eth_macaddr_get", error);
  std::copy(std::begin(own.addr_bytes), std::end(own.addr_bytes), mac_.bytes.begin());
  if (config_.mac) {
    mac_ = *config_.mac;
  } else if (driver_ == "net_tap") {
    mac_.bytes[5] ^= 0x01;
  }
}

void Port::set_mtu() {
  const int error = rte_eth_dev_set_mtu(device_, config_.mtu);
  if (error == 0) return;
  if (!is_unsupported(error)) fail("rte_eth_dev_set_mtu", error);
  spdlog::info("port {}: the driver {} can not set an MTU; {} is assumed", config_.name, driver_, config_.mtu);
}

// Frames come for the MACs of many interfaces. Without promiscuous mode only the port's own address works, which is
// all that a tunnel needs.
void Port::set_promiscuous() {
  const int error = rte_eth_promiscuous_enable(device_);
  promiscuous_ = error == 0;
  if (promiscuous_) return;
  if (!is_unsupported(error)) fail("rte_eth_promiscuous_enable", error);
  spdlog::info("port {}: the driver {} has no promiscuous mode", config_.name, driver_);
  if (!config_.mac) return;
  rte_ether_addr mac{};
  std::copy(mac_.bytes.begin(), mac_.bytes.end(), std::begin(mac.addr_bytes));
  const int refused = rte_eth_dev_default_mac_addr_set(device_, &mac);
  if (refused != 0 && !is_unsupported(refused)) fail("rte_eth_dev_default_mac_addr_set", refused);
}

// Queue n is worker n's, so the device's table may say what the home's says. A device with fewer entries than the home
// has buckets can not say all of it; what arrives elsewhere is handed over.
void Port::fill_redirection_table(const Home& home) {
  const rte_eth_dev_info info = device_info(device_, config_.name);
  if (info.reta_size == 0 || rx_queues_ != home.workers()) return;
  std::vector<rte_eth_rss_reta_entry64> groups((info.reta_size + RTE_ETH_RETA_GROUP_SIZE - 1U) /
                                               RTE_ETH_RETA_GROUP_SIZE);
  const auto worker_of_bucket = home.worker_of_bucket();
  for (std::uint32_t entry = 0; entry < info.reta_size; ++entry) {
    rte_eth_rss_reta_entry64& group = groups[entry / RTE_ETH_RETA_GROUP_SIZE];
    group.mask |= std::uint64_t{1} << (entry % RTE_ETH_RETA_GROUP_SIZE);
    group.reta[entry % RTE_ETH_RETA_GROUP_SIZE] = worker_of_bucket[entry & (home.buckets() - 1)];
  }
  const int error = rte_eth_dev_rss_reta_update(device_, groups.data(), info.reta_size);
  if (error == 0) return;
  spdlog::warn("port {}: rte_eth_dev_rss_reta_update: {}; packets are handed over in software", config_.name,
               rte_strerror(-error));
}

bool Port::link_up() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(device_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

}  // namespace hypernat::dataplane
