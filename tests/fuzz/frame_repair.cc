#include "tests/fuzz/frame_repair.h"

#include <algorithm>

namespace hypernat::fuzz {
namespace {

using craft::Bytes;

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kUdpAndTunnel = 16;
constexpr std::uint16_t kVxlanPort = 4789;
constexpr std::uint16_t kGenevePort = 6081;

std::uint16_t get16(const Bytes& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
void set16(Bytes& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}
Bytes part(const Bytes& bytes, std::size_t begin, std::size_t end) {
  return Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(begin), bytes.begin() + static_cast<std::ptrdiff_t>(end));
}

struct L4 {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t ip = 0;
};

void repair_l4(Bytes& frame, const L4& l4) {
  const std::uint8_t protocol = frame[l4.ip + 9];
  const std::size_t checksum = l4.begin + (protocol == 6 ? 16 : protocol == 17 ? 6 : 2);
  if ((protocol != 1 && protocol != 6 && protocol != 17) || checksum + 2 > l4.end) return;
  if (protocol == 17 && get16(frame, checksum) == 0) return;
  set16(frame, checksum, 0);
  Bytes covered;
  if (protocol != 1) {
    covered = part(frame, l4.ip + 12, l4.ip + 20);
    covered.insert(covered.end(), {0, protocol, 0, 0});
    set16(covered, 10, static_cast<std::uint16_t>(l4.end - l4.begin));
  }
  const Bytes segment = part(frame, l4.begin, l4.end);
  covered.insert(covered.end(), segment.begin(), segment.end());
  const std::uint16_t sum = craft::checksum_of(covered);
  set16(frame, checksum, protocol == 17 && sum == 0 ? 0xffff : sum);
}

// The frame that begins at `ethernet`; what is in a tunnel first, as the outer checksum is over it.
void repair_frame(Bytes& frame, std::size_t ethernet) {
  std::size_t ip = ethernet + kEthernet;
  if (frame.size() < ip + 4) return;
  if (get16(frame, ip - 2) == 0x8100) ip += 4;
  if (frame.size() < ip + 20 || get16(frame, ip - 2) != 0x0800) return;
  const std::size_t header = (frame[ip] & 15U) * 4U;
  const std::size_t length = get16(frame, ip + 2);
  if (header < 20 || length < header || frame.size() < ip + length) return;
  const L4 l4{.begin = ip + header, .end = ip + length, .ip = ip};
  if (frame[ip + 9] == 17 && length - header >= kUdpAndTunnel) {
    const std::uint16_t port = get16(frame, l4.begin + 2);
    const std::size_t options = port == kGenevePort ? (frame[l4.begin + 8] & 63U) * 4U : 0;
    if (port == kVxlanPort || port == kGenevePort) repair_frame(frame, l4.begin + kUdpAndTunnel + options);
  }
  repair_l4(frame, l4);
  set16(frame, ip + 10, 0);
  set16(frame, ip + 10, craft::checksum_of(part(frame, ip, ip + header)));
}

}  // namespace

void repair_checksums(Bytes& frame) {
  repair_frame(frame, 0);
}

}  // namespace hypernat::fuzz
