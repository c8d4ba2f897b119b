#include "control/workerhost/session.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cstring>
#include <stdexcept>

#include "control/workerhost/request_check.h"

namespace hypernat::workerhost {
namespace {

/// Nothing more can be heard from the client.
class BrokenConnection : public std::exception {};

std::string namespace_path(int network_namespace) {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), network_namespace);
}

/// The clock's epoch is CLOCK_MONOTONIC's.
std::int64_t nanoseconds(EventLoop::Clock::time_point time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

}  // namespace

Session::Session(SessionHost& host, UniqueFd connection, std::function<void()> ended)
    : host_(host), connection_(std::move(connection)), ended_(std::move(ended)) {
  host_.loop.watch(connection_.get(), EPOLLIN | EPOLLRDHUP, [this](std::uint32_t events) { on_client(events); });
}

Session::~Session() {
  hang_up();
  if (!running_) return;
  host_.loop.unwatch(running_->environment->reports());
  host_.loop.unwatch(running_->environment->process());
  if (running_->timeout) host_.loop.cancel(*running_->timeout);
}

void Session::kill() {
  if (running_) running_->environment->kill();
}

void Session::on_client(std::uint32_t events) {
  if ((events & EPOLLIN) != 0) {
    try {
      Message message = receive();
      if (!message.text.empty()) return on_message(std::move(message));
    } catch (const BrokenConnection&) {
      // as when the client went away
    } catch (const std::exception& error) {
      return send_error(error.what());
    }
  }
  // The client went away, and takes its environment along; without one there is nothing left to do.
  hang_up();
  if (!running_) return end();
  running_->environment->kill();
}

Session::Message Session::receive() {
  Message message;
  message.text.resize(control::kMaxEnvironmentMessage);
  iovec part{.iov_base = message.text.data(), .iov_len = message.text.size()};
  // Room for more descriptors than are asked for, to be able to say how many came.
  alignas(cmsghdr) std::array<char, CMSG_SPACE(16 * sizeof(int))> ancillary;
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  packet.msg_control = ancillary.data();
  packet.msg_controllen = ancillary.size();
  const auto size = ::recvmsg(connection_.get(), &packet, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (size < 0) throw BrokenConnection();
  for (cmsghdr* entry = CMSG_FIRSTHDR(&packet); entry != nullptr; entry = CMSG_NXTHDR(&packet, entry)) {
    if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; at < (entry->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++at) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(entry) + at * sizeof(int), sizeof(fd));
      message.descriptors.emplace_back(fd);
    }
  }
  if ((packet.msg_flags & MSG_TRUNC) != 0)
    throw std::invalid_argument(fmt::format("request: longer than {} bytes", control::kMaxEnvironmentMessage));
  if ((packet.msg_flags & MSG_CTRUNC) != 0)
    throw std::invalid_argument("request: found more than 16 descriptors; expected 3: stdin, stdout and stderr");
  message.text.resize(static_cast<std::size_t>(size));
  message.received = EventLoop::Clock::now();
  return message;
}

void Session::on_message(Message message) {
  if (control::is_environment_status_query(message.text)) return send(host_.status());
  if (running_) {
    // The answer to this is the environment's; a second request is a client's mistake that ends both.
    spdlog::warn("a client sent a second request on one connection; its environment is killed");
    return running_->environment->kill();
  }
  start(control::environment_request_from_json(message.text), message);
}

