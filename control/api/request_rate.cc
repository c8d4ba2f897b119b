#include "control/api/request_rate.h"

#include <algorithm>
#include <chrono>

namespace hypernat::control {

bool RequestRate::admit(const std::string& account, TimePoint now) {
  if (per_second_ == 0) return true;
  const std::lock_guard lock(mutex_);
  auto& bucket = buckets_.try_emplace(account, Bucket{.tokens = per_second_, .filled_at = now}).first->second;
  const std::chrono::duration<double> passed = now - bucket.filled_at;
  // A clock that was set back gives nothing.
  bucket.tokens = std::min(per_second_, bucket.tokens + std::max(0.0, passed.count()) * per_second_);
  bucket.filled_at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

}  // namespace hypernat::control
