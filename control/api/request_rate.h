// How many requests an account may make: a bucket of tokens for each, as AWS has them.
//
// A second's worth may come at once; after that, as many per second. Safe to call from many threads.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "control/lifecycle/clock.h"

namespace hypernat::control {

class RequestRate {
 public:
  /// 0: no limit.
  explicit RequestRate(std::uint32_t per_second) : per_second_(per_second) {}

  /// Whether one more request of the account is let through now.
  bool admit(const std::string& account, TimePoint now);

 private:
  struct Bucket {
    double tokens;
    TimePoint filled_at;
  };

  const double per_second_;
  std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;  ///< guarded by the lock; one for each account that has a key
};

}  // namespace hypernat::control
