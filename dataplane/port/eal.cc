#include "dataplane/port/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_pdump.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <stdexcept>

#include "dataplane/port/frame_size.h"

namespace hypernat::dataplane {
namespace {

constexpr std::uint32_t kCacheOfLcore = 256;
// What a worker has in its hands, in its hand-over buffers and on the rings to it.
constexpr std::uint32_t kInFlightOfWorker = 4096;

}  // namespace

Eal::Eal(const std::string& file_prefix, const std::vector<std::string>& arguments) {
  arguments_ = {"hypernat-dataplane", "--file-prefix", file_prefix};
  arguments_.insert(arguments_.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  std::string line;
  for (std::string& argument : arguments_) {
    argv.push_back(argument.data());
    line += " " + argument;
  }
  spdlog::info("EAL:{}", line);
  argv.push_back(nullptr);
  if (rte_eal_init(static_cast<int>(arguments_.size()), argv.data()) < 0) {
    throw std::runtime_error("EAL does not start with the arguments" + line + ": " + rte_strerror(rte_errno) +
                             "; a machine without hugepages needs --no-huge -m 512");
  }
  const int error = rte_pdump_init();
  pdump_ = error == 0;
  if (!pdump_) spdlog::info("no packet capture by dpdk-dumpcap: rte_pdump_init: {}", rte_strerror(rte_errno));
}

Eal::~Eal() {
  if (pdump_) rte_pdump_uninit();
  rte_eal_cleanup();
}

sigset_t device_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) sigaddset(&signals, number);
  return signals;
}

std::vector<unsigned> worker_lcores(const config::WorkersConfig& config) {
  std::vector<unsigned> lcores = config.lcores;
  unsigned lcore = 0;
  if (lcores.empty()) {
    RTE_LCORE_FOREACH_WORKER(lcore) lcores.push_back(lcore);
  }
  if (lcores.empty()) throw std::runtime_error("no lcore is left for a worker: give EAL two or more with --lcores");
  for (const unsigned wanted : lcores) {
    if (rte_lcore_is_enabled(wanted) == 0) {
      throw std::runtime_error("workers: lcore " + std::to_string(wanted) + " is none of EAL's; see --lcores");
    }
    if (wanted == rte_get_main_lcore()) {
      throw std::runtime_error("workers: lcore " + std::to_string(wanted) +
                               " is the main one, which can not be a worker");
    }
  }
  if (config.count && lcores.size() > *config.count) {
    throw std::runtime_error("workers.lcores: found " + std::to_string(lcores.size()) + " lcores for " +
                             std::to_string(*config.count) +
                             " workers; expected at most one for each, and workers.count says at the start how many");
  }
  return lcores;
}

PacketPool::PacketPool(const config::DataplaneConfig& config, std::uint32_t workers, int numa_node) {
  std::uint32_t buffers = workers * (kInFlightOfWorker + config.limits.held_packets + config.limits.held_fragments) +
                          rte_lcore_count() * 2 * kCacheOfLcore;
  std::uint32_t largest = 0;
  for (const auto& port : config.ports) {
    buffers += workers * (std::uint32_t{port.rx_descriptors} + port.tx_descriptors);
    largest = std::max(largest, buffer_bytes(port.mtu));
  }
  const std::uint32_t room = std::max<std::uint32_t>(largest + RTE_PKTMBUF_HEADROOM, RTE_MBUF_DEFAULT_BUF_SIZE);
  pool_ = rte_pktmbuf_pool_create("packets", buffers, kCacheOfLcore, 0, static_cast<std::uint16_t>(room), numa_node);
  if (pool_ == nullptr) {
    throw std::runtime_error("no memory for " + std::to_string(buffers) + " packet buffers of " + std::to_string(room) +
                             " bytes (" + rte_strerror(rte_errno) + "): give EAL more with -m, or reserve hugepages");
  }
}

PacketPool::~PacketPool() {
  if (missing() > 0) spdlog::warn("{} packet buffers did not come back", missing());
  rte_mempool_free(pool_);
}

std::uint32_t PacketPool::missing() const {
  return rte_mempool_in_use_count(pool_);
}

}  // namespace hypernat::dataplane
