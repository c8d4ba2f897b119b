#include "dataplane/nat/port_bitmaps.h"

#include <algorithm>
#include <bit>

namespace hypernat::dataplane {

std::uint32_t PortBitmap::next_open_word(std::uint32_t index, std::uint32_t end) const {
  while (index < end) {
    const std::uint64_t open = ~full_words_[index / 64] >> index % 64;
    if (open != 0) return std::min(index + static_cast<std::uint32_t>(std::countr_zero(open)), end);
    index = (index / 64 + 1) * 64;
  }
  return end;
}

bool PortBitmaps::allocate(std::uint32_t count) {
  if (!bitmaps_.allocate(count) || !places_.allocate(count)) return false;
  for (std::uint32_t i = 0; i < count; ++i) by_use_.add_newest(places_, i);
  return true;
}

PortBitmaps::Taken PortBitmaps::take(const RemoteKey& owner) {
  const std::uint32_t bitmap = by_use_.oldest();
  Place& place = places_[bitmap];
  const Taken taken{.bitmap = bitmap, .evicted = place.used, .evicted_owner = place.owner};
  if (!place.used) ++in_use_;
  place.owner = owner;
  place.used = true;
  bitmaps_[bitmap].clear_all();
  touch(bitmap);
  return taken;
}

void PortBitmaps::give_back(std::uint32_t bitmap) {
  places_[bitmap].used = false;
  --in_use_;
  by_use_.remove(places_, bitmap);
  by_use_.add_oldest(places_, bitmap);
}

void PortBitmaps::touch(std::uint32_t bitmap) {
  if (by_use_.newest() == bitmap) return;
  by_use_.remove(places_, bitmap);
  by_use_.add_newest(places_, bitmap);
}

}  // namespace hypernat::dataplane
