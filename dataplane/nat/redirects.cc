#include "dataplane/nat/redirects.h"

namespace hypernat::dataplane {

bool Redirects::allocate(const Options& options) {
  if (options.capacity == 0) return true;
  index_ = FlowIndex::create({.name = options.name, .capacity = options.capacity, .numa_node = options.numa_node});
  if (!index_ || !entries_.allocate(options.capacity) || !free_.allocate(options.capacity) ||
      !shares_.allocate(options.tenants)) {
    return false;
  }
  per_tenant_ = options.capacity;
  for (std::uint32_t number = 0; number < options.capacity; ++number) free_[number] = number;
  free_count_ = options.capacity;
  return true;
}

Redirect* Redirects::find(const FlowKey& key, std::uint32_t signature) {
  if (in_use() == 0) return nullptr;
  const std::uint32_t number = index_->lookup(key, signature);
  return number == FlowIndex::kMissing ? nullptr : &entries_[number];
}

Redirect* Redirects::find(RedirectTicket ticket) {
  if (ticket.number() >= capacity()) return nullptr;
  Redirect& redirect = entries_[ticket.number()];
  return redirect.state != RedirectState::kFree && redirect.serial == ticket.serial() ? &redirect : nullptr;
}

RedirectTicket Redirects::ticket_of(const Redirect& redirect) const {
  return RedirectTicket::of(static_cast<std::uint32_t>(&redirect - entries_.data()), redirect.serial);
}

RedirectTicket Redirects::add(const Wanted& wanted) {
  if (free_count_ == 0 || shares_[wanted.tenant_slot] >= per_tenant_) return {};
  const std::uint32_t number = free_[free_head_];
  if (!index_->insert(wanted.key, wanted.signature, number)) return {};
  free_head_ = free_head_ + 1 == capacity() ? 0 : free_head_ + 1;
  --free_count_;
  Redirect& redirect = entries_[number];
  ++shares_[wanted.tenant_slot];
  redirect.key = wanted.key;
  redirect.mapping_slot = wanted.mapping_slot;
  redirect.tenant_slot = wanted.tenant_slot;
  redirect.state = RedirectState::kOpening;
  redirect.worker = wanted.asked_first;
  return ticket_of(redirect);
}

void Redirects::remove(Redirect& redirect) {
  index_->erase(redirect.key, hash_(redirect.key));
  --shares_[redirect.tenant_slot];
  redirect.state = RedirectState::kFree;
  redirect.mapping_slot = kNone;
  redirect.serial = static_cast<std::uint16_t>((redirect.serial + 1U) & kSerialMask);
  const std::uint32_t tail = free_head_ + free_count_;
  free_[tail < capacity() ? tail : tail - capacity()] = static_cast<std::uint32_t>(&redirect - entries_.data());
  ++free_count_;
}

}  // namespace hypernat::dataplane
