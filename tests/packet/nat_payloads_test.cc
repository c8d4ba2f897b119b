// Payloads of every length that fits into an Ethernet frame, of every protocol and both ways: byte for byte what a
// packet crafted for the other side would be, checksums computed over all of it. What they say is nobody's business, of
// TCP not even where in the stream it lies.
#include <gtest/gtest.h>

#include "tests/packet/error_world.h"

namespace hypernat::dataplane {
namespace nat_payloads {

using craft::Bytes;
using craft::Ip;
using craft::Tcp;

constexpr std::size_t kMtu = 1500;

class Payloads : public testing::TestWithParam<Carried> {};

TEST_P(Payloads, of_every_length_cross_both_ways_untouched) {
  NatWorld world;
  const auto out_of = [&](const Ip& ip, std::uint16_t from) { return GetParam().out(ip, from, kServerPort); };
  const auto back_of = [&](const Ip& ip, std::uint16_t to) { return GetParam().back(ip, kServerPort, to); };
  const std::uint16_t port =
      world.outbound(out_of({.src = kEnvironment, .dst = kServer}, kEnvironmentPort)).seen.src_port;
  std::uint8_t next = 1;
  Bytes payload;
  for (bool fits = true; fits; payload.push_back(next = static_cast<std::uint8_t>(next * 5 + 3))) {
    const auto sent = out_of({.src = kEnvironment, .dst = kServer}, kEnvironmentPort) / payload;
    const auto left = out_of({.src = kInterface, .dst = kServer, .ttl = 63}, port) / payload;
    const Outcome out = world.outbound(sent);
    ASSERT_TRUE(out.forwarded()) << payload.size() << ": " << out.text();
    ASSERT_EQ(out.bytes, left.bytes()) << payload.size();
    const auto replied = back_of({.src = kServer, .dst = kInterface}, port) / payload;
    const auto delivered = back_of({.src = kServer, .dst = kEnvironment, .ttl = 63}, kEnvironmentPort) / payload;
    const Outcome in = world.inbound(replied);
    ASSERT_TRUE(in.forwarded()) << payload.size() << ": " << in.text();
    ASSERT_EQ(in.bytes, delivered.bytes()) << payload.size();
    fits = sent.bytes().size() < kMtu;
  }
  EXPECT_EQ(world.open_flows(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Payloads, testing::ValuesIn(every_carried()),
                         [](const auto& row) { return std::string(row.param.name); });

// Windows are not tracked: what lies outside of them is for the ends to judge.
TEST(TcpData, outside_of_the_window_crosses_and_changes_nothing) {
  NatWorld world;
  const auto segment = [](const char* flags, std::uint32_t seq) {
    return Ip{.src = kEnvironment, .dst = kServer} /
           Tcp{.src = 4000, .dst = 80, .flags = flags, .seq = seq, .window = 100};
  };
  const std::uint16_t port = world.outbound(segment("S", 1'000)).seen.src_port;
  const auto reply = [port](const char* flags, std::uint32_t seq) {
    return Ip{.src = kServer, .dst = kInterface} /
           Tcp{.src = 80, .dst = port, .flags = flags, .seq = seq, .window = 100};
  };
  ASSERT_TRUE(world.inbound(reply("SA", 5'000)).forwarded());
  for (const std::uint32_t seq : {0U, 1'001U, 0x7fff'ffffU, 0x8000'0000U, 0xffff'ffffU}) {
    EXPECT_EQ(world.outbound(segment("PA", seq) / "data").seen.seq, seq);
    EXPECT_EQ(world.inbound(reply("PA", seq) / "data").seen.seq, seq);
    EXPECT_EQ(std::string(name_of(world.flows().at(0).state)), "established");
  }
}

}  // namespace nat_payloads
}  // namespace hypernat::dataplane
