#include "control/workerhost/signals.h"

#include <sys/signalfd.h>

#include <csignal>

namespace hypernat::workerhost {

Signals::Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  checked(::sigprocmask(SIG_BLOCK, &signals, nullptr), "blocking signals");
  signals_ = UniqueFd(checked(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK), "making a signalfd"));
}

std::optional<Departure> Signals::take() {
  signalfd_siginfo signal{};
  if (::read(signals_.get(), &signal, sizeof(signal)) != sizeof(signal)) return std::nullopt;
  return signal.ssi_signo == SIGHUP ? Departure::kLeaveRunning : Departure::kEndAll;
}

}  // namespace hypernat::workerhost
