// Packets that left the NAT and found nobody: who is told, about what, and who is not; and datagrams that were given
// another identification, in the errors that come back about them.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/packet/fragments.h"
#include "tests/unit/dataplane/worker_world.h"

namespace hypernat::dataplane {
namespace worker_undelivered {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::IcmpError;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr const char* kEnvironment = "100.64.0.5";
constexpr const char* kServer = "10.0.1.53";
constexpr const char* kSilent = "10.0.1.77";
constexpr const char* kInterface = "10.0.1.20";
constexpr const char* kGateway = "169.254.100.1";

std::vector<Bytes> sent(WorkerWorld& world, std::uint16_t port) {
  return inner_packets(world.sent_packets(port));
}
void from_environment(WorkerWorld& world, const Bytes& packet) {
  world.arrive(kHosts, from_host() / (to_gateway() / packet));
}
void from_outside(WorkerWorld& world, const Bytes& packet) {
  world.arrive(kTenants, from_vtep() / (to_interface(1) / packet));
}
Datagram request(const char* server, std::uint16_t port = 4000) {
  return Ip{.src = kEnvironment, .dst = server} / Udp{.src = port, .dst = 53} / "who";
}
// A neighbour's time is over, whatever it had left.
void wait(WorkerWorld& world) {
  for (int second = 0; second < 5; ++second) world.run(1'000);
}
// Neighbours of both sides are known to every worker; the worker host's since RSTs were sent there.
void know_everybody(WorkerWorld& world) {
  world.know_neighbours();
  for (std::uint16_t port = 1; port <= 48; ++port)
    from_environment(world,
                     (Ip{.src = kEnvironment, .dst = kServer} / Tcp{.src = port, .dst = 80, .flags = "A"}).bytes());
  world.run();
  world.answer_underlay(kHosts, "192.0.2.11");
  world.run(1'000);
  world.sent(kHosts);
}
Bytes unreachable(const char* src, const char* dst, const Bytes& about) {
  return (Ip{.src = src, .dst = dst, .dscp_ecn = 0xc0, .identification = 0, .fragment = 0x4000} /
          IcmpError{.type = 3, .code = 1} / about)
      .bytes();
}
std::uint64_t dropped(const WorkerWorld& world, Drop reason) {
  return world.total().dropped[static_cast<std::size_t>(reason)];
}
std::uint64_t of_tenant(WorkerWorld& world, Counter TenantCounters::*counter) {
  std::uint64_t sum = 0;
  for (std::size_t worker = 0; worker < world.workers(); ++worker)
    sum += (world.worker(worker).nat().tenant_counters()[0].*counter).read();
  return sum;
}

TEST(HostUnreachable, is_said_to_the_environment_about_the_packet_that_it_sent) {
  WorkerWorld world({.workers = 3});
  know_everybody(world);
  const Ip ip{.src = kEnvironment, .dst = kSilent, .ttl = 33, .identification = 0x1234};
  const std::vector<Datagram> all = {ip / Udp{.src = 4000, .dst = 53} / "who",
                                     ip / Udp{.src = 4001, .dst = 53, .checksum = 0} / "who",
                                     ip / Tcp{.src = 4000, .dst = 80, .flags = "S"}, ip / Echo{.id = 77} / "ping"};
  const std::uint64_t undelivered = of_tenant(world, &TenantCounters::undelivered);
  for (const Datagram& datagram : all) {
    const std::uint64_t before = dropped(world, Drop::next_hop_unresolved);
    from_environment(world, datagram.bytes());
    world.run();
    EXPECT_TRUE(sent(world, kHosts).empty()) << "it is being asked for";
    wait(world);
    const auto told = sent(world, kHosts);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0], unreachable(kGateway, kEnvironment, datagram.bytes()));
    EXPECT_EQ(dropped(world, Drop::next_hop_unresolved) - before, 1U);
  }
  EXPECT_EQ(of_tenant(world, &TenantCounters::errors_sent), all.size());
  EXPECT_EQ(of_tenant(world, &TenantCounters::undelivered) - undelivered, all.size());
}

// Who is known not to answer is not waited for.
TEST(HostUnreachable, is_said_at_once_where_the_next_hop_has_failed) {
  WorkerWorld world;
  know_everybody(world);
  from_environment(world, request(kSilent).bytes());
  for (int step = 0; step < 40 && sent(world, kHosts).empty(); ++step) world.run(100);
  from_environment(world, request(kSilent, 4001).bytes());
  world.run();
  const auto told = sent(world, kHosts);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0], unreachable(kGateway, kEnvironment, request(kSilent, 4001).bytes()));
}

