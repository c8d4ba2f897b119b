// What those who wait for a lease are told when the control plane does not answer, and when it is back.
#include <gtest/gtest.h>

#include <atomic>

#include "control/api/http_server.h"
#include "control/cli/coldstart/watches.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

class WaitingForALease : public ::testing::Test {
 protected:
  std::string socket() const { return "unix:" + (directory / "control.sock").string(); }
  std::optional<coldstart::LeaseWatch::State> wait() { return watch.wait("lease-00000000000000001", interrupted); }

  TemporaryDirectory directory;
  std::atomic<bool> interrupted{false};
  cli::ControlConnection control{socket()};
  coldstart::LeaseWatch watch{control};
};

TEST_F(WaitingForALease, ends_when_the_control_plane_is_silent) {
  const auto state = wait();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->failure, "ControlPlaneSilent");
  EXPECT_NE(state->reason.find("control.sock"), std::string::npos) << state->reason;
}

TEST_F(WaitingForALease, finds_the_control_plane_that_is_back) {
  ASSERT_TRUE(wait());
  World world;
  HttpServer server(*world.api, {.tcp = config::TcpEndpoint{.address = Ipv4Address::of(127, 0, 0, 1), .port = 0},
                                 .socket = directory / "control.sock"});
  server.start();
  const auto state = wait();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->failure, "LeaseGone");
}

TEST_F(WaitingForALease, tells_an_interrupted_run_nothing) {
  interrupted = true;
  EXPECT_FALSE(wait());
}

}  // namespace
}  // namespace hypernat::control::testing
