// Workers on threads of their own: hand-over, flows of one that another owns, table switch, mailbox, trace and stop,
// all at once. For the thread sanitizer above all; what it asserts is that nothing is lost.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

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

// What one thread does: fill its own queue, work, empty its own queue. Frames meet other threads on the workers' own
// rings only, since the devices' are compiled without the sanitizer.
std::size_t work(WorkerWorld& world, std::uint16_t number, const std::atomic<bool>& stop) {
  const Clock clock;
  std::size_t delivered = 0;
  for (int round = 0; !stop.load(std::memory_order_relaxed); ++round) {
    for (std::uint16_t flow = 0; round < kRounds && flow < kFlows; ++flow) {
      const auto port = static_cast<std::uint16_t>(1000 + number * kFlows + flow);
      world.arrive(
          kHosts,
          from_host() / (to_gateway() / (Ip{.src = "100.64.0.5", .dst = "10.0.1.53"} / Udp{.src = port, .dst = 53})),
          number);
    }
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

TEST(Threads, RunStopsWhenToldTo) {
  WorkerWorld world;
  const Clock clock;
  std::thread thread([&] { world.worker(0).run(clock); });
  EXPECT_TRUE(world.worker(0).mailbox().ask(Mailbox::Question::kAccount, 0, 5s));
  world.orders().stop.store(true);
  thread.join();
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
