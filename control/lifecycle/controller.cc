#include "control/lifecycle/controller.h"

#include <algorithm>
#include <system_error>

namespace hypernat::control {
namespace {

// The store's table is looked at again this often: it may lie on a disk that was emptied.
constexpr unsigned kLooksBetweenComparisons = 20;

// While more interfaces are due than one round makes, a table is published once in so many rounds.
constexpr unsigned kRoundsBetweenTables = 10;

std::optional<TimePoint> earliest(std::optional<TimePoint> a, std::optional<TimePoint> b) {
  return a && b ? std::min(*a, *b) : a ? a : b;
}

}  // namespace

Controller::Controller(const Parts& parts)
    : database_(parts.database),
      store_(parts.store),
      clock_(parts.clock),
      settings_(parts.settings),
      networks_(database_),
      mappings_({.database = database_,
                 .settings = settings_,
                 .provisioner = parts.provisioner,
                 .journal = journal_,
                 .clock = clock_}),
      hosts_({.database = database_, .settings = settings_, .journal = journal_, .clock = clock_}),
      leases_({.database = database_, .mappings = mappings_, .hosts = hosts_, .journal = journal_}),
      functions_({.database = database_, .mappings = mappings_, .leases = leases_, .journal = journal_}),
      idling_({.database = database_, .settings = settings_, .journal = journal_}),
      scaling_({.database = database_,
                .settings = settings_,
                .mappings = mappings_,
                .provisioner = parts.provisioner,
                .journal = journal_}),
      placement_(database_, hosts_),
      publisher_(database_, store_),
      group_commit_(mutex_, [this](const GroupCommit::Group& group) { commit(group); }) {}

Controller::Lifecycle Controller::now() {
  const auto wall = clock_.wall();
  return {.database = database_,
          .networks = networks_,
          .mappings = mappings_,
          .leases = leases_,
          .functions = functions_,
          .idling = idling_,
          .hosts = hosts_,
          .placement = placement_,
          .statuses = statuses_,
          .live = live_dataplanes(statuses_, wall),
          .store_problem = store_problem_,
          .published = publisher_.published(),
          .settings = settings_,
          .now = clock_.now(),
          .wall = wall};
}

void Controller::perform(const Work& work) {
  group_commit_.perform([&] { work(*shared_); });
  if (changed_) changed_();
}

void Controller::commit(const GroupCommit::Group& group) {
  journal_.discard();
  auto lifecycle = now();
  shared_ = &lifecycle;
  Transaction transaction(database_);
  for (auto* change : group) attempt(*change);
  // In the same transaction as what dropped the last reference: no crash can leave a mapping nobody will release.
  mappings_.release_unreferenced(lifecycle.now);
  transaction.commit();
  journal_.flush();
}

void Controller::attempt(GroupCommit::Change& change) {
  const auto mark = journal_.mark();
  Savepoint savepoint(database_);
  try {
    change.work();
    savepoint.keep();
  } catch (...) {
    change.failure = std::current_exception();
    journal_.go_back(mark);
    savepoint.undo();
  }
}

void Controller::transact(const Work& work) {
  journal_.discard();
  auto lifecycle = now();
  Transaction transaction(database_);
  work(lifecycle);
  mappings_.release_unreferenced(lifecycle.now);
  transaction.commit();
  journal_.flush();
}

bool Controller::settle_once() {
  const std::lock_guard settling(settling_mutex_);
  std::unique_lock lock(mutex_);
  // What callers changed is on disk already: what fails here is tried again on the next beat.
  try {
    const auto before = database_.total_changes();
    transact([this](Lifecycle& lifecycle) {
      lifecycle.leases.expire(lifecycle.now);
      lifecycle.idling.retire(lifecycle.now);
      lifecycle.mappings.remove_due(lifecycle.now);
      next_due_ = earliest(lifecycle.mappings.allot_due(lifecycle.moment()), scaling_.allot_due(lifecycle.moment()));
      lifecycle.leases.follow();
    });
    // A table with a thousand of ten thousand new interfaces would be out of date at once; but none at all is worse.
    const bool is_more_due = next_due_ && *next_due_ <= clock_.now();
    unpublished_rounds_ = is_more_due ? unpublished_rounds_ + 1 : 0;
    if (is_more_due && unpublished_rounds_ % kRoundsBetweenTables != 0) return true;
    publisher_.publish(lock, clock_.wall());
    store_problem_ = publisher_.problem();
    transact([this](Lifecycle& lifecycle) {
      if (publisher_.is_in_store()) lifecycle.leases.mark_published(lifecycle.now);
      lifecycle.mappings.confirm(lifecycle.live, lifecycle.moment());
      lifecycle.functions.follow(lifecycle.now);
      lifecycle.leases.follow();
      lifecycle.idling.write_down(lifecycle.now);
      if (judged_looks_ != looks_) scaling_.judge(lifecycle.live, lifecycle.moment());
      judged_looks_ = looks_;
      scaling_.remove_drained(statuses_, lifecycle.wall);
    });
    return before != database_.total_changes();
  } catch (const DatabaseError& error) {
    log_warning(error.what());
    return false;
  }
}

void Controller::settle() {
  while (settle_once()) {
  }
}

void Controller::beat() {
  look_at_dataplanes();
  settle();
}

std::optional<std::chrono::milliseconds> Controller::until_due() {
  const std::lock_guard lock(mutex_);
  const auto due = earliest(next_due_, idling_.next_due());
  if (!due) return std::nullopt;
  return clock_.real(*due - clock_.now());
}

void Controller::write_down() {
  const std::lock_guard lock(mutex_);
  transact([](Lifecycle& lifecycle) { lifecycle.idling.write_down_at_once(lifecycle.now); });
}

void Controller::look_at_dataplanes() {
  std::vector<config::DataplaneStatus> statuses;
  std::string problem;
  try {
    statuses = store_.statuses();
  } catch (const std::system_error& error) {
    problem = error.what();
  }
  const std::lock_guard lock(mutex_);
  if (++looks_ % kLooksBetweenComparisons == 0) publisher_.distrust_store();
  if (!problem.empty() && status_problem_ != problem) log_warning("statuses cannot be read: " + problem);
  if (problem.empty()) statuses_ = std::move(statuses);
  status_problem_ = std::move(problem);
  std::set<std::string> live;
  for (const auto& status : live_dataplanes(statuses_, clock_.wall())) live.insert(status.node);
  for (const auto& node : live)
    if (!live_nodes_.contains(node)) log_line("data plane " + node + " is alive");
  for (const auto& node : live_nodes_)
    if (!live.contains(node)) log_warning("data plane " + node + " has not reported for three of its beats");
  live_nodes_ = std::move(live);
}

}  // namespace hypernat::control
