// The right of way of the thread that attaches environments, before those that start and run.
//
// A host with hundreds of fresh processes has each of them wait milliseconds for its slice of a CPU; the few
// microseconds of an attachment must not queue among them.
#pragma once

#include <cstdint>

namespace hypernat::workerhost {

class Precedence {
 public:
  enum class Kind : std::uint8_t {
    kRealTime,  ///< before every ordinary process
    kNice,      ///< the best among ordinary processes: where real time is not to be had, as in many containers
    kNone,      ///< one among all
  };

  /// For the calling thread, from now on; threads and processes that it makes begin as ordinary ones.
  Precedence();
  /// An ordinary thread again.
  ~Precedence();
  Precedence(const Precedence&) = delete;
  Precedence& operator=(const Precedence&) = delete;

  Kind kind() const { return kind_; }

 private:
  Kind kind_ = Kind::kNone;
};

/// For the log: "real time", …
const char* name_of(Precedence::Kind kind);

}  // namespace hypernat::workerhost
