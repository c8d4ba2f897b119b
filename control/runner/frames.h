// What the control plane and the runner in a warm environment say to each other, over the runner's standard streams.
//
// A frame is a kind, the length of its content in four bytes (little-endian), and its content. First the code goes in
// and kReady or kFailed comes out; then, one after the other, an event goes in, and output, log and end come out. The
// end of the input ends the runner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hypernat::runner {

enum class FrameKind : char {
  kCode = 'Z',    ///< in: the zip
  kEvent = 'E',   ///< in: milliseconds it may take (four bytes, little-endian) and the payload
  kReady = 'R',   ///< out: the code is unpacked
  kFailed = 'X',  ///< out: it could not be; why
  kOutput = 'O',  ///< out: what the function wrote to its standard output
  kLog = 'L',     ///< out: the last of what it wrote to its standard error
  kEnd = 'D',     ///< out: how it ended, see InvocationEndText
};

struct Frame {
  FrameKind kind = FrameKind::kEnd;
  std::string content;
};

inline constexpr std::size_t kLongestFrame = 64ULL << 20;
inline constexpr std::size_t kFrameHeader = 5;

/// Where an environment that is to run it finds the runner, whatever worker host it is on.
inline constexpr const char* kRunnerPath = "/run/hypernat-runner";

/// How a function ended: "exited 0", "signalled 9", "timed-out", "too-large", or "failed" and why.
inline constexpr std::string_view kExited = "exited ";
inline constexpr std::string_view kSignalled = "signalled ";
inline constexpr std::string_view kTimedOut = "timed-out";
inline constexpr std::string_view kTooLarge = "too-large";
inline constexpr std::string_view kFailedToStart = "failed ";

std::string frame_header(FrameKind kind, std::size_t length);
std::string four_bytes(std::uint32_t value);
std::uint32_t read_four_bytes(std::string_view bytes);

/// Frames out of bytes as they come.
class FrameReader {
 public:
  void append(std::string_view bytes) { buffer_.append(bytes); }
  /// The next whole frame, if there is one. Throws std::runtime_error when it would be longer than any is.
  std::optional<Frame> next();

 private:
  std::string buffer_;
};

}  // namespace hypernat::runner
