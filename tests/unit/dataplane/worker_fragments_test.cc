// Fragments through whole workers: in any order, at any queue, both ways, and what is too big on its way out. What
// comes out is put together by the tests' own code.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <numeric>

#include "tests/packet/fragments.h"
#include "tests/unit/dataplane/worker_world.h"

namespace hypernat::dataplane {
namespace worker_fragments {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr const char* kServer = "10.0.1.53";
constexpr const char* kInterface = "10.0.1.20";

std::uint64_t dropped(const WorkerWorld& world, Drop reason) {
  return world.total().dropped[static_cast<std::size_t>(reason)];
}
std::uint64_t flows(WorkerWorld& world) {
  std::uint64_t open = 0;
  for (std::size_t worker = 0; worker < world.workers(); ++worker) open += world.worker(worker).nat().open_flows();
  return open;
}

Datagram long_one(Datagram datagram, std::size_t size = 500) {
  datagram.payload.resize(size);
  std::iota(datagram.payload.begin(), datagram.payload.end(), std::uint8_t{1});
  return datagram;
}
Bytes from_environment(const Bytes& packet) {
  return from_host() / (to_gateway() / packet);
}
Bytes from_server(const Bytes& packet) {
  return from_vtep() / (to_interface(1) / packet);
}
// By identification; those that can not be put together are missing.
std::map<std::uint16_t, Bytes> joined(const std::vector<Bytes>& packets) {
  std::map<std::uint16_t, std::vector<Bytes>> datagrams;
  for (const Bytes& packet : packets) datagrams[craft::identification_of(packet)].push_back(packet);
  std::map<std::uint16_t, Bytes> whole;
  for (const auto& [identification, pieces] : datagrams) {
    if (const auto packet = craft::join(pieces)) whole[identification] = *packet;
  }
  return whole;
}

// Buffers that are neither free nor on the wire.
std::uint32_t buffers_inside(WorkerWorld& world) {
  for (std::uint16_t port = 0; port < kPorts; ++port) world.sent(port);
  return world.buffers_out();
}

enum class Talk { kUdp, kUdpWithoutChecksum, kTcp, kEcho };

struct Conversation {
  Datagram request;
  Datagram reply;  ///< to `port` at the interface
};

Conversation conversation(Talk talk, std::uint16_t port, std::uint16_t interface_port) {
  const Ip out{.src = "100.64.0.5", .dst = kServer, .identification = port};
  const Ip in{.src = kServer, .dst = kInterface, .identification = port};
  switch (talk) {
    case Talk::kUdp:
      return {out / Udp{.src = port, .dst = 53}, in / Udp{.src = 53, .dst = interface_port}};
    case Talk::kUdpWithoutChecksum:
      return {out / Udp{.src = port, .dst = 53, .checksum = 0},
              in / Udp{.src = 53, .dst = interface_port, .checksum = 0}};
    case Talk::kTcp:
      return {out / Tcp{.src = port, .dst = 80}, in / Tcp{.src = 80, .dst = interface_port, .flags = "SA"}};
    case Talk::kEcho:
      return {out / Echo{.id = port}, in / Echo{.id = interface_port, .type = craft::kReply}};
  }
  return {};
}

struct Row {
  const char* name;
  Talk talk;
  WorkerWorld::Options options;
};

class Fragments : public testing::TestWithParam<Row> {
 protected:
  static constexpr std::uint16_t kFirstPort = 2000;

  // The pieces of datagram n in the nth order, each at another queue.
  void arrive(std::uint16_t port, std::vector<Bytes> pieces, int n) {
    std::vector<std::size_t> order(pieces.size());
    std::iota(order.begin(), order.end(), 0U);
    for (int i = 0; i < n; ++i) std::next_permutation(order.begin(), order.end());
    for (const std::size_t piece : order) {
      world_.arrive(port, pieces[piece], static_cast<std::uint16_t>(at_queue_++ % GetParam().options.rx_queues));
    }
    world_.run();
  }

