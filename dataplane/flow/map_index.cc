// FlowIndex as a plain map: for tests, and as the other side of the contract that rte_hash has to keep.
#include <cassert>
#include <unordered_map>

#include "dataplane/flow/flow_index.h"

namespace hypernat::dataplane {
namespace {

// What the caller signed: an index that forgets the signature would hide a caller that computes it wrongly.
struct SignedKey {
  FlowKey key;
  std::uint32_t signature = 0;
  bool operator==(const SignedKey&) const = default;
};

struct SignatureOf {
  std::size_t operator()(const SignedKey& key) const { return key.signature; }
};

}  // namespace

struct FlowIndex::Impl {
  std::unordered_map<SignedKey, std::uint32_t, SignatureOf> values;
  std::uint32_t capacity = 0;
};

FlowIndex::FlowIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FlowIndex::~FlowIndex() = default;

std::unique_ptr<FlowIndex> FlowIndex::create(const Options& options) {
  auto impl = std::make_unique<Impl>();
  impl->capacity = options.capacity;
  return std::unique_ptr<FlowIndex>(new FlowIndex(std::move(impl)));
}

void FlowIndex::lookup_bulk(std::span<const FlowKey* const> keys, std::span<const std::uint32_t> signatures,
                            std::span<std::uint32_t> values) const {
  assert(keys.size() <= kMaxBulk && keys.size() == signatures.size() && keys.size() == values.size());
  for (std::size_t i = 0; i < keys.size(); ++i) values[i] = lookup(*keys[i], signatures[i]);
}

std::uint32_t FlowIndex::lookup(const FlowKey& key, std::uint32_t signature) const {
  const auto at = impl_->values.find({key, signature});
  return at == impl_->values.end() ? kMissing : at->second;
}

bool FlowIndex::insert(const FlowKey& key, std::uint32_t signature, std::uint32_t value) {
  if (impl_->values.size() >= impl_->capacity) return false;
  [[maybe_unused]] const bool inserted = impl_->values.emplace(SignedKey{key, signature}, value).second;
  assert(inserted);
  return true;
}

void FlowIndex::erase(const FlowKey& key, std::uint32_t signature) {
  [[maybe_unused]] const std::size_t erased = impl_->values.erase({key, signature});
  assert(erased == 1);
}

std::uint32_t FlowIndex::size() const {
  return static_cast<std::uint32_t>(impl_->values.size());
}

std::size_t FlowIndex::memory() const {
  constexpr std::size_t kNode = sizeof(SignedKey) + sizeof(std::uint32_t) + 2 * sizeof(void*);
  return impl_->values.size() * kNode + impl_->values.bucket_count() * sizeof(void*);
}

}  // namespace hypernat::dataplane
