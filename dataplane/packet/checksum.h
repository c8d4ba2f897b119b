// The Internet checksum, whole (RFC 1071) and by difference (RFC 1624).
//
// One's complement sums do not depend on byte order, so everything here is in network order as it lies in memory. A
// delta is what a change adds to the one's complement sum; deltas of several changes add up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "config/types.h"

namespace hypernat::dataplane {

constexpr std::uint16_t fold_sum(std::uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

/// One's complement sum of bytes; an odd last byte counts as if a zero followed.
inline std::uint16_t sum_of(std::span<const std::uint8_t> bytes) {
  std::uint64_t sum = 0;
  std::size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    sum += word;
  }
  std::uint32_t rest = 0;
  if (at < bytes.size()) std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
  return fold_sum(sum + rest);
}

/// One's complement sum, not yet folded, of the 20 bytes of an IPv4 header without options. What is carried out comes
/// in again, at 64 bits as at 16: the folded sum is the remainder by 0xffff, which stands for zero.
[[gnu::always_inline]] inline std::uint64_t usual_ip_sum(const void* header) {
  const auto* const bytes = static_cast<const std::uint8_t*>(header);
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::uint32_t third = 0;
  std::memcpy(&first, bytes, sizeof first);
  std::memcpy(&second, bytes + 8, sizeof second);
  std::memcpy(&third, bytes + 16, sizeof third);
  std::uint64_t sum = 0;
  sum += __builtin_add_overflow(first, second, &sum) ? 1 : 0;
  sum += __builtin_add_overflow(sum, std::uint64_t{third}, &sum) ? 1 : 0;
  return sum;
}

/// Whether such a header, which is not all zero, has the checksum that it must have.
[[gnu::always_inline]] inline bool usual_ip_sum_holds(const void* header) {
  return usual_ip_sum(header) % 0xffff == 0;
}

constexpr std::uint16_t add_sums(std::uint32_t a, std::uint32_t b) {
  return fold_sum(std::uint64_t{a} + b);
}

constexpr std::uint16_t delta_of(std::uint16_t from, std::uint16_t to) {
  return fold_sum(std::uint64_t{static_cast<std::uint16_t>(~from)} + to);
}
constexpr std::uint16_t delta_of(Ipv4Address from, Ipv4Address to) {
  return fold_sum(std::uint64_t{~from.network()} + to.network());
}
constexpr std::uint16_t delta_of(L4Port from, L4Port to) {
  return delta_of(from.network(), to.network());
}
/// The delta of the change undone.
constexpr std::uint16_t reverse_delta(std::uint16_t delta) {
  return static_cast<std::uint16_t>(~delta);
}

/// Of a TTL that goes down by one: the first byte of its 16-bit word.
inline constexpr std::uint16_t kTtlDelta = 0xfffe;

/// The checksum field after a change. RFC 1624, equation 3: right at both representations of zero.
constexpr std::uint16_t adjust_checksum(std::uint16_t checksum, std::uint16_t delta) {
  std::uint32_t sum = static_cast<std::uint16_t>(~checksum) + std::uint32_t{delta};
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}
/// After two of them.
constexpr std::uint16_t adjust_checksum(std::uint16_t checksum, std::uint16_t one, std::uint16_t other) {
  std::uint32_t sum = static_cast<std::uint16_t>(~checksum) + std::uint32_t{one} + other;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

/// Sum of the pseudo header that TCP and UDP cover (RFC 9293, RFC 768). `length` in host order.
constexpr std::uint16_t pseudo_header_sum(Ipv4Address src, Ipv4Address dst, Protocol protocol, std::uint16_t length) {
  return fold_sum(std::uint64_t{src.network()} + dst.network() +
                  (std::uint64_t{static_cast<std::uint8_t>(protocol)} << 8) + __builtin_bswap16(length));
}

}  // namespace hypernat::dataplane
