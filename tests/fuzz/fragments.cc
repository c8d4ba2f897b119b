// Fragments of datagrams on every attachment, in any order, beside each other and with time between them.
//
// Frames of random bytes are hardly ever fragments of one datagram, so here the input says where fragments lie, and the
// rest is made for it. Steps of five bytes; those that are left over at the end are ignored:
//
//   0  0-5: way in, inside and outside (lower bits); from 0xe0 on: time passes, 16 ms shifted left by the lower four
//   bits 1  protocol (lower two bits), identification (three bits), more to come (0x20), a stranger's ports (0x40), DF
//   (0x80) 2  offset, in units of eight bytes 3  offset, further units of 256 bytes 4  bytes of payload; of a first
//   fragment, with its transport header
#include <algorithm>

#include "tests/fuzz/fuzz_target.h"
#include "tests/packet/fragments.h"
#include "tests/packet/packet_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Bytes;
using craft::Ip;

constexpr std::size_t kStep = 5;
constexpr std::uint8_t kTime = 0xe0;

// What a first fragment begins with: the transport header of one of a PacketWorld's flows, or of nobody's.
Bytes transport(const PacketWorld& world, std::size_t way, Side side, unsigned protocol, bool strange) {
  const bool inside = side == Side::kInside;
  const auto port = static_cast<std::uint16_t>(strange ? 4001 : 4000);
  const auto answered = static_cast<std::uint16_t>(world.port_of_flow(3 * way + protocol % 3) + (strange ? 1 : 0));
  const Ip ip{.src = "100.64.0.5", .dst = "10.0.1.10"};
  craft::Datagram datagram = ip / craft::Tcp{.src = inside ? port : std::uint16_t{80},
                                             .dst = inside ? std::uint16_t{80} : answered,
                                             .flags = strange ? "S" : "A"};
  if (protocol % 3 == 1)
    datagram = ip / craft::Udp{.src = inside ? port : std::uint16_t{53}, .dst = inside ? std::uint16_t{53} : answered};
  if (protocol % 3 == 2)
    datagram =
        ip / craft::Echo{.id = inside ? std::uint16_t{7} : answered, .type = inside ? std::uint8_t{8} : craft::kReply};
  return craft::payload_of(datagram.bytes());
}

void take_step(PacketWorld& world, const std::uint8_t* step) {
  if (step[0] >= kTime) return world.pass(Tick{16} << (step[0] & 0x0fU));
  const std::size_t way = step[0] / 2U % kWays.size();
  const Side side = step[0] % 2 == 0 ? Side::kInside : Side::kOutside;
  const unsigned protocol = step[1] & 0x03U;
  craft::Piece piece;
  piece.ip =
      side == Side::kInside ? Ip{.src = "100.64.0.5", .dst = "10.0.1.10"} : Ip{.src = "10.0.1.10", .dst = "10.0.1.20"};
  piece.ip.identification = static_cast<std::uint16_t>(step[1] >> 2U & 0x07U);
  piece.protocol = std::array<std::uint8_t, 4>{6, 17, 1, 47}[protocol];
  piece.offset = std::min(8U * step[2] + 256U * step[3], 65'528U);
  piece.more = (step[1] & 0x20U) != 0;
  if (piece.offset == 0) piece.payload = transport(world, way, side, protocol, (step[1] & 0x40U) != 0);
  piece.payload.resize(step[4], 0xab);
  Bytes packet = piece.bytes();
  if ((step[1] & 0x80U) != 0) packet[6] |= 0x40;
  const WayIn& in = kWays[way];
  if (side == Side::kInside)
    world.receive(in.inside_port, outbound_frame(in, packet));
  else
    world.receive(in.outside_port, inbound_frame(in, packet));
  world.translate();
}

}  // namespace
}  // namespace hypernat::dataplane

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypernat::dataplane;
  PacketWorld world;
  for (std::size_t at = 0; at + kStep <= size; at += kStep) take_step(world, data + at);
  world.settle();
  return 0;
}
