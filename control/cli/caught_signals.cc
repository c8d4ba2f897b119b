#include "control/cli/caught_signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace hypernat::cli {
namespace {

constexpr std::chrono::milliseconds kForEver{-1};
constexpr int kNoDescriptor = -1;

}  // namespace

CaughtSignals::CaughtSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, &before_);
  descriptor_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

CaughtSignals::~CaughtSignals() {
  ::close(descriptor_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> CaughtSignals::wait_for(std::chrono::milliseconds time) const {
  return wait(kNoDescriptor, time);
}

std::optional<int> CaughtSignals::wait_or_readable(int descriptor) const {
  return wait(descriptor, kForEver);
}

std::optional<int> CaughtSignals::wait(int descriptor, std::chrono::milliseconds time) const {
  std::array<pollfd, 2> waits{pollfd{.fd = descriptor_, .events = POLLIN, .revents = 0},
                              pollfd{.fd = descriptor, .events = POLLIN, .revents = 0}};
  int ready = 0;
  do ready = ::poll(waits.data(), waits.size(), static_cast<int>(time.count()));
  while (ready < 0 && errno == EINTR);
  if (ready < 0) throw std::system_error(errno, std::generic_category(), "poll");
  signalfd_siginfo signal{};
  if (::read(descriptor_, &signal, sizeof signal) != sizeof signal) return std::nullopt;
  return static_cast<int>(signal.ssi_signo);
}

}  // namespace hypernat::cli
