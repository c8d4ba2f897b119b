#include "control/workerhost/slot_keeper.h"

namespace hypernat::workerhost {
namespace {

/// How long a closed connection may go on saying so.
constexpr auto kGoodbye = std::chrono::seconds(1);
constexpr auto kLookAgain = std::chrono::milliseconds(20);

}  // namespace

std::optional<SlotNumber> SlotKeeper::take(MappingNumber mapping) {
  const auto slot = pool_.take();
  if (!slot || to_number(mapping) == 0) return slot;
  try {
    network_.attach(*slot, mapping);
  } catch (...) {
    pool_.give_back(*slot);
    throw;
  }
  return slot;
}

void SlotKeeper::release(SlotNumber slot) {
  pool_.rest(slot);
  rest_until_quiet(slot, EventLoop::Clock::now() + kGoodbye);
}

void SlotKeeper::rest_until_quiet(SlotNumber slot, EventLoop::Clock::time_point detach_at) {
  const auto now = EventLoop::Clock::now();
  const bool quiet = network_.is_quiet(slot);
  if (quiet || now >= detach_at) network_.detach(slot);
  if (quiet) {
    pool_.give_back(slot);
    return;
  }
  loop_.at(now + kLookAgain, [this, slot, detach_at] { rest_until_quiet(slot, detach_at); });
}

}  // namespace hypernat::workerhost
