#include "tests/packet/error_world.h"

#include <algorithm>
#include <stdexcept>

namespace hypernat::dataplane {
namespace {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr std::uint8_t kTtlLeft = 3;

const Bytes kRecordRoute = {7, 7, 4, 0, 0, 0, 0, 0};
const Bytes kTcpOptions = {2, 4, 0x05, 0xb4, 1, 3, 3, 7, 4, 2, 1, 1};

// Two bytes that make the checksum of a datagram on the inside come out as zero, which is sent as 0xffff.
Bytes landing_on_zero(const Ip& ip, std::uint16_t src, std::uint16_t dst) {
  const std::size_t at = 20 + ip.options.size() + 6;
  for (unsigned value = 0; value <= 0xffff; ++value) {
    const Bytes payload = {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
    const Bytes bytes = (ip / Udp{.src = src, .dst = dst} / payload).bytes();
    if (bytes[at] == 0xff && bytes[at + 1] == 0xff) return payload;
  }
  throw std::logic_error("no payload makes that checksum");
}

Datagram tcp_out(const Ip& ip, std::uint16_t src, std::uint16_t dst) {
  return ip / Tcp{.src = src, .dst = dst, .flags = "S", .options = kTcpOptions} / "fast";
}
Datagram tcp_back(const Ip& ip, std::uint16_t src, std::uint16_t dst) {
  return ip / Tcp{.src = src, .dst = dst, .flags = "SA", .seq = 77, .ack = 1001, .options = kTcpOptions} / "early";
}
Datagram udp(const Ip& ip, std::uint16_t src, std::uint16_t dst) {
  return ip / Udp{.src = src, .dst = dst} / "something of an odd length";
}
Datagram udp_without_checksum(const Ip& ip, std::uint16_t src, std::uint16_t dst) {
  return ip / Udp{.src = src, .dst = dst, .checksum = 0} / "unchecked";
}
Datagram udp_out_at_zero(const Ip& ip, std::uint16_t src, std::uint16_t dst) {
  static const Bytes kPayload = landing_on_zero({.src = kEnvironment, .dst = kServer}, kEnvironmentPort, kServerPort);
  return ip / Udp{.src = src, .dst = dst} / kPayload;
}
Datagram udp_back_at_zero(const Ip& ip, std::uint16_t src, std::uint16_t dst) {
  static const Bytes kPayload = landing_on_zero({.src = kServer, .dst = kEnvironment}, kServerPort, kEnvironmentPort);
  return ip / Udp{.src = src, .dst = dst} / kPayload;
}
Datagram udp_with_options(const Ip& ip, std::uint16_t src, std::uint16_t dst) {
  Ip longer = ip;
  longer.options = kRecordRoute;
  return longer / Udp{.src = src, .dst = dst} / "behind options";
}
Datagram tcp_out_with_options(const Ip& ip, std::uint16_t src, std::uint16_t dst) {
  Datagram datagram = tcp_out(ip, src, dst);
  datagram.ip.options = kRecordRoute;
  return datagram;
}
Datagram tcp_back_with_options(const Ip& ip, std::uint16_t src, std::uint16_t dst) {
  Datagram datagram = tcp_back(ip, src, dst);
  datagram.ip.options = kRecordRoute;
  return datagram;
}
Datagram request(const Ip& ip, std::uint16_t src, std::uint16_t) {
  return ip / Echo{.id = src, .seq = 9} / "0123456789a";
}
Datagram reply(const Ip& ip, std::uint16_t, std::uint16_t dst) {
  return ip / Echo{.id = dst, .seq = 9, .type = craft::kReply} / "0123456789a";
}

}  // namespace

std::vector<Carried> every_carried() {
  return {{.name = "tcp", .protocol = Protocol::kTcp, .out = tcp_out, .back = tcp_back},
          {.name = "tcp_with_options",
           .protocol = Protocol::kTcp,
           .out = tcp_out_with_options,
           .back = tcp_back_with_options},
          {.name = "udp", .protocol = Protocol::kUdp, .out = udp, .back = udp},
          {.name = "udp_without_checksum",
           .protocol = Protocol::kUdp,
           .out = udp_without_checksum,
           .back = udp_without_checksum},
          {.name = "udp_with_a_checksum_of_zero",
           .protocol = Protocol::kUdp,
           .out = udp_out_at_zero,
           .back = udp_back_at_zero},
          {.name = "udp_with_options", .protocol = Protocol::kUdp, .out = udp_with_options, .back = udp_with_options},
          {.name = "echo", .protocol = Protocol::kIcmp, .echo = true, .out = request, .back = reply}};
}

ErrorWorld::ErrorWorld(const Carried& carried, const NatWorld::Options& options) : nat(options), carried_(carried) {
  open(kEnvironmentPort);
}

void ErrorWorld::open(std::uint16_t environment_port) {
  environment_port_ = environment_port;
  const Outcome out = nat.outbound(carried_.out({.src = kEnvironment, .dst = kServer}, environment_port, kServerPort));
  if (!out.opened) throw std::logic_error("no flow: " + out.text());
  port = out.seen.src_port;
  worker = out.worker;
  next_hop = out.egress.next_hop;
  if (out.bytes != carried_.out({.src = kInterface, .dst = kServer, .ttl = 63}, port, kServerPort).bytes())
    throw std::logic_error("the packet did not leave as it is to be quoted");
}

Datagram ErrorWorld::datagram_as_left() const {
  return carried_.out({.src = kInterface, .dst = kServer, .ttl = kTtlLeft}, port, kServerPort);
}

Bytes ErrorWorld::as_sent() const {
  return carried_.out({.src = kEnvironment, .dst = kServer, .ttl = kTtlLeft}, environment_port_, kServerPort).bytes();
}

Bytes ErrorWorld::as_delivered() const {
  return carried_.back({.src = kServer, .dst = kEnvironment, .ttl = 60}, kServerPort, environment_port_).bytes();
}

Bytes ErrorWorld::as_replied() const {
  return carried_.back({.src = kServer, .dst = kInterface, .ttl = 60}, kServerPort, port).bytes();
}

Bytes ErrorWorld::cut(const Bytes& packet, std::size_t l4_bytes) {
  const std::size_t header = (packet.at(0) & 0x0fU) * 4;
  const std::size_t length = l4_bytes == 0 ? packet.size() : std::min(packet.size(), header + l4_bytes);
  return {packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(length)};
}

}  // namespace hypernat::dataplane
