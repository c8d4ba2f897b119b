#include "control/cli/step_runner.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <span>
#include <string>
#include <thread>

#include "control/cli/errors.h"

namespace hypernat::cli {
namespace {

bool is_of_one_run(const Step& a, const Step& b) {
  return a.key.kind == b.key.kind && (a.action == Action::kDelete) == (b.action == Action::kDelete);
}

// Subnets may trade their segments, which only works in some order: the one they were given in.
bool is_ordered(std::span<const Step> run) {
  return run.front().key.kind == ObjectKind::kSubnet &&
         std::any_of(run.begin(), run.end(), [](const Step& step) { return step.action == Action::kChange; });
}

// Steps that do not need each other.
class Run {
 public:
  Run(std::span<const Step> steps, const StepActions& actions) : steps_(steps), actions_(actions) {
    states_.resize(steps.size());
  }

  void take_all() {
    const std::size_t takers = is_ordered(steps_) ? 1 : std::min(kStepTakers, steps_.size());
    std::vector<std::thread> others;
    for (std::size_t taker = 1; taker < takers; ++taker) others.emplace_back([this, taker] { take_some(taker); });
    take_some(0);
    for (auto& other : others) other.join();
    tell_finished();
  }

  const std::exception_ptr& failure() const { return failure_; }
  std::size_t count_taken() const {
    return static_cast<std::size_t>(std::count(states_.begin(), states_.end(), State::kTaken));
  }

 private:
  enum class State : char { kWaiting, kTaken, kRefused };

  void take_some(std::size_t taker) {
    std::unique_lock lock(mutex_);
    while (!failure_ && next_ < steps_.size()) {
      const auto index = next_++;
      lock.unlock();
      std::exception_ptr failure;
      try {
        actions_.take(taker, steps_[index]);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      states_[index] = failure ? State::kRefused : State::kTaken;
      if (failure && !failure_) failure_ = failure;
      if (!failure_) tell_in_order();
    }
  }

  // Every step up to the first that is still under way.
  void tell_in_order() {
    while (told_ < next_ && states_[told_] == State::kTaken) actions_.taken(steps_[told_++]);
  }

  // After a refusal there are gaps among those taken.
  void tell_finished() {
    for (; told_ < next_; ++told_)
      if (states_[told_] == State::kTaken) actions_.taken(steps_[told_]);
  }

  const std::span<const Step> steps_;
  const StepActions& actions_;
  std::mutex mutex_;  // guards everything below while there are several takers
  std::vector<State> states_;
  std::size_t next_ = 0;
  std::size_t told_ = 0;
  std::exception_ptr failure_;
};

[[noreturn]] void refuse(const std::exception_ptr& failure, std::size_t taken, std::size_t all) {
  const std::string count = "; " + std::to_string(taken) + " of " + std::to_string(all) + " steps were taken";
  try {
    std::rethrow_exception(failure);
  } catch (const CommandError& error) {
    throw CommandError(error.what() + count, error.remedy());
  } catch (const std::exception& error) {
    throw CommandError(error.what() + count);
  }
}

}  // namespace

void run_steps(const std::vector<Step>& steps, const StepActions& actions) {
  std::size_t taken = 0;
  for (auto begin = steps.begin(); begin != steps.end();) {
    const auto end = std::find_if(begin, steps.end(), [&](const Step& step) { return !is_of_one_run(*begin, step); });
    Run run({begin, end}, actions);
    run.take_all();
    taken += run.count_taken();
    if (run.failure()) refuse(run.failure(), taken, steps.size());
    begin = end;
  }
}

}  // namespace hypernat::cli
