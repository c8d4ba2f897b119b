// Identifications for datagrams that leave in fragments: no two from one segment to one remote by one protocol have the
// same, for as long as 65,536 divided by the number of workers others have not been given one.
//
// Environments choose identifications each for itself, and behind one interface address theirs would meet: whoever puts
// the fragments together would mix two datagrams (RFC 6864 4.1 asks for uniqueness of source, destination and
// protocol). So outbound datagrams in fragments get one from here. Each worker counts through a share of its own, so
// that none need ask another, and numbers are permuted under a secret, differently for each destination: nobody who has
// seen some can tell the next (RFC 7739).
#pragma once

#include <array>
#include <cstdint>

#include "config/types.h"
#include "dataplane/flow/secret_random.h"

namespace hypernat::dataplane {

/// Datagrams that one receiver can not tell apart but by their identification, or a few more.
struct IdentificationScope {
  std::uint8_t attachment = 0;   ///< index
  std::uint32_t segment_id = 0;  ///< VNI or VLAN id
  Ipv4Address remote;
  Protocol protocol{};
};

class Identifications {
 public:
  struct Options {
    std::array<std::uint64_t, 2> secret{};  ///< the same for all workers
    std::uint16_t worker = 0;
    std::uint16_t workers = 1;
  };
  explicit Identifications(const Options& options) : options_(options), share_(0x10000U / options.workers) {}

  /// Host order.
  std::uint16_t next(const IdentificationScope& scope) {
    const std::uint64_t place =
        std::uint64_t{scope.attachment} << 56 | std::uint64_t{scope.segment_id} << 32 | scope.remote.network();
    const std::uint64_t key = SecretRandom::siphash(options_.secret, place) + static_cast<std::uint8_t>(scope.protocol);
    // Scopes that share a counter only come round sooner.
    std::uint16_t& counter = counters_[SecretRandom::siphash(options_.secret, key) % kCounters];
    const std::uint32_t number = std::uint32_t{counter} * options_.workers + options_.worker;
    counter = static_cast<std::uint16_t>(counter + 1U == share_ ? 0 : counter + 1U);
    return permute(key, static_cast<std::uint16_t>(number));
  }

 private:
  static constexpr std::size_t kCounters = 2048;
  static constexpr int kRounds = 4;

  // A Feistel network over the two bytes (Luby and Rackoff): one to one, whatever the round function.
  std::uint16_t permute(std::uint64_t key, std::uint16_t number) const {
    std::uint32_t left = number >> 8;
    std::uint32_t right = number & 0xffU;
    for (int round = 0; round < kRounds; ++round) {
      const std::uint64_t input = key ^ (std::uint64_t{right} << 8 | static_cast<std::uint64_t>(round + 1));
      const auto mixed = static_cast<std::uint32_t>(SecretRandom::siphash(options_.secret, input) & 0xff);
      const std::uint32_t next_right = left ^ mixed;
      left = right;
      right = next_right;
    }
    return static_cast<std::uint16_t>(left << 8 | right);
  }

  Options options_;
  std::uint32_t share_;  ///< numbers of each worker
  std::array<std::uint16_t, kCounters> counters_{};
};

}  // namespace hypernat::dataplane
