#include "dataplane/nat/remote_use.h"

#include <algorithm>

namespace hypernat::dataplane {

bool RemoteUse::allocate(std::uint32_t flows, std::span<InterfaceCounters> interfaces) {
  interfaces_ = interfaces;
  return entries_.allocate(std::size_t{flows} + flows / 8 + 8) && rounds_.allocate(interfaces.size());
}

RemoteEntry* RemoteUse::find(const RemoteKey& key) {
  for (std::uint32_t place = place_of(key); entries_[place].flows != 0; place = after(place))
    if (entries_[place].key() == key) return &entries_[place];
  return nullptr;
}

RemoteEntry& RemoteUse::add(const RemoteKey& key) {
  std::uint32_t place = place_of(key);
  while (entries_[place].flows != 0 && entries_[place].key() != key) place = after(place);
  RemoteEntry& entry = entries_[place];
  if (entry.flows == 0) {
    entry = {.interface_slot = key.interface_slot,
             .remote = key.remote,
             .remote_port = key.remote_port,
             .protocol = static_cast<std::uint8_t>(key.protocol)};
    ++used_;
  }
  ++entry.flows;
  Round& round = rounds_[key.interface_slot];
  round.fullest = std::max<std::uint32_t>(round.fullest, entry.flows);
  Counter& fullest = interfaces_[key.interface_slot].fullest_remote;
  if (fullest.read() < entry.flows) fullest.set(entry.flows);
  return entry;
}

void RemoteUse::remove(const RemoteKey& key) {
  RemoteEntry* entry = find(key);
  if (entry == nullptr || --entry->flows > 0) return;
  --used_;
  close_gap(static_cast<std::uint32_t>(entry - entries_.data()));
}

// Moves entries back over a gap that their search would otherwise stop at.
void RemoteUse::close_gap(std::uint32_t gap) {
  const auto size = static_cast<std::uint32_t>(entries_.size());
  for (std::uint32_t place = after(gap); entries_[place].flows != 0; place = after(place)) {
    const std::uint32_t wanted = place_of(entries_[place].key());
    const std::uint32_t from_wanted = place >= wanted ? place - wanted : place + size - wanted;
    const std::uint32_t from_gap = place >= gap ? place - gap : place + size - gap;
    if (from_wanted < from_gap) continue;  // it is wanted behind the gap
    entries_[gap] = entries_[place];
    entries_[place].flows = 0;
    gap = place;
  }
}

void RemoteUse::refresh(std::uint32_t steps) {
  for (; steps > 0; --steps) {
    const RemoteEntry& entry = entries_[cursor_];
    if (entry.flows != 0) {
      Round& round = rounds_[entry.interface_slot];
      if (round.number != round_) {
        // The first of this round: what the last round found is complete.
        interfaces_[entry.interface_slot].fullest_remote.set(std::max<std::uint32_t>(round.fullest, entry.flows));
        round = {.number = round_, .fullest = 0};
      }
      round.fullest = std::max<std::uint32_t>(round.fullest, entry.flows);
    }
    cursor_ = after(cursor_);
    if (cursor_ == 0) ++round_;
  }
}

}  // namespace hypernat::dataplane
