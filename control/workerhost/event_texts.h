// What an environment's init says to its client: written before the fork, but for the numbers that only it knows.
//
// The init makes system calls only, so it cannot write JSON; it fills the holes of texts that were JSON already.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "control/api/environment_protocol.h"

namespace hypernat::workerhost {

struct EventTexts {
  std::string started;
  std::string exited;
  std::string signalled;
  std::string failed;
};

/// `started` lacks what the init knows. `program` is what the command runs; a very long one is cut.
EventTexts make_event_texts(control::EnvironmentEvent started, const std::string& program);

/// What goes into the holes. Texts are ours and need no escape.
struct EventHoles {
  std::int64_t pid = 0;
  std::int64_t launched_ns = 0;
  std::int64_t code = 0;
  const char* step = "";
  const char* reason = "";
};

/// The longest text that a client is sent.
inline constexpr std::size_t kLongestEvent = 8 * 1024;

/// Writes the filled text, as much of it as there is room for, and returns its length. Allocates nothing.
std::size_t fill_event(const char* text, const EventHoles& holes, std::span<char> into);

}  // namespace hypernat::workerhost
