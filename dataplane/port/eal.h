// DPDK's environment abstraction layer for the life of the process, and the memory of all packets.
#pragma once

#include <rte_mempool.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "config/dataplane_config.h"

namespace hypernat::dataplane {

/// Initialised as long as it lives. One at a time.
class Eal {
 public:
  /// `arguments` behind the program's name and the file prefix. Throws std::runtime_error.
  Eal(const std::string& file_prefix, const std::vector<std::string>& arguments);
  ~Eal();
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;

 private:
  std::vector<std::string> arguments_;  ///< EAL keeps pointers into it
  bool pdump_ = false;
};

/// Real-time signals: net_tap raises one for each packet it receives, in whatever thread lets it. Blocked before EAL
/// starts, and unblocked by the workers: nobody else is to be woken.
sigset_t device_signals();

/// The lcores that workers run on: those configured, or every one but the main lcore. Throws std::runtime_error when
/// one is not there, or they are more than the workers.
std::vector<unsigned> worker_lcores(const config::WorkersConfig& config);

/// All buffers, one pool: enough that every queue, ring and holding place can be full at once.
class PacketPool {
 public:
  PacketPool(const config::DataplaneConfig& config, std::uint32_t workers, int numa_node);
  /// Says so when buffers are missing: they leaked.
  ~PacketPool();
  PacketPool(const PacketPool&) = delete;
  PacketPool& operator=(const PacketPool&) = delete;

  rte_mempool* get() const { return pool_; }
  /// Buffers that are not in the pool.
  std::uint32_t missing() const;

 private:
  rte_mempool* pool_;
};

}  // namespace hypernat::dataplane
