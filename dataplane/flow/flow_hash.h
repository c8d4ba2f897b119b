// Signatures of flow keys: keyed by a secret and not linear, so that a tenant who chooses addresses and ports can not
// choose which of his flows collide.
//
// Two folded 64 x 64 multiplications, each word masked by its own secret. A CRC, seeded or not, is linear: equal
// signatures can be computed without knowing the seed.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/flow/flow_key.h"

namespace hypernat::dataplane {

class FlowHash {
 public:
  explicit FlowHash(const std::array<std::uint64_t, 4>& secret) : secret_(secret) {}

  std::uint32_t operator()(const FlowKey& key) const {
    const std::uint64_t first = fold(key.number_protocol_local ^ secret_[0], key.remote_and_ports ^ secret_[1]);
    const std::uint64_t second = fold(first ^ secret_[2], key.remote_and_ports ^ secret_[3]);
    return static_cast<std::uint32_t>(second ^ second >> 32);
  }

 private:
  __extension__ using Wide = unsigned __int128;
  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  std::array<std::uint64_t, 4> secret_;
};

}  // namespace hypernat::dataplane
