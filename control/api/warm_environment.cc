#include "control/api/warm_environment.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>

#include "control/api/message.h"
#include "control/lifecycle/refusal.h"

namespace hypernat::control {
namespace {

using SteadyClock = std::chrono::steady_clock;
using runner::FrameKind;

constexpr std::chrono::seconds kGettingReady{30};
// The runner ends a function at its time; this is for a runner that does not.
constexpr std::chrono::seconds kGrace{5};
// How long a stop of the control plane may go unnoticed.
constexpr std::int64_t kPollMilliseconds = 250;

Refusal unavailable(const std::string& message) {
  return {RefusalKind::kUnavailable, message};
}

struct Ends {
  int read = -1;
  int write = -1;
};

Ends make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  return {.read = ends[0], .write = ends[1]};
}

void close_end(int& end) {
  if (end >= 0) ::close(end);
  end = -1;
}

int number_behind(std::string_view text, std::string_view word) {
  int number = 0;
  const auto digits = text.substr(word.size());
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

void read_end(std::string_view text, InvocationResult& result) {
  if (text.starts_with(runner::kExited)) {
    result.end = InvocationEnd::kExited;
    result.code = number_behind(text, runner::kExited);
  } else if (text.starts_with(runner::kSignalled)) {
    result.end = InvocationEnd::kSignalled;
    result.code = number_behind(text, runner::kSignalled);
  } else if (text == runner::kTimedOut) {
    result.end = InvocationEnd::kTimedOut;
  } else if (text == runner::kTooLarge) {
    result.end = InvocationEnd::kOutputTooLarge;
  } else {
    result.end = InvocationEnd::kFailed;
    result.message = text.substr(std::min(text.size(), runner::kFailedToStart.size()));
  }
}

EnvironmentClient connect(const std::filesystem::path& socket) try {
  return EnvironmentClient(socket);
} catch (const std::system_error& error) {
  throw unavailable(std::string("The worker host cannot be reached: ") + error.what());
}

}  // namespace

WarmEnvironment::WarmEnvironment(const Start& start, const std::atomic<bool>& is_stopping)
    : client_(connect(start.socket)) {
  auto in = make_pipe();
  auto out = make_pipe();
  input_ = in.write;
  output_ = out.read;
  int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  try {
    client_.start(start.request, {.in = in.read, .out = out.write, .err = nowhere});
    close_end(in.read);
    close_end(out.write);
    close_end(nowhere);
    ::fcntl(input_, F_SETFL, O_NONBLOCK);
    ::fcntl(output_, F_SETFL, O_NONBLOCK);
    const auto deadline = SteadyClock::now() + kGettingReady;
    write(runner::frame_header(FrameKind::kCode, start.code.size()), deadline, is_stopping);
    write(start.code, deadline, is_stopping);
    const auto answer = read(deadline, is_stopping);
    if (answer.kind != FrameKind::kReady) throw unavailable("The code cannot be unpacked: " + answer.content);
    client_.next(kGettingReady);  // that it has started, which is no news
  } catch (...) {
    for (int* end : {&in.read, &out.write, &nowhere, &input_, &output_}) close_end(*end);
    throw;
  }
}

WarmEnvironment::~WarmEnvironment() {
  close_end(input_);
  close_end(output_);
}

bool WarmEnvironment::is_alive() const {
  std::array<pollfd, 2> waits{{{client_.descriptor(), POLLIN, 0}, {output_, POLLIN, 0}}};
  return ::poll(waits.data(), waits.size(), 0) == 0;
}

short WarmEnvironment::wait_for(int descriptor, short events, Deadline deadline, const std::atomic<bool>& is_stopping) {
  while (true) {
    if (is_stopping) throw unavailable("The control plane is stopping");
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
    if (left <= 0) throw unavailable("The environment does not answer");
    pollfd wait{.fd = descriptor, .events = events, .revents = 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(std::min<std::int64_t>(left, kPollMilliseconds)));
    if (ready > 0) return wait.revents;
    if (ready < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
  }
}

// The worker host says so when an environment could not be made, or went.
std::string WarmEnvironment::why_it_ended() {
  constexpr std::chrono::seconds kPatience{1};
  try {
    while (const auto event = client_.next(kPatience))
      if (event->kind != EnvironmentEventKind::kStarted)
        return event->message.empty() ? "its first program ended" : event->message;
  } catch (const std::exception& error) {
    return error.what();
  }
  return "it went away";
}

void WarmEnvironment::write(std::string_view bytes, Deadline deadline, const std::atomic<bool>& is_stopping) {
  while (!bytes.empty()) {
    const auto written = ::write(input_, bytes.data(), bytes.size());
    if (written >= 0)
      bytes.remove_prefix(static_cast<std::size_t>(written));
    else if (errno == EAGAIN)
      wait_for(input_, POLLOUT, deadline, is_stopping);
    else if (errno != EINTR)
      throw unavailable("The environment takes no event: " + why_it_ended());
  }
}

runner::Frame WarmEnvironment::read(Deadline deadline, const std::atomic<bool>& is_stopping) {
  while (true) {
    if (auto frame = frames_.next()) return std::move(*frame);
    std::array<char, 65536> buffer;
    const auto length = ::read(output_, buffer.data(), buffer.size());
    if (length > 0)
      frames_.append({buffer.data(), static_cast<std::size_t>(length)});
    else if (length == 0 || (errno != EAGAIN && errno != EINTR))
      throw unavailable("The environment has ended: " + why_it_ended());
    else if (errno == EAGAIN)
      wait_for(output_, POLLIN, deadline, is_stopping);
  }
}

InvocationResult WarmEnvironment::invoke(std::string_view payload, std::chrono::milliseconds time,
                                         const std::atomic<bool>& is_stopping) {
  const auto deadline = SteadyClock::now() + time + kGrace;
  const auto head = runner::four_bytes(static_cast<std::uint32_t>(time.count()));
  write(runner::frame_header(FrameKind::kEvent, head.size() + payload.size()) + head, deadline, is_stopping);
  write(payload, deadline, is_stopping);
  InvocationResult result;
  while (true) {
    auto frame = read(deadline, is_stopping);
    switch (frame.kind) {
      case FrameKind::kOutput:
        result.output = std::move(frame.content);
        result.output.resize(std::min(result.output.size(), kMaxPayload));
        break;
      case FrameKind::kLog:
        result.log_tail = std::move(frame.content);
        break;
      case FrameKind::kEnd:
        read_end(frame.content, result);
        return result;
      default:
        throw unavailable("The environment says what no runner does");
    }
  }
}

}  // namespace hypernat::control
