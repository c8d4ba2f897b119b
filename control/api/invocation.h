// One synchronous invocation: the event goes to the command's stdin, its stdout comes back.
//
// This waits for the command and so never runs under the state machine's lock.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include "control/api/environment_protocol.h"

namespace hypernat::control {

enum class InvocationEnd : std::uint8_t {
  kExited,     ///< code: the exit code
  kSignalled,  ///< code: the signal's number
  kTimedOut,
  kOutputTooLarge,
  kFailed,  ///< the worker host could not run it; message says why
};

struct InvocationResult {
  InvocationEnd end = InvocationEnd::kFailed;
  int code = 0;
  std::string message;
  std::string output;    ///< stdout, at most kMaxPayload bytes
  std::string log_tail;  ///< the last 4 KiB of stderr
};

struct Invocation {
  std::filesystem::path socket;  ///< of the worker host
  EnvironmentRequest request;
  const std::string& payload;
};

/// Runs the command. Throws a Refusal when the worker host cannot be reached, or when `is_stopping` becomes true, which
/// ends the command.
InvocationResult invoke(const Invocation& invocation, const std::atomic<bool>& is_stopping);

}  // namespace hypernat::control
