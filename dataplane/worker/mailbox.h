// A question to a worker, answered between bursts: a page of its flows or neighbours, or a copy of its account.
//
// The asking thread waits; the worker looks once a round, copies a bounded amount and goes on. One question at a time:
// whoever asks holds a lock of its own.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "dataplane/attach/neighbours.h"
#include "dataplane/nat/flow_view.h"
#include "dataplane/worker/account.h"

namespace hypernat::dataplane {

class Mailbox {
 public:
  static constexpr std::size_t kPage = 16;
  enum class Question : std::uint8_t { kAccount, kFlows, kNeighbours };

  struct Answer {
    AccountView account;
    std::uint32_t open_flows = 0;
    std::uint32_t redirects = 0;
    std::uint32_t remotes = 0;
    std::uint32_t port_bitmaps = 0;
    std::uint32_t datagrams = 0;  ///< that come in fragments
    std::array<FlowView, kPage> flows{};
    std::array<Neighbour, kPage> neighbours{};
    std::size_t filled = 0;
    std::uint32_t next = kNone;  ///< cursor to go on with
    Tick now = 0;
  };

  /// False when the worker did not answer in time; then nothing is under way any more.
  bool ask(Question question, std::uint32_t cursor, std::chrono::milliseconds patience) {
    question_ = question;
    cursor_ = cursor;
    state_.store(State::kAsked, std::memory_order_release);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (state_.load(std::memory_order_acquire) != State::kAnswered) {
      State asked = State::kAsked;
      if (std::chrono::steady_clock::now() > deadline &&
          state_.compare_exchange_strong(asked, State::kIdle, std::memory_order_acq_rel)) {
        return false;
      }
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
    state_.store(State::kIdle, std::memory_order_relaxed);
    return true;
  }
  /// After `ask` returned true.
  const Answer& answer() const { return answer_; }

  /// Worker: calls `fill(question, cursor, answer)` when there is a question.
  template <typename Fill>
  void serve(Fill&& fill) {
    State asked = State::kAsked;
    if (state_.load(std::memory_order_relaxed) != State::kAsked ||
        !state_.compare_exchange_strong(asked, State::kAnswering, std::memory_order_acq_rel)) {
      return;
    }
    fill(question_, cursor_, answer_);
    state_.store(State::kAnswered, std::memory_order_release);
  }

 private:
  enum class State : std::uint8_t { kIdle, kAsked, kAnswering, kAnswered };
  std::atomic<State> state_{State::kIdle};
  Question question_ = Question::kAccount;  ///< written by the asker while idle
  std::uint32_t cursor_ = 0;                ///< likewise
  Answer answer_;                           ///< written by the worker while answering
};

}  // namespace hypernat::dataplane
