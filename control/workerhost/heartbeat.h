// Tells the control plane every two seconds that this worker host is there, and learns its address block.
//
// It has a thread of its own, because an answer may take long and environments must not wait for it. A control plane
// that is away changes nothing: the block once given is remembered on disk.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "config/types.h"
#include "config/workerhost_config.h"
#include "control/workerhost/unique_fd.h"

namespace hypernat::workerhost {

struct HeartbeatState {
  std::optional<Ipv4Prefix> block;  ///< as the control plane said last, this time or in a former life
  bool is_answered = false;         ///< the last beat was
  std::string failure;              ///< of the last beat, when it was not
  std::uint64_t beats = 0;
};

class Heartbeat {
 public:
  /// Starts at once. Throws std::system_error.
  explicit Heartbeat(const config::WorkerhostConfig& config);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  HeartbeatState state() const;
  /// Readable after each beat, until `take_news`.
  int news() const { return news_.get(); }
  void take_news();

 private:
  void beat_until(const std::stop_token& stop);
  void beat();
  Ipv4Prefix ask() const;
  void remember(const Ipv4Prefix& block) const;
  std::optional<Ipv4Prefix> recall() const;

  const config::WorkerhostConfig& config_;
  std::filesystem::path memory_;
  UniqueFd news_;
  mutable std::mutex mutex_;
  std::condition_variable_any stopping_;
  HeartbeatState state_;  ///< under mutex_
  std::jthread thread_;   ///< last, so that it ends first
};

}  // namespace hypernat::workerhost
