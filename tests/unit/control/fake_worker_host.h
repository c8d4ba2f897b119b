// A worker host's socket with somebody behind it who does as the test says.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "control/api/environment_client.h"

namespace hypernat::control::testing {

/// One connection as the worker host sees it.
struct Guest {
  int connection = -1;
  std::string message;  ///< what the client sent
  EnvironmentStreams streams{.in = -1, .out = -1, .err = -1};

  void send(const std::string& text) const;
  void send(const EnvironmentEvent& event) const { send(to_json(event)); }
  std::string read_input() const;  ///< to its end
  void write_output(const std::string& text) const;
  void write_error(const std::string& text) const;
  bool waits_for_hang_up() const;  ///< returns when the client has gone
};

class FakeWorkerHost {
 public:
  /// `serve` is called for each connection, one after another; its descriptors are closed afterwards.
  FakeWorkerHost(const std::filesystem::path& socket, std::function<void(const Guest&)> serve);
  ~FakeWorkerHost();
  FakeWorkerHost(const FakeWorkerHost&) = delete;
  FakeWorkerHost& operator=(const FakeWorkerHost&) = delete;

 private:
  int listener_ = -1;
  std::function<void(const Guest&)> serve_;
  std::thread thread_;
};

EnvironmentEvent started();
EnvironmentEvent exited(int code);
EnvironmentEvent signalled(int signal);
EnvironmentEvent failed(const std::string& message);

}  // namespace hypernat::control::testing
