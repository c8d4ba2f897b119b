// What an environment of `hypernat coldstart` runs: one HTTP request to one server, its moments written to standard
// output as one line of JSON.
//
//   hypernat-coldstart-probe ADDRESS PORT PATH
//
// It is linked statically and does nothing before its first packet, so that what is measured is the network and not a
// program's start. Moments are CLOCK_MONOTONIC in nanoseconds, which the worker host and the data plane read too.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr timeval kPatience{.tv_sec = 30, .tv_usec = 0};

std::int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

int fail(const char* step, const char* why) {
  std::printf(R"({"error":"%s: %s"})"
              "\n",
              step, why);
  return kFailed;
}

/// The status of an answer that begins like HTTP/1; 0 when it does not.
int status_of(const char* answer) {
  int status = 0;
  return std::sscanf(answer, "HTTP/1.%*1[01] %3d ", &status) == 1 ? status : 0;
}

}  // namespace

int main(int count, char** words) {
  sockaddr_in server{};
  server.sin_family = AF_INET;
  if (count != 4 || inet_pton(AF_INET, words[1], &server.sin_addr) != 1) {
    std::fprintf(stderr, "usage: hypernat-coldstart-probe ADDRESS PORT PATH\n");
    return kUsage;
  }
  server.sin_port = htons(static_cast<std::uint16_t>(std::atoi(words[2])));
  char request[1024];
  const int length = std::snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", words[3], words[1]);
  if (length < 0 || static_cast<std::size_t>(length) >= sizeof request) return fail("path", "longer than a request");

  const int connection = ::socket(AF_INET, SOCK_STREAM, 0);
  if (connection < 0) return fail("socket", std::strerror(errno));
  ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  const std::int64_t connecting = now_ns();
  if (::connect(connection, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0)
    return fail("connect", std::strerror(errno));
  const std::int64_t connected = now_ns();
  if (::send(connection, request, static_cast<std::size_t>(length), MSG_NOSIGNAL) != length)
    return fail("send", std::strerror(errno));
  char answer[256] = {};
  if (::recv(connection, answer, sizeof answer - 1, 0) <= 0) return fail("receive", std::strerror(errno));
  const std::int64_t answered = now_ns();
  if (const int status = status_of(answer); status != 200)
    return fail("answer", status == 0 ? "it is not HTTP" : "its status is not 200");

  sockaddr_in own{};
  socklen_t size = sizeof own;
  ::getsockname(connection, reinterpret_cast<sockaddr*>(&own), &size);
  std::printf(R"({"connecting_ns":%)" PRId64 R"(,"connected_ns":%)" PRId64 R"(,"answered_ns":%)" PRId64
              R"(,"local_port":%d})"
              "\n",
              connecting, connected, answered, ntohs(own.sin_port));
  return 0;
}
