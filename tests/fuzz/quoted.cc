// ICMP errors about packets of open flows, on every attachment, with quotes that are cut and changed at will.
//
// Hardly any frame of random bytes quotes a packet of a flow, so here the error is made around what the input says.
// Steps of nine bytes; those that are left over at the end are ignored:
//
//   0  way in, inside and outside (lowest bit); from 0xe0 on: time passes, 16 ms shifted left by the lower four bits
//   1  protocol of the quote (lower two bits), a router speaks (0x04), the quote has an option (0x08), its checksum is
//      left as the change made it (0x10), so is the message's (0x20)
//   2  ICMP type      3  code      4  length field      5, 6  MTU field
//   7  bytes of the quote that are there; 255: all
//   8  where the quote is changed, and by what: 0 nowhere, else the byte at value / 2 has its bits 0x11 or 0x80 flipped
#include <algorithm>

#include "tests/fuzz/fuzz_target.h"
#include "tests/packet/fragments.h"
#include "tests/packet/packet_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr std::size_t kStep = 9;
constexpr std::uint8_t kTime = 0xe0;
constexpr std::size_t kIpChecksum = 10;
constexpr std::size_t kMessageChecksum = 2;

// As whoever sends the error got it: outside, what left by the interface; inside, what was delivered.
Datagram quoted_packet(const PacketWorld& world, std::size_t way, Side side, unsigned protocol) {
  const bool inside = side == Side::kInside;
  const Ip ip = inside ? Ip{.src = "10.0.1.10", .dst = "100.64.0.5"} : Ip{.src = "10.0.1.20", .dst = "10.0.1.10"};
  const std::uint16_t port = world.port_of_flow(3 * way + protocol);
  if (protocol == 0)
    return ip / (inside ? Tcp{.src = 80, .dst = 4000, .flags = "A"} : Tcp{.src = port, .dst = 80, .flags = "A"});
  if (protocol == 1) return ip / (inside ? Udp{.src = 53, .dst = 4000} : Udp{.src = port, .dst = 53});
  return ip / (inside ? Echo{.id = 7, .type = craft::kReply} : Echo{.id = port});
}

void set_checksum(Bytes& bytes, std::size_t at, std::size_t covered) {
  if (bytes.size() < covered || bytes.size() < at + 2) return;
  bytes[at] = bytes[at + 1] = 0;
  const std::uint16_t sum =
      craft::checksum_of(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(covered)));
  bytes[at] = static_cast<std::uint8_t>(sum >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(sum);
}

Bytes quote_of(const PacketWorld& world, const std::uint8_t* step) {
  const Side side = step[0] % 2 == 0 ? Side::kInside : Side::kOutside;
  Datagram packet = quoted_packet(world, step[0] / 2U % kWays.size(), side, (step[1] & 0x03U) % 3);
  if ((step[1] & 0x08U) != 0) packet.ip.options = {148, 4, 0, 0};
  Bytes quote = (packet / "what was said to whom").bytes();
  if (step[8] != 0 && step[8] / 2U < quote.size()) quote[step[8] / 2U] ^= step[8] % 2 == 0 ? 0x11 : 0x80;
  if ((step[1] & 0x10U) == 0) set_checksum(quote, kIpChecksum, (quote[0] & 0x0fU) * 4U);
  if (step[7] != 255) quote.resize(std::min<std::size_t>(step[7], quote.size()));
  return quote;
}

void take_step(PacketWorld& world, const std::uint8_t* step) {
  if (step[0] >= kTime) return world.pass(Tick{16} << (step[0] & 0x0fU));
  const WayIn& in = kWays[step[0] / 2U % kWays.size()];
  const bool inside = step[0] % 2 == 0;
  Bytes message{step[2], step[3], 0, 0, 0, step[4], step[5], step[6]};
  const Bytes quote = quote_of(world, step);
  message.insert(message.end(), quote.begin(), quote.end());
  if ((step[1] & 0x20U) == 0) set_checksum(message, kMessageChecksum, message.size());
  craft::Piece error{.ip = {.src = "100.64.0.5", .dst = "10.0.1.10"}, .protocol = 1, .payload = message};
  if (!inside) error.ip = {.src = (step[1] & 0x04U) != 0 ? "10.0.1.1" : "10.0.1.10", .dst = "10.0.1.20"};
  if (inside)
    world.receive(in.inside_port, outbound_frame(in, error.bytes()));
  else
    world.receive(in.outside_port, inbound_frame(in, error.bytes()));
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
