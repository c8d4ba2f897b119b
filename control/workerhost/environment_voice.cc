#include "control/workerhost/environment_voice.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace hypernat::workerhost {

void EnvironmentVoice::born() {
  std::array<char, 1024> text{};
  const int file = ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  need(file, "opening /proc/self/stat");
  need(::read(file, text.data(), text.size() - 1), "reading /proc/self/stat");
  ::close(file);
  life_ = life_from_stat(text.data());
  if (life_.pid == 0) failed("reading /proc/self/stat", EINVAL);
  holes_.pid = life_.pid;
  reach(EnvironmentPhase::kBorn);
}

void EnvironmentVoice::started(std::int64_t launched_ns) {
  reach(EnvironmentPhase::kRunning);
  ring();
  holes_.launched_ns = launched_ns;
  say(init_.started_text);
}

void EnvironmentVoice::ended(EnvironmentEnding ending, int wait_status) {
  const bool is_signalled = WIFSIGNALED(wait_status);
  holes_.code = is_signalled ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
  finish(ending, is_signalled ? init_.signalled_text : init_.exited_text);
}

void EnvironmentVoice::failed(const char* step, int error) {
  holes_.step = step;
  // strerror may allocate.
  const char* reason = strerrordesc_np(error);
  holes_.reason = reason != nullptr ? reason : "unknown error";
  finish(EnvironmentEnding::kFailure, init_.failed_text);
}

void EnvironmentVoice::need(long result, const char* step) {
  if (result < 0) failed(step, errno);
}

void EnvironmentVoice::reach(EnvironmentPhase phase) {
  life_.phase = phase;
  // A record that cannot be written is the worker host's loss alone: the environment lives and ends without it.
  [[maybe_unused]] const auto written = ::pwrite(kRecord, &life_, sizeof(life_), 0);
}

void EnvironmentVoice::ring() {
  constexpr std::uint64_t kOnce = 1;
  [[maybe_unused]] const auto written = ::write(kDoorbell, &kOnce, sizeof(kOnce));
}

void EnvironmentVoice::say(const char* text) {
  std::array<char, kLongestEvent> line;
  const std::size_t size = fill_event(text, holes_, line);
  // A client that does not listen gets what one gets that is gone.
  ::send(kConnection, line.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void EnvironmentVoice::finish(EnvironmentEnding ending, const char* text) {
  constexpr int kFailureExit = 125;
  life_.ending = ending;
  reach(EnvironmentPhase::kEmpty);
  // Before the client hears of the end: the slot is then on its way back when he asks for the next environment.
  ring();
  say(text);
  reach(EnvironmentPhase::kSaid);
  ::_exit(ending == EnvironmentEnding::kFailure ? kFailureExit : 0);
}

}  // namespace hypernat::workerhost
