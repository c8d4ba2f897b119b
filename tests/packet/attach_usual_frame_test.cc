// The short way that decapsulate has for usual frames against its long one: whatever the short one passes, both pass
// alike, and usual frames do go the short way.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>
#include <tuple>

#include "dataplane/attach/usual_frame.h"
#include "tests/packet/attach_world.h"

namespace hypernat::dataplane {
namespace attach_usual_frame {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr std::size_t kToIp = 14;
constexpr std::size_t kShortestFrame = 60;

// A way in: what is around the frame that has the packet, and how many bytes that is.
struct Way {
  std::uint16_t port;
  craft::Ethernet ethernet;
  Ip ip;
  std::size_t outer = 0;
  std::function<Bytes(const Bytes&)> wrap = [](const Bytes& frame) { return frame; };
};

std::vector<Way> every_way() {
  const Ip out{.src = "100.64.0.5", .dst = "10.0.1.53"};
  const Ip in{.src = "10.0.1.53", .dst = "10.0.1.20"};
  constexpr std::size_t kTunnel = 50;
  return {{.port = kBench, .ethernet = to_gateway(), .ip = out},
          {.port = kLan, .ethernet = to_interface(3), .ip = in},
          {kHosts, to_gateway(), out, kTunnel, [](const Bytes& frame) { return from_host() / frame; }},
          {kTenants, to_interface(1), in, kTunnel, [](const Bytes& frame) { return from_vtep() / frame; }},
          {kPods, to_gateway(), out, kTunnel, [](const Bytes& frame) { return from_pod() / frame; }},
          {kCloud, to_interface(5), in, kTunnel, [](const Bytes& frame) { return from_cloud() / frame; }}};
}

std::vector<Datagram> datagrams(const Ip& ip) {
  return {ip / Udp{.src = 4000, .dst = 53} / "who", ip / Udp{.src = 4000, .dst = 53} / std::string(600, 'u'),
          ip / Tcp{.src = 4000, .dst = 80, .flags = "S"} / "",
          ip / Tcp{.src = 4000, .dst = 80, .flags = "PA"} / std::string(400, 't'), ip / Echo{.id = 7} / "ping"};
}

Bytes padded(Bytes frame) {
  frame.resize(std::max(frame.size(), kShortestFrame));
  return frame;
}

// All that parse sets, and where its pointers point, of a packet that passed.
auto fields_of(const Packet& packet) {
  return std::tuple(packet.verdict, packet.drop, packet.side, packet.attachment, packet.slot, packet.protocol,
                    packet.src, packet.dst, packet.src_port, packet.dst_port, packet.tcp_flags, packet.content,
                    packet.fragment, packet.l4_length, packet.peer, packet.environment_mac,
                    reinterpret_cast<const std::uint8_t*>(packet.ip) - packet.frame, packet.l4 - packet.frame);
}

class UsualFrames : public testing::Test {
 protected:
  UsualFrames() {
    for (std::uint16_t port = 0; port < kPorts; ++port) ingress_.emplace_back(world_.attachments, *world_.tables, port);
    long_way_ = ingress_;
    for (Ingress& ingress : long_way_) ingress.may_be_usual = false;
  }

  // Whether the short way passes the frame; in any case both ways come to the same.
  bool passes(const Way& way, const Bytes& inner) {
    const Bytes frame = way.wrap(inner);
    // In a buffer of just its size, so that sanitizers see a look beyond.
    const auto buffer = std::make_unique<std::uint8_t[]>(frame.size());
    std::copy(frame.begin(), frame.end(), buffer.get());
    Packet fresh;
    begin(fresh);
    fresh.frame = buffer.get();
    fresh.length = static_cast<std::uint32_t>(frame.size());
    fresh.port = way.port;
    Packet slow = fresh;
    const Parsed slowly = parse(slow, long_way_);
    Packet either = fresh;
    EXPECT_EQ(parse(either, ingress_), slowly);
    EXPECT_EQ(either.drop, slow.drop);
    if (slowly == Parsed::kPacket) {
      EXPECT_EQ(fields_of(either), fields_of(slow));
    }

    UsualWay usual = ingress_[way.port].usual;
    usual.slot = slow.slot;
    if (const config::TunnelPeer* peer = world_.tables->find_peer(slow.peer)) usual.set_block(peer->block);
    Packet quick = fresh;
    const auto length = static_cast<std::uint32_t>(frame.size() - way.outer);
    if (!parse_usual_frame(quick, buffer.get() + way.outer, length, usual, *world_.tables)) {
      EXPECT_EQ(std::memcmp(&quick, &fresh, sizeof(PacketHead)), 0);
      return false;
    }
    EXPECT_EQ(slowly, Parsed::kPacket) << name_of(slow.drop);
    return true;
  }

 private:
  static Parsed parse(Packet& packet, std::span<const Ingress> ingress) {
    Parsed parsed{};
    decapsulate({&packet, 1}, ingress, {&parsed, 1});
    return parsed;
  }

  AttachWorld world_;
  std::vector<Ingress> ingress_;
  std::vector<Ingress> long_way_;
};

TEST_F(UsualFrames, are_udp_and_tcp_on_any_attachment_that_is_not_tagged) {
  for (const Way& way : every_way()) {
    for (const Datagram& datagram : datagrams(way.ip)) {
      const bool is_echo = std::holds_alternative<Echo>(datagram.l4);
      EXPECT_NE(passes(way, padded(way.ethernet / datagram)), is_echo) << "port " << way.port;
    }
  }
}

TEST_F(UsualFrames, are_for_an_interface_or_the_gateway_and_from_the_senders_block) {
  for (const Way& way : every_way()) {
    const bool inside = way.ethernet.dst == kGatewayMac;
    const Ip wrong{.src = inside ? "10.0.1.10" : "10.0.1.53", .dst = inside ? "10.0.1.53" : "10.0.1.77"};
    for (const MacAddress& mac : {MacAddress{}, way.ethernet.dst})
      EXPECT_FALSE(
          passes(way, padded(craft::Ethernet{.dst = mac, .src = way.ethernet.src} / (wrong / Udp{.dst = 53} / "who"))))
          << "port " << way.port;
  }
}

// Few bytes changed, nearly always of the headers; half the time the header's checksum is right again.
TEST_F(UsualFrames, that_something_is_wrong_about_pass_only_if_the_long_way_passes_them) {
  std::mt19937 random(7);
  const auto below = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most - 1)(random); };
  const std::vector<Way> ways = every_way();
  std::size_t passed = 0;
  constexpr std::size_t kRounds = 20'000;
  for (std::size_t round = 0; round < kRounds; ++round) {
    const Way& way = ways[below(ways.size())];
    const std::vector<Datagram> all = datagrams(way.ip);
    Bytes frame = padded(way.ethernet / all[below(all.size())]);
    for (std::size_t changes = 1 + below(3); changes > 0; --changes)
      frame[below(kToIp + 40)] = static_cast<std::uint8_t>(below(256));
    if (below(8) == 0) frame.resize(below(frame.size()));
    if (below(2) == 0) frame = craft::with_ip_checksum(std::move(frame), kToIp);
    passed += passes(way, frame) ? 1 : 0;
  }
  // Both happen often, or this shows nothing.
  EXPECT_GT(passed, kRounds / 10);
  EXPECT_LT(passed, kRounds / 10 * 9);
}

}  // namespace attach_usual_frame
}  // namespace hypernat::dataplane
