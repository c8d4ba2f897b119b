// Functions that nobody uses give their interfaces back: after fourteen days at AWS, and here unless told otherwise.
//
// A use is noted in memory, since invoking writes nothing, and written down now and then: what a crash forgets is less
// than `kWriteEvery` and makes a function idle that much early. Uses are noted under the controller's lock; everything
// else needs a transaction, too.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "control/lifecycle/journal.h"
#include "control/lifecycle/settings.h"
#include "control/store/records.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

class Idling {
 public:
  struct Parts {
    Database& database;
    const Settings& settings;
    Journal& journal;
  };
  explicit Idling(const Parts& parts) : parts_(parts) {}

  static constexpr std::chrono::minutes kWriteEvery{1};

  void note_use(const Function& function, TimePoint now);
  /// Writes down the uses noted, if that is due.
  void write_down(TimePoint now);
  void write_down_at_once(TimePoint now);
  /// Functions that have not been used for `idle_after` become Inactive and drop their references; a bounded number of
  /// them at a time.
  void retire(TimePoint now);
  /// When the next may be due; nothing: no function has a network.
  std::optional<TimePoint> next_due();

 private:
  using Key = std::tuple<std::string, std::string, std::uint32_t>;  ///< account, name, version

  Parts parts_;
  std::map<Key, TimePoint> uses_;  ///< not written down yet
  TimePoint written_at_;
};

}  // namespace hypernat::control
