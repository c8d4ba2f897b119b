#include "control/api/invocation.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "control/api/environment_client.h"
#include "control/api/message.h"
#include "control/lifecycle/refusal.h"

namespace hypernat::control {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kLogTail = 4096;
// The worker host ends a command at its timeout; this is for a worker host that does not.
constexpr std::chrono::seconds kGrace{5};
// How long outputs are waited for when the command has ended: a process it left behind may hold them open.
constexpr std::chrono::seconds kDrain{1};
// How long a stop of the control plane may go unnoticed.
constexpr std::int64_t kPollMilliseconds = 250;

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;

  void close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }
  int number() const { return number_; }

 private:
  int number_;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  return {.read = Descriptor(ends[0]), .write = Descriptor(ends[1])};
}

void set_nonblocking(const Descriptor& descriptor) {
  ::fcntl(descriptor.number(), F_SETFL, ::fcntl(descriptor.number(), F_GETFL) | O_NONBLOCK);
}

// The three pipes and the connection, until the environment and both outputs have ended.
class Conversation {
 public:
  explicit Conversation(const Invocation& invocation)
      : client_(invocation.socket), payload_(invocation.payload), timeout_(invocation.request.timeout) {
    client_.start(invocation.request,
                  {.in = in_.read.number(), .out = out_.write.number(), .err = err_.write.number()});
    in_.read.close();
    out_.write.close();
    err_.write.close();
    set_nonblocking(in_.write);
    set_nonblocking(out_.read);
    set_nonblocking(err_.read);
  }

  InvocationResult run(const std::atomic<bool>& is_stopping) {
    deadline_ = SteadyClock::now() + timeout_ + kGrace;
    while (!has_ended_ || out_.read.number() >= 0 || err_.read.number() >= 0) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - SteadyClock::now());
      if (left.count() <= 0) return finish(has_ended_ ? result_.end : InvocationEnd::kTimedOut);
      step(static_cast<int>(std::min<std::int64_t>(left.count(), kPollMilliseconds)));
      if (is_stopping) throw Refusal(RefusalKind::kUnavailable, "The control plane is stopping");
      if (result_.output.size() > kMaxPayload) return finish(InvocationEnd::kOutputTooLarge);
      // A worker host that failed closes nothing: the outputs are not worth waiting for.
      if (has_ended_ && result_.end == InvocationEnd::kFailed) break;
    }
    return std::move(result_);
  }

 private:
  InvocationResult finish(InvocationEnd end) {
    result_.end = end;
    if (result_.output.size() > kMaxPayload) result_.output.resize(kMaxPayload);
    return std::move(result_);
  }

  void step(int milliseconds) {
    // poll ignores descriptors that are closed (-1).
    std::array<pollfd, 4> wait{{{in_.write.number(), POLLOUT, 0},
                                {out_.read.number(), POLLIN, 0},
                                {err_.read.number(), POLLIN, 0},
                                {has_ended_ ? -1 : client_.descriptor(), POLLIN, 0}}};
    if (::poll(wait.data(), wait.size(), milliseconds) < 0) {
      if (errno == EINTR) return;
      throw std::system_error(errno, std::generic_category(), "poll");
    }
    if (wait[0].revents != 0) write_payload();
    if (wait[1].revents != 0) read_some(out_.read, result_.output);
    if (wait[2].revents != 0) {
      read_some(err_.read, result_.log_tail);
      if (result_.log_tail.size() > kLogTail) result_.log_tail.erase(0, result_.log_tail.size() - kLogTail);
    }
    if (wait[3].revents != 0) take_event();
  }

  void write_payload() {
    const auto written = ::write(in_.write.number(), payload_.data(), payload_.size());
    if (written >= 0) payload_.remove_prefix(static_cast<std::size_t>(written));
    // A command that does not read its event is no error.
    const bool is_broken = written < 0 && errno != EAGAIN && errno != EINTR;
    if (payload_.empty() || is_broken) in_.write.close();
  }

  static void read_some(Descriptor& from, std::string& to) {
    std::array<char, 65536> buffer;
    const auto length = ::read(from.number(), buffer.data(), buffer.size());
    if (length > 0) to.append(buffer.data(), static_cast<std::size_t>(length));
    if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR)) from.close();
  }

  void take_event() {
    EnvironmentEvent event;
    try {
      event = client_.next();
    } catch (const std::exception& error) {
      event = {.kind = EnvironmentEventKind::kError,
               .slot = 0,
               .address = {},
               .pid = 0,
               .namespace_path = {},
               .code = 0,
               .message = error.what()};
    }
    if (event.kind == EnvironmentEventKind::kStarted) {
      started_at_ = SteadyClock::now();
      return;
    }
    has_ended_ = true;
    deadline_ = SteadyClock::now() + kDrain;
    result_.code = event.code;
    result_.message = event.message;
    switch (event.kind) {
      case EnvironmentEventKind::kExited:
        result_.end = InvocationEnd::kExited;
        break;
      case EnvironmentEventKind::kSignalled:
        // Killed when its time was up, or by something else.
        result_.end =
            SteadyClock::now() - started_at_ >= timeout_ ? InvocationEnd::kTimedOut : InvocationEnd::kSignalled;
        break;
      default:
        result_.end = InvocationEnd::kFailed;
    }
  }

  EnvironmentClient client_;
  Pipe in_ = make_pipe();
  Pipe out_ = make_pipe();
  Pipe err_ = make_pipe();
  std::string_view payload_;
  std::chrono::seconds timeout_;
  SteadyClock::time_point started_at_ = SteadyClock::now();
  SteadyClock::time_point deadline_;
  bool has_ended_ = false;
  InvocationResult result_;
};

}  // namespace

InvocationResult invoke(const Invocation& invocation, const std::atomic<bool>& is_stopping) {
  std::unique_ptr<Conversation> conversation;
  try {
    conversation = std::make_unique<Conversation>(invocation);
  } catch (const std::system_error& error) {
    throw Refusal(RefusalKind::kUnavailable, std::string("The worker host cannot be reached: ") + error.what());
  }
  return conversation->run(is_stopping);
}

}  // namespace hypernat::control
