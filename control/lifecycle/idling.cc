#include "control/lifecycle/idling.h"

#include "control/lifecycle/functions.h"
#include "control/store/function_store.h"

namespace hypernat::control {
namespace {

constexpr std::uint32_t kMostIdleAtATime = 1000;

}  // namespace

void Idling::note_use(const Function& function, TimePoint now) {
  if (function.used_at) uses_[{function.account, function.name, function.version}] = now;
}

void Idling::write_down(TimePoint now) {
  if (std::chrono::abs(now - written_at_) >= kWriteEvery) write_down_at_once(now);
}

void Idling::write_down_at_once(TimePoint now) {
  for (const auto& [key, time] : uses_) {
    Function used;
    std::tie(used.account, used.name, used.version) = key;
    set_used_at(parts_.database, used, time);
  }
  uses_.clear();
  written_at_ = now;
}

void Idling::retire(TimePoint now) {
  const auto since = now - parts_.settings.idle_after;
  if (const auto first = first_unused_since(parts_.database); !first || *first > since) return;
  write_down_at_once(now);
  for (auto& function : list_functions_unused_since(parts_.database, since, kMostIdleAtATime)) {
    drop_references(parts_.database, function, NetworkRole::kCurrent);
    function.state = FunctionState::kInactive;
    function.reason_code = "Idle";
    function.reason = "The function has not been invoked for so long that its network interfaces were reclaimed.";
    put(parts_.database, function);
    parts_.journal.note(label(function) + " is Inactive: nobody has used it");
  }
}

std::optional<TimePoint> Idling::next_due() {
  const auto first = first_unused_since(parts_.database);
  return first ? std::optional(*first + parts_.settings.idle_after) : std::nullopt;
}

}  // namespace hypernat::control
