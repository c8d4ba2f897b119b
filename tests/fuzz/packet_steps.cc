#include "tests/fuzz/packet_steps.h"

#include <algorithm>

#include "tests/fuzz/frame_repair.h"

namespace hypernat::fuzz {
namespace {

constexpr std::uint8_t kPortBits = 0x07;
constexpr std::uint8_t kShiftBits = 0x0f;
constexpr dataplane::Tick kShortestTime = 16;
constexpr std::size_t kLongestFrame = 2048;

// The frame at the front of `input`, which is cut by it.
craft::Bytes take_frame(std::span<const std::uint8_t>& input) {
  std::size_t length = 0;
  for (unsigned shift = 0; shift < 16 && !input.empty(); shift += 8) {
    length |= std::size_t{input.front()} << shift;
    input = input.subspan(1);
  }
  length = std::min({length, input.size(), kLongestFrame});
  const craft::Bytes frame(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(length));
  input = input.subspan(length);
  return frame;
}

}  // namespace

void take_steps(dataplane::PacketWorld& world, std::span<const std::uint8_t> input) {
  while (!input.empty()) {
    const std::uint8_t step = input.front();
    input = input.subspan(1);
    if (step >= kStepTime) {
      world.pass(kShortestTime << (step & kShiftBits));
      continue;
    }
    craft::Bytes frame = take_frame(input);
    world.fill_in_ports(frame);
    if ((step & kStepRepair) != 0) repair_checksums(frame);
    world.receive((step & kPortBits) % dataplane::kPorts, frame);
    if ((step & kStepMoreToCome) == 0) world.translate();
  }
}

craft::Bytes frame_step(std::uint16_t port, const craft::Bytes& frame, std::uint8_t flags) {
  craft::Bytes step;
  step.reserve(3 + frame.size());
  step.push_back(static_cast<std::uint8_t>(port | flags));
  step.push_back(static_cast<std::uint8_t>(frame.size()));
  step.push_back(static_cast<std::uint8_t>(frame.size() >> 8));
  step.insert(step.end(), frame.begin(), frame.end());
  return step;
}

craft::Bytes time_step(std::uint8_t shift) {
  return {static_cast<std::uint8_t>(kStepTime | shift)};
}

}  // namespace hypernat::fuzz
