// The worker host itself: its slots, its socket, its clients, until it is told to stop.
#pragma once

#include <filesystem>
#include <list>

#include "config/types.h"
#include "config/workerhost_config.h"
#include "control/workerhost/environment.h"
#include "control/workerhost/event_loop.h"
#include "control/workerhost/heartbeat.h"
#include "control/workerhost/session.h"
#include "control/workerhost/slot_keeper.h"
#include "control/workerhost/slot_network.h"

namespace hypernat::workerhost {

class Server {
 public:
  /// Makes the slots and listens. `stop` is a signalfd. Throws std::system_error and std::runtime_error.
  Server(const config::WorkerhostConfig& config, const Ipv4Prefix& block, Heartbeat& heartbeat, int stop);
  /// Ends the environments, removes the socket and the slots.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Until a signal comes. Throws std::runtime_error when the control plane gives this host another block: the slots'
  /// addresses are then nobody's, and starting again is the remedy.
  void run() { loop_.run(); }

 private:
  void listen();
  void accept_clients();
  void pause_accepting(const char* reason);
  void accept_client();
  void on_heartbeat();
  std::string status() const;

  const config::WorkerhostConfig& config_;
  Ipv4Prefix block_;
  Heartbeat& heartbeat_;
  EventLoop loop_;
  EnvironmentLauncher launcher_;
  SlotNetwork network_;
  SlotKeeper slots_;
  SessionHost host_;
  UniqueFd listener_;
  std::list<std::unique_ptr<Session>> sessions_;  ///< in order of their connections
};

/// A path that a Unix socket can have. Throws std::runtime_error when it is too long.
void check_socket_path(const std::filesystem::path& path);

}  // namespace hypernat::workerhost