void Session::start(control::EnvironmentRequest request, const Message& message) {
  const auto& streams = message.descriptors;
  check_request(request, streams.size());
  const auto slot = host_.slots.take(MappingNumber{request.mapping});
  if (!slot) {
    const SlotPool& pool = host_.slots.pool();
    throw std::runtime_error(fmt::format("no slot is free: {} of {} run environments, {} rest after one", pool.used(),
                                         pool.total(), pool.resting()));
  }
  const auto attached = EventLoop::Clock::now();
  try {
    auto environment = host_.launcher.launch({.network_namespace = host_.slots.network().network_namespace(*slot),
                                              .streams = {streams[0].get(), streams[1].get(), streams[2].get()},
                                              .resolver = request.resolver,
                                              .command = request.command,
                                              .variables = request.environment});
    host_.loop.watch(environment->reports(), EPOLLIN, [this](std::uint32_t) { on_report(); });
    host_.loop.watch(environment->process(), EPOLLIN, [this](std::uint32_t) { on_environment_end(); });
    running_.emplace(Running{.slot = *slot,
                             .request = std::move(request),
                             .environment = std::move(environment),
                             .received = message.received,
                             .attached = attached,
                             .since = EventLoop::Clock::now(),
                             .timeout = {}});
  } catch (...) {
    host_.slots.release(*slot);
    throw;
  }
  if (running_->request.timeout.count() > 0)
    running_->timeout = host_.loop.at(running_->since + running_->request.timeout, [this] {
      running_->timeout.reset();
      spdlog::info("function {}: killed after {} s", running_->request.function, running_->request.timeout.count());
      running_->environment->kill();
    });
}

void Session::on_report() {
  // One word of interest comes this way; the rest is read when the environment has ended.
  host_.loop.unwatch(running_->environment->reports());
  announce();
}

void Session::announce() {
  if (running_->is_announced) return;
  const auto launched_ns = running_->environment->launched_ns();
  if (!launched_ns) return;
  running_->is_announced = true;
  const SlotNetwork& network = host_.slots.network();
  control::EnvironmentEvent event;
  event.kind = control::EnvironmentEventKind::kStarted;
  event.slot = to_number(running_->slot);
  event.address = to_string(network.address(running_->slot));
  event.pid = running_->environment->pid();
  event.namespace_path = namespace_path(network.network_namespace(running_->slot));
  event.received_ns = nanoseconds(running_->received);
  event.attached_ns = nanoseconds(running_->attached);
  event.launched_ns = *launched_ns;
  send(control::to_json(event));
}

void Session::on_environment_end() {
  announce();
  host_.loop.unwatch(running_->environment->reports());
  host_.loop.unwatch(running_->environment->process());
  if (running_->timeout) host_.loop.cancel(*running_->timeout);
  const EnvironmentEnd environment_end = running_->environment->reap();
  const SlotNumber slot = running_->slot;
  const std::string program = running_->request.command.front();
  running_.reset();

  control::EnvironmentEvent event;
  if (environment_end.failed_to_start) {
    event.message = "cannot run " + program + ": " + environment_end.failure;
  } else if (WIFSIGNALED(environment_end.wait_status)) {
    event.kind = control::EnvironmentEventKind::kSignalled;
    event.code = WTERMSIG(environment_end.wait_status);
  } else {
    event.kind = control::EnvironmentEventKind::kExited;
    event.code = WEXITSTATUS(environment_end.wait_status);
  }
  send(control::to_json(event));
  host_.slots.release(slot);
  end();
}

void Session::send(const std::string& text) {
  if (!connection_.is_open()) return;
  if (::send(connection_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return;
  // A client that does not listen gets what one gets that is gone; which it is, shows when it hangs up.
  spdlog::warn("cannot answer a client: {}", std::strerror(errno));
}

void Session::send_error(const std::string& message) {
  if (running_) return;  // the environment's end is still to come, and one answer is enough
  control::EnvironmentEvent event;
  event.kind = control::EnvironmentEventKind::kError;
  event.message = message;
  send(control::to_json(event));
  end();
}

void Session::hang_up() {
  if (!connection_.is_open()) return;
  host_.loop.unwatch(connection_.get());
  connection_.reset();
}

void Session::end() {
  hang_up();
  // Moved out first: the call may destroy this session, and the function with it.
  const auto ended = std::move(ended_);
  ended();
}

}  // namespace hypernat::workerhost
