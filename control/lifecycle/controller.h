// The control plane as one state machine behind one lock.
//
// Whatever changes runs in `change`, in a transaction that it may share with what changes at the same time. Afterwards,
// and on every beat, somebody settles: takes everything that has become possible one step further until nothing moves:
// interfaces that have been made, tables to publish, mappings that every live data plane holds, functions that follow
// them or that nobody uses. All of it is found in the database, so a start is a beat like any other and a crash at any
// instant needs no repair. Settling has the lock for its steps in the database only, and for a bounded number of rows
// at a time; tables are written and published without it.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "config/store.h"
#include "control/lifecycle/functions.h"
#include "control/lifecycle/group_commit.h"
#include "control/lifecycle/idling.h"
#include "control/lifecycle/journal.h"
#include "control/lifecycle/leases.h"
#include "control/lifecycle/mappings.h"
#include "control/lifecycle/networks.h"
#include "control/lifecycle/placement.h"
#include "control/lifecycle/publisher.h"
#include "control/lifecycle/scaling.h"
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
    Idling& idling;
    WorkerHosts& hosts;
    Placement& placement;
    const std::vector<config::DataplaneStatus>& statuses;  ///< as of the last beat
    std::vector<config::DataplaneStatus> live;             ///< of those, who is alive now
    const std::string& store_problem;                      ///< empty: the store holds the database's content
    const Published& published;
    const Settings& settings;
    TimePoint now;   ///< in the life cycle's time
    TimePoint wall;  ///< by everybody else's clock
    Moment moment() const { return {.now = now, .wall = wall}; }
  };

  explicit Controller(const Parts& parts);

  /// What is called whenever a change is on disk, by the thread that made it: to see to it that somebody settles. Set
  /// while nothing changes.
  void on_change(std::function<void()> changed) { changed_ = std::move(changed); }

  /// Runs `work(Lifecycle&)` in a transaction; an exception undoes what it did, and nothing else. What it changed is on
  /// disk on return.
  template <class Work>
  std::invoke_result_t<Work, Lifecycle&> change(Work&& work) {
    if constexpr (std::is_void_v<std::invoke_result_t<Work, Lifecycle&>>) {
      perform([&](Lifecycle& lifecycle) { work(lifecycle); });
    } else {
      std::optional<std::invoke_result_t<Work, Lifecycle&>> result;
      perform([&](Lifecycle& lifecycle) { result = work(lifecycle); });
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

  /// Reads what the data planes say of themselves.
  void look_at_dataplanes();
  /// One round of settling; whether anything moved, so that another is worth while.
  bool settle_once();
  /// Rounds until nothing moves.
  void settle();
  /// Looks at the data planes and settles: once at start, then once per beat of the store.
  void beat();
  /// How long until something is due that no change and no data plane will tell of; nothing: no such thing is known.
  std::optional<std::chrono::milliseconds> until_due();
  /// What is known and not written down yet is: before an orderly end.
  void write_down();

 private:
  using Work = std::function<void(Lifecycle&)>;

  Lifecycle now();
  void perform(const Work& work);
  void commit(const GroupCommit::Group& group);
  void attempt(GroupCommit::Change& change);
  void transact(const Work& work);

  std::mutex settling_mutex_;  ///< one round at a time; taken before `mutex_`, never after
  std::mutex mutex_;           ///< guards everything below, and the database
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
  Idling idling_;
  Scaling scaling_;
  Placement placement_;
  Publisher publisher_;
  std::function<void()> changed_;
  GroupCommit group_commit_;
  Lifecycle* shared_ = nullptr;  ///< that of the group being committed
  std::optional<TimePoint> next_due_;
  unsigned unpublished_rounds_ = 0;
  std::string store_problem_;
  std::vector<config::DataplaneStatus> statuses_;
  std::set<std::string> live_nodes_;
  std::string status_problem_;
  unsigned looks_ = 0;
  unsigned judged_looks_ = 0;  ///< how many of them have been compared with what mappings have
};

}  // namespace hypernat::control
