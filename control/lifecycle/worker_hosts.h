// Worker hosts: who there is, which block of the Lambda VPC each has, and who is alive.
//
// A name has its block for ever. Being alive is not written down: a registration counts for three beats, and after a
// start every known host gets that long to register again.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/lifecycle/journal.h"
#include "control/lifecycle/settings.h"
#include "control/store/records.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

class WorkerHosts {
 public:
  struct Parts {
    Database& database;
    const Settings& settings;
    Journal& journal;
    const Clock& clock;  ///< whose wall clock counts: they do not live in the life cycle's time
  };
  explicit WorkerHosts(const Parts& parts);

  /// Registers or renews; the block is chosen here. Callers hold a transaction.
  WorkerHost renew(WorkerHost host);

  bool is_live(const std::string& name) const;
  /// By name.
  std::vector<WorkerHost> live() const;

 private:
  Parts parts_;
  std::map<std::string, TimePoint> last_seen_;
};

}  // namespace hypernat::control
