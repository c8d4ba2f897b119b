#include "control/workerhost/environment_init.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "control/runner/frames.h"
#include "control/workerhost/environment_voice.h"

namespace hypernat::workerhost {
namespace {

/// The streams become 0, 1 and 2, what is kept follows; everything else the worker host had open is closed.
void take_descriptors(const EnvironmentInit& init, EnvironmentVoice& voice) {
  // All of them are above the kept ones: the worker host keeps those numbers occupied.
  ::dup3(init.connection, kConnection, O_CLOEXEC);
  ::dup3(init.record, kRecord, O_CLOEXEC);
  ::dup3(init.doorbell, kDoorbell, O_CLOEXEC);
  voice.born();
  voice.need(::setns(init.network_namespace, CLONE_NEWNET), "entering the network namespace");
  for (int stream = 0; stream < 3; ++stream)
    voice.need(::dup2(init.streams[static_cast<std::size_t>(stream)], stream), "taking the streams");
  voice.need(::close_range(kFirstFreeDescriptor, ~0U, 0), "closing the worker host's descriptors");
  voice.inside();
}

/// The runner lies where environments see nothing, perhaps: it is opened before that is hidden.
void place_runner(int runner, EnvironmentVoice& voice) {
  const int place = ::open(runner::kRunnerPath, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
  voice.need(place, "making the runner's place");
  ::close(place);
  char source[sizeof "/proc/self/fd/" + 10];
  std::snprintf(source, sizeof source, "/proc/self/fd/%d", runner);
  voice.need(::mount(source, runner::kRunnerPath, nullptr, MS_BIND, nullptr), "mounting the runner");
  ::close(runner);
}

/// The host's files, read only, less its sockets, its processes and its devices; a private /tmp.
void take_file_systems(const EnvironmentInit& init, EnvironmentVoice& voice) {
  mount_attr everything{};
  everything.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
  everything.propagation = MS_PRIVATE;
  voice.need(::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &everything, sizeof(everything)),
             "making the file systems read-only");
  const int runner = init.runner == nullptr ? -1 : ::open(init.runner, O_PATH | O_CLOEXEC);
  if (init.runner != nullptr) voice.need(runner, "opening the runner");
  constexpr unsigned long kTemporary = MS_NOSUID | MS_NODEV;
  voice.need(::mount("sysfs", "/sys", "sysfs", kTemporary | MS_NOEXEC | MS_RDONLY, nullptr), "mounting /sys");
  voice.need(::mount("proc", "/proc", "proc", kTemporary | MS_NOEXEC, nullptr), "mounting /proc");
  voice.need(::mount("tmpfs", "/run", "tmpfs", kTemporary | MS_NOEXEC, "mode=0755,size=1m"), "mounting /run");
  voice.need(::mount("tmpfs", "/tmp", "tmpfs", kTemporary, "mode=1777,size=512m"), "mounting /tmp");
  voice.need(::mount("tmpfs", "/dev/shm", "tmpfs", kTemporary | MS_NOEXEC, "mode=1777,size=64m"), "mounting /dev/shm");
  voice.need(::chdir("/tmp"), "entering /tmp");
  if (init.runner != nullptr) place_runner(runner, voice);

  for (const char* const* directory = init.resolver_directories; *directory != nullptr; ++directory)
    if (::mkdir(*directory, 0755) < 0 && errno != EEXIST) voice.failed("making the directory of resolv.conf", errno);
  const int file = ::open(init.resolver_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  voice.need(file, "making resolv.conf");
  voice.need(::write(file, init.resolver_text, std::strlen(init.resolver_text)), "writing resolv.conf");
  ::close(file);
  if (init.resolver_target != nullptr)
    voice.need(::mount(init.resolver_file, init.resolver_target, nullptr, MS_BIND, nullptr), "mounting resolv.conf");
}

void limit(__rlimit_resource resource, rlim_t value, EnvironmentVoice& voice) {
  rlimit wanted{};
  voice.need(::getrlimit(resource, &wanted), "reading a resource limit");
  wanted.rlim_max = wanted.rlim_max < value ? wanted.rlim_max : value;
  wanted.rlim_cur = wanted.rlim_max;
  voice.need(::setrlimit(resource, &wanted), "setting a resource limit");
}

/// The last step as root: nothing given up here comes back.
void drop_privileges(EnvironmentVoice& voice) {
  limit(RLIMIT_CORE, 0, voice);
  limit(RLIMIT_NOFILE, 1024, voice);
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    voice.need(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "dropping the bounding capabilities");
  voice.need(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "dropping the ambient capabilities");
  // Plain system calls: the library's would speak to the other threads of a process that has none here.
  voice.need(::syscall(SYS_setgroups, 0, nullptr), "leaving the groups");
  voice.need(::syscall(SYS_setresgid, kEnvironmentGroup, kEnvironmentGroup, kEnvironmentGroup), "changing the group");
  voice.need(::syscall(SYS_setresuid, kEnvironmentUser, kEnvironmentUser, kEnvironmentUser), "changing the user");
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  voice.need(::syscall(SYS_capset, &header, none), "dropping the capabilities");
  voice.need(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "giving up new privileges");
  voice.need(confine_system_calls(), "confining the system calls");
}

std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

pid_t start_command(const EnvironmentInit& init, EnvironmentVoice& voice) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | static_cast<short>(POSIX_SPAWN_SETSID));
  environ = init.variables;  // posix_spawnp looks the program up in the caller's PATH
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, init.command[0], nullptr, &attributes, init.command, init.variables);
  if (error != 0) voice.failed("running the command", error);
  return pid;
}

