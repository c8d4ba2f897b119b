#include "control/workerhost/environment.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <stdexcept>

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

/// Pointers to the strings, and the null that ends them; good for as long as the strings are.
std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe() {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "making an environment's pipe");
  Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  checked(::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK), "preparing an environment's pipe");
  return pipe;
}

}  // namespace

Environment::Environment(pid_t pid, UniqueFd process, UniqueFd reports)
    : pid_(pid), process_(std::move(process)), reports_(std::move(reports)) {}

Environment::~Environment() {
  if (!process_.is_open()) return;
  kill();
  siginfo_t ignored{};
  ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(process_.get()), &ignored, WEXITED);
}

void Environment::kill() {
  // The C library's own declaration lacks C linkage in Debian 12.
  ::syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0);
}

std::optional<std::int64_t> Environment::launched_ns() {
  read_reports();
  return launched_ns_;
}

void Environment::read_reports() {
  EnvironmentReport report;
  while (::read(reports_.get(), &report, sizeof(report)) == sizeof(report)) {
    switch (report.kind) {
      case EnvironmentReportKind::kStarted:
        launched_ns_ = report.launched_ns;
        break;
      case EnvironmentReportKind::kFailed:
        end_ = {.failed_to_start = true, .failure = std::string(report.step) + ": " + std::strerror(report.value)};
        break;
      case EnvironmentReportKind::kEnded:
        end_ = {.wait_status = report.value};
        break;
    }
  }
}

EnvironmentEnd Environment::reap() {
  siginfo_t information{};
  checked(::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(process_.get()), &information, WEXITED),
          "waiting for an environment");
  read_reports();
  process_.reset();
  if (end_) return *end_;
  // The init was killed, and the command with it.
  return {.wait_status = information.si_code == CLD_EXITED ? information.si_status << 8 : information.si_status};
}

EnvironmentLauncher::EnvironmentLauncher() {
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

std::unique_ptr<Environment> EnvironmentLauncher::launch(const EnvironmentLaunch& launch) const {
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
  Pipe reports = make_pipe();
  const EnvironmentInit init{
      .network_namespace = launch.network_namespace,
      .streams = launch.streams,
      .reports = reports.write.get(),
      .resolver_text = resolver.c_str(),
      .resolver_file = resolver_file_.c_str(),
      .resolver_target = resolver_target_.empty() ? nullptr : resolver_target_.c_str(),
      .resolver_directories = directories.data(),
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
  checked(pid, "starting an environment's process");
  return std::make_unique<Environment>(static_cast<pid_t>(pid), UniqueFd(process), std::move(reports.read));
}

}  // namespace hypernat::workerhost
