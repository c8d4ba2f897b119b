// One execution environment, seen by whoever asked for it: connect to a worker host, hand over three descriptors,
// wait for the end.
//
// The control plane is not on this path: an environment once placed lives between its client and the worker host.
// The connection is the environment's life line; destroying the client kills what runs.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "control/api/environment_protocol.h"

namespace hypernat::control {

/// Descriptors of the command; the caller keeps its own copies and closes them.
struct EnvironmentStreams {
  int in = 0;
  int out = 1;
  int err = 2;
};

class EnvironmentClient {
 public:
  /// Connects; throws std::system_error naming the socket.
  explicit EnvironmentClient(const std::filesystem::path& socket);
  ~EnvironmentClient();
  EnvironmentClient(const EnvironmentClient&) = delete;
  EnvironmentClient& operator=(const EnvironmentClient&) = delete;

  /// Asks for an environment. Throws std::system_error, or std::invalid_argument when the request is too large.
  void start(const EnvironmentRequest& request, const EnvironmentStreams& streams);

  /// The next event; nothing when none came within `timeout`. Throws std::runtime_error when the worker host hung up
  /// or said something that is no event.
  std::optional<EnvironmentEvent> next(std::chrono::milliseconds timeout);
  /// The next event, however long it takes.
  EnvironmentEvent next();

  /// For poll(2): readable when an event, or the end, is there.
  int descriptor() const { return descriptor_; }

  /// The worker host's own status, as the JSON it sent.
  static std::string query_status(const std::filesystem::path& socket);

 private:
  void send(const std::string& message, const EnvironmentStreams* streams);
  std::string receive();

  std::string path_;
  int descriptor_ = -1;
};

}  // namespace hypernat::control
