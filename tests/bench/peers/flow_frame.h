// Writes and reads the UDP frame of a flow: 60 bytes, whose checksums cost no look at what is the same in every packet.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "config/types.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "tests/bench/peers/numbered_flow.h"

namespace hypernat::bench {

inline constexpr std::size_t kIpAt = sizeof(dataplane::EthernetHeader);
inline constexpr std::size_t kUdpAt = kIpAt + sizeof(dataplane::Ipv4Header);
inline constexpr std::size_t kFlowUdpBytes = kFlowFrameBytes - kUdpAt;

inline constexpr std::size_t kNumberAt = kUdpAt + sizeof(dataplane::UdpHeader);

class FlowFrame {
 public:
  FlowFrame(const MacAddress& dst, const MacAddress& src) {
    std::copy(dst.bytes.begin(), dst.bytes.end(), blank_.begin());
    std::copy(src.bytes.begin(), src.bytes.end(), blank_.begin() + 6);
    blank_[12] = 0x08;
    dataplane::Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.total_length_be = dataplane::swap16(kFlowFrameBytes - kIpAt);
    ip.ttl = 64;
    ip.protocol = static_cast<std::uint8_t>(Protocol::kUdp);
    std::memcpy(blank_.data() + kIpAt, &ip, sizeof ip);
    ip_sum_ = dataplane::sum_of(std::span(blank_).subspan(kIpAt, sizeof ip));
    blank_[kUdpAt + 5] = kFlowUdpBytes;
    l4_sum_ = std::uint64_t{dataplane::sum_of(std::span(blank_).subspan(kUdpAt))} +
              dataplane::pseudo_header_sum({}, {}, Protocol::kUdp, kFlowUdpBytes);
  }

  /// The number lies in the payload, where no NAT alters it.
  void write(std::uint8_t* frame, const NumberedFlow& flow, std::uint32_t number) const {
    std::memcpy(frame, blank_.data(), blank_.size());
    const std::array<std::uint32_t, 2> addresses{dataplane::swap32(flow.src), dataplane::swap32(flow.dst)};
    const std::array<std::uint16_t, 2> ports{dataplane::swap16(flow.src_port), dataplane::swap16(flow.dst_port)};
    const std::uint64_t sum = std::uint64_t{addresses[0]} + addresses[1];
    const auto ip_checksum = static_cast<std::uint16_t>(~dataplane::fold_sum(ip_sum_ + sum));
    const auto l4_checksum =
        static_cast<std::uint16_t>(~dataplane::fold_sum(l4_sum_ + sum + ports[0] + ports[1] + number));
    std::memcpy(frame + kIpAt + 10, &ip_checksum, 2);
    std::memcpy(frame + kIpAt + 12, addresses.data(), 8);
    std::memcpy(frame + kUdpAt, ports.data(), 4);
    std::memcpy(frame + kUdpAt + 6, &l4_checksum, 2);
    std::memcpy(frame + kNumberAt, &number, 4);
  }

 private:
  std::array<std::uint8_t, kFlowFrameBytes> blank_{};
  std::uint64_t ip_sum_ = 0;
  std::uint64_t l4_sum_ = 0;
};

inline bool is_udp(std::span<const std::uint8_t> frame) {
  return frame.size() >= kFlowFrameBytes && frame[12] == 0x08 && frame[13] == 0x00 &&
         frame[kIpAt + 9] == static_cast<std::uint8_t>(Protocol::kUdp);
}

/// Of a frame that is UDP.
inline NumberedFlow flow_in(std::span<const std::uint8_t> frame) {
  std::array<std::uint32_t, 2> addresses{};
  std::array<std::uint16_t, 2> ports{};
  std::memcpy(addresses.data(), frame.data() + kIpAt + 12, 8);
  std::memcpy(ports.data(), frame.data() + kUdpAt, 4);
  return {dataplane::swap32(addresses[0]), dataplane::swap32(addresses[1]), dataplane::swap16(ports[0]),
          dataplane::swap16(ports[1])};
}

/// Likewise.
inline std::uint32_t number_in(std::span<const std::uint8_t> frame) {
  std::uint32_t number = 0;
  std::memcpy(&number, frame.data() + kNumberAt, 4);
  return number;
}

/// Whether both checksums are right, computed over the whole packet.
inline bool has_right_checksums(std::span<const std::uint8_t> frame) {
  const NumberedFlow flow = flow_in(frame);
  const std::uint64_t pseudo = dataplane::pseudo_header_sum(
      Ipv4Address::from_host(flow.src), Ipv4Address::from_host(flow.dst), Protocol::kUdp, kFlowUdpBytes);
  return dataplane::sum_of(frame.subspan(kIpAt, sizeof(dataplane::Ipv4Header))) == 0xffff &&
         dataplane::fold_sum(pseudo + dataplane::sum_of(frame.subspan(kUdpAt, kFlowUdpBytes))) == 0xffff;
}

}  // namespace hypernat::bench
