#include "control/workerhost/takeover.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <thread>

namespace hypernat::workerhost {
namespace {

/// An init needs microseconds from its fork to its slot's network, and as little from its end to being gone.
constexpr auto kLongestMoment = std::chrono::seconds(5);

std::string read_small_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text{};
  const auto size = file.is_open() ? ::read(file.get(), text.data(), text.size()) : 0;
  return {text.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
}

/// The process that the record means; none when it is gone, whoever has its number now.
UniqueFd open_process(const EnvironmentLife& life) {
  // The C library's own declaration lacks C linkage in Debian 12.
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, life.pid, 0)));
  if (!process.is_open()) return {};
  // Opened before the look: if it is the right one now, it was the right one then.
  const auto now = life_from_stat(read_small_file(fmt::format("/proc/{}/stat", life.pid)).c_str());
  if (now.start_ticks != life.start_ticks) return {};
  pollfd end{.fd = process.get(), .events = POLLIN, .revents = 0};
  return ::poll(&end, 1, 0) == 0 ? std::move(process) : UniqueFd();
}

UniqueFd take_descriptor(const UniqueFd& process, int descriptor) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), descriptor, 0)));
}

std::optional<FoundEnvironment> take_over(const std::filesystem::path& path) {
  EnvironmentRecord record(path);
  const auto end = std::chrono::steady_clock::now() + kLongestMoment;
  while (std::chrono::steady_clock::now() < end) {
    // In this order: what it wrote before it died counts.
    const bool is_locked = is_record_locked(path);
    const EnvironmentLife life = record.life();
    UniqueFd process = life.phase == EnvironmentPhase::kForked ? UniqueFd() : open_process(life);
    if (!is_locked && !process.is_open()) return std::nullopt;
    // Before that it may still be in the host's own network namespace.
    if (is_locked && process.is_open() && life.phase >= EnvironmentPhase::kInside) {
      UniqueFd network(::open(fmt::format("/proc/{}/ns/net", life.pid).c_str(), O_RDONLY | O_CLOEXEC));
      UniqueFd connection = take_descriptor(process, kConnection);
      UniqueFd doorbell = take_descriptor(process, kDoorbell);
      // Alive behind its lock after all of this: they are its own.
      if (network.is_open() && is_record_locked(path))
        return FoundEnvironment{.environment = Environment(std::move(record), {.pid = static_cast<pid_t>(life.pid),
                                                                               .process = std::move(process),
                                                                               .doorbell = std::move(doorbell)}),
                                .connection = std::move(connection),
                                .network_namespace = std::move(network)};
    }
    // In a moment it has come to its network, or what its end began is over.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  throw std::runtime_error(
      fmt::format("{}: its environment has neither ended nor entered its network within {} s; "
                  "kill it (process {}) or wait, and start again",
                  path.string(), kLongestMoment.count(), record.life().pid));
}

void tell(const UniqueFd& connection, const std::string& message) {
  if (!connection.is_open()) return;
  control::EnvironmentEvent event;
  event.message = message;
  const std::string text = control::to_json(event);
  ::send(connection.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void end(FoundEnvironment& found) {
  found.environment.kill();
  found.environment.wait();
  found.environment.record().remove();
}

std::string reason_to_end(const FoundEnvironment& found, const config::WorkerhostConfig& config,
                          const Ipv4Prefix& block) {
  const EnvironmentFacts& facts = found.environment.record().facts();
  auto reason = reason_to_end(facts, config, block);
  const std::string device = slot_device_of(config.name, facts.slot);
  if (reason.empty() && ::if_nametoindex(device.c_str()) == 0) reason = "its device " + device + " is gone";
  return reason;
}

}  // namespace

std::vector<FoundEnvironment> find_environments(const std::filesystem::path& records) {
  std::vector<FoundEnvironment> found;
  for (const auto& path : list_records(records)) {
    try {
      if (auto environment = take_over(path)) {
        found.push_back(std::move(*environment));
        continue;
      }
      spdlog::info("{}: its environment has ended meanwhile", path.string());
    } catch (const std::invalid_argument& error) {
      // Half a file, as after a power cut: then nobody stands behind it.
      if (is_record_locked(path)) throw;
      spdlog::warn("{}; removing it, as no environment runs behind it", error.what());
    }
    std::filesystem::remove(path);
  }
  return found;
}

void end_unfit(std::vector<FoundEnvironment>& found, const config::WorkerhostConfig& config, const Ipv4Prefix& block) {
  std::vector<FoundEnvironment> fit;
  for (FoundEnvironment& one : found) {
    const std::string reason = reason_to_end(one, config, block);
    if (reason.empty()) {
      fit.push_back(std::move(one));
      continue;
    }
    const EnvironmentFacts& facts = one.environment.record().facts();
    const auto message = fmt::format("the worker host started again and ended the environment {} of function {}: {}",
                                     to_string(facts.address), facts.function, reason);
    spdlog::warn("{}", message);
    tell(one.connection, message);
    end(one);
  }
  found = std::move(fit);
}

void end_all(std::vector<FoundEnvironment>& found) {
  // All at once first: each one's end takes a while.
  for (FoundEnvironment& one : found) one.environment.kill();
  for (FoundEnvironment& one : found) end(one);
  found.clear();
}

std::vector<SlotNumber> slots_of(const std::vector<FoundEnvironment>& found) {
  std::vector<SlotNumber> slots;
  for (const FoundEnvironment& one : found) slots.push_back(one.environment.record().facts().slot);
  return slots;
}

SlotsInUse slots_in_use(std::vector<FoundEnvironment>& found) {
  SlotsInUse slots;
  for (FoundEnvironment& one : found) {
    const EnvironmentFacts& facts = one.environment.record().facts();
    slots.emplace(facts.slot,
                  SlotInUse{.network_namespace = std::move(one.network_namespace), .mapping = facts.mapping});
  }
  return slots;
}

}  // namespace hypernat::workerhost