TEST(HostUnreachable, is_said_to_the_remote_when_the_worker_host_is_gone) {
  WorkerWorld world;
  world.know_neighbours();
  from_environment(world, request(kServer).bytes());
  world.run();
  const std::uint16_t port = craft::look_at(sent(world, kTenants).at(0)).src_port;
  const Bytes reply = (Ip{.src = kServer, .dst = kInterface, .ttl = 9} / Udp{.src = 53, .dst = port} / "me").bytes();
  from_outside(world, reply);
  wait(world);
  EXPECT_TRUE(sent(world, kHosts).empty());
  const auto told = sent(world, kTenants);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0], unreachable(kInterface, kServer, reply));
}

// The first fragment stands for its datagram; of errors, of what the NAT says itself and of flows that are gone there
// is nobody to tell.
TEST(HostUnreachable, is_said_once_about_a_datagram_in_fragments) {
  WorkerWorld world;
  know_everybody(world);
  Datagram datagram = request(kSilent);
  datagram.ip.identification = 0x4711;
  datagram.payload = Bytes(600, 7);
  const auto pieces = craft::cut_to(datagram.bytes(), 300);
  const std::uint64_t undelivered = of_tenant(world, &TenantCounters::undelivered);
  for (const Bytes& piece : pieces) from_environment(world, piece);
  wait(world);
  const auto told = sent(world, kHosts);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0], unreachable(kGateway, kEnvironment, pieces[0]));
  EXPECT_EQ(of_tenant(world, &TenantCounters::undelivered) - undelivered, pieces.size());
}

