// Payloads of every length that fits into an Ethernet frame, of every protocol and both ways: byte for byte what a
// packet crafted for the other side would be, checksums computed over all of it. What they say is nobody's business, of
// TCP not even where in the stream it lies.
#include <gtest/gtest.h>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr const char* kEnvironment = "100.64.0.5";
constexpr const char* kInterface = "10.0.1.20";
constexpr const char* kServer = "10.0.1.10";
constexpr std::size_t kMtu = 1500;

struct Kind {
  const char* name;
  Datagram (*out)(const Ip& ip, std::uint16_t port);
  Datagram (*back)(const Ip& ip, std::uint16_t port);
};
const Kind kKinds[] = {
    {"udp", [](const Ip& ip, std::uint16_t port) { return ip / Udp{.src = port, .dst = 53}; },
     [](const Ip& ip, std::uint16_t port) { return ip / Udp{.src = 53, .dst = port}; }},
    {"udp_without_checksum",
     [](const Ip& ip, std::uint16_t port) { return ip / Udp{.src = port, .dst = 53, .checksum = std::uint16_t{0}}; },
     [](const Ip& ip, std::uint16_t port) { return ip / Udp{.src = 53, .dst = port, .checksum = std::uint16_t{0}}; }},
    {"tcp", [](const Ip& ip, std::uint16_t port) { return ip / Tcp{.src = port, .dst = 80, .flags = "S"}; },
     [](const Ip& ip, std::uint16_t port) { return ip / Tcp{.src = 80, .dst = port, .flags = "SA"}; }},
    {"echo", [](const Ip& ip, std::uint16_t port) { return ip / Echo{.id = port}; },
     [](const Ip& ip, std::uint16_t port) { return ip / Echo{.id = port, .type = craft::kReply}; }}};

class Payloads : public testing::TestWithParam<Kind> {};

TEST_P(Payloads, of_every_length_cross_both_ways_untouched) {
  NatWorld world;
  const std::uint16_t port = world.outbound(GetParam().out({.src = kEnvironment, .dst = kServer}, 4000)).seen.src_port;
  std::uint8_t next = 1;
  Bytes payload;
  for (bool fits = true; fits; payload.push_back(next = static_cast<std::uint8_t>(next * 5 + 3))) {
    const auto sent = GetParam().out({.src = kEnvironment, .dst = kServer}, 4000) / payload;
    const auto left = GetParam().out({.src = kInterface, .dst = kServer, .ttl = 63}, port) / payload;
    const Outcome out = world.outbound(sent);
    ASSERT_TRUE(out.forwarded()) << payload.size() << ": " << out.text();
    ASSERT_EQ(out.bytes, left.bytes()) << payload.size();
    const auto replied = GetParam().back({.src = kServer, .dst = kInterface}, port) / payload;
    const auto delivered = GetParam().back({.src = kServer, .dst = kEnvironment, .ttl = 63}, 4000) / payload;
    const Outcome in = world.inbound(replied);
    ASSERT_TRUE(in.forwarded()) << payload.size() << ": " << in.text();
    ASSERT_EQ(in.bytes, delivered.bytes()) << payload.size();
    fits = sent.bytes().size() < kMtu;
  }
  EXPECT_EQ(world.open_flows(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Payloads, testing::ValuesIn(kKinds),
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

}  // namespace
}  // namespace hypernat::dataplane
