#include "control/runner/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include "control/runner/archive.h"
#include "control/runner/frames.h"

namespace hypernat::runner {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLogTail = 4096;

void close_end(int& descriptor) {
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

struct Pipe {
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  }
  ~Pipe() {
    close_end(ends[0]);
    close_end(ends[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int ends[2] = {-1, -1};
};

// Those of this environment, but for its first process, which belongs to the worker host, and this one.
void end_everything_else() {
  ::kill(-1, SIGKILL);
  while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) continue;
}

class Running {
 public:
  Running(const Program& program, std::string_view event, Clock::time_point deadline)
      : program_(program), event_(event), deadline_(deadline) {}

  Run run() {
    if (!start()) return std::move(run_);
    while (!has_ended_ || out_.ends[0] >= 0 || err_.ends[0] >= 0) {
      step();
      const bool is_late = !has_ended_ && Clock::now() >= deadline_;
      const bool is_too_large = run_.output.size() > program_.most_output;
      if (!is_late && !is_too_large) continue;
      run_.end = is_late ? kTimedOut : kTooLarge;
      break;
    }
    end_everything_else();
    return std::move(run_);
  }

 private:
  bool start() {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in_.ends[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out_.ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err_.ends[1], 2);
    posix_spawn_file_actions_addchdir_np(&actions, program_.directory.c_str());
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const auto path = program_.directory / kEntryPoint;
    std::string name = path.string();
    char* arguments[] = {name.data(), nullptr};
    const int error = posix_spawn(&pid_, name.c_str(), &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) run_.end = std::string(kFailedToStart) + kEntryPoint + ": " + std::strerror(error);
    close_end(in_.ends[0]);
    close_end(out_.ends[1]);
    close_end(err_.ends[1]);
    ::fcntl(in_.ends[1], F_SETFL, O_NONBLOCK);
    if (event_.empty()) close_end(in_.ends[1]);
    return error == 0;
  }

  void step() {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    std::array<pollfd, 4> waits{{{in_.ends[1], POLLOUT, 0},
                                 {out_.ends[0], POLLIN, 0},
                                 {err_.ends[0], POLLIN, 0},
                                 {has_ended_ ? -1 : program_.child_signals, POLLIN, 0}}};
    ::poll(waits.data(), waits.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000)));
    if (waits[0].revents != 0) feed();
    if (waits[1].revents != 0) take(out_.ends[0], run_.output);
    if (waits[2].revents != 0) {
      take(err_.ends[0], run_.log);
      if (run_.log.size() > kLogTail) run_.log.erase(0, run_.log.size() - kLogTail);
    }
    if (waits[3].revents != 0) see_children();
  }

  void feed() {
    const auto written = ::write(in_.ends[1], event_.data(), event_.size());
    if (written >= 0) event_.remove_prefix(static_cast<std::size_t>(written));
    // A function that does not read its event is no error.
    const bool is_broken = written < 0 && errno != EAGAIN && errno != EINTR;
    if (event_.empty() || is_broken) close_end(in_.ends[1]);
  }

  static void take(int& from, std::string& to) {
    std::array<char, 65536> buffer;
    const auto length = ::read(from, buffer.data(), buffer.size());
    if (length > 0) to.append(buffer.data(), static_cast<std::size_t>(length));
    if (length == 0 || (length < 0 && errno != EINTR)) close_end(from);
  }

  void see_children() {
    signalfd_siginfo ignored{};
    while (::read(program_.child_signals, &ignored, sizeof ignored) < 0 && errno == EINTR) continue;
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid != pid_) continue;
      has_ended_ = true;
      run_.end = WIFEXITED(status) ? std::string(kExited) + std::to_string(WEXITSTATUS(status))
                                   : std::string(kSignalled) + std::to_string(WTERMSIG(status));
    }
    // What it left behind may hold the outputs open; nobody waits for that.
    if (has_ended_) end_everything_else();
  }

  const Program& program_;
  std::string_view event_;
  const Clock::time_point deadline_;
  Pipe in_;
  Pipe out_;
  Pipe err_;
  pid_t pid_ = -1;
  bool has_ended_ = false;
  Run run_;
};

}  // namespace

Run run_program(const Program& program, std::string_view event, std::chrono::milliseconds time) {
  return Running(program, event, Clock::now() + time).run();
}

}  // namespace hypernat::runner
