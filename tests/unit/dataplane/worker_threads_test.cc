// Workers on threads of their own: hand-over, table switch, mailbox, trace and stop, all at once. For the thread
// sanitizer above all; what it asserts is that nothing is lost.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/unit/dataplane/worker_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Ip;
using craft::Udp;
using namespace std::chrono_literals;

TEST(Threads, HandOverAndSwitchTablesUnderTraffic) {
  constexpr std::uint16_t kWorkers = 3;
  WorkerWorld world({.workers = kWorkers, .rx_queues = kWorkers, .tx_queues = 2});
  world.know_neighbours();
  const Clock clock;
  std::vector<std::thread> threads;
  for (std::uint16_t number = 0; number < kWorkers; ++number) {
    threads.emplace_back([&, number] { world.worker(number).run(clock); });
  }
  TraceFilter filter;
  filter.left = 100;
  world.orders().trace.store(&filter);

  std::size_t delivered = 0;
  std::size_t records = 0;
  for (std::uint64_t generation = 2; generation < 12; ++generation) {
    for (std::uint16_t flow = 0; flow < 60; ++flow) {
      world.arrive(kHosts,
                   from_host() / (to_gateway() / (Ip{.src = "100.64.0.5", .dst = "10.0.1.53"} /
                                                  Udp{.src = static_cast<std::uint16_t>(1000 + flow), .dst = 53})),
                   flow % kWorkers);
    }
    config::Table next = every_segment(generation);
    if (generation % 2 == 0) next.mappings.pop_back();
    world.publish(next);
    for (std::uint16_t number = 0; number < kWorkers; ++number) {
      Mailbox& mailbox = world.worker(number).mailbox();
      ASSERT_TRUE(mailbox.ask(Mailbox::Question::kAccount, 0, 5s));
      EXPECT_EQ(mailbox.answer().account.balance(), 0);
      ASSERT_TRUE(mailbox.ask(Mailbox::Question::kFlows, 0, 5s));
      while (world.worker(number).adopted() != &world.tables()) std::this_thread::sleep_for(1ms);
      while (world.worker(number).trace().pop()) ++records;
    }
    delivered += world.sent_packets(kTenants).size();
  }
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  while (delivered < 600 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(1ms);
    delivered += world.sent_packets(kTenants).size();
  }
  EXPECT_EQ(delivered, 600U);
  world.orders().trace.store(nullptr);
  world.orders().stop.store(true);
  for (std::thread& thread : threads) thread.join();
  for (std::uint16_t number = 0; number < kWorkers; ++number) {
    while (world.worker(number).trace().pop()) ++records;
  }
  EXPECT_EQ(records, 100U);
  for (std::uint16_t number = 0; number < kWorkers; ++number) {
    EXPECT_EQ(world.worker(number).account().read().balance(), 0);
  }
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
