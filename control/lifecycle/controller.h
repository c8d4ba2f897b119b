// The control plane as one state machine behind one lock.
//
// Whatever changes runs in one transaction, in `change`; afterwards, and on every beat, `settle` takes everything that
// has become possible one step further until nothing moves: interfaces that have been made, tables to publish,
// mappings that every live data plane holds, functions that follow them. All of it is found in the database, so a
// start is a beat like any other and a crash at any instant needs no repair.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "config/store.h"
#include "control/lifecycle/functions.h"
#include "control/lifecycle/journal.h"
#include "control/lifecycle/leases.h"
#include "control/lifecycle/mappings.h"
#include "control/lifecycle/networks.h"
#include "control/lifecycle/placement.h"
#include "control/lifecycle/publisher.h"
#include "control/lifecycle/settings.h"
#include "control/lifecycle/worker_hosts.h"
#include "control/provisioning/provisioner.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

class Controller {
 public:
  struct Parts {
    Database& database;
    config::Store& store;
    Provisioner& provisioner;
    const Clock& clock;
    Settings settings;
  };

  /// What a caller of `change` or `read` works with; valid only while it runs.
  struct Lifecycle {
    Database& database;
    Networks& networks;
    Mappings& mappings;
    Leases& leases;
    Functions& functions;
    WorkerHosts& hosts;
    Placement& placement;
    const std::vector<config::DataplaneStatus>& statuses;  ///< as of the last beat
    std::vector<config::DataplaneStatus> live;             ///< of those, who is alive now
    const std::string& store_problem;                      ///< empty: the store holds the database's content
    const Published& published;
    const Settings& settings;
    TimePoint now;
  };

  explicit Controller(const Parts& parts);

  /// Runs `work(Lifecycle&)` in one transaction, which an exception undoes; what it changed is on disk on return.
  template <class Work>
  std::invoke_result_t<Work, Lifecycle&> change(Work&& work) {
    const std::lock_guard lock(mutex_);
    if constexpr (std::is_void_v<std::invoke_result_t<Work, Lifecycle&>>) {
      transact(work);
      settle();
    } else {
      std::optional<std::invoke_result_t<Work, Lifecycle&>> result;
      transact([&](Lifecycle& lifecycle) { result = work(lifecycle); });
      settle();
      return *std::move(result);
    }
  }

  /// Runs `work(Lifecycle&)`, which changes nothing.
  template <class Work>
  std::invoke_result_t<Work, Lifecycle&> read(Work&& work) {
    const std::lock_guard lock(mutex_);
    auto lifecycle = now();
    return work(lifecycle);
  }

  /// Looks at the data planes and settles; once at start, then once per beat of the store.
  void beat();

 private:
  Lifecycle now();
  void transact(const std::function<void(Lifecycle&)>& work);
  void settle();
  void read_statuses();

  std::mutex mutex_;  ///< guards everything below, and the database
  Database& database_;
  config::Store& store_;
  const Clock& clock_;
  const Settings settings_;
  Journal journal_;
  Networks networks_;
  Mappings mappings_;
  WorkerHosts hosts_;
  Leases leases_;
  Functions functions_;
  Placement placement_;
  Publisher publisher_;
  std::vector<config::DataplaneStatus> statuses_;
  std::set<std::string> live_nodes_;
  std::string status_problem_;
  unsigned beats_ = 0;
};

}  // namespace hypernat::control
