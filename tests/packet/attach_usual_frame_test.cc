// The short way through a plain attachment's frames against the long one: whatever it passes, both pass alike.
#include <gtest/gtest.h>

#include <algorithm>
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

struct Way {
  std::uint16_t port;
  craft::Ethernet ethernet;
  std::string src;
  std::string dst;
};
const std::array<Way, 2> kWays{
    {{kBench, to_gateway(), "100.64.0.5", "10.0.1.53"}, {kLan, to_interface(3), "10.0.1.53", "10.0.1.20"}}};

std::vector<Datagram> datagrams(const Way& way) {
  const Ip ip{.src = way.src, .dst = way.dst};
  return {ip / Udp{.src = 4000, .dst = 53} / "who", ip / Udp{.src = 4000, .dst = 53} / std::string(600, 'u'),
          ip / Tcp{.src = 4000, .dst = 80, .flags = "S"} / "",
          ip / Tcp{.src = 4000, .dst = 80, .flags = "PA"} / std::string(400, 't'), ip / Echo{.id = 7} / "ping"};
}

Bytes padded(Bytes frame) {
  frame.resize(std::max(frame.size(), kShortestFrame));
  return frame;
}

void set_ip_sum(Bytes& frame) {
  const std::size_t header = (frame[kToIp] & 15U) * 4U;
  if (frame.size() < kToIp + std::max<std::size_t>(header, 20)) return;
  frame[kToIp + 10] = frame[kToIp + 11] = 0;
  const auto begin = frame.begin() + kToIp;
  const std::uint16_t sum = craft::checksum_of(Bytes(begin, begin + static_cast<std::ptrdiff_t>(header)));
  frame[kToIp + 10] = static_cast<std::uint8_t>(sum >> 8);
  frame[kToIp + 11] = static_cast<std::uint8_t>(sum);
}

// All that parse sets, and where its pointers point.
auto fields_of(const Packet& packet) {
  return std::tuple(packet.verdict, packet.drop, packet.side, packet.attachment, packet.slot, packet.protocol,
                    packet.src, packet.dst, packet.src_port, packet.dst_port, packet.tcp_flags, packet.content,
                    packet.fragment, packet.l4_length, packet.peer, packet.environment_mac,
                    reinterpret_cast<const std::uint8_t*>(packet.ip) - packet.frame, packet.l4 - packet.frame);
}

class UsualFrames : public testing::Test {
 protected:
  // Whether the short way passes the frame; it and the long one are held against each other when it does.
  bool passes(std::uint16_t port, const Bytes& frame) {
    // In a buffer of just its size, so that sanitizers see a look beyond.
    const auto buffer = std::make_unique<std::uint8_t[]>(frame.size());
    std::copy(frame.begin(), frame.end(), buffer.get());
    Packet quick;
    begin(quick);
    quick.frame = buffer.get();
    quick.length = static_cast<std::uint32_t>(frame.size());
    quick.port = port;
    Packet slow = quick;
    const Packet untouched = quick;
    std::vector<Ingress> ingress;
    for (std::uint16_t each = 0; each < kPorts; ++each) ingress.emplace_back(world_.attachments, *world_.tables, each);
    if (!parse_usual_frame(quick, ingress[port])) {
      EXPECT_EQ(fields_of(quick), fields_of(untouched));
      return false;
    }
    ingress[port].usual.may_be = false;
    Parsed parsed{};
    decapsulate({&slow, 1}, ingress, {&parsed, 1});
    EXPECT_EQ(parsed, Parsed::kPacket) << name_of(slow.drop);
    EXPECT_EQ(fields_of(quick), fields_of(slow));
    return true;
  }

  AttachWorld world_;
};

TEST_F(UsualFrames, are_udp_and_tcp_on_plain_attachments_and_pass_the_same_both_ways) {
  for (const Way& way : kWays) {
    for (const Datagram& datagram : datagrams(way)) {
      const bool is_echo = std::holds_alternative<Echo>(datagram.l4);
      EXPECT_NE(passes(way.port, padded(way.ethernet / datagram)), is_echo);
    }
  }
}

TEST_F(UsualFrames, are_for_an_interface_or_the_gateway) {
  const Ip to_nobody{.src = "10.0.1.53", .dst = "10.0.1.77"};
  for (const MacAddress& mac : {MacAddress{}, interface_mac(3), kGatewayMac})
    EXPECT_FALSE(
        passes(kLan, padded(craft::Ethernet{.dst = mac, .src = kServerMac} / (to_nobody / Udp{.dst = 53} / "who"))));
  const Ip from_somewhere{.src = "10.0.1.53", .dst = "10.0.1.10"};
  EXPECT_FALSE(passes(kBench, padded(to_gateway() / (from_somewhere / Udp{.dst = 53} / "who"))));
}

// Few bytes changed, nearly always of the headers; half the time the header's checksum is right again.
TEST_F(UsualFrames, that_something_is_wrong_about_pass_only_if_the_long_way_passes_them) {
  std::mt19937 random(7);
  const auto below = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most - 1)(random); };
  std::size_t passed = 0;
  constexpr std::size_t kRounds = 20'000;
  for (std::size_t round = 0; round < kRounds; ++round) {
    const Way& way = kWays[below(kWays.size())];
    const std::vector<Datagram> all = datagrams(way);
    Bytes frame = padded(way.ethernet / all[below(all.size())]);
    for (std::size_t changes = 1 + below(3); changes > 0; --changes)
      frame[below(kToIp + 40)] = static_cast<std::uint8_t>(below(256));
    if (below(8) == 0) frame.resize(below(frame.size()));
    if (frame.size() > kToIp && below(2) == 0) set_ip_sum(frame);
    passed += passes(way.port, frame) ? 1 : 0;
  }
  // Both happen often, or this shows nothing.
  EXPECT_GT(passed, kRounds / 10);
  EXPECT_LT(passed, kRounds / 10 * 9);
}

}  // namespace attach_usual_frame
}  // namespace hypernat::dataplane
