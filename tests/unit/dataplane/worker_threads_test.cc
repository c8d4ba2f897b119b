// Workers on threads of their own: hand-over, flows of one that another owns, table switch, mailbox, trace and stop,
// all at once. For the thread sanitizer above all; what it asserts is that nothing is lost.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "dataplane/process/idling.h"
#include "dataplane/process/roster.h"
#include "tests/unit/dataplane/worker_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Ip;
using craft::Udp;
using namespace std::chrono_literals;

constexpr std::uint16_t kWorkers = 3;
constexpr std::uint16_t kTxQueues = 2;
constexpr std::uint16_t kFlows = 20;  // of each worker's queue
constexpr int kRounds = 30;

// A packet of each flow for a worker's own queue.
void arrive_at(WorkerWorld& world, std::uint16_t number) {
  for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
    const auto port = static_cast<std::uint16_t>(1000 + number * kFlows + flow);
    world.arrive(
        kHosts,
        from_host() / (to_gateway() / (Ip{.src = "100.64.0.5", .dst = "10.0.1.53"} / Udp{.src = port, .dst = 53})),
        number);
  }
}

// What one thread does: fill its own queue, work, empty its own queue. Frames meet other threads on the workers' own
// rings only, since the devices' are compiled without the sanitizer.
std::size_t work(WorkerWorld& world, std::uint16_t number, const std::atomic<bool>& stop) {
  const Clock clock;
  std::size_t delivered = 0;
  for (int round = 0; !stop.load(std::memory_order_relaxed); ++round) {
    if (round < kRounds) arrive_at(world, number);
    world.worker(number).step(world.now + clock.now());
    if (number < kTxQueues) delivered += world.sent_by(kTenants, number).size();
    std::this_thread::yield();
  }
  return delivered;
}

std::uint64_t outbound(WorkerWorld& world) {
  std::uint64_t packets = 0;
  for (std::size_t number = 0; number < world.workers(); ++number) {
    for (const InterfaceCounters& counters : world.worker(number).nat().interface_counters()) {
      packets += counters.outbound_packets.read();
    }
  }
  return packets;
}

TEST(Threads, HandOverAndSwitchTablesUnderTraffic) {
  WorkerWorld world({.workers = kWorkers,
                     .rx_queues = kWorkers,
                     .tx_queues = kTxQueues,
                     .hand_over_ring = 4096,
                     .report_ring = 8,
                     .flows = 32'768});
  world.know_neighbours();
  // Flows that are at home with the first worker are the others' from here on.
  std::uint32_t used = 0;
  world.use_up_ports(0, used);
  ASSERT_EQ(world.worker(0).nat().redirects(), 0U);
  const std::uint64_t wanted = outbound(world) + std::uint64_t{kWorkers} * kFlows * kRounds;
  std::atomic<bool> stop{false};
  std::vector<std::future<std::size_t>> threads;
  const Clock clock;
  TraceFilter filter;
  filter.left = 100;
  world.orders().trace.store(&filter);
  for (std::uint16_t number = 0; number < kWorkers; ++number) {
    threads.push_back(std::async(std::launch::async, [&world, &stop, number] { return work(world, number, stop); }));
  }

  std::size_t records = 0;
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  std::uint64_t generation = 1;
  while (outbound(world) < wanted && std::chrono::steady_clock::now() < deadline) {
    config::Table next = every_segment(++generation);
    if (generation % 2 == 0) next.mappings.pop_back();
    world.publish(next);
    for (std::uint16_t number = 0; number < kWorkers; ++number) {
      Mailbox& mailbox = world.worker(number).mailbox();
      ASSERT_TRUE(mailbox.ask(Mailbox::Question::kFlows, 0, 5s));
      ASSERT_TRUE(mailbox.ask(Mailbox::Question::kAccount, 0, 5s));
      EXPECT_EQ(mailbox.answer().account.balance(), 0);
      while (world.worker(number).adopted() != &world.tables()) std::this_thread::sleep_for(1ms);
      while (world.worker(number).trace().pop()) ++records;
    }
  }
  world.orders().trace.store(nullptr);
  stop.store(true);
  std::size_t delivered = 0;
  for (auto& thread : threads) delivered += thread.get();
  world.run(clock.now());  // what was on the rings when the threads stopped, and no earlier than they did
  delivered += world.sent_packets(kTenants).size();
  EXPECT_GE(delivered, std::size_t{kWorkers} * kFlows * kRounds);
  EXPECT_GT(generation, 2U);
  for (std::uint16_t number = 0; number < kWorkers; ++number) {
    while (world.worker(number).trace().pop()) ++records;
    EXPECT_EQ(world.worker(number).account().read().balance(), 0);
  }
  EXPECT_EQ(records, 100U);
  EXPECT_GT(world.worker(0).nat().redirects(), 0U);
  EXPECT_EQ(world.total().handed_over, world.total().taken_over);
}

// Two lcores hand all workers to and fro while packets go through them.
TEST(Threads, WorkersChangeHandsUnderTraffic) {
  WorkerWorld world({.workers = kWorkers, .rx_queues = kWorkers, .tx_queues = kTxQueues, .hand_over_ring = 4096});
  world.know_neighbours();
  const std::uint64_t wanted_packets = outbound(world) + std::uint64_t{kWorkers} * kFlows;
  for (std::uint16_t number = 0; number < kWorkers; ++number) arrive_at(world, number);
  Roster roster(kWorkers);
  const Clock clock;
  const auto run = [&](unsigned lcore) {
    roster.run(
        lcore, [&](std::uint16_t worker) { return world.worker(worker).step(world.now + clock.now()); },
        Idling(std::chrono::microseconds(10)));
  };
  std::vector<std::future<void>> lcores;
  for (const unsigned lcore : {1U, 2U}) {
    ASSERT_TRUE(roster.keep(lcore));
    lcores.push_back(std::async(std::launch::async, run, lcore));
  }
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  unsigned moves = 0;
  while ((outbound(world) < wanted_packets || moves < 30) && std::chrono::steady_clock::now() < deadline) {
    ++moves;
    // Both have one at least, so that neither ends.
    const std::array<unsigned, kWorkers> wanted{1 + moves % 2, 1 + (moves + 1) % 2, 1 + moves / 2 % 2};
    roster.want(wanted);
    for (std::uint16_t number = 0; number < kWorkers; ++number) {
      ASSERT_TRUE(world.worker(number).mailbox().ask(Mailbox::Question::kAccount, 0, 5s));
      EXPECT_EQ(world.worker(number).mailbox().answer().account.balance(), 0);
    }
  }
  roster.stop();
  for (auto& lcore : lcores) lcore.get();
  world.run(clock.now());
  EXPECT_EQ(outbound(world), wanted_packets);
  EXPECT_EQ(world.total().handed_over, world.total().taken_over);
}

// A worker that does not run answers nothing, and the question does not hang.
TEST(Mailboxes, OfAWorkerThatStandsTimeOut) {
  WorkerWorld world;
  Mailbox& mailbox = world.worker(0).mailbox();
  EXPECT_FALSE(mailbox.ask(Mailbox::Question::kAccount, 0, 5ms));
  std::thread asker([&] { EXPECT_TRUE(mailbox.ask(Mailbox::Question::kNeighbours, 0, 5s)); });
  for (int round = 0; round < 100; ++round) {
    world.run();
    std::this_thread::sleep_for(1ms);
  }
  asker.join();
}

}  // namespace
}  // namespace hypernat::dataplane
