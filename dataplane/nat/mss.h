// The MSS that a SYN announces, held down to what the way it takes can carry (RFC 4459 3.2, as AWS does).
//
// Only ever lowered. A SYN without the option keeps without it, and of options that contradict themselves nothing is
// touched from there on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/nat/rewrite.h"
#include "dataplane/packet/headers.h"

namespace hypernat::dataplane {

inline constexpr std::uint8_t kTcpOptionEnd = 0;
inline constexpr std::uint8_t kTcpOptionNoOperation = 1;
inline constexpr std::uint8_t kTcpOptionMss = 2;
inline constexpr std::size_t kTcpOptionMssBytes = 4;

/// `most` is 0 when nothing is to be held down. The whole header is there.
inline void clamp_mss(std::uint8_t* segment, std::uint16_t most) {
  if (most == 0) return;
  const std::size_t end = (segment[offsetof(TcpHeader, data_offset)] >> 4U) * 4U;
  for (std::size_t at = sizeof(TcpHeader); at < end;) {
    const std::uint8_t kind = segment[at];
    if (kind == kTcpOptionEnd) return;
    if (kind == kTcpOptionNoOperation) {
      ++at;
      continue;
    }
    if (at + 1 >= end || segment[at + 1] < 2 || at + segment[at + 1] > end) return;
    if (kind == kTcpOptionMss && segment[at + 1] == kTcpOptionMssBytes) {
      std::uint16_t announced = 0;
      std::memcpy(&announced, segment + at + 2, sizeof announced);
      const std::uint16_t lowered = swap16(most);
      if (swap16(announced) > most) {
        std::memcpy(segment + at + 2, &lowered, sizeof lowered);
        // At an odd place the two bytes belong to two words of the sum, each as the other's half (RFC 1071 2.B).
        const std::uint16_t delta = delta_of(announced, lowered);
        adjust_l4(segment, Protocol::kTcp, at % 2 == 0 ? delta : swap16(delta));
      }
    }
    at += segment[at + 1];
  }
}

}  // namespace hypernat::dataplane
