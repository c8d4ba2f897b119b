// Environments that wait for events: a fake worker host plays the runner.
#include "control/api/warm_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "control/lifecycle/refusal.h"
#include "tests/unit/control/fake_worker_host.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

using runner::FrameKind;

void write_frame(const Guest& guest, FrameKind kind, const std::string& content) {
  guest.write_output(runner::frame_header(kind, content.size()) + content);
}

// The next frame that the control plane sends; nothing when it sends no more.
std::optional<runner::Frame> read_frame(const Guest& guest, runner::FrameReader& reader) {
  while (true) {
    if (auto frame = reader.next()) return frame;
    std::array<char, 4096> buffer;
    const auto length = ::read(guest.streams.in, buffer.data(), buffer.size());
    if (length <= 0) return std::nullopt;
    reader.append({buffer.data(), static_cast<std::size_t>(length)});
  }
}

// A worker host whose runner answers each event with its number in this environment, and does as the event says. One
// environment at a time: this host serves its guests one after the other.
class WarmPools : public ::testing::Test {
 protected:
  WarmPools() : host(directory / "wh.sock", [this](const Guest& guest) { serve(guest); }) {}

  void serve(const Guest& guest) {
    ++environments;
    guest.send(to_json(started()));
    runner::FrameReader reader;
    const auto code = read_frame(guest, reader);
    if (!code || code->content != "zip") {
      write_frame(guest, FrameKind::kFailed, "no zip");
      return;
    }
    write_frame(guest, FrameKind::kReady, "");
    int events = 0;
    while (const auto event = read_frame(guest, reader)) {
      const auto payload = event->content.substr(4);
      if (payload == "hang") guest.waits_for_hang_up();
      if (payload == "vanish") {
        guest.send(to_json(failed("the host is going away")));
        return;
      }
      write_frame(guest, FrameKind::kOutput, payload + " " + std::to_string(++events));
      write_frame(guest, FrameKind::kLog, "log");
      write_frame(guest, FrameKind::kEnd,
                  payload == "late"   ? "timed-out"
                  : payload == "dies" ? "signalled 9"
                                      : "exited 0");
      if (payload == "last") {
        guest.send(to_json(exited(0)));
        has_left = true;
        return;
      }
    }
  }

  InvocationResult invoke(WarmPool& pool, const std::string& payload, const std::string& revision = "1",
                          const std::string& code = "zip") {
    const auto make = [&] {
      EnvironmentRequest request{
          .function = "web", .mapping = 1, .resolver = {}, .command = {"/runner"}, .environment = {}, .timeout = 60s};
      return std::make_unique<WarmEnvironment>(
          WarmEnvironment::Start{.socket = directory / "wh.sock", .request = request, .code = code}, is_stopping);
    };
    return pool.invoke({.function = "web:1", .revision = revision, .mapping = 7}, make, payload, 5s, is_stopping);
  }

  TemporaryDirectory directory;
  std::atomic<int> environments = 0;
  std::atomic<bool> has_left = false;  ///< an environment, by itself
  std::atomic<bool> is_stopping = false;
  FakeWorkerHost host;
};

TEST_F(WarmPools, reuse_an_environment_for_one_event_after_another) {
  WarmPool pool(1h);
  const auto first = invoke(pool, "a");
  EXPECT_EQ(first.output, "a 1");
  EXPECT_EQ(first.log_tail, "log");
  EXPECT_EQ(first.end, InvocationEnd::kExited);
  EXPECT_EQ(invoke(pool, "b").output, "b 2");
  EXPECT_EQ(environments, 1);
}

TEST_F(WarmPools, end_an_environment_that_did_not_end_its_event_well) {
  WarmPool pool(1h);
  EXPECT_EQ(invoke(pool, "late").end, InvocationEnd::kTimedOut);
  EXPECT_EQ(invoke(pool, "dies").end, InvocationEnd::kSignalled);
  EXPECT_EQ(invoke(pool, "a").output, "a 1");
  EXPECT_EQ(environments, 3);
}

TEST_F(WarmPools, use_none_of_another_revision) {
  WarmPool pool(1h);
  invoke(pool, "a", "1");
  pool.retire_others({.function = "web:1", .revision = "2", .mapping = 7});
  EXPECT_EQ(invoke(pool, "a", "2").output, "a 1");
  pool.retire("web");
  EXPECT_EQ(invoke(pool, "a", "2").output, "a 1");
  EXPECT_EQ(environments, 3);
}

TEST_F(WarmPools, see_that_one_that_waited_has_gone) {
  WarmPool pool(1h);
  invoke(pool, "last");
  while (!has_left) std::this_thread::yield();
  EXPECT_EQ(invoke(pool, "a").output, "a 1");
  EXPECT_EQ(environments, 2);
}

TEST_F(WarmPools, retire_what_waited_too_long) {
  WarmPool pool(1ms);
  invoke(pool, "a");
  // The host serves one guest at a time, so that this needs the first environment to have ended.
  EXPECT_EQ(invoke(pool, "a", "2").output, "a 1");
  WarmPool none(0ms);
  invoke(none, "a");
  EXPECT_EQ(invoke(none, "a").output, "a 1");
}

TEST_F(WarmPools, say_why_an_environment_cannot_be_had) {
  WarmPool pool(1h);
  const auto refusal_of = [&](const std::string& payload, const std::string& code) -> std::string {
    try {
      invoke(pool, payload, "1", code);
      return "none";
    } catch (const Refusal& refusal) {
      EXPECT_EQ(refusal.kind(), RefusalKind::kUnavailable);
      return refusal.what();
    }
  };
  EXPECT_EQ(refusal_of("a", "broken"), "The code cannot be unpacked: no zip");
  EXPECT_NE(refusal_of("vanish", "zip").find("the host is going away"), std::string::npos);
  is_stopping = true;
  EXPECT_EQ(refusal_of("hang", "zip"), "The control plane is stopping");
}

}  // namespace
}  // namespace hypernat::control::testing
