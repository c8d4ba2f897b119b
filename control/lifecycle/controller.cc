#include "control/lifecycle/controller.h"

#include <system_error>

namespace hypernat::control {
namespace {

// The store's table is looked at again this often: it may lie on a disk that was emptied.
constexpr unsigned kBeatsBetweenComparisons = 20;

}  // namespace

Controller::Controller(const Parts& parts)
    : database_(parts.database),
      store_(parts.store),
      clock_(parts.clock),
      settings_(parts.settings),
      networks_(database_),
      mappings_({.database = database_, .settings = settings_, .provisioner = parts.provisioner, .journal = journal_}),
      hosts_({.database = database_, .settings = settings_, .journal = journal_}, clock_.now()),
      leases_({.database = database_, .mappings = mappings_, .hosts = hosts_, .journal = journal_}),
      functions_({.database = database_, .mappings = mappings_, .leases = leases_, .journal = journal_}),
      placement_(database_, hosts_),
      publisher_(database_, store_) {}

Controller::Lifecycle Controller::now() {
  const auto time = clock_.now();
  return {.database = database_,
          .networks = networks_,
          .mappings = mappings_,
          .leases = leases_,
          .functions = functions_,
          .hosts = hosts_,
          .placement = placement_,
          .statuses = statuses_,
          .live = live_dataplanes(statuses_, time),
          .store_problem = publisher_.problem(),
          .published = publisher_.published(),
          .settings = settings_,
          .now = time};
}

void Controller::transact(const std::function<void(Lifecycle&)>& work) {
  journal_.discard();
  auto lifecycle = now();
  Transaction transaction(database_);
  work(lifecycle);
  // In the same transaction as what dropped the last reference: no crash can leave a mapping nobody will release.
  mappings_.release_unreferenced(lifecycle.now);
  transaction.commit();
  journal_.flush();
}

// The caller's change is on disk already: what fails here is tried again on the next beat.
void Controller::settle() {
  try {
    std::int64_t before = -1;
    while (before != database_.total_changes()) {
      before = database_.total_changes();
      transact([](Lifecycle& lifecycle) {
        lifecycle.leases.expire(lifecycle.now);
        lifecycle.mappings.remove_due(lifecycle.now);
        lifecycle.mappings.allot_due(lifecycle.now);
        lifecycle.leases.follow();
      });
      publisher_.publish(clock_.now());
      transact([this](Lifecycle& lifecycle) {
        if (publisher_.is_in_store()) lifecycle.leases.mark_published(lifecycle.now);
        lifecycle.mappings.activate(lifecycle.live, lifecycle.now);
        lifecycle.functions.follow();
        lifecycle.leases.follow();
      });
    }
  } catch (const DatabaseError& error) {
    log_warning(error.what());
  }
}

void Controller::beat() {
  const std::lock_guard lock(mutex_);
  read_statuses();
  if (++beats_ % kBeatsBetweenComparisons == 0) publisher_.distrust_store();
  settle();
}

void Controller::read_statuses() {
  try {
    statuses_ = store_.statuses();
    status_problem_.clear();
  } catch (const std::system_error& error) {
    if (status_problem_ != error.what()) log_warning(std::string("statuses cannot be read: ") + error.what());
    status_problem_ = error.what();
  }
  std::set<std::string> live;
  for (const auto& status : live_dataplanes(statuses_, clock_.now())) live.insert(status.node);
  for (const auto& node : live)
    if (!live_nodes_.contains(node)) log_line("data plane " + node + " is alive");
  for (const auto& node : live_nodes_)
    if (!live.contains(node)) log_warning("data plane " + node + " has not reported for three of its beats");
  live_nodes_ = std::move(live);
}

}  // namespace hypernat::control
