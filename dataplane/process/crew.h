// The workers at work: EAL's lcores started, stopped, and told which workers to run.
//
// A worker's memory stays where it was made; what moves is who steps it. Main lcore only, but for what
// any thread may ask.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/dataplane_config.h"
#include "dataplane/process/roster.h"
#include "dataplane/worker/clock.h"
#include "dataplane/worker/worker.h"

namespace hypernat::dataplane {

class Crew {
 public:
  struct Options {
    std::chrono::microseconds idle_sleep{50};  ///< zero: spin
    config::WorkerScheduling scheduling = config::WorkerScheduling::kOrdinary;
  };

  /// `lcores` has one for each worker, as all that follow. Throws std::runtime_error when one can not be started; then
  /// nobody runs.
  Crew(std::span<const std::unique_ptr<Worker>> workers, std::span<const unsigned> lcores, const Clock& clock,
       const Options& options);
  /// Every lcore has ended.
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Has the workers move, waits a moment for it, and logs who went where. Throws std::runtime_error when an lcore can
  /// not be started; then nobody moves.
  void move(std::span<const unsigned> lcores);
  /// Logs moves that came to their end after that moment.
  void look();

  /// By worker, where they are or go.
  const std::vector<unsigned>& lcores() const { return lcores_; }

  // Any thread.

  /// Which lcore runs the worker, kNoLcore while it is on its way; and which is to.
  unsigned lcore_of(std::uint16_t worker) const { return roster_.holder(worker); }
  unsigned wanted_lcore_of(std::uint16_t worker) const { return roster_.wanted(worker); }
  /// "lcore 2", or where it goes.
  std::string where(std::uint16_t worker) const;

 private:
  static int run(void* crew);
  void run_lcore(unsigned lcore);
  void start(std::span<const unsigned> lcores);
  void stop();
  bool has_arrived(std::uint16_t worker) const { return roster_.holder(worker) == lcores_[worker]; }
  void tell_of_far_memory(std::uint16_t worker) const;

  std::span<const std::unique_ptr<Worker>> workers_;
  const Clock& clock_;
  Options options_;
  Roster roster_;
  std::vector<unsigned> lcores_;        ///< wanted, by worker
  std::vector<unsigned> memory_;        ///< NUMA nodes, by worker
  std::vector<std::uint16_t> waiting_;  ///< workers whose move takes longer
};

}  // namespace hypernat::dataplane
