#include "dataplane/attach/neighbours.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace hypernat::dataplane {
namespace {

// Entries that one call looks at, at most, beside the ones it is told of.
constexpr std::uint32_t kScan = 64;

}  // namespace

Neighbours::Neighbours(const Options& options)
    : options_(options),
      entries_(options.capacity),
      buckets_(std::bit_ceil(std::max<std::uint32_t>(options.capacity, 1)) * 2, kNone),
      soon_(options.capacity),
      shares_(options.tenants + std::size_t{1}) {
  free_.reserve(options.capacity);
  for (std::uint32_t index = options.capacity; index > 0; --index) free_.push_back(index - 1);
}

std::uint64_t Neighbours::mix(std::uint64_t key) const {
  const auto product =
      static_cast<unsigned __int128>(key ^ options_.secret) * ((options_.secret << 1) ^ 0x9e3779b97f4a7c15ULL);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint32_t Neighbours::home_of(std::uint64_t key) const {
  return static_cast<std::uint32_t>(mix(key)) & static_cast<std::uint32_t>(buckets_.size() - 1);
}

// The bucket that holds `key`, or the empty one where it would go.
std::uint32_t Neighbours::bucket_of(std::uint64_t key) const {
  const auto mask = static_cast<std::uint32_t>(buckets_.size() - 1);
  std::uint32_t bucket = home_of(key);
  while (buckets_[bucket] != kNone) {
    const Neighbour& entry = entries_[buckets_[bucket]];
    if (key_of(entry.link, entry.address) == key) break;
    bucket = (bucket + 1) & mask;
  }
  return bucket;
}

std::uint32_t Neighbours::find(Link link, Ipv4Address address) const {
  return buckets_[bucket_of(key_of(link, address))];
}

std::uint32_t Neighbours::acquire(Link link, Ipv4Address address, std::uint32_t tenant) {
  std::uint32_t index = find(link, address);
  const bool held = index != kNone && entries_[index].references > 0;
  if (!held && share_of(tenant) >= (capacity() + 1) / 2) return kNone;
  if (index == kNone) {
    index = take_place();
    if (index == kNone) return kNone;
    Neighbour& entry = entries_[index];
    const bool queued = entry.queued;  // its number is in the queue still, and will do
    entry = Neighbour{};
    entry.address = address;
    entry.link = link;
    entry.state = NeighbourState::kUnresolved;
    entry.queued = queued;
    buckets_[bucket_of(key_of(link, address))] = index;
    ++size_;
    ask_soon(index);
  } else if (!held) {
    unheld_.remove(entries_, index);
  }
  Neighbour& entry = entries_[index];
  if (!held) {
    entry.tenant = tenant;
    ++share_of(tenant);
  }
  ++entry.references;
  return index;
}

void Neighbours::release(std::uint32_t index) {
  assert(entries_[index].references > 0);
  if (--entries_[index].references > 0) return;
  --share_of(entries_[index].tenant);
  unheld_.add_newest(entries_, index);
}

// A free entry, or the one that nobody has held for longest.
std::uint32_t Neighbours::take_place() {
  if (!free_.empty()) {
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  const std::uint32_t index = unheld_.oldest();
  if (index == kNone) return kNone;
  unheld_.remove(entries_, index);
  remove(index);
  return index;
}

// Takes the entry out of the buckets and closes the gap (Knuth 6.4, algorithm R), so that no tombstones gather.
void Neighbours::remove(std::uint32_t index) {
  const auto mask = static_cast<std::uint32_t>(buckets_.size() - 1);
  std::uint32_t gap = bucket_of(key_of(entries_[index].link, entries_[index].address));
  for (std::uint32_t next = (gap + 1) & mask; buckets_[next] != kNone; next = (next + 1) & mask) {
    const Neighbour& entry = entries_[buckets_[next]];
    const std::uint32_t home = home_of(key_of(entry.link, entry.address));
    if (((next - home) & mask) < ((next - gap) & mask)) continue;
    buckets_[gap] = buckets_[next];
    gap = next;
  }
  buckets_[gap] = kNone;
  entries_[index].state = NeighbourState::kFree;
  --size_;
}

Learned Neighbours::learn(Link link, Ipv4Address address, const Binding& binding, Tick now) {
  const std::uint32_t index = find(link, address);
  if (index == kNone) return Learned::kNothing;
  Neighbour& entry = entries_[index];
  const Learned learned = !entry.usable()       ? Learned::kFound
                          : entry.at == binding ? Learned::kConfirmed
                                                : Learned::kMoved;
  entry.at = binding;
  entry.state = NeighbourState::kReachable;
  entry.attempts = 0;
  entry.changed = now;
  return learned;
}

void Neighbours::want(std::uint32_t index, Tick now) {
  Neighbour& entry = entries_[index];
  if (entry.state != NeighbourState::kFailed || now - entry.changed < options_.retry_after) return;
  entry.state = NeighbourState::kUnresolved;
  entry.attempts = 0;
  ask_soon(index);
}

void Neighbours::ask_soon(std::uint32_t index) {
  if (entries_[index].queued) return;
  entries_[index].queued = true;
  soon_[(soon_head_ + soon_size_++) % soon_.size()] = index;
}

// Moves the entry on by what the time says; true when a request is to be sent.
bool Neighbours::ask(std::uint32_t index, Tick now) {
  Neighbour& entry = entries_[index];
  switch (entry.state) {
    case NeighbourState::kFree:
    case NeighbourState::kFailed:
      return false;
    case NeighbourState::kReachable:
      if (entry.references == 0 || now - entry.changed < options_.reachable_for) return false;
      entry.state = NeighbourState::kStale;
      entry.attempts = 0;
      break;
    case NeighbourState::kUnresolved:
    case NeighbourState::kStale:
      if (entry.attempts > 0 && now - entry.changed < options_.retry_after) return false;
      if (entry.attempts >= options_.attempts) {
        entry.state = NeighbourState::kFailed;
        entry.changed = now;
        return false;
      }
      break;
  }
  ++entry.attempts;
  entry.changed = now;
  return true;
}

std::uint32_t Neighbours::due(Tick now, std::span<std::uint32_t> out) {
  std::uint32_t found = 0;
  while (soon_size_ > 0 && found < out.size()) {
    const std::uint32_t index = soon_[soon_head_];
    soon_head_ = (soon_head_ + 1) % static_cast<std::uint32_t>(soon_.size());
    --soon_size_;
    entries_[index].queued = false;
    if (ask(index, now)) out[found++] = index;
  }
  const auto scan = std::min<std::uint32_t>(kScan, capacity());
  for (std::uint32_t looked = 0; looked < scan && found < out.size(); ++looked) {
    if (ask(cursor_, now)) out[found++] = cursor_;
    cursor_ = cursor_ + 1 == capacity() ? 0 : cursor_ + 1;
  }
  return found;
}

}  // namespace hypernat::dataplane
