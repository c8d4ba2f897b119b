#include "control/workerhost/environment_init.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

namespace hypernat::workerhost {
namespace {

constexpr int kReports = 3;
constexpr int kFailureExit = 125;

void report(const EnvironmentReport& message) {
  // With the worker host gone nobody is left to hear it.
  [[maybe_unused]] const auto written = ::write(kReports, &message, sizeof(message));
}

[[noreturn]] void fail(const char* step, int error) {
  EnvironmentReport message{.kind = EnvironmentReportKind::kFailed, .value = error};
  std::strncpy(message.step, step, sizeof(message.step) - 1);
  report(message);
  ::_exit(kFailureExit);
}

void need(long result, const char* step) {
  if (result < 0) fail(step, errno);
}

/// The streams become 0, 1 and 2, the reports 3; everything else the worker host had open is closed.
void take_descriptors(const EnvironmentInit& init) {
  // All of them are above 3: the worker host keeps 0 to 3 occupied.
  ::dup3(init.reports, kReports, O_CLOEXEC);
  need(::setns(init.network_namespace, CLONE_NEWNET), "entering the network namespace");
  for (int stream = 0; stream < 3; ++stream)
    need(::dup2(init.streams[static_cast<std::size_t>(stream)], stream), "taking the streams");
  need(::close_range(kReports + 1, ~0U, 0), "closing the worker host's descriptors");
}

/// The host's files, read only, less its sockets, its processes and its devices; a private /tmp.
void take_file_systems(const EnvironmentInit& init) {
  mount_attr everything{};
  everything.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
  everything.propagation = MS_PRIVATE;
  need(::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &everything, sizeof(everything)),
       "making the file systems read-only");
  constexpr unsigned long kTemporary = MS_NOSUID | MS_NODEV;
  need(::mount("sysfs", "/sys", "sysfs", kTemporary | MS_NOEXEC | MS_RDONLY, nullptr), "mounting /sys");
  need(::mount("proc", "/proc", "proc", kTemporary | MS_NOEXEC, nullptr), "mounting /proc");
  need(::mount("tmpfs", "/run", "tmpfs", kTemporary | MS_NOEXEC, "mode=0755,size=1m"), "mounting /run");
  need(::mount("tmpfs", "/tmp", "tmpfs", kTemporary, "mode=1777,size=512m"), "mounting /tmp");
  need(::mount("tmpfs", "/dev/shm", "tmpfs", kTemporary | MS_NOEXEC, "mode=1777,size=64m"), "mounting /dev/shm");
  need(::chdir("/tmp"), "entering /tmp");

  for (const char* const* directory = init.resolver_directories; *directory != nullptr; ++directory)
    if (::mkdir(*directory, 0755) < 0 && errno != EEXIST) fail("making the directory of resolv.conf", errno);
  const int file = ::open(init.resolver_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  need(file, "making resolv.conf");
  need(::write(file, init.resolver_text, std::strlen(init.resolver_text)), "writing resolv.conf");
  ::close(file);
  if (init.resolver_target != nullptr)
    need(::mount(init.resolver_file, init.resolver_target, nullptr, MS_BIND, nullptr), "mounting resolv.conf");
}

void limit(__rlimit_resource resource, rlim_t value) {
  rlimit wanted{};
  need(::getrlimit(resource, &wanted), "reading a resource limit");
  wanted.rlim_max = wanted.rlim_max < value ? wanted.rlim_max : value;
  wanted.rlim_cur = wanted.rlim_max;
  need(::setrlimit(resource, &wanted), "setting a resource limit");
}

/// The last step as root: nothing given up here comes back.
void drop_privileges() {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NOFILE, 1024);
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    need(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "dropping the bounding capabilities");
  need(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "dropping the ambient capabilities");
  // Plain system calls: the library's would speak to the other threads of a process that has none here.
  need(::syscall(SYS_setgroups, 0, nullptr), "leaving the groups");
  need(::syscall(SYS_setresgid, kEnvironmentGroup, kEnvironmentGroup, kEnvironmentGroup), "changing the group");
  need(::syscall(SYS_setresuid, kEnvironmentUser, kEnvironmentUser, kEnvironmentUser), "changing the user");
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  need(::syscall(SYS_capset, &header, none), "dropping the capabilities");
  need(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "giving up new privileges");
  need(confine_system_calls(), "confining the system calls");
}

/// Changing the user cleared it before; a worker host that died before this has closed its end of the pipe.
void die_with_worker_host() {
  need(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "tying the environment to the worker host");
  pollfd pipe{.fd = kReports, .events = 0, .revents = 0};
  if (::poll(&pipe, 1, 0) > 0 && (pipe.revents & POLLERR) != 0) ::_exit(kFailureExit);
}

std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

pid_t start_command(const EnvironmentInit& init) {
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
  if (error != 0) fail("running the command", error);
  return pid;
}

}  // namespace

void run_environment_init(const EnvironmentInit& init) {
  ::prctl(PR_SET_NAME, "environment", 0, 0, 0);
  take_descriptors(init);
  take_file_systems(init);
  drop_privileges();
  die_with_worker_host();
  const std::int64_t launched_ns = monotonic_ns();
  const pid_t command = start_command(init);
  for (int stream = 0; stream < 3; ++stream) ::close(stream);
  report({.kind = EnvironmentReportKind::kStarted, .launched_ns = launched_ns});
  while (true) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended == command) {
      report({.kind = EnvironmentReportKind::kEnded, .value = status});
      ::_exit(0);
    }
    if (ended < 0 && errno != EINTR) fail("waiting for the command", errno);
  }
}

}  // namespace hypernat::workerhost
