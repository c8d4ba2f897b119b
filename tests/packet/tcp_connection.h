// One TCP connection through the NAT, both ends of it and the clock: what tests of TCP begin with.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {

/// From port 4000 of an environment of mapping 1 to port 80 of 10.0.1.10.
struct Connection {
  explicit Connection(const NatWorld::Options& options = {}) : world(options) {}

  Outcome client(const std::string& flags, const std::string& payload = "") {
    const Outcome outcome = world.outbound(craft::Ip{.src = "100.64.0.5", .dst = "10.0.1.10"} /
                                           craft::Tcp{.src = 4000, .dst = 80, .flags = flags} / payload);
    if (outcome.opened) port = outcome.seen.src_port;
    return outcome;
  }
  Outcome server(const std::string& flags, const std::string& payload = "") {
    return world.inbound(craft::Ip{.src = "10.0.1.10", .dst = "10.0.1.20"} /
                         craft::Tcp{.src = 80, .dst = port, .flags = flags} / payload);
  }
  void shake_hands() {
    ASSERT_TRUE(client("S").forwarded());
    ASSERT_TRUE(server("SA").forwarded());
    ASSERT_TRUE(client("A").forwarded());
  }
  std::string state() const {
    const auto flows = world.flows();
    return flows.empty() ? "none" : name_of(flows.front().state);
  }
  /// True when the flow is there after `milliseconds` less a little, and gone a little after them.
  testing::AssertionResult goes_after(Tick milliseconds) {
    world.pass(milliseconds - 1);
    if (world.open_flows() != 1) return ::testing::AssertionFailure() << "gone too early";
    world.pass(1 + 256);
    if (world.open_flows() != 0) return ::testing::AssertionFailure() << "still there";
    return ::testing::AssertionSuccess();
  }

  NatWorld world;
  std::uint16_t port = 0;
};

}  // namespace hypernat::dataplane
