#include "control/cli/coldstart/poller.h"

#include <exception>
#include <utility>

namespace hypernat::coldstart {

Poller::Poller(std::chrono::milliseconds interval, std::function<void()> ask)
    : interval_(interval), ask_(std::move(ask)), thread_([this] { run(); }) {}

Poller::~Poller() {
  stop();
}

void Poller::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Poller::run() {
  try {
    std::unique_lock lock(mutex_);
    while (!is_over_) {
      lock.unlock();
      ask_();
      lock.lock();
      wake_.wait_for(lock, interval_, [this] { return is_over_; });
    }
    ask_();
  } catch (const std::exception& error) {
    problem_ = error.what();
  }
}

}  // namespace hypernat::coldstart
