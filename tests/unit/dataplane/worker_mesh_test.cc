// Several workers: packets come home wherever they arrive, and every account closes.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/unit/dataplane/worker_world.h"

namespace hypernat::dataplane {
namespace worker_mesh {

using craft::Bytes;
using craft::Ip;
using craft::Udp;

craft::Seen inner(const Bytes& frame) {
  return craft::look_at(inner_packet(frame));
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

// Worker 0 has no port left towards 10.0.1.53, port 53; the openings that arrive at home there are the others'.
class MeshPassing : public testing::Test {
 protected:
  static constexpr std::uint16_t kWorkers = 16;  // small shares, quickly used up

  void make(WorkerWorld::Options options) {
    options.workers = kWorkers;
    options.flows = 8192;
    options.held_per_next_hop = 64;
    world_ = std::make_unique<WorkerWorld>(options);
    world_->know_neighbours();
    world_->use_up_ports(0, next_);
    EXPECT_EQ(redirects(), 0U);
  }
  Bytes request_at_home() { return world_->request_at_home(0, next_); }
  // What goes to a neighbour that its worker does not know yet waits for him.
  void run() {
    world_->run();
    world_->answer_segment(from_vtep(), "10.0.1.53");
    world_->answer_underlay(kHosts, "192.0.2.11");
    world_->run();
  }
  std::uint32_t redirects() const { return world_->worker(0).nat().redirects(); }
  std::uint32_t open_flows() const {
    std::uint32_t open = 0;
    for (std::size_t worker = 0; worker < kWorkers; ++worker) open += world_->worker(worker).nat().open_flows();
    return open;
  }
  void expect_nothing_stays() {
    world_->run(400'000);
    for (int round = 0; round < 100 && open_flows() + redirects() > 0; ++round) world_->run();
    EXPECT_EQ(open_flows(), 0U);
    EXPECT_EQ(redirects(), 0U);
    EXPECT_EQ(world_->total().handed_over, world_->total().taken_over);
  }

  std::unique_ptr<WorkerWorld> world_;
  std::uint32_t next_ = 0;
};

TEST_F(MeshPassing, FlowsWithoutAPortAtHomeAreTheNextWorkersAndBothWaysWork) {
  make({});
  const std::uint32_t before = world_->worker(1).nat().open_flows();
  const Bytes sent = request_at_home();
  world_->arrive(kHosts, sent);
  run();
  const auto out = world_->sent_packets(kTenants);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(redirects(), 1U);
  EXPECT_EQ(world_->worker(1).nat().open_flows(), before + 1);
  world_->arrive(kHosts, sent);
  run();
  const auto again = world_->sent_packets(kTenants);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(inner(again[0]).src_port, inner(out[0]).src_port);
  EXPECT_EQ(world_->worker(1).nat().open_flows(), before + 1);

  world_->sent(kHosts);
  world_->arrive(kTenants, from_vtep() / (to_interface(1) / (Ip{.src = "10.0.1.53", .dst = "10.0.1.20"} /
                                                             Udp{.src = 53, .dst = inner(out[0]).src_port})));
  run();
  const auto back = world_->sent_packets(kHosts);
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(inner(back[0]).dst_port, inner(sent).src_port);
  EXPECT_EQ(inner(back[0]).dst, inner(sent).src);
  expect_nothing_stays();
}

TEST_F(MeshPassing, WhatAFullRingDoesNotTakeLeavesNoRedirect) {
  make({.hand_over_ring = 16});
  for (int flow = 0; flow < 60; ++flow) world_->arrive(kHosts, request_at_home());
  world_->worker(0).step(world_->now);
  EXPECT_EQ(redirects(), 15U) << "what a ring of sixteen takes";
  EXPECT_EQ(dropped(*world_, Drop::home_ring_full), 45U);
  EXPECT_EQ(world_->worker(0).account().read().balance(), 0);
  run();
  EXPECT_EQ(redirects(), 15U);
  EXPECT_EQ(world_->sent_packets(kTenants).size(), 15U);
  expect_nothing_stays();
}

TEST_F(MeshPassing, ReportsThatARingHasNoRoomForComeLater) {
  make({.report_ring = 2});  // takes one
  for (int flow = 0; flow < 50; ++flow) world_->arrive(kHosts, request_at_home());
  world_->worker(0).step(world_->now);
  world_->worker(1).step(world_->now);
  EXPECT_TRUE(world_->worker(1).nat().has_reports());
  run();
  EXPECT_EQ(world_->sent_packets(kTenants).size(), 50U);
  EXPECT_EQ(redirects(), 50U);
  for (int round = 0; round < 50; ++round) world_->run();
  EXPECT_FALSE(world_->worker(1).nat().has_reports());
  expect_nothing_stays();
}

TEST_F(MeshPassing, IsToldByTheTrace) {
  make({});
  TraceFilter filter;
  filter.left = 100;
  world_->orders().trace.store(&filter);
  const Bytes sent = request_at_home();
  world_->arrive(kHosts, sent);
  run();
  world_->arrive(kHosts, sent);
  run();
  world_->orders().trace.store(nullptr);
  std::vector<TraceRecord> records;
  for (std::size_t worker : {0U, 1U}) {
    while (const auto record = world_->worker(worker).trace().pop()) {
      if (record->side == Side::kInside && record->verdict != Verdict::kConsumed) records.push_back(*record);
    }
  }
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[0].verdict, Verdict::kHandedOver);
  EXPECT_EQ(records[0].pass, PassKind::kOpening);
  EXPECT_EQ(records[0].to_worker, 1);
  EXPECT_EQ(records[1].pass, PassKind::kRedirected);
  EXPECT_EQ(records[1].to_worker, 1);
  EXPECT_TRUE(records[2].opened);
  EXPECT_EQ(records[2].home, 0) << "not where it was opened";
  EXPECT_EQ(records[3].verdict, Verdict::kForward);
  EXPECT_FALSE(records[3].opened);
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

// All arrive at one worker; half of them are another's, and go there on the ring.
TEST(PacketLimit, IsAskedWherePacketsArriveAndOnceForEach) {
  WorkerWorld world({.workers = 2, .rx_queues = 1, .hand_over_ring = 64});
  world.know_neighbours();
  config::Table table = every_segment(2);
  table.tenants[0].limits.packets_per_second = 40;
  world.publish(table);
  world.run();
  world.sent(kTenants);
  const std::uint64_t handed_over = world.total().handed_over;
  for (std::uint16_t port = 0; port < 300; ++port)
    world.arrive(kHosts, request(static_cast<std::uint16_t>(1000 + port)));
  world.run();
  EXPECT_EQ(world.sent_packets(kTenants).size(), 40U);
  EXPECT_EQ(dropped(world, Drop::tenant_packet_limit), 260U);
  EXPECT_EQ(dropped(world, Drop::home_ring_full), 0U) << "the flood does not reach the rings";
  EXPECT_GT(world.total().handed_over - handed_over, 5U);
  world.run(500);
  for (std::uint16_t port = 0; port < 40; ++port)
    world.arrive(kHosts, request(static_cast<std::uint16_t>(1000 + port)));
  world.run();
  EXPECT_EQ(world.sent_packets(kTenants).size(), 20U);
}

}  // namespace worker_mesh
}  // namespace hypernat::dataplane
