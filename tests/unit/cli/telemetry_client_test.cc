#include "control/cli/telemetry_client.h"
#include "config/json.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <thread>

#include "control/cli/errors.h"

namespace hypernat::cli {
namespace {

using Answers = std::map<std::string, std::string>;

/// A socket that answers as DPDK's telemetry does: a greeting, then one packet for each.
class FakeTelemetry {
 public:
  explicit FakeTelemetry(Answers answers) : answers_(std::move(answers)) {
    std::string folder = (std::filesystem::temp_directory_path() / "hypernat-telemetry.XXXXXX").string();
    folder_ = ::mkdtemp(folder.data());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = (folder_ / "dpdk_telemetry.v2").string();
    std::memcpy(address.sun_path, path.data(), path.size());
    listener_ = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    thread_ = std::thread([this] { serve(); });
  }

  ~FakeTelemetry() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    std::filesystem::remove_all(folder_);
  }

  std::string folder() const { return folder_.string(); }

 private:
  void serve() const {
    const int peer = ::accept(listener_, nullptr, nullptr);
    if (peer < 0) return;
    say(peer, R"({"version":"DPDK 22.11.11","pid":1,"max_output_len":16384})");
    char request[1024];
    for (ssize_t length = 0; (length = ::recv(peer, request, sizeof request, 0)) > 0;) {
      const std::string command(request, static_cast<std::size_t>(length));
      const auto answer = answers_.find(command);
      say(peer, "{\"" + command + "\":" + (answer == answers_.end() ? "null" : answer->second) + "}");
    }
    ::close(peer);
  }
  static void say(int peer, const std::string& text) { ::send(peer, text.data(), text.size(), MSG_NOSIGNAL); }

  Answers answers_;
  std::filesystem::path folder_;
  int listener_ = -1;
  std::thread thread_;
};

TEST(TelemetryClient, AsksAndUnwrapsTheAnswer) {
  const FakeTelemetry dataplane(Answers{{"/hypernat/account,1", R"({"received":7})"}});
  EXPECT_EQ(TelemetryClient(dataplane.folder()).ask("/hypernat/account", "1"), (nlohmann::json{{"received", 7}}));
}

TEST(TelemetryClient, PutsPagesTogetherUntilOneIsEmpty) {
  const FakeTelemetry dataplane(
      Answers{{"/hypernat/flows,0", "[1,2]"}, {"/hypernat/flows,1", "[3]"}, {"/hypernat/flows,2", "[]"}});
  EXPECT_EQ(TelemetryClient(dataplane.folder()).ask_pages("/hypernat/flows"), nlohmann::json({1, 2, 3}));
}

TEST(TelemetryClient, SaysWhichCommandIsNotKnown) {
  const FakeTelemetry dataplane(Answers{});
  const TelemetryClient client(dataplane.folder());
  try {
    client.ask("/hypernat/nothing");
    FAIL() << "answered";
  } catch (const CommandError& error) {
    EXPECT_NE(std::string(error.what()).find("does not answer /hypernat/nothing"), std::string::npos) << error.what();
  }
}

TEST(TelemetryClient, SaysWhereItLookedAndWhatToDo) {
  try {
    const TelemetryClient client("/nowhere/dpdk_telemetry.v2");
    FAIL() << "connected";
  } catch (const CommandError& error) {
    EXPECT_NE(std::string(error.what()).find("/nowhere/dpdk_telemetry.v2"), std::string::npos);
    EXPECT_NE(error.remedy().find("--dataplane"), std::string::npos);
  }
}

}  // namespace
}  // namespace hypernat::cli
