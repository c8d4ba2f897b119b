// The process: ports, workers, the table keeper, in the order in which they need each other.
//
// Main lcore. Constructing starts everything, destroying stops it and gives every buffer back.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "config/dataplane_config.h"
#include "config/store.h"
#include "dataplane/attach/attachments.h"
#include "dataplane/flow/home.h"
#include "dataplane/nat/tenant_usage.h"
#include "dataplane/port/eal.h"
#include "dataplane/port/port.h"
#include "dataplane/process/crew.h"
#include "dataplane/process/table_keeper.h"
#include "dataplane/process/worker_watch.h"
#include "dataplane/worker/clock.h"
#include "dataplane/worker/rings.h"
#include "dataplane/worker/worker.h"

namespace hypernat::dataplane {

class Dataplane {
 public:
  /// EAL is initialised. Throws PortError, std::runtime_error.
  Dataplane(const config::DataplaneConfig& config, config::Store& store);
  ~Dataplane();
  Dataplane(const Dataplane&) = delete;
  Dataplane& operator=(const Dataplane&) = delete;

  /// Pulls the table and reports the status.
  void beat();
  /// Deals the workers to other lcores. Throws std::runtime_error when one can not be had, or anything else differs
  /// from the configuration in use; then nothing changes.
  void reload(config::DataplaneConfig wanted);

  const config::DataplaneConfig& config() const { return config_; }
  std::span<const std::unique_ptr<Worker>> workers() const { return workers_; }
  const Crew& crew() const { return *crew_; }
  std::span<const std::unique_ptr<Port>> ports() const { return ports_; }
  const Attachments& attachments() const { return *attachments_; }
  const TableKeeper& tables() const { return *keeper_; }
  const TenantUsage& tenants() const { return tenants_; }
  const Clock& clock() const { return clock_; }
  /// Null stops tracing. The filter outlives the workers.
  void trace(const TraceFilter* filter) { orders_.trace.store(filter, std::memory_order_release); }

  /// Packet buffers that are not in the pool: with the devices, in rings, held or on their way.
  std::uint32_t buffers_in_use() const { return pool_->missing(); }

  std::vector<config::PortUse> port_use() const;

 private:
  void watch_workers();
  void open_ports();
  void make_workers();
  Worker::Options worker_options(std::uint16_t number) const;
  Gathering::Options fragment_options(std::uint16_t number) const;
  Nat::Options nat_options(std::uint16_t number) const;
  std::uint16_t workers_count() const { return home_.workers(); }
  void stop();

  config::DataplaneConfig config_;  ///< workers.count is there
  std::vector<unsigned> lcores_;    ///< by worker, at the start: their memory lies there
  Home home_;
  TenantUsage tenants_;
  Orders orders_;
  Clock clock_;
  NatSecret secret_;
  std::vector<std::string> nat_names_;
  std::unique_ptr<PacketPool> pool_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::unique_ptr<Attachments> attachments_;
  std::unique_ptr<Rings> rings_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<TableKeeper> keeper_;
  std::unique_ptr<WorkerWatch> watch_;
  std::unique_ptr<Crew> crew_;
};

}  // namespace hypernat::dataplane
