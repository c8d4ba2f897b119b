// Random numbers that nobody can continue who has seen many of them: SipHash-2-4 of a counter under a secret key.
//
// Ports of new flows are drawn from it (RFC 6056). One per worker, each counting from its own start.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace hypernat::dataplane {

class SecretRandom {
 public:
  SecretRandom(const std::array<std::uint64_t, 2>& key, std::uint16_t worker)
      : key_(key), counter_(std::uint64_t{worker} << 48) {}

  std::uint64_t next() { return siphash(key_, counter_++); }

  /// 0 ... limit - 1, for limits far below 2^32.
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>((next() >> 32) * limit >> 32); }

  /// SipHash-2-4 of eight bytes, read as a little-endian number (Aumasson and Bernstein).
  static std::uint64_t siphash(const std::array<std::uint64_t, 2>& key, std::uint64_t message) {
    State v{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
            key[1] ^ 0x7465646279746573};
    absorb(v, message);
    absorb(v, std::uint64_t{sizeof message} << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; ++i) round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
  }

 private:
  using State = std::array<std::uint64_t, 4>;

  static void absorb(State& v, std::uint64_t word) {
    v[3] ^= word;
    round(v);
    round(v);
    v[0] ^= word;
  }
  static void round(State& v) {
    v[0] += v[1];
    v[1] = std::rotl(v[1], 13) ^ v[0];
    v[0] = std::rotl(v[0], 32);
    v[2] += v[3];
    v[3] = std::rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = std::rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = std::rotl(v[1], 17) ^ v[2];
    v[2] = std::rotl(v[2], 32);
  }

  std::array<std::uint64_t, 2> key_;
  std::uint64_t counter_;
};

}  // namespace hypernat::dataplane
