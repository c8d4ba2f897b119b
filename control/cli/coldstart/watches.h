// What is looked at while invocations run: flows that open in the data plane, leases, interfaces and addresses in use.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "control/cli/coldstart/plan.h"
#include "control/cli/coldstart/poller.h"
#include "control/cli/control_connection.h"
#include "control/cli/telemetry_client.h"

namespace hypernat::coldstart {

/// CLOCK_MONOTONIC.
std::int64_t monotonic_ns();

/// When the data plane opened flows to the server: its trace, armed for openings only.
class OpeningWatch {
 public:
  /// Arms the trace. Throws cli::CommandError.
  OpeningWatch(const std::string& dataplane, const Plan& plan);
  ~OpeningWatch();
  OpeningWatch(const OpeningWatch&) = delete;
  OpeningWatch& operator=(const OpeningWatch&) = delete;

  /// Disarms the trace and enters the moments of acceptance. Throws cli::CommandError.
  void finish(std::vector<Sample>& samples);

 private:
  void disarm();

  cli::TelemetryClient dataplane_;
  std::optional<Poller> poller_;  ///< keeps the workers' rings from filling; while the trace is armed
};

/// Leases by id, as the control plane tells them, for many who wait.
class LeaseWatch {
 public:
  explicit LeaseWatch(const cli::ControlConnection& control);

  struct State {
    bool is_active = false;
    std::string failure{};  ///< AWS's reason code, or why nobody knows; empty: it did not fail
    std::string reason{};
    LeaseMoments moments{};
  };
  /// Waits until the lease is active, has failed or is gone, or the control plane was asked in vain; nothing when the
  /// run was interrupted first.
  std::optional<State> wait(const std::string& lease, const std::atomic<bool>& interrupted);
  void stop();

 private:
  using States = std::map<std::string, State>;
  void ask();
  States read() const;

  const cli::ControlConnection& control_;
  std::mutex mutex_;
  std::condition_variable news_;
  States states_;             ///< guarded by mutex_
  std::string problem_;       ///< likewise: why the last question had no answer; empty when it had one
  std::uint64_t rounds_ = 0;  ///< likewise: questions so far
  std::atomic<std::uint32_t> waiting_{0};
  Poller poller_;
};

struct InterfaceCount {
  std::int64_t at_ns = 0;        ///< since the run began
  std::uint64_t interfaces = 0;  ///< of all accounts
  std::uint64_t addresses = 0;   ///< that the function's subnets have left to give
};

/// Interfaces, and addresses left in the function's subnets, over time.
class InterfaceWatch {
 public:
  struct Subnets {
    std::string account;
    std::vector<std::string> ids;
  };
  InterfaceWatch(const cli::ControlConnection& control, Subnets subnets);

  /// Ends the watch. Throws cli::CommandError when the control plane stopped answering meanwhile.
  std::vector<InterfaceCount> finish();

 private:
  void ask();

  const cli::ControlConnection& control_;
  Subnets subnets_;
  std::int64_t began_ns_;
  std::vector<InterfaceCount> counts_;  ///< of the poller's thread until it has ended
  Poller poller_;
};

}  // namespace hypernat::coldstart
