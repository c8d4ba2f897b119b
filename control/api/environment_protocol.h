// What a client and a worker host say to each other over the worker host's Unix SEQPACKET socket.
//
// The client sends one request with exactly three descriptors (stdin, stdout, stderr of the command) and then only
// listens; the answers are "started" and, later, exactly one of "exited" or "error". Once an environment runs, they
// come from its own first process, whether the worker host is there or not. A client that goes away takes its
// environment along. Each message is one JSON object in one packet.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hypernat::control {

/// The largest packet either side sends; a longer one is refused.
inline constexpr std::size_t kMaxEnvironmentMessage = 128 * 1024;

struct EnvironmentRequest {
  std::string function;
  std::uint32_t mapping = 0;  ///< number on the wire; 0: no network but loopback
  std::string resolver;       ///< for resolv.conf; empty: none
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;
  std::chrono::seconds timeout{};
  bool operator==(const EnvironmentRequest&) const = default;
};

enum class EnvironmentEventKind : std::uint8_t { kStarted, kExited, kSignalled, kError };

struct EnvironmentEvent {
  EnvironmentEventKind kind = EnvironmentEventKind::kError;
  std::uint32_t slot = 0;      ///< started
  std::string address;         ///< started: of the environment, in the Lambda VPC
  std::int64_t pid = 0;        ///< started
  std::string namespace_path;  ///< started: of the environment's network namespace
  /// started: when, on CLOCK_MONOTONIC of the worker host
  std::int64_t received_ns = 0;  ///< the worker host had read the request
  std::int64_t attached_ns = 0;  ///< the slot was attached to its mapping
  std::int64_t begun_ns = 0;     ///< its turn to start had come
  std::int64_t launched_ns = 0;  ///< the command was about to be executed
  int code = 0;                  ///< exited: the exit code; signalled: the signal's number
  std::string message;           ///< error: what and why
  bool operator==(const EnvironmentEvent&) const = default;
};

std::string to_json(const EnvironmentRequest& request);
std::string to_json(const EnvironmentEvent& event);

/// Each throws std::invalid_argument naming the member that is missing, unknown or of the wrong type.
EnvironmentRequest environment_request_from_json(std::string_view text);
EnvironmentEvent environment_event_from_json(std::string_view text);

/// {"Query":"status"}, sent without descriptors.
std::string environment_status_query();
bool is_environment_status_query(std::string_view text);

}  // namespace hypernat::control
