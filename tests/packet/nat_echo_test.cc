// ICMP echo through the NAT: an identifier in place of ports.
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace nat_echo {

using craft::Echo;
using craft::Ip;

constexpr const char* kServer = "10.0.1.10";
constexpr const char* kInterface = "10.0.1.20";

TEST(EchoTranslation, rewrites_the_identifier_and_brings_the_reply_back) {
  NatWorld world;
  const Outcome out = world.outbound(Ip{.src = "100.64.0.5", .dst = kServer} / Echo{.id = 77, .seq = 3} / "0123456789");
  ASSERT_TRUE(out.forwarded()) << out.text();
  const std::uint16_t id = out.seen.src_port;
  EXPECT_GE(id, 1024);
  EXPECT_EQ(out.bytes,
            (Ip{.src = kInterface, .dst = kServer, .ttl = 63} / Echo{.id = id, .seq = 3} / "0123456789").bytes());
  const Outcome back = world.inbound(Ip{.src = kServer, .dst = kInterface} /
                                     Echo{.id = id, .seq = 3, .type = craft::kReply} / "0123456789");
  ASSERT_TRUE(back.forwarded()) << back.text();
  EXPECT_EQ(back.bytes, (Ip{.src = kServer, .dst = "100.64.0.5", .ttl = 63} /
                         Echo{.id = 77, .seq = 3, .type = craft::kReply} / "0123456789")
                            .bytes());
}

TEST(EchoTranslation, gives_environments_with_the_same_identifier_their_own_replies) {
  NatWorld world;
  const std::vector<std::string> environments = {"100.64.0.5", "100.64.0.6", "100.64.0.7"};
  std::vector<std::uint16_t> ids;
  for (const auto& environment : environments)
    ids.push_back(world.outbound(Ip{.src = environment, .dst = kServer} / Echo{.id = 1}).seen.src_port);
  EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), 3U);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Outcome back =
        world.inbound(Ip{.src = kServer, .dst = kInterface} / Echo{.id = ids[i], .type = craft::kReply});
    ASSERT_TRUE(back.forwarded());
    EXPECT_EQ(back.seen.dst, environments[i]);
    EXPECT_EQ(back.seen.dst_port, 1);
  }
}

TEST(EchoTranslation, takes_every_identifier_from_0_to_65535) {
  NatWorld world;
  for (const std::uint16_t id : std::to_array<std::uint16_t>({0, 1, 1023, 1024, 65535})) {
    const Outcome out = world.outbound(Ip{.src = "100.64.0.5", .dst = kServer} / Echo{.id = id});
    ASSERT_TRUE(out.opened) << id;
    const Outcome back =
        world.inbound(Ip{.src = kServer, .dst = kInterface} / Echo{.id = out.seen.src_port, .type = craft::kReply});
    EXPECT_EQ(back.seen.dst_port, id);
  }
}

TEST(EchoOpening, is_for_requests_from_inside_only) {
  NatWorld world;
  EXPECT_TRUE(world.outbound(Ip{.src = "100.64.0.5", .dst = kServer} / Echo{.id = 7, .type = craft::kReply})
                  .dropped(Drop::no_flow));
  EXPECT_TRUE(world.inbound(Ip{.src = kServer, .dst = kInterface} / Echo{.id = 7}).dropped(Drop::no_flow));
  EXPECT_TRUE(world.inbound(Ip{.src = kServer, .dst = kInterface} / Echo{.id = 7, .type = craft::kReply})
                  .dropped(Drop::no_flow));
  EXPECT_EQ(world.open_flows(), 0U);
  const Outcome out = world.outbound(Ip{.src = "100.64.0.5", .dst = kServer} / Echo{.id = 7});
  EXPECT_TRUE(
      world.inbound(Ip{.src = kServer, .dst = kInterface} / Echo{.id = out.seen.src_port}).dropped(Drop::no_flow))
      << "a request from the flow's remote is no reply";
}

TEST(EchoTimer, counts_from_the_last_request_and_lasts_60_seconds) {
  NatWorld world;
  const auto request = Ip{.src = "100.64.0.5", .dst = kServer} / Echo{.id = 7};
  const std::uint16_t id = world.outbound(request).seen.src_port;
  world.pass(50'000);
  EXPECT_TRUE(world.outbound(request).forwarded());
  world.pass(50'000);
  EXPECT_TRUE(world.inbound(Ip{.src = kServer, .dst = kInterface} / Echo{.id = id, .type = craft::kReply}).forwarded());
  world.pass(9'999);
  EXPECT_EQ(world.open_flows(), 1U);
  world.pass(1 + 256);
  EXPECT_EQ(world.open_flows(), 0U);
}

}  // namespace nat_echo
}  // namespace hypernat::dataplane
