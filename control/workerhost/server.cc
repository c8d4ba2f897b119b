#include "control/workerhost/server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "control/workerhost/status.h"

namespace hypernat::workerhost {

void check_socket_path(const std::filesystem::path& path) {
  if (path.native().size() >= sizeof(sockaddr_un::sun_path))
    throw std::runtime_error(fmt::format("socket: {} has {} characters; a Unix socket's path has at most {}",
                                         path.string(), path.native().size(), sizeof(sockaddr_un::sun_path) - 1));
}

Server::Server(const Surroundings& surroundings, std::vector<FoundEnvironment> found)
    : config_(surroundings.config),
      block_(surroundings.block),
      heartbeat_(surroundings.heartbeat),
      signals_(surroundings.signals),
      launcher_(surroundings.records),
      network_(config_, block_, slots_in_use(found)),
      slots_(loop_, network_, SlotPool(config_.slots, slots_of(found))),
      starts_(loop_, {.at_once = starts_at_once()}),
      host_{.config = config_,
            .loop = loop_,
            .slots = slots_,
            .starts = starts_,
            .launcher = launcher_,
            .status = [this] { return status(); }} {
  take_over(std::move(found));
  loop_.watch(signals_.descriptor(), EPOLLIN, [this](std::uint32_t) { on_signal(); });
  loop_.watch(heartbeat_.news(), EPOLLIN, [this](std::uint32_t) { on_heartbeat(); });
  listen();
}

Server::~Server() {
  if (listener_.is_open()) ::unlink(config_.socket.c_str());
  const auto runs = [](const auto& session) { return session->running() != nullptr; };
  if (departure_ == Departure::kLeaveRunning && std::any_of(sessions_.begin(), sessions_.end(), runs)) {
    network_.leave();
    return;
  }
  // All at once first: each one's end takes a while.
  for (const auto& session : sessions_) session->kill();
  for (const auto& session : sessions_) session->bury();
  network_.keep_nothing();
}

void Server::take_over(std::vector<FoundEnvironment> found) {
  for (FoundEnvironment& one : found) {
    const auto place = sessions_.emplace(sessions_.end());
    *place = std::make_unique<Session>(host_, std::move(one), [this, place] { sessions_.erase(place); });
  }
}

void Server::listen() {
  listener_ = UniqueFd(checked(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "making a socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  config_.socket.native().copy(address.sun_path, sizeof(address.sun_path) - 1);
  ::unlink(config_.socket.c_str());
  // Only the owner may connect, from the first moment on.
  const mode_t old_mask = ::umask(0177);
  const int bound = ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  ::umask(old_mask);
  checked(bound, "binding " + config_.socket.string());
  checked(::listen(listener_.get(), 1024), "listening on " + config_.socket.string());
  accept_clients();
}

void Server::accept_clients() {
  loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_client(); });
}

void Server::pause_accepting(const char* reason) {
  // The client still waits, and would wake us at once to fail again.
  constexpr auto kPause = std::chrono::milliseconds(100);
  spdlog::warn("cannot accept a client: {}; trying again", reason);
  loop_.unwatch(listener_.get());
  loop_.at(EventLoop::Clock::now() + kPause, [this] { accept_clients(); });
}

void Server::accept_client() {
  UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.is_open()) {
    if (errno != EAGAIN && errno != ECONNABORTED) pause_accepting(std::strerror(errno));
    return;
  }
  const auto place = sessions_.emplace(sessions_.end());
  try {
    *place = std::make_unique<Session>(host_, std::move(connection), [this, place] { sessions_.erase(place); });
  } catch (const std::exception& error) {
    spdlog::warn("cannot serve a client: {}", error.what());
    sessions_.erase(place);
  }
}

void Server::on_signal() {
  const auto departure = signals_.take();
  if (!departure) return;
  departure_ = *departure;
  loop_.stop();
}

void Server::on_heartbeat() {
  heartbeat_.take_news();
  const auto state = heartbeat_.state();
  if (!state.block || *state.block == block_) return;
  departure_ = Departure::kEndAll;
  throw std::runtime_error(
      fmt::format("the control plane now gives this host the block {}, its slots are in {}: start again",
                  to_string(*state.block), to_string(block_)));
}

std::string Server::status() const {
  HostStatus status{.name = config_.name,
                    .block = block_,
                    .heartbeat = heartbeat_.state(),
                    .making = network_.making(),
                    .steering_entries = network_.steering_entries(),
                    .counts = network_.counts()};
  const SlotPool& pool = slots_.pool();
  status.slots = {.total = pool.total(), .free = pool.free(), .used = pool.used(), .resting = pool.resting()};
  const std::chrono::nanoseconds now = EventLoop::Clock::now().time_since_epoch();
  for (const auto& session : sessions_) {
    const EnvironmentFacts* facts = session->running();
    if (facts == nullptr) continue;
    const auto age = now - std::chrono::nanoseconds(facts->started_ns);
    status.environments.push_back({.slot = to_number(facts->slot),
                                   .address = facts->address,
                                   .function = facts->function,
                                   .mapping = to_number(facts->mapping),
                                   .pid = session->pid(),
                                   .age = std::chrono::duration_cast<std::chrono::milliseconds>(age)});
  }
  return to_json(status);
}

}  // namespace hypernat::workerhost
