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
  for (std::uint32_t i = 0; i < count; ++i) link_newest(i);
  return true;
}

PortBitmaps::Taken PortBitmaps::take(const FlowKey& owner) {
  const std::uint32_t bitmap = oldest_;
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
  unlink(bitmap);
  link_oldest(bitmap);
}

void PortBitmaps::touch(std::uint32_t bitmap) {
  if (newest_ == bitmap) return;
  unlink(bitmap);
  link_newest(bitmap);
}

void PortBitmaps::unlink(std::uint32_t bitmap) {
  Place& place = places_[bitmap];
  (place.newer == kNone ? newest_ : places_[place.newer].older) = place.older;
  (place.older == kNone ? oldest_ : places_[place.older].newer) = place.newer;
}

void PortBitmaps::link_newest(std::uint32_t bitmap) {
  places_[bitmap].newer = kNone;
  places_[bitmap].older = newest_;
  (newest_ == kNone ? oldest_ : places_[newest_].newer) = bitmap;
  newest_ = bitmap;
}

void PortBitmaps::link_oldest(std::uint32_t bitmap) {
  places_[bitmap].older = kNone;
  places_[bitmap].newer = oldest_;
  (oldest_ == kNone ? newest_ : places_[oldest_].older) = bitmap;
  oldest_ = bitmap;
}

}  // namespace hypernat::dataplane
