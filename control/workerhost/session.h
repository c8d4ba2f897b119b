// One client's connection, and the environment that lives as long as it does.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/api/environment_protocol.h"
#include "control/workerhost/environment.h"
#include "control/workerhost/event_loop.h"
#include "control/workerhost/slot_keeper.h"

namespace hypernat::workerhost {

/// What all sessions share. The worker host owns it and outlives them.
struct SessionHost {
  EventLoop& loop;
  SlotKeeper& slots;
  const EnvironmentLauncher& launcher;
  std::function<std::string()> status;  ///< the answer to a status query
};

class Session {
 public:
  /// `ended` is called once, as the last thing a session does; it may destroy the session.
  Session(SessionHost& host, UniqueFd connection, std::function<void()> ended);
  /// Kills the environment, if there is one, and waits for it.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// What runs is told to end; its end is still to come.
  void kill();

  struct Running {
    SlotNumber slot{};
    control::EnvironmentRequest request;
    std::unique_ptr<Environment> environment;
    EventLoop::Clock::time_point received;
    EventLoop::Clock::time_point attached;
    EventLoop::Clock::time_point since;
    std::optional<EventLoop::Timer> timeout;
    bool is_announced = false;
  };
  /// The environment, while there is one.
  const Running* running() const { return running_ ? &*running_ : nullptr; }

 private:
  struct Message {
    std::string text;
    std::vector<UniqueFd> descriptors;
    EventLoop::Clock::time_point received;
  };

  void on_client(std::uint32_t events);
  void on_message(Message message);
  Message receive();
  void send(const std::string& text);
  void send_error(const std::string& message);

  void start(control::EnvironmentRequest request, const Message& message);
  void on_report();
  void on_environment_end();
  void announce();
  void hang_up();
  void end();

  SessionHost& host_;
  UniqueFd connection_;
  std::function<void()> ended_;
  std::optional<Running> running_;
};

}  // namespace hypernat::workerhost
