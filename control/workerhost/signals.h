// The signals that end a worker host, and what each means for the environments that run.
#pragma once

#include <optional>

#include "control/workerhost/unique_fd.h"

namespace hypernat::workerhost {

enum class Departure {
  kEndAll,        ///< SIGTERM, SIGINT: every environment ends, everything is removed
  kLeaveRunning,  ///< SIGHUP: environments run on, for the next start to take over
};

class Signals {
 public:
  /// Blocks them for the calling thread and those it makes later. Throws std::system_error.
  Signals();

  /// Readable when one has come.
  int descriptor() const { return signals_.get(); }
  std::optional<Departure> take();

 private:
  UniqueFd signals_;
};

}  // namespace hypernat::workerhost
