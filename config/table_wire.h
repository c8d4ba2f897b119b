// The bytes around a published table's payload, known to the writer and the reader only.
//
//    0  magic     8 bytes  "HNATTBL" and a line feed: an editor's line-end conversion breaks it visibly
//    8  version   u32      of the payload's schema
//   12  reserved  u32      zero
//   16  length    u64      of the payload, which ends the file
//   24  digest   32 bytes  SHA-256 of the payload
//   56  payload            a FlatBuffer (table.fbs); 56 keeps it 8-aligned in any aligned buffer
//
// Little-endian, as FlatBuffers are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "config/sha256.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "config/table_generated.h"
#pragma GCC diagnostic pop

namespace hypernat::config::wire {

inline constexpr std::array<char, 8> kMagic = {'H', 'N', 'A', 'T', 'T', 'B', 'L', '\n'};
inline constexpr std::uint32_t kVersion = 1;

struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t reserved = 0;
  std::uint64_t length = 0;
  Sha256 digest{};
};
static_assert(sizeof(Header) == 56 && std::is_trivially_copyable_v<Header>);

/// FlatBuffers' structs are aligned to 8 bytes at most; its readers rely on it.
inline constexpr std::size_t kPayloadAlignment = 8;

}  // namespace hypernat::config::wire
