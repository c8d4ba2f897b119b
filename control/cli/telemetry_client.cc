#include "control/cli/telemetry_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "config/json.h"
#include "control/cli/errors.h"

namespace hypernat::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSocketName = "dpdk_telemetry.v2";
constexpr const char* kRemedy =
    "is hypernat-dataplane running, and may you read its socket? give its file prefix, folder or socket with "
    "--dataplane, or in HYPERNAT_DATAPLANE";
constexpr std::size_t kGreetingBytes = 1024;
constexpr int kMaxPages = 1 << 20;

/// Where DPDK keeps the runtime folders of this user's processes.
fs::path runtime_root() {
  if (::geteuid() == 0) return "/var/run/dpdk";
  const char* user = std::getenv("XDG_RUNTIME_DIR");
  return fs::path(user != nullptr ? user : "/tmp") / "dpdk";
}

/// A connected socket, or -1 with errno set.
int connect_to(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(address.sun_path, text.data(), text.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return descriptor;
  const int error = errno;
  ::close(descriptor);
  errno = error;
  return -1;
}

/// Sockets under the runtime root, the newest first.
std::vector<fs::path> sockets_by_age() {
  std::vector<fs::path> sockets;
  std::error_code ignored;
  for (const auto& folder : fs::directory_iterator(runtime_root(), ignored))
    if (fs::exists(folder.path() / kSocketName, ignored)) sockets.push_back(folder.path() / kSocketName);
  std::sort(sockets.begin(), sockets.end(), [](const fs::path& left, const fs::path& right) {
    std::error_code error;
    return fs::last_write_time(left, error) > fs::last_write_time(right, error);
  });
  return sockets;
}

/// Every socket that `where` may mean, the likeliest first.
std::vector<fs::path> candidates(const std::string& where) {
  if (where.empty()) return sockets_by_age();
  if (where.find('/') == std::string::npos) return {runtime_root() / where / kSocketName};
  std::error_code ignored;
  if (fs::is_directory(where, ignored)) return {fs::path(where) / kSocketName};
  return {where};
}

}  // namespace

TelemetryClient::TelemetryClient(const std::string& where) {
  const auto sockets = candidates(where);
  if (sockets.empty())
    throw CommandError("no data plane found: there is no " + (runtime_root() / "*" / kSocketName).string(), kRemedy);
  int error = 0;
  for (const auto& socket : sockets) {
    descriptor_ = connect_to(socket);
    path_ = socket.string();
    if (descriptor_ >= 0) break;
    error = errno;  // a socket left by a data plane that was killed
  }
  if (descriptor_ < 0) throw CommandError("data plane at " + path_ + ": " + std::strerror(error), kRemedy);

  longest_answer_ = kGreetingBytes;
  const auto greeting = nlohmann::json::parse(receive(), nullptr, false);
  if (!greeting.is_object() || !greeting.contains("max_output_len"))
    throw CommandError(path_ + " does not speak DPDK's telemetry protocol", kRemedy);
  longest_answer_ = greeting["max_output_len"].get<std::size_t>();
}

TelemetryClient::~TelemetryClient() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string TelemetryClient::receive() const {
  std::string text(longest_answer_, '\0');
  ssize_t length = 0;
  do length = ::recv(descriptor_, text.data(), text.size(), 0);
  while (length < 0 && errno == EINTR);
  if (length <= 0)
    throw CommandError("data plane at " + path_ + ": " + (length == 0 ? "it hung up" : std::strerror(errno)), kRemedy);
  text.resize(static_cast<std::size_t>(length));
  return text;
}

nlohmann::json TelemetryClient::ask(const std::string& command, const std::string& parameter) const {
  const std::string message = parameter.empty() ? command : command + "," + parameter;
  if (::send(descriptor_, message.data(), message.size(), MSG_NOSIGNAL) < 0)
    throw CommandError("data plane at " + path_ + ": " + std::strerror(errno), kRemedy);
  const auto answer = nlohmann::json::parse(receive(), nullptr, false);
  if (!answer.is_object() || answer.empty() || answer.begin()->is_null())
    throw CommandError("data plane at " + path_ + " does not answer " + message);
  return *answer.begin();
}

nlohmann::json TelemetryClient::ask_pages(const std::string& command) const {
  auto all = nlohmann::json::array();
  for (int page = 0; page < kMaxPages; ++page) {
    const auto part = ask(command, std::to_string(page));
    if (!part.is_structured() || part.empty()) break;
    for (const auto& element : part) all.push_back(element);  // a page is a dictionary: DPDK has no arrays of them
  }
  return all;
}

}  // namespace hypernat::cli
