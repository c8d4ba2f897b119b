#include "dataplane/process/crew.h"

#include <pthread.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <sched.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <stdexcept>
#include <thread>

#include "dataplane/port/eal.h"
#include "dataplane/process/idling.h"

namespace hypernat::dataplane {
namespace {

// How long a move is waited for, so that what is logged of it has happened.
constexpr int kMoveRounds = 100;
constexpr std::chrono::milliseconds kMoveRound{1};

// A signal of a device then has the worker running at once, whatever ran on its CPU.
void take_precedence() {
  const sched_param lowest{.sched_priority = sched_get_priority_min(SCHED_RR)};
  const int error = pthread_setschedparam(pthread_self(), SCHED_RR, &lowest);
  if (error != 0)
    spdlog::warn("no real-time scheduling for a worker, which goes on as an ordinary thread: {}", std::strerror(error));
}

std::string name_of(unsigned lcore) {
  return "lcore " + std::to_string(lcore);
}

}  // namespace

Crew::Crew(std::span<const std::unique_ptr<Worker>> workers, std::span<const unsigned> lcores, const Clock& clock,
           const Options& options)
    : workers_(workers),
      clock_(clock),
      options_(options),
      roster_(static_cast<std::uint16_t>(workers.size())),
      lcores_(workers.size(), kNoLcore) {
  for (const unsigned lcore : lcores) memory_.push_back(rte_lcore_to_socket_id(lcore));
  try {
    start(lcores);
  } catch (...) {
    stop();
    throw;
  }
}

Crew::~Crew() {
  stop();
}

void Crew::stop() {
  roster_.stop();
  rte_eal_mp_wait_lcore();
}

int Crew::run(void* crew) {
  static_cast<Crew*>(crew)->run_lcore(rte_lcore_id());
  return 0;
}

void Crew::run_lcore(unsigned lcore) {
  const sigset_t of_devices = device_signals();
  pthread_sigmask(SIG_UNBLOCK, &of_devices, nullptr);
  if (options_.scheduling == config::WorkerScheduling::kRealTime) take_precedence();
  roster_.run(
      lcore, [this](std::uint16_t worker) { return workers_[worker]->step(clock_.now()); },
      Idling(options_.idle_sleep));
  // Whoever polls is to be woken, and this one does not any more.
  pthread_sigmask(SIG_BLOCK, &of_devices, nullptr);
}

void Crew::start(std::span<const unsigned> lcores) {
  for (const unsigned lcore : std::set<unsigned>(lcores.begin(), lcores.end())) {
    if (!roster_.keep(lcore)) continue;
    rte_eal_wait_lcore(lcore);  // its last loop ended or is about to
    if (rte_eal_remote_launch(run, this, lcore) == 0) continue;
    roster_.unkeep(lcore);
    roster_.want(lcores_);
    throw std::runtime_error(name_of(lcore) + " does not start");
  }
  lcores_.assign(lcores.begin(), lcores.end());
  roster_.want(lcores_);
}

void Crew::move(std::span<const unsigned> lcores) {
  const std::vector<unsigned> before = lcores_;
  start(lcores);
  const auto arrived = [this](std::uint16_t worker) { return has_arrived(worker); };
  waiting_.clear();
  std::string moves;
  for (std::uint16_t worker = 0; worker < before.size(); ++worker) {
    if (before[worker] == lcores_[worker]) continue;
    waiting_.push_back(worker);
    moves += (moves.empty() ? "" : ", ") + std::to_string(worker) + " from " + name_of(before[worker]) + " to " +
             name_of(lcores_[worker]);
  }
  spdlog::info("workers move: {}; {} of {} stay", moves, before.size() - waiting_.size(), before.size());
  for (const std::uint16_t worker : waiting_) tell_of_far_memory(worker);
  for (int round = 0; round < kMoveRounds && !std::all_of(waiting_.begin(), waiting_.end(), arrived); ++round)
    std::this_thread::sleep_for(kMoveRound);
  std::erase_if(waiting_, arrived);
  for (const std::uint16_t worker : waiting_)
    spdlog::warn("worker {}: its move waits until it is given up ({})", worker, where(worker));
}

void Crew::look() {
  std::erase_if(waiting_, [this](std::uint16_t worker) {
    if (!has_arrived(worker)) return false;
    spdlog::info("worker {}: its move is done ({})", worker, where(worker));
    return true;
  });
}

std::string Crew::where(std::uint16_t worker) const {
  const unsigned holder = roster_.holder(worker);
  const unsigned wanted = roster_.wanted(worker);
  if (holder == wanted) return name_of(holder);
  return (holder == kNoLcore ? "no lcore" : name_of(holder)) + ", to go to " + name_of(wanted);
}

void Crew::tell_of_far_memory(std::uint16_t worker) const {
  const unsigned node = rte_lcore_to_socket_id(lcores_[worker]);
  if (node == memory_[worker]) return;
  spdlog::warn("worker {}: its memory stays on NUMA node {}, {} is on node {}: it is slower there", worker,
               memory_[worker], name_of(lcores_[worker]), node);
}

}  // namespace hypernat::dataplane
