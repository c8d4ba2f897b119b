// ICMP errors through workers with devices: others' about flows, and the NAT's own, to either side. Every account
// closes after every step (WorkerWorld::run).
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/dataplane/worker_world.h"

namespace hypernat::dataplane {
namespace worker_errors {

using craft::Bytes;
using craft::Datagram;
using craft::IcmpError;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr const char* kEnvironment = "100.64.0.5";
constexpr const char* kServer = "10.0.1.53";
constexpr const char* kInterface = "10.0.1.20";
constexpr const char* kGateway = "169.254.100.1";

Datagram request(std::uint16_t port, std::uint8_t ttl = 64) {
  return Ip{.src = kEnvironment, .dst = kServer, .ttl = ttl} / Udp{.src = port, .dst = 53} / "who";
}
Bytes from_environment(const Datagram& datagram) {
  return from_host() / (to_gateway() / datagram);
}
Bytes from_outside(const Datagram& datagram) {
  return from_vtep() / (to_interface(1) / datagram);
}
std::uint64_t dropped(const WorkerWorld& world, Drop reason) {
  return world.total().dropped[static_cast<std::size_t>(reason)];
}
// Neighbours of both sides are known to every worker; the worker host's since RSTs were sent there.
void know_everybody(WorkerWorld& world) {
  world.know_neighbours();
  for (std::uint16_t port = 1; port <= 48; ++port) {
    world.arrive(kHosts,
                 from_environment(Ip{.src = kEnvironment, .dst = kServer} / Tcp{.src = port, .dst = 80, .flags = "A"}));
  }
  world.run();
  world.answer_underlay(kHosts, "192.0.2.11");
  world.run();
  world.sent(kHosts);
}
std::uint64_t carried(WorkerWorld& world) {
  std::uint64_t sum = 0;
  for (std::size_t worker = 0; worker < world.workers(); ++worker)
    sum += world.worker(worker).nat().tenant_counters()[0].errors_carried.read();
  return sum;
}

class ErrorMesh : public testing::TestWithParam<std::uint16_t> {};

// Whoever receives an error, the worker that has the flow translates it.
TEST_P(ErrorMesh, brings_every_error_home) {
  constexpr std::uint16_t kFlows = 60;
  WorkerWorld world({.workers = GetParam(), .held_per_next_hop = 64});
  world.know_neighbours();
  for (std::uint16_t flow = 0; flow < kFlows; ++flow)
    world.arrive(kHosts, from_environment(request(static_cast<std::uint16_t>(1000 + flow))));
  world.run();
  const auto left = world.sent_packets(kTenants);
  ASSERT_EQ(left.size(), kFlows);
  for (const Bytes& frame : left) {
    world.arrive(kTenants, from_outside(Ip{.src = "10.0.9.9", .dst = kInterface} / IcmpError{.type = 11, .code = 0} /
                                        inner_packet(frame)));
  }
  for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
    const Bytes delivered = (Ip{.src = kServer, .dst = kEnvironment} /
                             Udp{.src = 53, .dst = static_cast<std::uint16_t>(1000 + flow)} / "me")
                                .bytes();
    world.arrive(kHosts, from_environment(Ip{.src = kEnvironment, .dst = kServer} / IcmpError{.code = 3} / delivered));
  }
  world.run();
  world.answer_underlay(kHosts, "192.0.2.11");
  world.run();
  std::set<std::uint16_t> told;
  for (const Bytes& frame : world.sent_packets(kHosts)) {
    const Bytes packet = inner_packet(frame);
    EXPECT_EQ(craft::look_at(packet).dst, kEnvironment);
    EXPECT_TRUE(craft::look_at(packet).l4_checksum_right);
    const Bytes quoted = *craft::quote_in(packet);
    EXPECT_EQ(quoted, request(craft::look_at(quoted).src_port, 63).bytes());
    told.insert(craft::look_at(quoted).src_port);
  }
  EXPECT_EQ(told.size(), kFlows);
  std::set<std::uint16_t> answered;
  for (const Bytes& frame : world.sent_packets(kTenants)) {
    const Bytes packet = inner_packet(frame);
    EXPECT_EQ(craft::look_at(packet).src, kInterface);
    EXPECT_TRUE(craft::look_at(packet).l4_checksum_right);
    answered.insert(craft::look_at(*craft::quote_in(packet)).dst_port);
  }
  EXPECT_EQ(answered.size(), kFlows);
  EXPECT_EQ(carried(world), 2U * kFlows);
  EXPECT_EQ(dropped(world, Drop::error_without_flow), 0U);
  EXPECT_EQ(world.total().handed_over, world.total().taken_over);
}

INSTANTIATE_TEST_SUITE_P(Workers, ErrorMesh, testing::Values(1, 2, 3, 5, 8, 16),
                         [](const auto& row) { return std::to_string(row.param) + "_workers"; });

// A flow that another worker owns: the error from inside follows the redirect through the rings.
TEST(ErrorMeshPassing, reaches_the_owner_of_a_passed_flow) {
  WorkerWorld world({.workers = 16, .flows = 8192});
  world.know_neighbours();
  std::uint32_t n = 0;
  world.use_up_ports(0, n);
  const Bytes opening = world.request_at_home(0, n);
  world.arrive(kHosts, opening);
  world.run();
  const auto left = world.sent_packets(kTenants);
  ASSERT_EQ(left.size(), 1U);
  ASSERT_GT(world.worker(0).nat().redirects(), 0U);
  const craft::Seen seen = craft::look_at(inner_packet(opening));
  const Bytes delivered = (Ip{.src = kServer, .dst = seen.src} / Udp{.src = 53, .dst = seen.src_port} / "me").bytes();
  world.arrive(kHosts, from_environment(Ip{.src = seen.src, .dst = kServer} / IcmpError{.code = 3} / delivered));
  world.run();
  const auto out = world.sent_packets(kTenants);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(craft::look_at_start(*craft::quote_in(inner_packet(out[0]))).dst_port,
            craft::look_at(inner_packet(left[0])).src_port);
}

// The answer is originated, and the packet it is about dies by its name: once each.
TEST(OwnErrors, leave_by_the_way_the_packet_came_and_the_account_closes) {
  WorkerWorld world({.workers = 3});
  know_everybody(world);
  world.arrive(kHosts, from_environment(request(1000)));
  world.run();
  const auto opened = world.sent_packets(kTenants);
  ASSERT_EQ(opened.size(), 1U);
  const std::uint16_t port = craft::look_at(inner_packet(opened[0])).src_port;
  const AccountView before = world.total();

  world.arrive(kHosts, from_environment(request(1000, 1)));
  world.run();
  const auto in = world.sent_packets(kHosts);
  ASSERT_EQ(in.size(), 1U);
  EXPECT_EQ(inner_packet(in[0]),
            (Ip{.src = kGateway, .dst = kEnvironment, .dscp_ecn = 0xc0, .identification = 0, .fragment = 0x4000} /
             IcmpError{.type = 11, .code = 0} / request(1000, 1).bytes())
                .bytes());

  const Datagram late = Ip{.src = kServer, .dst = kInterface, .ttl = 1} / Udp{.src = 53, .dst = port} / "me";
  world.arrive(kTenants, from_outside(late));
  world.run();
  const auto out = world.sent_packets(kTenants);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(inner_packet(out[0]),
            (Ip{.src = kInterface, .dst = kServer, .dscp_ecn = 0xc0, .identification = 0, .fragment = 0x4000} /
             IcmpError{.type = 11, .code = 0} / late.bytes())
                .bytes());
  EXPECT_EQ(world.total().originated - before.originated, 2U);
  EXPECT_EQ(dropped(world, Drop::ttl_expired), 2U);
  EXPECT_EQ(world.total().dropped_total() - before.dropped_total(), 2U);
}

// The attachments' own MTUs: VXLAN inside and outside here, 1450 each.
TEST(OwnErrors, tell_the_mtu_that_the_encapsulation_leaves) {
  WorkerWorld world;
  know_everybody(world);
  Datagram big = request(1000);
  big.ip.fragment = 0x4000;
  big.payload = Bytes(1451 - 28, 7);
  world.arrive(kHosts, from_environment(big));
  world.run();
  EXPECT_TRUE(world.sent_packets(kTenants).empty());
  const auto in = world.sent_packets(kHosts);
  ASSERT_EQ(in.size(), 1U);
  Bytes quoted = big.bytes();
  quoted.resize(548);
  EXPECT_EQ(inner_packet(in[0]),
            (Ip{.src = kGateway, .dst = kEnvironment, .dscp_ecn = 0xc0, .identification = 0, .fragment = 0x4000} /
             IcmpError{.type = 3, .code = 4, .mtu = 1450} / quoted)
                .bytes());
  EXPECT_EQ(dropped(world, Drop::too_big), 1U);
  big.payload.pop_back();
  world.arrive(kHosts, from_environment(big));
  world.run();
  EXPECT_EQ(world.sent_packets(kTenants).size(), 1U);
}

// An error that does not fit is cut as anything is, and one that may not be dies by name: no error is said about errors
// (RFC 1122 3.2.2).
TEST(OwnErrors, are_not_said_about_errors_that_do_not_fit) {
  WorkerWorld world;
  know_everybody(world);
  world.arrive(kHosts, from_environment(request(1000)));
  world.run();
  const Bytes left = inner_packet(world.sent_packets(kTenants).at(0));
  Bytes quote = left;
  quote.resize(1451 - 28);  // what follows is padding, and as large as the attachment's MTU and one byte more
  const AccountView before = world.total();
  for (const std::uint16_t flags : {std::uint16_t{0x4000}, std::uint16_t{0}}) {
    world.arrive(kTenants, from_outside(Ip{.src = "10.0.9.9", .dst = kInterface, .fragment = flags} /
                                        IcmpError{.type = 11, .code = 0} / quote));
    world.run();
    const auto in = world.sent_packets(kHosts);
    EXPECT_EQ(in.size(), flags == 0 ? 2U : 0U);
    EXPECT_TRUE(world.sent_packets(kTenants).empty());
    EXPECT_EQ(dropped(world, Drop::too_big), 1U);
  }
  EXPECT_EQ(world.total().dropped_total() - before.dropped_total(), 1U);
  EXPECT_EQ(world.worker(0).nat().tenant_counters()[0].errors_sent.read(), 0U);
  EXPECT_EQ(carried(world), 2U);
}

TEST(OwnErrors, beyond_the_allowance_are_not_originated) {
  WorkerWorld world({.errors_per_second = 5});
  know_everybody(world);
  const AccountView before = world.total();
  for (int i = 0; i < 50; ++i) world.arrive(kHosts, from_environment(request(1000, 1)));
  world.run();
  EXPECT_EQ(world.sent_packets(kHosts).size(), 5U);
  EXPECT_EQ(world.total().originated - before.originated, 5U);
  EXPECT_EQ(dropped(world, Drop::ttl_expired), 50U);
}

// Buffers run out: the error is not sent, and that is counted beside the packet's own end.
TEST(OwnErrors, without_a_buffer_die_by_name) {
  WorkerWorld world({.buffers = 511});
  know_everybody(world);
  const std::uint32_t in_use = world.buffers_out();
  const AccountView before = world.total();
  int arrived = 0;
  for (; world.buffers_out() < 511 && arrived < 511; ++arrived)
    world.arrive(kHosts, from_environment(request(1000, 1)));
  world.worker(0).step(world.now);
  EXPECT_EQ(world.worker(0).account().read().balance(), 0);
  EXPECT_GT(dropped(world, Drop::no_buffer), before.dropped[static_cast<std::size_t>(Drop::no_buffer)]);
  world.run();
  EXPECT_EQ(dropped(world, Drop::ttl_expired), static_cast<std::uint64_t>(arrived));
  world.sent(kHosts);
  EXPECT_EQ(world.buffers_out(), in_use);
}

}  // namespace worker_errors
}  // namespace hypernat::dataplane
