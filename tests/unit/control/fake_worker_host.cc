#include "tests/unit/control/fake_worker_host.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace hypernat::control::testing {
namespace {

Guest receive(int connection) {
  Guest guest;
  guest.connection = connection;
  guest.message.resize(kMaxEnvironmentMessage);
  iovec part{guest.message.data(), guest.message.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(3 * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const auto length = ::recvmsg(connection, &header, MSG_CMSG_CLOEXEC);
  guest.message.resize(static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  if (const cmsghdr* rights = CMSG_FIRSTHDR(&header); rights != nullptr) {
    std::array<int, 3> descriptors{};
    std::memcpy(descriptors.data(), CMSG_DATA(rights), sizeof descriptors);
    guest.streams = {.in = descriptors[0], .out = descriptors[1], .err = descriptors[2]};
  }
  return guest;
}

void write_all(int descriptor, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const auto written = ::write(descriptor, text.data() + done, text.size() - done);
    if (written <= 0) return;
    done += static_cast<std::size_t>(written);
  }
}

EnvironmentEvent event(EnvironmentEventKind kind) {
  EnvironmentEvent made;
  made.kind = kind;
  return made;
}

}  // namespace

void Guest::send(const std::string& text) const {
  ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
}

std::string Guest::read_input() const {
  std::string all;
  std::array<char, 65536> buffer;
  for (ssize_t length = 0; (length = ::read(streams.in, buffer.data(), buffer.size())) > 0;)
    all.append(buffer.data(), static_cast<std::size_t>(length));
  return all;
}

void Guest::write_output(const std::string& text) const {
  write_all(streams.out, text);
}
void Guest::write_error(const std::string& text) const {
  write_all(streams.err, text);
}

bool Guest::waits_for_hang_up() const {
  char byte = 0;
  return ::recv(connection, &byte, 1, 0) <= 0;
}

FakeWorkerHost::FakeWorkerHost(const std::filesystem::path& socket, std::function<void(const Guest&)> serve)
    : listener_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)), serve_(std::move(serve)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = socket.string();
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 16) != 0)
    throw std::runtime_error("no worker host's socket at " + path);
  thread_ = std::thread([this] {
    for (int connection = 0; (connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      const auto guest = receive(connection);
      serve_(guest);
      for (const int descriptor : {guest.streams.in, guest.streams.out, guest.streams.err, connection})
        if (descriptor >= 0) ::close(descriptor);
    }
  });
}

FakeWorkerHost::~FakeWorkerHost() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

EnvironmentEvent started() {
  auto made = event(EnvironmentEventKind::kStarted);
  made.slot = 7;
  made.address = "100.64.0.5";
  made.pid = 4711;
  made.namespace_path = "/run/netns/slot7";
  made.received_ns = 1'000'000'000'000;
  made.attached_ns = made.received_ns + 20'000;
  made.begun_ns = made.received_ns + 100'000;
  made.launched_ns = made.received_ns + 900'000;
  return made;
}

EnvironmentEvent exited(int code) {
  auto made = event(EnvironmentEventKind::kExited);
  made.code = code;
  return made;
}

EnvironmentEvent signalled(int signal) {
  auto made = event(EnvironmentEventKind::kSignalled);
  made.code = signal;
  return made;
}

EnvironmentEvent failed(const std::string& message) {
  auto made = event(EnvironmentEventKind::kError);
  made.message = message;
  return made;
}

}  // namespace hypernat::control::testing
