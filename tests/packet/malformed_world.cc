#include "tests/packet/malformed_world.h"

#include <algorithm>

namespace hypernat::dataplane {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

Datagram Malformed::datagram(Protocol protocol) const {
  const auto [way, side] = GetParam();
  const bool inside = side == Side::kInside;
  const Ip ip = inside ? Ip{.src = "100.64.0.5", .dst = "10.0.1.10"} : Ip{.src = "10.0.1.10", .dst = "10.0.1.20"};
  const std::size_t flow = 3 * way;
  switch (protocol) {
    case Protocol::kTcp:
      return ip /
             (inside ? Tcp{.src = 4000, .dst = 80, .flags = "A"}
                     : Tcp{.src = 80, .dst = world_.port_of_flow(flow), .flags = "SA"}) /
             "GET /";
    case Protocol::kUdp:
      return ip / (inside ? Udp{.src = 4000, .dst = 53} : Udp{.src = 53, .dst = world_.port_of_flow(flow + 1)}) / "who";
    case Protocol::kIcmp:
      break;
  }
  return ip / (inside ? Echo{.id = 7} : Echo{.id = world_.port_of_flow(flow + 2), .type = craft::kReply}) / "ping";
}

Bytes Malformed::frame(const Bytes& packet) const {
  const auto [way, side] = GetParam();
  const Bytes whole = side == Side::kInside ? outbound_frame(kWays[way], packet) : inbound_frame(kWays[way], packet);
  return GetParam().is_tunnel() ? with16(whole, kOuterUdp + 6, 0) : whole;
}

std::size_t Malformed::packet_offset() const {
  return frame({}).size();
}

testing::AssertionResult Malformed::meets(const Bytes& bytes, std::optional<Drop> fate) {
  const Fates before = world_.fates();
  world_.receive(GetParam().port(), bytes);
  const Fates& after = world_.fates();
  Fates expected = before;
  ++expected.received;
  if (fate)
    ++expected.dropped[static_cast<std::size_t>(*fate)];
  else
    ++expected.forwarded;
  if (after == expected) return testing::AssertionSuccess();
  auto failure = testing::AssertionFailure() << "expected " << (fate ? name_of(*fate) : "to be forwarded") << ", was";
  if (after.forwarded != before.forwarded) failure << " forwarded";
  if (after.answered != before.answered) failure << " answered";
  if (after.consumed != before.consumed) failure << " consumed";
  for (std::size_t reason = 0; reason < kDropReasons; ++reason)
    if (after.dropped[reason] != before.dropped[reason]) failure << " dropped: " << kDropTexts[reason].name;
  return failure;
}

testing::AssertionResult Malformed::dies(const Bytes& bytes) {
  const Fates before = world_.fates();
  world_.receive(GetParam().port(), bytes);
  const Fates& after = world_.fates();
  if (after.forwarded != before.forwarded) return testing::AssertionFailure() << "forwarded";
  if (after.answered != before.answered) return testing::AssertionFailure() << "answered";
  return testing::AssertionSuccess();
}

void Malformed::settle() {
  for (const Protocol protocol : kProtocols)
    EXPECT_TRUE(packet_meets(datagram(protocol).bytes(), std::nullopt)) << "a flow has suffered";
  world_.settle();
}

std::string CarrierName::operator()(const testing::TestParamInfo<Carrier>& info) const {
  const Carrier& carrier = info.param;
  const std::string side = carrier.side == Side::kInside ? "inside" : "outside";
  const std::string kind = carrier.is_vxlan()    ? "vxlan"
                           : carrier.is_tunnel() ? "geneve"
                           : carrier.is_vlan()   ? "vlan"
                                                 : "plain";
  return kind + "_" + side + "_" + std::to_string(carrier.way);
}

std::uint16_t get16(const Bytes& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes.at(at) << 8 | bytes.at(at + 1));
}

Bytes with8(Bytes bytes, std::size_t at, unsigned value) {
  bytes.at(at) = static_cast<std::uint8_t>(value);
  return bytes;
}

Bytes with16(Bytes bytes, std::size_t at, unsigned value) {
  bytes.at(at) = static_cast<std::uint8_t>(value >> 8);
  bytes.at(at + 1) = static_cast<std::uint8_t>(value);
  return bytes;
}

Bytes cut(const Bytes& bytes, std::size_t length) {
  return Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
}

}  // namespace hypernat::dataplane
