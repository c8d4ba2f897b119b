#include "control/workerhost/event_loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <string>

namespace hypernat::workerhost {
namespace {

using namespace std::chrono_literals;

UniqueFd ready_descriptor() {
  return UniqueFd(::eventfd(1, EFD_CLOEXEC));
}

TEST(EventLoop, TimersGoOffInOrderOfTheirMomentsThenOfTheirMaking) {
  EventLoop loop;
  const auto now = EventLoop::Clock::now();
  std::string order;
  loop.at(now, [&] { order += 'b'; });
  loop.at(now - 1ms, [&] { order += 'a'; });
  loop.at(now, [&] { order += 'c'; });
  loop.at(now + 1ms, [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(order, "abc");
}

TEST(EventLoop, ACancelledTimerStaysSilentAlsoWhenItIsDueAlready) {
  EventLoop loop;
  const auto now = EventLoop::Clock::now();
  EventLoop::Timer second;
  bool went_off = false;
  loop.at(now - 2ms, [&] { loop.cancel(second); });
  second = loop.at(now - 1ms, [&] { went_off = true; });
  loop.at(now, [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(went_off);
}

TEST(EventLoop, AHandlerMayUnwatchItself) {
  EventLoop loop;
  const UniqueFd fd = ready_descriptor();
  int calls = 0;
  loop.watch(fd.get(), EPOLLIN, [&](std::uint32_t) {
    ++calls;
    loop.unwatch(fd.get());
    loop.at(EventLoop::Clock::now() + 5ms, [&] { loop.stop(); });
  });
  loop.run();
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, AHandlerThatRemovesAnotherReadyDescriptorIsNotFollowedByItsEvent) {
  EventLoop loop;
  UniqueFd first = ready_descriptor();
  UniqueFd second = ready_descriptor();
  int calls = 0;
  const auto only_once = [&](std::uint32_t) {
    ++calls;
    loop.unwatch(first.get());
    loop.unwatch(second.get());
    first.reset();
    second.reset();
    loop.at(EventLoop::Clock::now() + 5ms, [&] { loop.stop(); });
  };
  loop.watch(first.get(), EPOLLIN, only_once);
  loop.watch(second.get(), EPOLLIN, only_once);
  loop.run();
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, WhatAHandlerThrowsEndsTheLoop) {
  EventLoop loop;
  loop.at(EventLoop::Clock::now(), [] { throw std::runtime_error("enough"); });
  EXPECT_THROW(loop.run(), std::runtime_error);
}

}  // namespace
}  // namespace hypernat::workerhost