  WorkerWorld world_{GetParam().options};
  std::uint32_t at_queue_ = 0;
};

TEST_P(Fragments, InEveryOrderCrossBothWaysAndAreWhole) {
  world_.know_neighbours();
  world_.answer_underlay(kHosts, "192.0.2.11");
  for (int n = 0; n < 24; ++n) {
    const auto port = static_cast<std::uint16_t>(kFirstPort + n);
    const Datagram request = long_one(conversation(GetParam().talk, port, 0).request);
    std::vector<Bytes> frames;
    for (const Bytes& piece : craft::cut(request.bytes(), {64, 192, 400})) frames.push_back(from_environment(piece));
    arrive(kHosts, frames, n);
    const std::uint64_t before = flows(world_);
    // A worker that does not know the server yet asks, and what waits leaves.
    world_.answer_segment(from_vtep(), kServer);
    world_.run();
    const auto out = joined(inner_packets(world_.sent_packets(kTenants)));
    ASSERT_EQ(out.size(), 1U) << "order " << n;
    const craft::Seen seen = craft::look_at(out.begin()->second);
    EXPECT_EQ(seen.src, kInterface);
    EXPECT_TRUE(seen.l4_checksum_right);
    EXPECT_EQ(seen.ttl, 63);
    const Bytes payload(out.begin()->second.end() - 500, out.begin()->second.end());
    EXPECT_EQ(payload, request.payload);

    const Datagram reply = long_one(conversation(GetParam().talk, port, seen.src_port).reply, 333);
    frames.clear();
    for (const Bytes& piece : craft::cut(reply.bytes(), {32, 96, 136})) frames.push_back(from_server(piece));
    world_.sent(kHosts);
    arrive(kTenants, frames, n);
    world_.answer_underlay(kHosts, "192.0.2.11");
    world_.run();
    const auto in = joined(inner_packets(world_.sent_packets(kHosts)));
    ASSERT_EQ(in.size(), 1U) << "order " << n;
    Datagram expected = long_one(conversation(GetParam().talk, seen.src_port, port).reply, 333);
    expected.ip.dst = "100.64.0.5";
    expected.ip.ttl = 63;
    expected.ip.identification = port;
    EXPECT_EQ(in.begin()->second, expected.bytes());
    EXPECT_EQ(flows(world_), before) << "nothing but a first fragment opens a flow";
  }
  EXPECT_EQ(world_.total().held, 0U);
  EXPECT_EQ(world_.total().handed_over, world_.total().taken_over);
}

std::vector<Row> every_row() {
  std::vector<Row> rows;
  const std::pair<const char*, WorkerWorld::Options> machines[] = {
      {"one", {.held_per_next_hop = 64}},
      {"two", {.workers = 2, .held_per_next_hop = 64}},
      {"three", {.workers = 3, .rx_queues = 3, .tx_queues = 3, .held_per_next_hop = 64}},
      {"sixteen", {.workers = 16, .rx_queues = 4, .tx_queues = 4, .held_per_next_hop = 64}}};
  static std::deque<std::string> names;
  for (const auto& [workers, options] : machines) {
    const std::pair<const char*, Talk> talks[] = {{"udp", Talk::kUdp},
                                                  {"udp_without_checksum", Talk::kUdpWithoutChecksum},
                                                  {"tcp", Talk::kTcp},
                                                  {"echo", Talk::kEcho}};
    for (const auto& [name, talk] : talks) {
      names.push_back(std::string(workers) + "_" + name);
      rows.push_back({names.back().c_str(), talk, options});
    }
  }
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Workers, Fragments, testing::ValuesIn(every_row()),
                         [](const auto& row) { return row.param.name; });

Datagram query(const char* environment = "100.64.0.5", std::uint16_t identification = 77) {
  return Ip{.src = environment, .dst = kServer, .identification = identification} / Udp{.src = 4000, .dst = 53};
}

TEST(FragmentJourney, TwoEnvironmentsWithOneIdentificationAreTwoDatagramsToTheServer) {
  WorkerWorld world;
  world.know_neighbours();
  const auto mine = craft::cut(long_one(query("100.64.0.5")).bytes(), {128});
  const auto theirs = craft::cut(long_one(query("100.64.0.6")).bytes(), {128});
  for (const Bytes& piece : {mine[1], theirs[0], theirs[1], mine[0]}) world.arrive(kHosts, from_environment(piece));
  world.run();
  const auto out = joined(inner_packets(world.sent_packets(kTenants)));
  ASSERT_EQ(out.size(), 2U);
  for (const auto& [identification, packet] : out) EXPECT_TRUE(craft::look_at(packet).l4_checksum_right);
}

TEST(FragmentJourney, LaterFragmentsOpenNothingAndDieByNameWhenTheirFirstDoesNotCome) {
  WorkerWorld world;
  world.know_neighbours();
  const std::uint64_t before = flows(world);
  const std::uint32_t buffers = buffers_inside(world);
  const auto pieces = craft::cut(long_one(query()).bytes(), {128, 256});
  world.arrive(kHosts, from_environment(pieces[1]));
  world.arrive(kHosts, from_environment(pieces[2]));
  world.run();
  EXPECT_EQ(world.total().held, 2U);
  EXPECT_EQ(buffers_inside(world), buffers + 2);
  world.run(1999);
  EXPECT_EQ(world.total().held, 2U);
  world.run(1);
  EXPECT_EQ(world.total().held, 0U);
  EXPECT_EQ(dropped(world, Drop::fragment_timeout), 2U);
  EXPECT_EQ(buffers_inside(world), buffers);
  EXPECT_EQ(flows(world), before);
}

// A reply's fragments find no flow from the wrong tenant's segment, nor at the wrong port.
TEST(FragmentJourney, FragmentsOfNoFlowComeInNeitherFirstNorLater) {
  WorkerWorld world;
  world.know_neighbours();
  world.arrive(kHosts, from_environment(query().bytes()));
  world.run();
  const craft::Seen seen = craft::look_at(inner_packets(world.sent_packets(kTenants)).at(0));
  const Datagram reply = long_one(Ip{.src = kServer, .dst = kInterface} / Udp{.src = 53, .dst = seen.src_port});
  for (const Bytes& piece : craft::cut(reply.bytes(), {128})) {
    world.arrive(kTenants, from_vtep(5002) / (to_interface(2) / piece));
  }
  Datagram elsewhere = reply;
  elsewhere.l4 = Udp{.src = 53, .dst = static_cast<std::uint16_t>(seen.src_port ^ 1)};
  for (const Bytes& piece : craft::cut(elsewhere.bytes(), {128})) world.arrive(kTenants, from_server(piece));
  world.run();
  EXPECT_EQ(dropped(world, Drop::no_flow), 4U);
  EXPECT_TRUE(world.sent_packets(kHosts).empty());
}

TEST(FragmentJourney, RefusedDatagramsLaterFragmentsFindNoFlow) {
  WorkerWorld world;
  world.know_neighbours();
  Datagram segment = long_one(Ip{.src = "100.64.0.5", .dst = kServer} / Tcp{.src = 4000, .dst = 80, .flags = "PA"});
  const auto pieces = craft::cut(segment.bytes(), {128});
  for (const Bytes& piece : pieces) world.arrive(kHosts, from_environment(piece));
  world.run();
  EXPECT_EQ(dropped(world, Drop::no_flow), 2U);
  EXPECT_TRUE(world.sent_packets(kTenants).empty());
}

TEST(FragmentJourney, EveryFragmentHasAHopLessAndTheLastHopOfNone) {
  WorkerWorld world;
  world.know_neighbours();
  Datagram datagram = long_one(query());
  datagram.ip.ttl = 2;
  const auto pieces = craft::cut(datagram.bytes(), {128, 256});
  world.arrive(kHosts, from_environment(pieces[0]));
  world.arrive(kHosts, from_environment(pieces[1]));
  datagram.ip.ttl = 1;
  world.arrive(kHosts, from_environment(craft::cut(datagram.bytes(), {128, 256})[2]));
  world.run();
  const auto out = inner_packets(world.sent_packets(kTenants));
  ASSERT_EQ(out.size(), 2U);
  for (const Bytes& packet : out) EXPECT_EQ(packet[8], 1);
  EXPECT_EQ(dropped(world, Drop::ttl_expired), 1U);
}

// Mapping 3 is on a plain port and on a VLAN; a flow of one is not the other's.
TEST(FragmentJourney, LaterFragmentsComeTheWayTheFlowCame) {
  WorkerWorld world;
  world.know_neighbours();
  const auto pieces = craft::cut(long_one(query("100.64.0.9")).bytes(), {128, 256});
  world.arrive(kBench, to_gateway() / pieces[0]);
  world.run();
  world.arrive(kRacks, craft::Ethernet{.dst = kGatewayMac, .src = kEnvironmentMac, .vlan = 3} / pieces[1]);
  world.run();
  EXPECT_EQ(dropped(world, Drop::wrong_tunnel_peer), 1U);
}

TEST(FragmentJourney, OneTenantsFloodTakesNoBuffersFromAnother) {
  WorkerWorld world({.fragments = {.datagrams = 64, .datagrams_per_tenant = 32, .held = 32, .held_per_tenant = 16}});
  world.know_neighbours();
  config::Table table = every_segment(2);
  table.tenants.push_back({.account = "222222222222", .number = 2});
  table.subnets[1].tenant = table.mappings[1].tenant = 1;
  world.publish(table);
  world.run();
  const std::uint32_t buffers = buffers_inside(world);
  for (std::uint16_t n = 0; n < 500; ++n) {
    const auto pieces = craft::cut(long_one(query("100.64.0.7", n)).bytes(), {128});
    world.arrive(kHosts, from_host(2) / (to_gateway() / pieces[n % 2]));
  }
  world.run();
  EXPECT_LE(world.total().held - world.worker(0).account().held.read(), 16U);
  EXPECT_LE(world.worker(0).account().held_fragments.read(), 16U);
  auto pieces = craft::cut(long_one(query()).bytes(), {128, 256});
  std::reverse(pieces.begin(), pieces.end());
  for (const Bytes& piece : pieces) world.arrive(kHosts, from_environment(piece));
  world.run();
  const auto out = inner_packets(world.sent_packets(kTenants));
  EXPECT_EQ(
      std::count_if(out.begin(), out.end(), [](const Bytes& packet) { return craft::look_at(packet).dst == kServer; }),
      3);
  world.run(2000);
  for (int second = 0; second < 6; ++second) world.run(1000);
  EXPECT_EQ(world.total().held, 0U);
  EXPECT_EQ(buffers_inside(world), buffers);
}

TEST(FragmentJourney, WhatAFullRingDoesNotTakeIsLostAndNothingStays) {
  WorkerWorld world({.workers = 4, .hand_over_ring = 16});
  world.know_neighbours();
  for (std::uint16_t n = 0; n < 40; ++n) {
    for (const Bytes& piece : craft::cut(long_one(query("100.64.0.5", n)).bytes(), {128, 256, 384})) {
      world.arrive(kHosts, from_environment(piece));
    }
  }
  world.run();
  EXPECT_GT(dropped(world, Drop::home_ring_full), 0U);
  world.run(2000);
  for (int second = 0; second < 6; ++second) world.run(1000);
  EXPECT_EQ(world.total().held, 0U);
}

// The home has no port left: the first fragment opens the flow with another worker, and the others follow it there.
TEST(FragmentJourney, FragmentsFollowAFlowThatAnotherWorkerOwns) {
  WorkerWorld world({.workers = 16, .flows = 8192, .held_per_next_hop = 64});
  world.know_neighbours();
  std::uint32_t next = 0;
  world.use_up_ports(0, next);
  const Bytes frame = world.request_at_home(0, next);
  const craft::Seen opening = craft::look_at(inner_packets({frame}).at(0));
  const Datagram datagram =
      long_one(Ip{.src = opening.src, .dst = opening.dst} / Udp{.src = opening.src_port, .dst = opening.dst_port});
  auto pieces = craft::cut(datagram.bytes(), {128, 256});
  std::swap(pieces[0], pieces[1]);
  for (const Bytes& piece : pieces) world.arrive(kHosts, from_environment(piece));
  world.run();
  world.answer_segment(from_vtep(), kServer);
  world.run();
  EXPECT_EQ(world.worker(0).nat().redirects(), 1U);
  const auto out = joined(inner_packets(world.sent_packets(kTenants)));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_TRUE(craft::look_at(out.begin()->second).l4_checksum_right);
}

TEST(FragmentJourney, TheTraceTellsWhatWasHeldAndWentOn) {
  WorkerWorld world;
  world.know_neighbours();
  TraceFilter filter;
  filter.left = 100;
  world.orders().trace.store(&filter);
  const auto pieces = craft::cut(long_one(query()).bytes(), {128});
  world.arrive(kHosts, from_environment(pieces[1]));
  world.arrive(kHosts, from_environment(pieces[0]));
  world.run();
  world.orders().trace.store(nullptr);
  std::vector<Verdict> verdicts;
  while (const auto record = world.worker(0).trace().pop()) {
    verdicts.push_back(record->verdict);
    EXPECT_EQ(to_string(record->out_src), record->verdict == Verdict::kForward ? kInterface : "100.64.0.5");
  }
  EXPECT_EQ(verdicts, (std::vector<Verdict>{Verdict::kHeld, Verdict::kForward, Verdict::kForward}));
}

}  // namespace worker_fragments
}  // namespace hypernat::dataplane
