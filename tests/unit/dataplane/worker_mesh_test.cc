// Several workers: packets come home wherever they arrive, and every account closes.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/unit/dataplane/worker_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Bytes;
using craft::Ip;
using craft::Udp;

constexpr std::size_t kInner = 64;

craft::Seen inner(const Bytes& frame) {
  return craft::look_at({frame.begin() + static_cast<std::ptrdiff_t>(kInner), frame.end()});
}

Bytes request(std::uint16_t port) {
  return from_host() /
         (to_gateway() / (Ip{.src = "100.64.0.5", .dst = "10.0.1.53"} / Udp{.src = port, .dst = 53} / "who"));
}

std::uint64_t dropped(const WorkerWorld& world, Drop reason) {
  return world.total().dropped[static_cast<std::size_t>(reason)];
}

// Requests of `count` flows, and a reply to each; checks that every environment port got its own.
void exchange(WorkerWorld& world, std::uint16_t count, std::uint16_t queues) {
  for (std::uint16_t flow = 0; flow < count; ++flow) {
    world.arrive(kHosts, request(static_cast<std::uint16_t>(1000 + flow)), flow % queues);
  }
  world.run();
  const auto out = world.sent_packets(kTenants);
  ASSERT_EQ(out.size(), count);
  std::set<std::uint16_t> interface_ports;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const craft::Seen seen = inner(out[i]);
    EXPECT_TRUE(interface_ports.insert(seen.src_port).second);
    world.arrive(kTenants,
                 from_vtep() / (to_interface(1) / (Ip{.src = "10.0.1.53", .dst = "10.0.1.20"} /
                                                   Udp{.src = 53, .dst = seen.src_port} / "me")),
                 static_cast<std::uint16_t>((i + 1) % queues));
  }
  world.run();
  world.answer_underlay(kHosts, "192.0.2.11");
  world.run();
  std::set<std::uint16_t> answered;
  for (const Bytes& frame : world.sent_packets(kHosts)) answered.insert(inner(frame).dst_port);
  EXPECT_EQ(answered.size(), count);
}

class Mesh : public testing::TestWithParam<WorkerWorld::Options> {};

TEST_P(Mesh, EveryFlowIsAtHomeAndEveryReplyFindsIt) {
  WorkerWorld::Options options = GetParam();
  options.held_per_next_hop = 64;  // the first replies wait for the worker host to be asked for
  WorkerWorld world(options);
  world.know_neighbours();
  exchange(world, 60, options.rx_queues);
  for (int i = 0; i < 3; ++i) exchange(world, 200, options.rx_queues);
  std::uint64_t open = 0;
  for (std::size_t worker = 0; worker < world.workers(); ++worker) {
    EXPECT_GT(world.worker(worker).nat().open_flows(), 0U) << "worker " << worker;
    open += world.worker(worker).nat().open_flows();
  }
  EXPECT_GE(open, 200U);
  EXPECT_EQ(world.total().handed_over, world.total().taken_over);
  EXPECT_EQ(dropped(world, Drop::no_flow), 0U);
  EXPECT_EQ(dropped(world, Drop::home_ring_full), 0U);
}

INSTANTIATE_TEST_SUITE_P(Workers, Mesh,
                         testing::Values(WorkerWorld::Options{.workers = 2},
                                         WorkerWorld::Options{.workers = 3, .rx_queues = 3, .tx_queues = 3},
                                         WorkerWorld::Options{.workers = 4, .rx_queues = 1, .tx_queues = 1},
                                         WorkerWorld::Options{.workers = 4, .rx_queues = 2, .tx_queues = 2}),
                         [](const auto& row) {
                           return std::to_string(row.param.workers) + "_workers_" +
                                  std::to_string(row.param.rx_queues) + "_queues";
                         });

// What one worker learns all know: each asks for itself, one reply serves them.
TEST(MeshArp, OneReplyTeachesEveryWorker) {
  WorkerWorld world({.workers = 4});
  world.know_neighbours();
  for (std::uint16_t flow = 0; flow < 64; ++flow)
    world.arrive(kHosts, request(static_cast<std::uint16_t>(2000 + flow)));
  world.run();
  EXPECT_EQ(world.total().held, 0U);
  EXPECT_EQ(world.sent_packets(kTenants).size(), 64U);
}

