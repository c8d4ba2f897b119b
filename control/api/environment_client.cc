#include "control/api/environment_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace hypernat::control {
namespace {

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

EnvironmentClient::EnvironmentClient(const std::filesystem::path& socket) : path_(socket.string()) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path)
    throw std::system_error(ENAMETOOLONG, std::generic_category(), "worker host's socket " + path_);
  std::memcpy(address.sun_path, path_.data(), path_.size());

  descriptor_ = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) throw_errno("socket");
  if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    ::close(descriptor_);
    throw std::system_error(error, std::generic_category(), "worker host's socket " + path_);
  }
}

EnvironmentClient::~EnvironmentClient() {
  ::close(descriptor_);
}

void EnvironmentClient::start(const EnvironmentRequest& request, const EnvironmentStreams& streams) {
  const auto message = to_json(request);
  if (message.size() > kMaxEnvironmentMessage)
    throw std::invalid_argument("command and environment of " + request.function + " take " +
                                std::to_string(message.size()) + " bytes; expected at most " +
                                std::to_string(kMaxEnvironmentMessage));
  send(message, &streams);
}

void EnvironmentClient::send(const std::string& message, const EnvironmentStreams* streams) {
  iovec part{const_cast<char*>(message.data()), message.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(3 * sizeof(int))> control{};
  if (streams != nullptr) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(3 * sizeof(int));
    const std::array<int, 3> descriptors{streams->in, streams->out, streams->err};
    std::memcpy(CMSG_DATA(rights), descriptors.data(), sizeof descriptors);
  }
  ssize_t sent = 0;
  do sent = ::sendmsg(descriptor_, &header, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) throw_errno("worker host's socket " + path_);
}

std::string EnvironmentClient::receive() {
  std::string message(kMaxEnvironmentMessage, '\0');
  ssize_t length = 0;
  do length = ::recv(descriptor_, message.data(), message.size(), MSG_TRUNC);
  while (length < 0 && errno == EINTR);
  if (length < 0) throw_errno("worker host's socket " + path_);
  if (length == 0) throw std::runtime_error("worker host at " + path_ + " hung up before the environment had ended");
  if (static_cast<std::size_t>(length) > message.size())
    throw std::runtime_error("worker host at " + path_ + " sent a message of " + std::to_string(length) + " bytes");
  message.resize(static_cast<std::size_t>(length));
  return message;
}

std::optional<EnvironmentEvent> EnvironmentClient::next(std::chrono::milliseconds timeout) {
  pollfd wait{.fd = descriptor_, .events = POLLIN, .revents = 0};
  const int ready = ::poll(&wait, 1, static_cast<int>(timeout.count()));
  if (ready < 0 && errno != EINTR) throw_errno("poll");
  if (ready <= 0) return std::nullopt;
  return next();
}

EnvironmentEvent EnvironmentClient::next() {
  const auto message = receive();
  try {
    return environment_event_from_json(message);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error("worker host at " + path_ + ": " + error.what());
  }
}

std::string EnvironmentClient::query_status(const std::filesystem::path& socket) {
  EnvironmentClient client(socket);
  client.send(environment_status_query(), nullptr);
  return client.receive();
}

}  // namespace hypernat::control
