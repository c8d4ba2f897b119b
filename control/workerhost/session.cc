#include "control/workerhost/session.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <csignal>
#include <cstring>
#include <stdexcept>

#include "control/workerhost/request_check.h"

namespace hypernat::workerhost {
namespace {

/// Nothing more can be heard from the client.
class BrokenConnection : public std::exception {};

/// The clock's epoch is CLOCK_MONOTONIC's.
std::int64_t nanoseconds(EventLoop::Clock::time_point time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

}  // namespace

Session::Session(SessionHost& host, UniqueFd connection, std::function<void()> ended)
    : host_(host), connection_(std::move(connection)), ended_(std::move(ended)) {
  watch_client();
}

Session::Session(SessionHost& host, FoundEnvironment found, std::function<void()> ended)
    : host_(host),
      connection_(std::move(found.connection)),
      ended_(std::move(ended)),
      environment_(std::move(found.environment)),
      holds_slot_(true) {
  if (connection_.is_open()) watch_client();
  watch_environment();
}

Session::~Session() {
  host_.starts.leave(turn_);
  hang_up();
  unwatch_environment();
}

void Session::kill() {
  if (environment_) environment_->kill();
}

void Session::bury() {
  if (!environment_) return;
  environment_->wait();
  if (holds_slot_) environment_->record().remove();
}

const EnvironmentFacts* Session::running() const {
  return environment_ && holds_slot_ ? &environment_->record().facts() : nullptr;
}

void Session::watch_client() {
  host_.loop.watch(connection_.get(), EPOLLIN | EPOLLRDHUP, [this](std::uint32_t events) { on_client(events); });
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
  // The client went away. Its environment's init has seen it, too, and ends.
  hang_up();
  if (!environment_) end();
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
    throw std::invalid_argument(
        "request: its descriptors could not all be taken; expected 3: stdin, stdout and stderr");
  message.text.resize(static_cast<std::size_t>(size));
  message.received = EventLoop::Clock::now();
  return message;
}

void Session::on_message(Message message) {
  if (control::is_environment_status_query(message.text)) return send(host_.status());
  if (attached_) throw std::invalid_argument("request: the second on one connection; expected one");
  if (environment_) {
    // The answer to this is the environment's; a second request is a client's mistake that ends both.
    spdlog::warn("a client sent a second request on one connection; its environment is killed");
    return environment_->kill();
  }
  auto request = control::environment_request_from_json(message.text);
  attach(std::move(request), std::move(message));
}

void Session::attach(control::EnvironmentRequest request, Message message) {
  check_request(request, message.descriptors.size());
  const auto slot = host_.slots.take(MappingNumber{request.mapping});
  if (!slot) {
    const SlotPool& pool = host_.slots.pool();
    throw std::runtime_error(fmt::format("no slot is free: {} of {} run environments, {} rest after one", pool.used(),
                                         pool.total(), pool.resting()));
  }
  attached_ = Attached{
      .request = std::move(request), .message = std::move(message), .slot = *slot, .since = EventLoop::Clock::now()};
  turn_ = host_.starts.join([this] { begin(); });
}

void Session::begin() {
  const Attached attached = *std::exchange(attached_, std::nullopt);
  try {
    launch(attached);
  } catch (const std::exception& error) {
    host_.starts.leave(turn_);
    host_.slots.release(attached.slot);
    send_error(error.what());
  }
}

void Session::leave_queue() {
  host_.starts.leave(turn_);
  if (const auto attached = std::exchange(attached_, std::nullopt)) host_.slots.release(attached->slot);
}

void Session::launch(const Attached& attached) {
  const auto& [request, message, slot, since] = attached;
  const auto& streams = message.descriptors;
  const auto begun = EventLoop::Clock::now();
  const SlotNetwork& network = host_.slots.network();
  control::EnvironmentEvent started;
  started.slot = to_number(slot);
  started.address = to_string(network.address(slot));
  started.received_ns = nanoseconds(message.received);
  started.attached_ns = nanoseconds(since);
  started.begun_ns = nanoseconds(begun);
  const EnvironmentFacts facts{.slot = slot,
                               .address = network.address(slot),
                               .function = request.function,
                               .mapping = MappingNumber{request.mapping},
                               .started_ns = started.begun_ns,
                               .gateway = host_.config.gateway,
                               .mtu = host_.config.mtu,
                               .vxlan_port = host_.config.vxlan_port};
  const auto deadline =
      request.timeout.count() > 0 ? begun.time_since_epoch() + request.timeout : std::chrono::nanoseconds(0);
  try {
    environment_ = host_.launcher.launch({.facts = facts,
                                          .network_namespace = network.network_namespace(slot),
                                          .connection = connection_.get(),
                                          .deadline = deadline,
                                          .started = started,
                                          .streams = {streams[0].get(), streams[1].get(), streams[2].get()},
                                          .resolver = request.resolver,
                                          .command = request.command,
                                          .variables = request.environment});
    holds_slot_ = true;
    watch_environment();
  } catch (...) {
    // One that cannot be watched never was.
    kill();
    bury();
    unwatch_environment();
    environment_.reset();
    holds_slot_ = false;
    throw;
  }
}

void Session::watch_environment() {
  if (environment_->doorbell() >= 0)
    host_.loop.watch(environment_->doorbell(), EPOLLIN, [this](std::uint32_t) { on_doorbell(); });
  host_.loop.watch(environment_->process(), EPOLLIN, [this](std::uint32_t) { on_environment_end(); });
}

void Session::unwatch_environment() {
  if (!environment_) return;
  host_.loop.unwatch(environment_->doorbell());
  host_.loop.unwatch(environment_->process());
}

void Session::on_doorbell() {
  environment_->quiet_doorbell();
  host_.starts.leave(turn_);
  if (environment_->record().life().phase < EnvironmentPhase::kEmpty) return;
  host_.loop.unwatch(environment_->doorbell());
  release_slot();
}

void Session::on_environment_end() {
  unwatch_environment();
  host_.starts.leave(turn_);
  environment_->wait();
  if (environment_->record().life().phase != EnvironmentPhase::kSaid) {
    // Somebody killed the init before it could say so itself.
    control::EnvironmentEvent event;
    event.kind = control::EnvironmentEventKind::kSignalled;
    event.code = SIGKILL;
    send(control::to_json(event));
  }
  release_slot();
  environment_.reset();
  end();
}

void Session::release_slot() {
  if (!std::exchange(holds_slot_, false)) return;
  EnvironmentRecord& record = environment_->record();
  if (record.life().ending == EnvironmentEnding::kTimeout)
    spdlog::info("function {}: its environment {} was ended when its time was up", record.facts().function,
                 to_string(record.facts().address));
  host_.slots.release(record.facts().slot);
  record.remove();
}

void Session::send(const std::string& text) {
  if (!connection_.is_open()) return;
  if (::send(connection_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return;
  // A client that does not listen gets what one gets that is gone; which it is, shows when it hangs up.
  spdlog::warn("cannot answer a client: {}", std::strerror(errno));
}

void Session::send_error(const std::string& message) {
  if (environment_) return;  // the environment's end is still to come, and one answer is enough
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
  leave_queue();
  // Moved out first: the call may destroy this session, and the function with it.
  const auto ended = std::move(ended_);
  ended();
}

}  // namespace hypernat::workerhost
