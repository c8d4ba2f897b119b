// hypernat-workerhost: runs execution environments on one host.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "config/workerhost_config.h"
#include "control/workerhost/heartbeat.h"
#include "control/workerhost/precedence.h"
#include "control/workerhost/server.h"

namespace hypernat::workerhost {
namespace {

constexpr std::string_view kUsage =
    "usage: hypernat-workerhost --config FILE\n"
    "\n"
    "Runs execution environments on this host, each on the network of its mapping.\n"
    "FILE is a workerhost.yaml. Needs root.\n"
    "\n"
    "SIGTERM, SIGINT  ends every environment and removes everything\n"
    "SIGHUP           goes, but leaves what runs; the next start with the same FILE takes it over\n";

/// The environments' first process keeps what it keeps in descriptors that must be nothing of ours.
void occupy_low_descriptors() {
  int fd = -1;
  while ((fd = checked(::open("/dev/null", O_RDWR | O_CLOEXEC), "opening /dev/null")) < kFirstFreeDescriptor) continue;
  ::close(fd);
}

/// Each slot has a descriptor; each environment has its connection, its process and its doorbell, or, while it waits
/// for its turn to start, three streams. All slots' environments waiting at once need not be provided for.
void raise_descriptor_limit(std::uint32_t slots) {
  constexpr rlim_t kBase = 256;
  const rlim_t least = kBase + rlim_t{slots} * 4;
  const rlim_t wanted = kBase + rlim_t{slots} * 5;
  rlimit limit{};
  checked(::getrlimit(RLIMIT_NOFILE, &limit), "reading the limit of open files");
  const rlim_t hard = limit.rlim_max;
  limit.rlim_max = std::max(hard, wanted);
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  const int error = errno;
  limit = {.rlim_cur = hard, .rlim_max = hard};
  if (hard < least || ::setrlimit(RLIMIT_NOFILE, &limit) < 0)
    throw std::runtime_error(
        fmt::format("{} slots need {} open files; the limit is {} (ulimit -Hn) and cannot be raised: {}", slots, least,
                    hard, std::strerror(error)));
}

/// Nobody but root looks into a directory that we make.
void make_private_directory(const std::filesystem::path& directory) {
  if (!directory.parent_path().empty() && !std::filesystem::exists(directory.parent_path()))
    make_private_directory(directory.parent_path());
  if (::mkdir(directory.c_str(), 0700) < 0 && errno != EEXIST) throw_errno("making " + directory.string());
}

/// A former process that was just killed needs a moment to be gone, and one that it has just forked no longer.
bool succeeds_soon(const std::function<bool()>& attempt) {
  for (int left = 20; left > 0; --left) {
    if (attempt()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

/// One process per state directory.
UniqueFd lock_state(const std::filesystem::path& directory) {
  const auto path = directory / "lock";
  UniqueFd file(checked(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), "opening " + path.string()));
  if (succeeds_soon([&] { return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0; })) return file;
  throw std::runtime_error("another hypernat-workerhost uses " + directory.string());
}

/// One process of a name per network namespace, as the name tells whose devices are whose; names of abstract sockets
/// are the namespace's, and gone with the process.
UniqueFd lock_name(const std::string& name) {
  UniqueFd socket(checked(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "making a socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = std::string(1, '\0') + "hypernat-workerhost/" + name;
  const std::size_t length = text.copy(address.sun_path, sizeof(address.sun_path));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  const auto claim = [&] {
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0) return true;
    if (errno != EADDRINUSE) throw_errno("claiming the name " + name);
    return false;
  };
  if (succeeds_soon(claim)) return socket;
  throw std::runtime_error("another hypernat-workerhost named " + name + " runs on this host");
}

/// The control plane's answer when it comes at once; else the block it gave in a former life; else waits for it.
/// Nothing when a signal came first.
std::optional<Ipv4Prefix> learn_block(Heartbeat& heartbeat, const Signals& signals) {
  while (true) {
    const HeartbeatState state = heartbeat.state();
    if (state.block && (state.is_answered || state.beats > 0)) return state.block;
    pollfd waits[] = {{.fd = signals.descriptor(), .events = POLLIN, .revents = 0},
                      {.fd = heartbeat.news(), .events = POLLIN, .revents = 0}};
    if (::poll(waits, 2, -1) < 0 && errno != EINTR) throw_errno("waiting for the control plane");
    if (waits[0].revents != 0) return std::nullopt;
    heartbeat.take_news();
  }
}

/// When a signal comes before there is a server.
void depart_early(const config::WorkerhostConfig& config, Departure departure, std::vector<FoundEnvironment> found) {
  if (departure == Departure::kLeaveRunning && !found.empty()) return;
  end_all(found);
  remove_network_of(config.name);
}

void run(const config::WorkerhostConfig& config) {
  if (::geteuid() != 0) throw std::runtime_error("network namespaces and BPF programs need root");
  check_socket_path(config.socket);
  occupy_low_descriptors();
  Signals signals;
  raise_descriptor_limit(config.slots);
  make_private_directory(config.state_directory);
  make_private_directory(config.socket.parent_path());
  const UniqueFd lock = lock_state(config.state_directory);
  const UniqueFd name = lock_name(config.name);

  const auto records = make_record_directory(config.state_directory);
  std::vector<FoundEnvironment> found = find_environments(records);
  Heartbeat heartbeat(config);
  const auto block = learn_block(heartbeat, signals);
  if (!block) return depart_early(config, signals.take().value_or(Departure::kEndAll), std::move(found));
  end_unfit(found, config, *block);
  const std::size_t taken_over = found.size();
  Server server({.config = config, .block = *block, .heartbeat = heartbeat, .signals = signals, .records = records},
                std::move(found));
  spdlog::info("worker host {}: {} slots in {}, made in {} ms; {} environments taken over; listening on {}",
               config.name, config.slots, to_string(*block), server.making().took.count(), taken_over,
               config.socket.string());
  const Precedence precedence;
  spdlog::info("worker host {}: precedence of attaching: {}", config.name, name_of(precedence.kind()));
  server.run();
  spdlog::info("worker host {}: stopping", config.name);
}

}  // namespace
}  // namespace hypernat::workerhost

int main(int argc, char** argv) {
  using namespace hypernat;
  const std::string_view option = argc > 1 ? argv[1] : "";
  if (option == "--help" || option == "-h") {
    std::cout << workerhost::kUsage;
    return 0;
  }
  if (argc != 3 || option != "--config") {
    std::cerr << workerhost::kUsage;
    return 1;
  }
  spdlog::set_default_logger(spdlog::stderr_logger_mt("workerhost"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
  try {
    workerhost::run(config::load_workerhost_config(argv[2]));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "hypernat-workerhost: " << error.what() << '\n';
    return 1;
  }
}
