// SHA-256 over bytes in memory.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace hypernat::config {

using Sha256 = std::array<std::byte, 32>;

/// Throws std::bad_alloc when the library cannot set up the digest.
Sha256 sha256(std::span<const std::byte> bytes);

}  // namespace hypernat::config
