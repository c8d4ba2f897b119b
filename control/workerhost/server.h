// The worker host itself: its slots, its socket, its clients, until it is told to stop.
#pragma once

#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "config/types.h"
#include "config/workerhost_config.h"
#include "control/workerhost/environment.h"
#include "control/workerhost/event_loop.h"
#include "control/workerhost/heartbeat.h"
#include "control/workerhost/session.h"
#include "control/workerhost/signals.h"
#include "control/workerhost/slot_keeper.h"
#include "control/workerhost/slot_network.h"
#include "control/workerhost/start_queue.h"
#include "control/workerhost/takeover.h"

namespace hypernat::workerhost {

class Server {
 public:
  /// What is there already, and who tells when it is enough.
  struct Surroundings {
    const config::WorkerhostConfig& config;
    Ipv4Prefix block;
    Heartbeat& heartbeat;
    Signals& signals;
    std::filesystem::path records;
  };
  /// Makes the slots, takes over what was found and listens. Throws std::system_error and std::runtime_error; what was
  /// found then runs on.
  Server(const Surroundings& surroundings, std::vector<FoundEnvironment> found);
  /// Removes the socket and the slots, ends the environments or leaves them, as `run` was told.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Until a signal comes. Throws std::runtime_error when the control plane gives this host another block: the slots'
  /// addresses are then nobody's, what runs is ended, and starting again is the remedy.
  void run() { loop_.run(); }

  const SlotMaking& making() const { return network_.making(); }

 private:
  void listen();
  void accept_clients();
  void pause_accepting(const char* reason);
  void accept_client();
  void take_over(std::vector<FoundEnvironment> found);
  void on_signal();
  void on_heartbeat();
  std::string status() const;

  const config::WorkerhostConfig& config_;
  Ipv4Prefix block_;
  Heartbeat& heartbeat_;
  Signals& signals_;
  /// What an accident does, too: the next start takes over.
  Departure departure_ = Departure::kLeaveRunning;
  EventLoop loop_;
  EnvironmentLauncher launcher_;
  SlotNetwork network_;
  SlotKeeper slots_;
  StartQueue starts_;
  SessionHost host_;
  UniqueFd listener_;
  std::list<std::unique_ptr<Session>> sessions_;  ///< in order of their connections
};

/// A path that a Unix socket can have. Throws std::runtime_error when it is too long.
void check_socket_path(const std::filesystem::path& path);

}  // namespace hypernat::workerhost
