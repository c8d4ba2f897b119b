// Malformed frames and what became of them, on every attachment of either side.
//
// A test takes a packet of an open flow that would pass, breaks one thing about it and names the drop; the fixture
// holds that nothing else was counted, that nobody was answered, that every flow still works afterwards, and that
// nothing is left when all of them have ended.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/packet/packet_world.h"

namespace hypernat::dataplane {

/// One side of a way in.
struct Carrier {
  std::size_t way = 0;
  Side side = Side::kInside;

  std::uint16_t port() const { return side == Side::kInside ? kWays[way].inside_port : kWays[way].outside_port; }
  bool is_vxlan() const { return port() == kHosts || port() == kTenants; }
  bool is_tunnel() const { return is_vxlan() || port() == kPods || port() == kCloud; }
  bool is_vlan() const { return port() == kRacks || port() == kTrunk; }
};
inline void PrintTo(const Carrier& carrier, std::ostream* out) {
  *out << "way " << carrier.way << ", port " << carrier.port();
}

inline constexpr std::array kProtocols{Protocol::kTcp, Protocol::kUdp, Protocol::kIcmp};

class Malformed : public testing::TestWithParam<Carrier> {
 protected:
  ~Malformed() override { settle(); }

  /// Of the open flow of that protocol, on its way in; it passes as it is.
  craft::Datagram datagram(Protocol protocol) const;
  /// With the carrier's own headers around it; a tunnel's without UDP checksum, so that what is wrong is found itself.
  craft::Bytes frame(const craft::Bytes& packet) const;
  /// Where the packet begins in such a frame, and where a tunnel's IPv4 and UDP headers do.
  std::size_t packet_offset() const;
  static constexpr std::size_t kOuterIp = 14;
  static constexpr std::size_t kOuterUdp = kOuterIp + 20;

  /// Whether the frame is dropped by this name and nothing else happens; no name: it is forwarded.
  testing::AssertionResult meets(const craft::Bytes& frame, std::optional<Drop> fate);
  testing::AssertionResult packet_meets(const craft::Bytes& packet, std::optional<Drop> fate) {
    return meets(frame(packet), fate);
  }
  /// Whatever the name is, it is neither forwarded nor answered.
  testing::AssertionResult dies(const craft::Bytes& frame);

  PacketWorld& world() { return world_; }

 private:
  void settle();
  PacketWorld world_;
};

struct CarrierName {
  std::string operator()(const testing::TestParamInfo<Carrier>& info) const;
};
inline constexpr std::array<Carrier, 2 * kWays.size()> every_carrier() {
  std::array<Carrier, 2 * kWays.size()> all{};
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = {.way = i / 2, .side = i % 2 == 0 ? Side::kInside : Side::kOutside};
  return all;
}

// Changes of bytes; positions count from the packet's IPv4 header unless said otherwise.
std::uint16_t get16(const craft::Bytes& bytes, std::size_t at);
craft::Bytes with8(craft::Bytes bytes, std::size_t at, unsigned value);
craft::Bytes with16(craft::Bytes bytes, std::size_t at, unsigned value);
craft::Bytes cut(const craft::Bytes& bytes, std::size_t length);
using craft::with_ip_checksum;

}  // namespace hypernat::dataplane
