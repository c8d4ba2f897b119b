// UDP through the NAT: packets in, packets out.
#include <gtest/gtest.h>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Ip;
using craft::Udp;

constexpr const char* kServer = "10.0.1.10";

TEST(UdpTranslation, rewrites_source_on_the_way_out_and_destination_on_the_way_back) {
  NatWorld world;
  const Outcome out = world.outbound(Ip{.src = "100.64.0.5", .dst = kServer} / Udp{.src = 4000, .dst = 53} / "who");
  ASSERT_TRUE(out.forwarded()) << out.text();
  EXPECT_TRUE(out.opened);
  const std::uint16_t port = out.seen.src_port;
  EXPECT_GE(port, 1024);
  EXPECT_EQ(out.bytes,
            (Ip{.src = "10.0.1.20", .dst = kServer, .ttl = 63} / Udp{.src = port, .dst = 53} / "who").bytes());
  EXPECT_EQ(out.egress.interface, world.interface_slot("eni-1"));
  EXPECT_NE(out.egress.next_hop, kNone);

  const Outcome back = world.inbound(Ip{.src = kServer, .dst = "10.0.1.20"} / Udp{.src = 53, .dst = port} / "me");
  ASSERT_TRUE(back.forwarded()) << back.text();
  EXPECT_EQ(back.bytes,
            (Ip{.src = kServer, .dst = "100.64.0.5", .ttl = 63} / Udp{.src = 53, .dst = 4000} / "me").bytes());
  EXPECT_EQ(to_string(back.egress.peer), "192.0.2.11");
  EXPECT_EQ(to_string(back.egress.environment_mac), "02:00:00:00:00:05");

  const Outcome again = world.outbound(Ip{.src = "100.64.0.5", .dst = kServer} / Udp{.src = 4000, .dst = 53} / "x");
  EXPECT_FALSE(again.opened);
  EXPECT_EQ(again.seen.src_port, port) << "a flow keeps its translation";
}

}  // namespace
}  // namespace hypernat::dataplane
