#include "dataplane/nat/port_choice.h"

#include <algorithm>
#include <bit>

namespace hypernat::dataplane {
namespace {

// Ports that are drawn for one packet of a burst, one after the other, before its turn comes.
constexpr std::uint32_t kRoundsOfProposals = 4;
// Random ports are asked about by two, so that a remote with few flows costs few misses; after so many pairs that were
// all taken, the remote is part-full.
constexpr std::uint32_t kTriesAtOnce = 2;
constexpr std::uint32_t kPairsOfTries = 5;
// A few random positions tell whether a bitmap knows most of them. If so, the first that it holds for free is; the
// oftener it is not, the more are asked about at a time.
constexpr std::uint32_t kDrawnFirst = 4;
constexpr std::uint32_t kAskedFirst = 2;
constexpr std::uint32_t kAskedAtOnce = 16;

}  // namespace

// What one opening's search on one interface knows.
struct PortChoice::Search {
  Wanted& wanted;
  const PortSpace& space;
  std::uint32_t base;  // hash of the reply without its port
  std::uint32_t& questions;
  bool gave_up = false;
};

PortChoice::PortChoice(const Parts& parts) : parts_(parts), buckets_(parts.home.port_buckets_of(parts.worker)) {}

void PortChoice::propose(std::span<Wanted> wanted) {
  std::array<std::uint32_t, FlowTable::kMaxBulk> signatures;
  std::array<std::size_t, FlowTable::kMaxBulk> without;
  std::size_t count = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const RemoteEntry* const entry = parts_.use.find(wanted[i].remote());
    if (entry == nullptr || !entry->has_bitmap()) without[count++] = i;
  }
  for (std::uint32_t round = 0; round < kRoundsOfProposals && count > 0; ++round) {
    for (const std::size_t i : std::span(without).first(count)) {
      FlowEnds& ends = wanted[i].ends;
      const PortSpace& space = parts_.home.reply_ports(ends.protocol);
      std::uint32_t position = 0;
      draw(space, base_of(ends), {&position, 1});
      ends.local_port = space.port_at(position);
      signatures[i] = signature_of(wanted[i]);
      parts_.table.fetch(signatures[i]);
    }
    std::size_t left = 0;
    for (const std::size_t i : std::span(without).first(count)) {
      if (parts_.table.is_free(signatures[i])) continue;
      wanted[i].ends.local_port = {};
      without[left++] = i;
    }
    count = left;
  }
}

PortChoice::Result PortChoice::choose(Wanted& wanted, std::uint32_t& questions) {
  Search search{
      .wanted = wanted,
      .space = parts_.home.reply_ports(wanted.ends.protocol),
      .base = base_of(wanted.ends),
      .questions = questions,
  };
  RemoteEntry* entry = parts_.use.find(wanted.remote());
  const std::uint32_t taken = entry == nullptr ? 0U : entry->flows;
  const std::uint32_t share = share_of(search);
  if (taken >= share) return Result::kExhausted;
  if (try_proposed(search)) return Result::kFound;

  if (entry == nullptr || !entry->has_bitmap()) {
    for (std::uint32_t pair = 0; pair < kPairsOfTries; ++pair)
      if (try_random(search)) return Result::kFound;
    // All taken and none by a flow of this interface: one of old had its address, whose flows are being swept.
    if (entry == nullptr) return Result::kExhausted;
  }
  if (search_bitmap(search, bitmap_for(*entry))) return Result::kFound;
  return search.gave_up ? Result::kGaveUp : Result::kExhausted;
}

void PortChoice::opened(const Wanted& flow) {
  const RemoteEntry& entry = parts_.use.add(flow.remote());
  if (!entry.has_bitmap()) return;
  parts_.bitmaps[entry.bitmap].set(parts_.home.reply_ports(flow.ends.protocol).position_of(flow.ends.local_port));
}

void PortChoice::closed(const Wanted& flow) {
  const RemoteKey key = flow.remote();
  const RemoteEntry* const entry = parts_.use.find(key);
  if (entry == nullptr) return;
  if (entry->has_bitmap()) {
    parts_.bitmaps[entry->bitmap].clear(parts_.home.reply_ports(flow.ends.protocol).position_of(flow.ends.local_port));
    if (entry->flows == 1) parts_.bitmaps.give_back(entry->bitmap);
  }
  parts_.use.remove(key);
}

