// Kills the process that it is loaded into, at a chosen moment.
//
// Moments are counted from 1: before and after every fsync, fdatasync, rename and send that the process makes,
// whichever thread does. HYPERNAT_DEATH says at which one it ends, as if by a power cut of its own: without a signal
// handler, a destructor or a flush.
#include <dlfcn.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace {

const long death = [] {
  const char* text = std::getenv("HYPERNAT_DEATH");
  return text == nullptr ? 0L : std::strtol(text, nullptr, 10);
}();

std::atomic<long> moments = 0;

void pass_moment() {
  if (++moments == death) ::kill(::getpid(), SIGKILL);
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

// Runs a call between two moments.
template <class Call>
auto between_moments(Call call) {
  pass_moment();
  const auto result = call();
  pass_moment();
  return result;
}

}  // namespace

extern "C" {

int fsync(int file) {
  static auto* const real = next<int(int)>("fsync");
  return between_moments([&] { return real(file); });
}

int fdatasync(int file) {
  static auto* const real = next<int(int)>("fdatasync");
  return between_moments([&] { return real(file); });
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = next<int(const char*, const char*)>("rename");
  return between_moments([&] { return real(from, to); });
}

ssize_t send(int socket, const void* bytes, std::size_t size, int flags) {
  static auto* const real = next<ssize_t(int, const void*, std::size_t, int)>("send");
  return between_moments([&] { return real(socket, bytes, size, flags); });
}

}  // extern "C"
