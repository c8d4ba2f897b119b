#include "control/workerhost/environment.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

#include "control/runner/frames.h"
#include "control/workerhost/event_texts.h"

namespace hypernat::workerhost {
namespace {

const std::filesystem::path kResolverConfiguration = "/etc/resolv.conf";
const std::filesystem::path kRun = "/run";

/// What every environment has unless it is told otherwise.
std::map<std::string, std::string> default_variables() {
  return {{"PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"},
          {"HOME", "/tmp"},
          {"TMPDIR", "/tmp"},
          {"LANG", "C.UTF-8"}};
}

/// Beside this program where both are installed, and one folder up where both are built.
std::filesystem::path find_runner() {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const auto beside = folder / "hypernat-runner";
  return std::filesystem::exists(beside) ? beside : folder.parent_path() / "hypernat-runner";
}

/// Pointers to the strings, and the null that ends them; good for as long as the strings are.
std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

void Environment::kill() {
  // The C library's own declaration lacks C linkage in Debian 12.
  ::syscall(SYS_pidfd_send_signal, handles_.process.get(), SIGKILL, nullptr, 0);
}

void Environment::quiet_doorbell() const {
  std::uint64_t rings = 0;
  [[maybe_unused]] const auto size = ::read(doorbell(), &rings, sizeof(rings));
}

void Environment::wait() {
  pollfd process{.fd = handles_.process.get(), .events = POLLIN, .revents = 0};
  while (::poll(&process, 1, -1) < 0 && errno == EINTR) continue;
  // One that a former worker host started is another process's to take away.
  siginfo_t ignored{};
  ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(process.fd), &ignored, WEXITED | WNOHANG);
}

EnvironmentLauncher::EnvironmentLauncher(std::filesystem::path records)
    : records_(std::move(records)), runner_(find_runner()) {
  const auto target = std::filesystem::weakly_canonical(kResolverConfiguration);
  const auto inside_run = target.lexically_relative(kRun);
  if (!inside_run.empty() && *inside_run.begin() != "..") {
    resolver_file_ = target;
    std::filesystem::path directory = kRun;
    for (const auto& part : inside_run.parent_path()) resolver_directories_.push_back(directory /= part);
  } else if (std::filesystem::exists(target)) {
    resolver_file_ = kRun / "resolv.conf";
    resolver_target_ = target;
  } else {
    throw std::runtime_error("the host has no " + target.string() +
                             ", over which each environment's own would be mounted: make an empty one");
  }
}

Environment EnvironmentLauncher::launch(const EnvironmentLaunch& launch) const {
  std::vector<std::string> command = launch.command;
  auto variables = launch.variables;
  variables.merge(default_variables());
  std::vector<std::string> assignments;
  for (const auto& [name, value] : variables) assignments.push_back(name + "=" + value);
  const auto command_pointers = pointers_to(command);
  auto variable_pointers = pointers_to(assignments);
  std::vector<const char*> directories;
  for (const std::string& directory : resolver_directories_) directories.push_back(directory.c_str());
  directories.push_back(nullptr);
  const std::string resolver = launch.resolver.empty() ? "" : "nameserver " + launch.resolver + "\n";
  const EventTexts texts = make_event_texts(launch.started, command.front());
  Environment::Handles handles;
  handles.doorbell = UniqueFd(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "making an environment's eventfd"));
  UniqueFd lock;
  EnvironmentRecord record = EnvironmentRecord::create(records_, launch.facts, lock);
  const EnvironmentInit init{
      .network_namespace = launch.network_namespace,
      .streams = launch.streams,
      .connection = launch.connection,
      .record = lock.get(),
      .doorbell = handles.doorbell.get(),
      .deadline_ns = launch.deadline.count(),
      .started_text = texts.started.c_str(),
      .exited_text = texts.exited.c_str(),
      .signalled_text = texts.signalled.c_str(),
      .failed_text = texts.failed.c_str(),
      .resolver_text = resolver.c_str(),
      .resolver_file = resolver_file_.c_str(),
      .resolver_target = resolver_target_.empty() ? nullptr : resolver_target_.c_str(),
      .resolver_directories = directories.data(),
      .runner = command.front() == runner::kRunnerPath ? runner_.c_str() : nullptr,
      .command = command_pointers.data(),
      .variables = variable_pointers.data(),
  };

  int process = -1;
  clone_args arguments{};
  arguments.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&process);
  arguments.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid == 0) run_environment_init(init);
  if (pid < 0) {
    const int error = errno;
    record.remove();
    errno = error;
    throw_errno("starting an environment's process");
  }
  handles.pid = static_cast<pid_t>(pid);
  handles.process = UniqueFd(process);
  return Environment(std::move(record), std::move(handles));
}

}  // namespace hypernat::workerhost