TEST(MeshRings, WhatAFullRingDoesNotTakeIsCounted) {
  WorkerWorld world({.workers = 2, .hand_over_ring = 16});
  world.know_neighbours();
  for (std::uint16_t flow = 0; flow < 60; ++flow)
    world.arrive(kHosts, request(static_cast<std::uint16_t>(2000 + flow)));
  world.worker(0).step(world.now);
  EXPECT_EQ(world.worker(0).account().read().balance(), 0);
  EXPECT_GT(dropped(world, Drop::home_ring_full), 0U);
  world.run();
}

TEST(DeviceHashes, ThatAgreeAreTrustedAndThenUsed) {
  WorkerWorld world({.workers = 2, .device_hashes = true});
  world.know_neighbours();
  const auto send = [&](std::uint16_t port, std::uint32_t flip) {
    const HomeTuple tuple{Ipv4Address::of(100, 64, 0, 5), Ipv4Address::of(10, 0, 1, 53), L4Port::from_host(port),
                          L4Port::from_host(53)};
    world.arrive_hashed(kHosts, request(port), world.home().hash(tuple) ^ flip);
    world.run();
  };
  EXPECT_EQ(world.worker(0).device_hash(kHosts).trust(), HashTrust::kComparing);
  for (std::uint16_t port = 0; port < 64; ++port) send(static_cast<std::uint16_t>(3000 + port), 0);
  EXPECT_EQ(world.worker(0).device_hash(kHosts).trust(), HashTrust::kTrusted);
  EXPECT_EQ(world.sent_packets(kTenants).size(), 64U);
  // Believed now: another bucket's hash goes to the other worker.
  const std::uint64_t before = world.worker(0).account().read().handed_over;
  const HomeTuple tuple{Ipv4Address::of(100, 64, 0, 5), Ipv4Address::of(10, 0, 1, 53), L4Port::from_host(3000),
                        L4Port::from_host(53)};
  const bool at_home = world.home().worker_of(world.home().hash(tuple)) == 0;
  send(3000, 1);
  EXPECT_EQ(world.worker(0).account().read().handed_over - before, at_home ? 1U : 0U);
}

TEST(DeviceHashes, ThatDifferAreDistrustedAndFlowsDoNotSuffer) {
  WorkerWorld world({.workers = 2, .device_hashes = true});
  world.know_neighbours();
  for (std::uint16_t port = 0; port < 100; ++port) {
    world.arrive_hashed(kHosts, request(static_cast<std::uint16_t>(3000 + port)), port * 0x01010101U);
  }
  world.run();
  EXPECT_EQ(world.worker(0).device_hash(kHosts).trust(), HashTrust::kDistrusted);
  EXPECT_EQ(world.sent_packets(kTenants).size(), 100U);
  EXPECT_EQ(world.worker(0).device_hash(kTenants).trust(), HashTrust::kComparing) << "another port's is another matter";
}

TEST(TableSwitch, KeepsFlowsThatStandAndSweepsTheOthers) {
  WorkerWorld world({.workers = 2});
  world.know_neighbours();
  for (std::uint16_t flow = 0; flow < 50; ++flow) {
    world.arrive(kHosts, request(static_cast<std::uint16_t>(2000 + flow)));
    world.arrive(kBench, to_gateway() / (Ip{.src = "100.64.0.9", .dst = "10.0.1.53"} /
                                         Udp{.src = static_cast<std::uint16_t>(2000 + flow), .dst = 53}));
  }
  world.run();
  const auto open = [&] { return world.worker(0).nat().open_flows() + world.worker(1).nat().open_flows(); };
  const std::uint32_t before = open();
  config::Table next = every_segment(2);
  next.mappings.erase(next.mappings.begin() + 2);  // the plain attachment's
  world.publish(next);
  for (int i = 0; i < 100; ++i) world.run();  // sweeping is bounded each round
  for (std::size_t worker = 0; worker < 2; ++worker) {
    EXPECT_EQ(world.worker(worker).adopted(), &world.tables());
    EXPECT_EQ(world.worker(worker).swept(), &world.tables());
  }
  EXPECT_EQ(open(), before - 50);
  world.sent(kTenants);
  world.arrive(kHosts, request(2000));
  world.run();
  EXPECT_EQ(world.sent_packets(kTenants).size(), 1U);
  EXPECT_EQ(open(), before - 50);
}

}  // namespace
}  // namespace hypernat::dataplane