TEST(HostUnreachable, is_not_said_about_errors) {
  WorkerWorld world;
  know_everybody(world);
  from_environment(world, request(kServer).bytes());
  world.run();
  const Bytes left = sent(world, kTenants).at(0);
  world.run(60'000);
  wait(world);  // the worker host's neighbour has been asked again and did not answer
  from_outside(world, (Ip{.src = "10.0.9.9", .dst = kInterface} / IcmpError{.code = 3} / left).bytes());
  wait(world);
  EXPECT_TRUE(sent(world, kTenants).empty());
  EXPECT_TRUE(sent(world, kHosts).empty());
  EXPECT_EQ(of_tenant(world, &TenantCounters::errors_sent), 0U);
  EXPECT_EQ(world.total().held, 0U);
}

TEST(HostUnreachable, is_not_said_about_resets_nor_for_flows_that_are_gone) {
  WorkerWorld world;
  world.know_neighbours();
  from_environment(world, (Ip{.src = kEnvironment, .dst = kServer} / Tcp{.src = 9, .dst = 80, .flags = "A"}).bytes());
  wait(world);
  EXPECT_EQ(of_tenant(world, &TenantCounters::resets), 1U);
  from_environment(world, request(kSilent).bytes());
  world.run();
  config::Table table = every_segment(2);
  table.mappings[0].uid += 1'000;
  table.mappings[0].interfaces[0].uid += 1'000;
  world.publish(table);
  wait(world);
  EXPECT_EQ(of_tenant(world, &TenantCounters::errors_sent), 0U);
  EXPECT_EQ(world.total().held, 0U);
}

TEST(HostUnreachable, is_said_so_many_times_a_second) {
  WorkerWorld world({.held_packets = 256, .held_per_next_hop = 64, .errors_per_second = 5});
  know_everybody(world);
  const std::uint64_t undelivered = of_tenant(world, &TenantCounters::undelivered);
  for (std::uint16_t port = 0; port < 40; ++port) from_environment(world, request(kSilent, port).bytes());
  wait(world);
  EXPECT_EQ(sent(world, kHosts).size(), 5U);
  EXPECT_EQ(of_tenant(world, &TenantCounters::errors_withheld), 35U);
  EXPECT_EQ(of_tenant(world, &TenantCounters::undelivered) - undelivered, 40U);
}

// A datagram that is cut here, and one that came in fragments: outside they have identifications of the NAT's own; what
// comes back about them names the environment's.
TEST(QuotedIdentifications, are_the_environments_own_again) {
  WorkerWorld world;
  know_everybody(world);
  for (const std::size_t arriving : {std::size_t{1'900}, std::size_t{700}}) {
    Datagram datagram = request(kServer);
    datagram.ip.identification = 0x1234;
    datagram.payload = Bytes(1'800, 7);
    const auto pieces = craft::cut_to(datagram.bytes(), arriving);
    for (const Bytes& piece : pieces) from_environment(world, piece);
    world.run();
    const auto left = sent(world, kTenants);
    ASSERT_GT(left.size(), 1U);
    ASSERT_NE(craft::identification_of(left[0]), 0x1234);
    const Bytes quote(left[0].begin(), left[0].begin() + 548);
    for (int time = 0; time < 2; ++time) {
      from_outside(world,
                   (Ip{.src = "10.0.9.9", .dst = kInterface} / IcmpError{.type = 11, .code = 1} / quote).bytes());
      world.run();
      const auto in = sent(world, kHosts);
      ASSERT_EQ(in.size(), 1U);
      EXPECT_TRUE(craft::look_at(in[0]).l4_checksum_right);
      const Bytes quoted = *craft::quote_in(in[0]);
      EXPECT_EQ(craft::identification_of(quoted), 0x1234);
      EXPECT_TRUE(craft::look_at(quoted).ip_checksum_right);
      EXPECT_EQ(craft::look_at(quoted).src, kEnvironment);
    }
  }
}

// A reply without an identification gets one where it is cut; the remote never saw that.
TEST(QuotedIdentifications, that_the_remote_did_not_give_are_taken_away_again) {
  WorkerWorld world;
  know_everybody(world);
  from_environment(world, request(kServer).bytes());
  world.run();
  const std::uint16_t port = craft::look_at(sent(world, kTenants).at(0)).src_port;
  for (const std::uint16_t identification : {std::uint16_t{0}, std::uint16_t{0x77}}) {
    Datagram reply = Ip{.src = kServer, .dst = kInterface, .identification = identification} /
                     Udp{.src = 53, .dst = port} / Bytes(1'800, 9);
    from_outside(world, reply.bytes());
    world.run();
    const auto delivered = sent(world, kHosts);
    ASSERT_EQ(delivered.size(), 2U);
    from_environment(world, (Ip{.src = kEnvironment, .dst = kServer} / IcmpError{.code = 3} / delivered[0]).bytes());
    world.run();
    const auto out = sent(world, kTenants);
    ASSERT_FALSE(out.empty());
    const auto whole = craft::join(out);
    ASSERT_TRUE(whole);
    EXPECT_TRUE(craft::look_at(*whole).l4_checksum_right);
    const Bytes quoted = *craft::quote_in(*whole);
    EXPECT_EQ(craft::identification_of(quoted), identification);
    EXPECT_EQ(craft::look_at_start(quoted).dst, kInterface);
  }
}

}  // namespace worker_undelivered
}  // namespace hypernat::dataplane
