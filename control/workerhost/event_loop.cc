#include "control/workerhost/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>

namespace hypernat::workerhost {

EventLoop::EventLoop() : epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "making an epoll descriptor")) {}

void EventLoop::watch(int fd, std::uint32_t events, Handler handler) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "watching a descriptor");
  handlers_[fd] = std::make_shared<Handler>(std::move(handler));
}

void EventLoop::unwatch(int fd) {
  if (handlers_.erase(fd) > 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::Timer EventLoop::at(Clock::time_point when, std::function<void()> action) {
  const Timer timer{when, next_timer_++};
  timers_.emplace(timer, std::move(action));
  return timer;
}

int EventLoop::milliseconds_to_next_timer() const {
  if (timers_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first.first - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

void EventLoop::run_due_timers() {
  const auto now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const auto action = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    action();
  }
}

void EventLoop::run() {
  while (!stopped_) {
    epoll_event event{};
    const int ready = ::epoll_wait(epoll_.get(), &event, 1, milliseconds_to_next_timer());
    if (ready < 0 && errno != EINTR) throw_errno("waiting for events");
    if (ready > 0) {
      const auto found = handlers_.find(event.data.fd);
      if (found != handlers_.end()) {
        const auto handler = found->second;
        (*handler)(event.events);
      }
    }
    run_due_timers();
  }
}

}  // namespace hypernat::workerhost