std::size_t PortChoice::holders(const Wanted& wanted, std::span<std::uint32_t> out) {
  RemoteEntry* const entry = parts_.use.find(wanted.remote());
  if (entry == nullptr) return 0;
  PortBitmap& bitmap = bitmap_for(*entry);
  const PortSpace& space = parts_.home.reply_ports(wanted.ends.protocol);
  const std::uint32_t base = base_of(wanted.ends);
  const auto ports = static_cast<std::uint32_t>(buckets_.size()) * space.class_size();
  std::size_t found = 0;
  for (std::uint32_t asked = 0; asked < std::min(kHolders, ports); asked += kAskedAtOnce) {
    std::array<std::uint32_t, kAskedAtOnce> positions;
    std::array<std::uint32_t, kAskedAtOnce> values;
    for (std::uint32_t& position : positions) {
      // Ports that no interface uses lie close together.
      do {
        const std::uint32_t bucket = buckets_[bitmap.cursor / space.class_size()];
        position = space.first_position(space.class_of(bucket, base)) + bitmap.cursor % space.class_size();
        bitmap.cursor = bitmap.cursor + 1 == ports ? 0 : bitmap.cursor + 1;
      } while (space.port_at(position).host() < kFirstInterfacePort);
    }
    look_up_ports(wanted, positions, values);
    for (const std::uint32_t value : values)
      if (value != kNone) out[found++] = value;
  }
  return found;
}

// Ports of this worker towards this remote.
std::uint32_t PortChoice::share_of(const Search& search) const {
  const PortSpace& space = search.space;
  std::uint32_t share = 0;
  for (const std::uint32_t bucket : buckets_)
    share += space.class_size() - space.unused_in(space.class_of(bucket, search.base));
  return share;
}

// Of the reply without its port.
std::uint32_t PortChoice::base_of(const FlowEnds& ends) const {
  return parts_.home.hash({.src = ends.remote, .dst = ends.local, .src_port = ends.remote_port, .dst_port = L4Port{}});
}

std::uint32_t PortChoice::signature_of(const Wanted& flow) const {
  return parts_.hash(inbound_key(flow.subnet, flow.ends));
}

// Who has these ports towards the remote; at most kAskedAtOnce of them.
void PortChoice::look_up_ports(const Wanted& wanted, std::span<const std::uint32_t> positions,
                               std::span<std::uint32_t> values) const {
  std::array<FlowKey, kAskedAtOnce> keys;
  std::array<const FlowKey*, kAskedAtOnce> pointers;
  std::array<std::uint32_t, kAskedAtOnce> signatures;
  const PortSpace& space = parts_.home.reply_ports(wanted.ends.protocol);
  const std::size_t count = positions.size();
  FlowEnds ends = wanted.ends;
  for (std::size_t i = 0; i < count; ++i) {
    ends.local_port = space.port_at(positions[i]);
    keys[i] = inbound_key(wanted.subnet, ends);
    pointers[i] = &keys[i];
    signatures[i] = parts_.hash(keys[i]);
  }
  parts_.table.lookup_bulk({pointers.data(), count}, {signatures.data(), count}, values.first(count));
}

// True when one of the ports is free: it is then the wanted one.
bool PortChoice::ask(Search& search, std::span<const std::uint32_t> positions, PortBitmap& bitmap) {
  std::array<std::uint32_t, kAskedAtOnce> values;
  const std::size_t count = positions.size();
  look_up_ports(search.wanted, positions, values);
  search.questions -= std::min(search.questions, static_cast<std::uint32_t>(count));
  bool found = false;
  for (std::size_t i = 0; i < count; ++i) {
    if (values[i] != kNone) {
      bitmap.set(positions[i]);
    } else if (!found) {
      found = true;
      search.wanted.ends.local_port = search.space.port_at(positions[i]);
    }
  }
  return found;
}

// Positions of ports of this worker's, each equally likely; two come of one random number.
void PortChoice::draw(const PortSpace& space, std::uint32_t base, std::span<std::uint32_t> positions) {
  const std::uint64_t all = buckets_.size() * space.class_size();
  std::uint64_t random = 0;
  bool half_left = false;
  for (std::size_t drawn = 0; drawn < positions.size();) {
    random = half_left ? random >> 32 : parts_.random.next();
    half_left = !half_left;
    const std::uint64_t one = (random & 0xffffffff) * all >> 32;
    const std::uint32_t bucket = buckets_[one / space.class_size()];
    const std::uint32_t position =
        space.first_position(space.class_of(bucket, base)) + static_cast<std::uint32_t>(one % space.class_size());
    if (space.port_at(position).host() >= kFirstInterfacePort) positions[drawn++] = position;
  }
}

