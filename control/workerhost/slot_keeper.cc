#include "control/workerhost/slot_keeper.h"

#include <spdlog/spdlog.h>

#include <system_error>

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
  auto look_again_at = now + kLookAgain;
  try {
    const bool quiet = network_.is_quiet(slot);
    if (quiet || now >= detach_at) network_.detach(slot);
    if (quiet) return pool_.give_back(slot);
  } catch (const std::system_error& error) {
    // Better one slot less for a while than one that is not known to be clean.
    spdlog::error("slot {}: {}; looking again", to_number(slot), error.what());
    look_again_at = now + kGoodbye;
  }
  loop_.at(look_again_at, [this, slot, detach_at] { rest_until_quiet(slot, detach_at); });
}

}  // namespace hypernat::workerhost
