#include "control/workerhost/start_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hypernat::workerhost {
namespace start_queue_test {

using namespace std::chrono_literals;

/// A queue whose environments write their names when they begin.
struct Waiting {
  explicit Waiting(const StartQueue::Limits& limits) : queue(loop, limits) {}

  StartQueue::Turn join(char name) {
    return queue.join([this, name] { begun += name; });
  }
  /// Lets the loop do what is due after `time`.
  void run_for(EventLoop::Clock::duration time = 0ms) {
    loop.at(EventLoop::Clock::now() + time, [this] { loop.at(EventLoop::Clock::now(), [this] { loop.stop(); }); });
    loop.run();
  }

  EventLoop loop;
  StartQueue queue;
  std::string begun;
};

TEST(StartQueue, LetsAFewBeginAtOnceInTheOrderInWhichTheyCame) {
  Waiting waiting({.at_once = 2});
  for (const char name : {'a', 'b', 'c', 'd'}) waiting.join(name);
  EXPECT_EQ(waiting.begun, "");
  waiting.run_for();
  EXPECT_EQ(waiting.begun, "ab");
}

TEST(StartQueue, LetsTheNextBeginWhenOneHasLeft) {
  Waiting waiting({.at_once = 1});
  const auto first = waiting.join('a');
  waiting.join('b');
  waiting.join('c');
  waiting.loop.at(EventLoop::Clock::now() + 1ms, [&] {
    EXPECT_EQ(waiting.begun, "a");
    waiting.queue.leave(first);
    waiting.queue.leave(first);
  });
  waiting.run_for(2ms);
  EXPECT_EQ(waiting.begun, "ab");
}

TEST(StartQueue, ForgetsWhoLeavesBeforeItsTurn) {
  Waiting waiting({.at_once = 1});
  const auto first = waiting.join('a');
  const auto second = waiting.join('b');
  waiting.join('c');
  waiting.queue.leave(second);
  waiting.loop.at(EventLoop::Clock::now() + 1ms, [&] { waiting.queue.leave(first); });
  waiting.run_for(2ms);
  EXPECT_EQ(waiting.begun, "ac");
}

TEST(StartQueue, WaitsNoLongerForAStartThatHangs) {
  Waiting waiting({.at_once = 1, .patience = 1ms});
  waiting.join('a');
  waiting.join('b');
  waiting.run_for(20ms);
  EXPECT_EQ(waiting.begun, "ab");
}

TEST(StartQueue, GoesOnWhenABeginningFailsAtOnce) {
  EventLoop loop;
  StartQueue queue(loop, {.at_once = 1});
  std::vector<int> begun;
  StartQueue::Turn first = 0;
  first = queue.join([&] {
    begun.push_back(1);
    queue.leave(first);
  });
  queue.join([&] {
    begun.push_back(2);
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(begun, (std::vector{1, 2}));
}

}  // namespace start_queue_test
}  // namespace hypernat::workerhost
