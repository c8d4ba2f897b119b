// Ports of closed connections, when nothing else is free towards a remote: who gets which, and who does not.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "dataplane/nat/port_choice.h"
#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace nat_resting {

using craft::Ip;
using craft::Tcp;

constexpr const char* kServer = "10.0.1.10";
constexpr const char* kInterface = "10.0.1.20";
constexpr Tick kLong = 100'000'000;
// Openings that have together looked at every port of one worker that has all of them.
constexpr std::uint32_t kLooksAtAll = 65'536 / PortChoice::kHolders;

// Every port of the one interface towards the server, but for `left`, is an open connection's.
class FullRemote {
 public:
  explicit FullRemote(std::uint16_t workers, std::uint32_t left = 0)
      : world({.workers = workers,
               .flows = kInterfacePorts + 1'000,
               .redirects = kInterfacePorts,
               .timeouts = {.tcp_opening = kLong, .tcp_established = kLong, .tcp_closing = kLong}}) {
    while (world.open_flows() < kInterfacePorts - left) open();
  }

  static craft::Datagram segment(std::uint32_t n, const char* flags) {
    return Ip{.src = to_string(Ipv4Address::from_host(0x64400001 + n % 1000)), .dst = kServer} /
           Tcp{.src = static_cast<std::uint16_t>(n / 1000), .dst = 80, .flags = flags};
  }
  static craft::Datagram answer(std::uint16_t port, const char* flags) {
    return Ip{.src = kServer, .dst = kInterface} / Tcp{.src = 80, .dst = port, .flags = flags};
  }
  /// The next environment's connection.
  Outcome open() {
    const Outcome out = world.outbound(segment(next_, "S"));
    if (out.opened) ports_[next_] = out.seen.src_port;
    ++next_;
    return out;
  }
  std::uint16_t port_of(std::uint32_t n) const { return ports_.at(n); }
  std::uint32_t last() const { return next_ - 1; }
  /// Both ends have sent FIN.
  void close(std::uint32_t n) {
    ASSERT_TRUE(world.inbound(answer(port_of(n), "SA")).forwarded());
    ASSERT_TRUE(world.outbound(segment(n, "FA")).forwarded());
    ASSERT_TRUE(world.inbound(answer(port_of(n), "FA")).forwarded());
  }

  NatWorld world;

 private:
  std::map<std::uint32_t, std::uint16_t> ports_;
  std::uint32_t next_ = 0;
};

class RestingPorts : public testing::TestWithParam<std::uint16_t> {};

TEST_P(RestingPorts, are_given_away_when_nothing_else_is_free_whoever_has_them) {
  const std::uint16_t workers = GetParam();
  FullRemote remote(workers, 1);
  remote.close(17);
  const std::uint16_t port = remote.port_of(17);
  const Outcome free_one = remote.open();
  ASSERT_TRUE(free_one.opened) << free_one.text();
  EXPECT_NE(free_one.seen.src_port, port) << "another is free";
  ASSERT_EQ(remote.world.open_flows(), kInterfacePorts);

  // Each opening looks at some of what each worker has, and the next goes on from there.
  std::uint32_t refused = 0;
  Outcome out = remote.open();
  for (; !out.opened; out = remote.open()) {
    ASSERT_TRUE(out.dropped(Drop::ports_exhausted)) << out.text();
    ASSERT_LE(out.passes, 2U * workers);
    ASSERT_LT(++refused, kLooksAtAll / workers);
  }
  EXPECT_EQ(out.seen.src_port, port);
  EXPECT_EQ(remote.world.open_flows(), kInterfacePorts) << "one went, one came";
  EXPECT_EQ(remote.world.tenant_counter(1, &TenantCounters::ports_exhausted), refused);
  const Outcome reply = remote.world.inbound(FullRemote::answer(port, "SA"));
  ASSERT_TRUE(reply.forwarded());
  EXPECT_EQ(reply.seen.dst, FullRemote::segment(remote.last(), "S").ip.src) << "its new owner";
  const Outcome late = remote.world.outbound(FullRemote::segment(17, "A"));
  EXPECT_EQ(late.verdict, Verdict::kAnswered) << "whose it was has no flow any more: " << late.text();
  remote.world.carry_all();
  EXPECT_FALSE(remote.open().opened) << "and no other rests";
}

