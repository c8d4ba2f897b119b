// One client's connection, and the environment that lives as long as it does. The environment's own init ends it and
// tells the client; this is for its beginning, and for the slot's return.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/workerhost_config.h"
#include "control/api/environment_protocol.h"
#include "control/workerhost/environment.h"
#include "control/workerhost/event_loop.h"
#include "control/workerhost/slot_keeper.h"
#include "control/workerhost/start_queue.h"
#include "control/workerhost/takeover.h"

namespace hypernat::workerhost {

/// What all sessions share. The worker host owns it and outlives them.
struct SessionHost {
  const config::WorkerhostConfig& config;
  EventLoop& loop;
  SlotKeeper& slots;
  StartQueue& starts;
  const EnvironmentLauncher& launcher;
  std::function<std::string()> status;  ///< the answer to a status query
};

class Session {
 public:
  /// A client that has said nothing yet. `ended` is called once, as the last thing a session does; it may destroy the
  /// session.
  Session(SessionHost& host, UniqueFd connection, std::function<void()> ended);
  /// One that has its environment from a former worker host; its slot is in use already.
  Session(SessionHost& host, FoundEnvironment found, std::function<void()> ended);
  /// Lets go of the environment, if there is one: it runs on.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// What runs is told to end; its end is still to come.
  void kill();
  /// After kill: waits for the end, and leaves no record.
  void bury();

  /// What the environment is, for as long as it has a slot.
  const EnvironmentFacts* running() const;
  /// Of its first process.
  pid_t pid() const { return environment_ ? environment_->pid() : -1; }

 private:
  struct Message {
    std::string text;
    std::vector<UniqueFd> descriptors;
    EventLoop::Clock::time_point received;
  };

  void watch_client();
  void on_client(std::uint32_t events);
  void on_message(Message message);
  Message receive();
  void send(const std::string& text);
  void send_error(const std::string& message);

  /// An environment that has its slot, attached, and waits for its turn to start.
  struct Attached {
    control::EnvironmentRequest request;
    Message message;
    SlotNumber slot{};
    EventLoop::Clock::time_point since;
  };

  void attach(control::EnvironmentRequest request, Message message);
  void begin();
  void launch(const Attached& attached);
  void leave_queue();
  void watch_environment();
  void unwatch_environment();
  void on_doorbell();
  void on_environment_end();
  void release_slot();
  void hang_up();
  void end();

  SessionHost& host_;
  UniqueFd connection_;
  std::function<void()> ended_;
  std::optional<Attached> attached_;  ///< until its turn
  StartQueue::Turn turn_ = 0;
  std::optional<Environment> environment_;
  bool holds_slot_ = false;
};

}  // namespace hypernat::workerhost