// Another opening of the burst may have it by now.
bool PortChoice::try_proposed(Search& search) {
  if (search.wanted.ends.local_port == L4Port{}) return false;
  search.questions -= std::min(search.questions, 1U);
  return parts_.table.is_free(signature_of(search.wanted));
}

bool PortChoice::try_random(Search& search) {
  std::array<std::uint32_t, kTriesAtOnce> positions;
  std::array<std::uint32_t, kTriesAtOnce> signatures;
  draw(search.space, search.base, positions);
  search.questions -= std::min(search.questions, kTriesAtOnce);
  L4Port& port = search.wanted.ends.local_port;
  for (std::size_t i = 0; i < kTriesAtOnce; ++i) {
    port = search.space.port_at(positions[i]);
    signatures[i] = signature_of(search.wanted);
    parts_.table.fetch(signatures[i]);
  }
  for (std::size_t i = 0; i < kTriesAtOnce; ++i) {
    port = search.space.port_at(positions[i]);
    if (parts_.table.is_free(signatures[i])) return true;
  }
  return false;
}

bool PortChoice::search_bitmap(Search& search, PortBitmap& bitmap) {
  // While the bitmap knows little, random positions tell as much as any others; always taking the next free port
  // instead would make the taken ones grow together into runs.
  std::uint32_t drawn = kDrawnFirst;
  for (bool tells = true; tells; drawn = kAskedAtOnce) {
    std::array<std::uint32_t, kAskedAtOnce> positions;
    draw(search.space, search.base, {positions.data(), drawn});
    std::uint32_t unknown = 0;
    for (const std::uint32_t position : std::span(positions).first(drawn))
      if (!bitmap.test(position)) positions[unknown++] = position;
    tells = 4 * unknown >= drawn;
    if (unknown > 0 && ask(search, {positions.data(), unknown}, bitmap)) return true;
    search.gave_up = search.questions == 0;
    if (search.gave_up) return false;
  }
  const std::size_t start = parts_.random.below(static_cast<std::uint32_t>(buckets_.size()));
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    const std::size_t at = start + i < buckets_.size() ? start + i : start + i - buckets_.size();
    if (search_class(search, bitmap, search.space.class_of(buckets_[at], search.base))) return true;
    if (search.gave_up) return false;
  }
  return false;
}

bool PortChoice::search_class(Search& search, PortBitmap& bitmap, std::uint32_t contribution_class) {
  const PortSpace& space = search.space;
  const std::uint32_t first = space.first_position(contribution_class);
  const std::uint32_t end = first + space.class_size();
  const std::uint32_t first_word = first / 64;
  const std::uint32_t end_word = (end + 63) / 64;
  if (bitmap.next_open_word(first_word, end_word) == end_word) return false;

  // Twice through, from a random word on, so that the second pass ends where the first began.
  const std::uint32_t start = first_word + parts_.random.below(end_word - first_word);
  std::array<std::uint32_t, kAskedAtOnce> positions;
  std::uint32_t count = 0;
  std::uint32_t at_once = kAskedFirst;
  const auto search_words = [&](std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t word = bitmap.next_open_word(from, to); word < to; word = bitmap.next_open_word(word + 1, to)) {
      for (std::uint64_t open = ~bitmap.word(word); open != 0; open &= open - 1) {
        const std::uint32_t position = word * 64 + static_cast<std::uint32_t>(std::countr_zero(open));
        if (position < first || position >= end) continue;  // a class shorter than a word
        if (space.port_at(position).host() < kFirstInterfacePort) {
          bitmap.set(position);
          continue;
        }
        positions[count++] = position;
        if (count < at_once) continue;
        if (ask(search, {positions.data(), count}, bitmap)) return true;
        count = 0;
        at_once = std::min(2 * at_once, kAskedAtOnce);
        search.gave_up = search.questions == 0;
        if (search.gave_up) return false;
      }
    }
    return false;
  };
  if (search_words(start, end_word) || (!search.gave_up && search_words(first_word, start))) return true;
  if (search.gave_up || count == 0) return false;
  return ask(search, {positions.data(), count}, bitmap);
}

PortBitmap& PortChoice::bitmap_for(RemoteEntry& entry) {
  if (!entry.has_bitmap()) {
    const PortBitmaps::Taken taken = parts_.bitmaps.take(entry.key());
    if (taken.evicted) parts_.use.find(taken.evicted_owner)->bitmap = RemoteEntry::kNoBitmap;
    entry.bitmap = taken.bitmap & RemoteEntry::kNoBitmap;
  }
  parts_.bitmaps.touch(entry.bitmap);
  return parts_.bitmaps[entry.bitmap];
}

}  // namespace hypernat::dataplane