INSTANTIATE_TEST_SUITE_P(Workers, RestingPorts, testing::Values(1, 4));

// Every eighth connection is closed, half of them at first and half of them ten seconds later, one beside the other.
TEST(RestingPort, that_is_taken_has_rested_longest_of_those_that_were_met) {
  FullRemote remote(1);
  std::set<std::uint16_t> older;
  for (std::uint32_t n = 0; n < kInterfacePorts; n += 16) {
    remote.close(n);
    older.insert(remote.port_of(n));
  }
  remote.world.pass(10'000);
  for (std::uint32_t n = 8; n < kInterfacePorts; n += 16) remote.close(n);
  for (int i = 0; i < 200; ++i) {
    const Outcome out = remote.open();
    ASSERT_TRUE(out.opened) << out.text();
    EXPECT_EQ(older.erase(out.seen.src_port), 1U) << out.seen.src_port;
  }
}

// The ends may not know of it, as of a blind RST.
TEST(RestingPort, is_none_of_a_connection_that_a_reset_may_have_ended) {
  FullRemote remote(4);
  for (std::uint32_t n = 0; n < kInterfacePorts; n += 8)
    ASSERT_TRUE(remote.world.inbound(FullRemote::answer(remote.port_of(n), "R")).forwarded());
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(remote.open().dropped(Drop::ports_exhausted));
}

TEST(RestingPort, is_its_own_environments_at_once) {
  FullRemote remote(1);
  remote.close(17);
  const Outcome again = remote.world.outbound(FullRemote::segment(17, "S"));
  ASSERT_TRUE(again.forwarded() && !again.opened) << again.text();
  EXPECT_EQ(again.seen.src_port, remote.port_of(17));
  for (std::uint32_t i = 0; i < kLooksAtAll; ++i) EXPECT_FALSE(remote.open().opened);
}

// A late packet of the connection comes in the same burst, before the opening that looks for a port: it has its flow.
TEST(RestingPort, stays_with_the_packets_that_found_it) {
  FullRemote remote(1);
  remote.close(17);
  const NatWorld::Arrival late{.from = {}, .datagram = FullRemote::segment(17, "A")};
  for (std::uint32_t i = 0; i < kLooksAtAll; ++i) {
    const NatWorld::Arrival opening{.from = {}, .datagram = FullRemote::segment(kInterfacePorts + i, "S")};
    const auto outcomes = remote.world.burst({late, opening});
    ASSERT_TRUE(outcomes[0].forwarded()) << outcomes[0].text();
    EXPECT_EQ(outcomes[0].seen.src_port, remote.port_of(17));
    ASSERT_TRUE(outcomes[1].dropped(Drop::ports_exhausted)) << outcomes[1].text();
  }
}

// To look for them takes time: a tenant has so many searches in a second.
TEST(RestingPort, is_looked_for_so_many_times_a_second) {
  FullRemote remote(1);
  for (std::uint32_t n = 0; n < kInterfacePorts; n += 8) remote.close(n);
  std::uint32_t opened = 0;
  for (int i = 0; i < 1'500; ++i) opened += remote.open().opened ? 1 : 0;
  EXPECT_EQ(opened, 1'000U);
  remote.world.pass(100);
  for (int i = 0; i < 500; ++i) opened += remote.open().opened ? 1 : 0;
  EXPECT_EQ(opened, 1'100U);
}

// Only connections have an end that can be seen.
TEST(RestingPort, is_none_of_datagrams) {
  NatWorld world({.flows = kInterfacePorts + 1'000});
  const auto datagram = [](std::uint32_t n) {
    return Ip{.src = to_string(Ipv4Address::from_host(0x64400001 + n % 1000)), .dst = kServer} /
           craft::Udp{.src = static_cast<std::uint16_t>(n / 1000), .dst = 53};
  };
  for (std::uint32_t n = 0; n < kInterfacePorts; ++n) ASSERT_TRUE(world.outbound(datagram(n)).opened);
  EXPECT_TRUE(world.outbound(datagram(kInterfacePorts)).dropped(Drop::ports_exhausted));
}

}  // namespace nat_resting
}  // namespace hypernat::dataplane
