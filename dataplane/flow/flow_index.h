// From keys to numbers: the contract, kept by rte_hash in the product and by a plain map beside it in tests. For what
// has no place in a FlowTable, and for redirects.
//
// One owner thread, no locks. The caller computes the signature (see flow_hash.h), so that the hash is keyed by a
// secret and a bulk lookup may prefetch before it compares. Which implementation a program has is decided by which
// library it links; the two pass one set of tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/flow/flow_key.h"

namespace hypernat::dataplane {

class FlowIndex {
 public:
  static constexpr std::uint32_t kMissing = 0xffffffff;
  static constexpr std::size_t kMaxBulk = 64;

  struct Options {
    const char* name = "";       ///< unique in the process
    std::uint32_t capacity = 0;  ///< keys that are certain to fit
    int numa_node = -1;          ///< where the memory lies; -1: anywhere
  };

  /// Null when the memory can not be had.
  static std::unique_ptr<FlowIndex> create(const Options& options);
  ~FlowIndex();
  FlowIndex(const FlowIndex&) = delete;
  FlowIndex& operator=(const FlowIndex&) = delete;

  /// values[i] = the value of *keys[i], or kMissing. At most kMaxBulk keys; the three spans are of one length.
  void lookup_bulk(std::span<const FlowKey* const> keys, std::span<const std::uint32_t> signatures,
                   std::span<std::uint32_t> values) const;
  std::uint32_t lookup(const FlowKey& key, std::uint32_t signature) const;

  /// False when there is no room; then nothing has changed. The key must not be present.
  bool insert(const FlowKey& key, std::uint32_t signature, std::uint32_t value);
  /// The key must be present.
  void erase(const FlowKey& key, std::uint32_t signature);
  std::uint32_t size() const;
  /// Bytes of memory that the index occupies.
  std::size_t memory() const;

 private:
  struct Impl;
  explicit FlowIndex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hypernat::dataplane