/// Of the whole environment, but for this process: what is left then is nobody's.
void end_all_processes() {
  ::kill(-1, SIGKILL);
  while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) continue;
}

/// -1: for ever.
int milliseconds_until(std::int64_t deadline_ns) {
  if (deadline_ns == 0) return -1;
  const std::int64_t left = (deadline_ns - monotonic_ns() + 999'999) / 1'000'000;
  return static_cast<int>(left < 0 ? 0 : left);
}

/// True once the command has ended; takes all dead away meanwhile.
bool has_ended(pid_t command, int& command_status) {
  int status = 0;
  bool ended = false;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != command) continue;
    command_status = status;
    ended = true;
  }
  return ended;
}

[[noreturn]] void watch(const EnvironmentInit& init, EnvironmentVoice& voice, int children, pid_t command) {
  while (true) {
    pollfd waits[] = {{.fd = kConnection, .events = POLLRDHUP, .revents = 0},
                      {.fd = children, .events = POLLIN, .revents = 0}};
    const int left = milliseconds_until(init.deadline_ns);
    const int ready = ::poll(waits, 2, left);
    if (ready < 0 && errno == EINTR) continue;
    voice.need(ready, "waiting for the command");
    int status = SIGKILL;
    if (waits[1].revents != 0) {
      signalfd_siginfo ignored{};
      voice.need(::read(children, &ignored, sizeof(ignored)), "reading a signal");
      if (has_ended(command, status)) {
        end_all_processes();
        voice.ended(EnvironmentEnding::kCommand, status);
      }
    }
    // Not only when nothing else is ready: a command may keep this loop busy for ever.
    if (waits[0].revents != 0 || left == 0) {
      end_all_processes();
      voice.ended(left == 0 ? EnvironmentEnding::kTimeout : EnvironmentEnding::kClient, status);
    }
  }
}

/// Blocked before the command starts, so that none is missed.
int catch_children(EnvironmentVoice& voice) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  voice.need(::sigprocmask(SIG_BLOCK, &signals, nullptr), "blocking signals");
  const int children = ::signalfd(-1, &signals, SFD_CLOEXEC);
  voice.need(children, "making a signalfd");
  return children;
}

}  // namespace

void run_environment_init(const EnvironmentInit& init) {
  ::prctl(PR_SET_NAME, "environment", 0, 0, 0);
  EnvironmentVoice voice(init);
  take_descriptors(init, voice);
  take_file_systems(init, voice);
  drop_privileges(voice);
  const int children = catch_children(voice);
  const std::int64_t launched_ns = monotonic_ns();
  const pid_t command = start_command(init, voice);
  for (int stream = 0; stream < 3; ++stream) ::close(stream);
  voice.started(launched_ns);
  watch(init, voice, children, command);
}

}  // namespace hypernat::workerhost
