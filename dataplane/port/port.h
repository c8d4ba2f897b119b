// One device port: configured by what the device says it can do, started, and closed again.
//
// Any ethdev will do. What a device lacks (queues, RSS, offloads, promiscuous mode) is made up for or said; what it
// refuses although it must not, and frames larger than it takes, are an error that names the port and the reason.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "config/dataplane_config.h"
#include "config/types.h"
#include "dataplane/attach/encapsulate.h"
#include "dataplane/flow/home.h"

struct rte_eth_dev_info;

namespace hypernat::dataplane {

class PortError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Ethdev port id of a device as EAL names it. Throws PortError with the devices that are there.
std::uint16_t find_device(const config::PortConfig& config);
/// Where its memory should lie; -1: anywhere.
int numa_node_of(std::uint16_t device);

class Port {
 public:
  struct Options {
    std::uint16_t workers = 1;
    const Home* home = nullptr;  ///< its key and table go to the device's RSS
    rte_mempool* pool = nullptr;
    DeviceWrites useful;  ///< what the port's attachments would leave to a device that can do it
  };

  /// Configures and starts. Throws PortError.
  Port(const config::PortConfig& config, const Options& options);
  /// Stops and closes.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  const std::string& name() const { return config_.name; }
  std::uint16_t device() const { return device_; }
  const std::string& driver() const { return driver_; }
  /// The address that the data plane answers to here: the configured one, or the device's own. The kernel's end of a
  /// tap has the device's address and is another station on that wire, so there it is a neighbouring one.
  const MacAddress& mac() const { return mac_; }
  std::uint16_t rx_queues() const { return rx_queues_; }
  std::uint16_t tx_queues() const { return tx_queues_; }
  /// Received packets may carry a hash that is the home's.
  bool hashes() const { return hashes_; }
  DeviceWrites device_writes() const { return device_writes_; }
  bool link_up() const;

 private:
  void configure(const Options& options);
  void choose_queues(const rte_eth_dev_info& info, std::uint16_t workers);
  void check_mtu(const rte_eth_dev_info& info) const;
  std::uint64_t tx_offloads(const rte_eth_dev_info& info, DeviceWrites useful);
  void set_up_queues(const Options& options);
  void choose_mac();
  void set_mtu();
  void set_promiscuous();
  void fill_redirection_table(const Home& home);
  [[noreturn]] void fail(const char* call, int error) const;

  config::PortConfig config_;
  std::uint16_t device_;
  std::string driver_;
  MacAddress mac_;
  std::uint16_t rx_queues_ = 1;
  std::uint16_t tx_queues_ = 1;
  std::uint16_t rx_descriptors_;
  std::uint16_t tx_descriptors_;
  bool hashes_ = false;
  DeviceWrites device_writes_;
  bool promiscuous_ = false;
};

}  // namespace hypernat::dataplane
