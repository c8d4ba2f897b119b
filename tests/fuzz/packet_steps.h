// The steps of an input for a PacketWorld: frames, and time that passes, as bytes that a fuzzer may mutate at will.
//
//   0x00-0xbf  a frame: port (lower three bits), checksums to be set right (bit 3), more of the burst to come (bit 4);
//              then its length (two bytes, little-endian) and as many bytes, or those that are left
//   0xc0-0xff  time: 16 ms shifted left by the lower four bits
#pragma once

#include <cstdint>
#include <span>

#include "tests/packet/packet_world.h"

namespace hypernat::fuzz {

inline constexpr std::uint8_t kStepTime = 0xc0;
inline constexpr std::uint8_t kStepRepair = 0x08;
inline constexpr std::uint8_t kStepMoreToCome = 0x10;

void take_steps(dataplane::PacketWorld& world, std::span<const std::uint8_t> input);

/// Writes inputs.
craft::Bytes frame_step(std::uint16_t port, const craft::Bytes& frame, std::uint8_t flags = kStepRepair);
craft::Bytes time_step(std::uint8_t shift);

}  // namespace hypernat::fuzz
