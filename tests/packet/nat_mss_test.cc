// The MSS of SYNs through the NAT, held down to what both attachments can carry.
#include <gtest/gtest.h>

#include "tests/packet/error_world.h"

namespace hypernat::dataplane {
namespace nat_mss {

using craft::Bytes;
using craft::Ip;
using craft::Tcp;

Bytes mss(std::uint16_t value) {
  return {2, 4, static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}
Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

NatWorld::Options sizes(std::uint16_t inside, std::uint16_t outside) {
  return {.inside = {.mtu = 9000, .mss = inside}, .outside = {.mtu = 9000, .mss = outside}};
}

// A handshake with these options in both SYNs; what came of them. Byte-exact, checksums whole.
struct Handshake {
  explicit Handshake(const NatWorld::Options& options) : world(options) {}

  void expect(const Bytes& given, const Bytes& expected, const std::string& what, const std::string& flags = "S") {
    const std::uint16_t port = next++;
    const Outcome out = world.outbound(Ip{.src = kEnvironment, .dst = kServer} /
                                       Tcp{.src = port, .dst = 80, .flags = flags, .options = given} / "x");
    ASSERT_TRUE(out.forwarded()) << what << ' ' << out.text();
    const std::uint16_t interface_port = out.seen.src_port;
    EXPECT_EQ(out.bytes, (Ip{.src = kInterface, .dst = kServer, .ttl = 63} /
                          Tcp{.src = interface_port, .dst = 80, .flags = flags, .options = expected} / "x")
                             .bytes())
        << what;
    const Outcome in = world.inbound(Ip{.src = kServer, .dst = kInterface} /
                                     Tcp{.src = 80, .dst = interface_port, .flags = "SA", .options = given});
    ASSERT_TRUE(in.forwarded()) << what << ' ' << in.text();
    EXPECT_EQ(in.bytes, (Ip{.src = kServer, .dst = kEnvironment, .ttl = 63} /
                         Tcp{.src = 80, .dst = port, .flags = "SA", .options = expected})
                            .bytes())
        << what << ", inbound";
  }

  NatWorld world;
  std::uint16_t next = 1000;
};

TEST(Mss, is_held_down_to_the_narrower_attachment_in_both_directions) {
  for (const auto& [inside, outside] : {std::pair(1410, 1460), std::pair(1460, 1410), std::pair(1410, 1410)}) {
    Handshake handshake(sizes(static_cast<std::uint16_t>(inside), static_cast<std::uint16_t>(outside)));
    handshake.expect(mss(1460), mss(1410), "larger");
    handshake.expect(mss(65535), mss(1410), "largest");
    handshake.expect(mss(1411), mss(1410), "larger by one");
    handshake.expect(mss(1410), mss(1410), "equal");
    handshake.expect(mss(536), mss(536), "smaller: never raised");
    handshake.expect(mss(0), mss(0), "nothing");
    handshake.expect({}, {}, "no options");
    handshake.expect(mss(1460), mss(1410), "with flags of ECN", "SEC");
  }
}

TEST(Mss, is_left_alone_where_a_setting_says_so) {
  Handshake(sizes(0, 0)).expect(mss(9000), mss(9000), "neither side");
  Handshake(sizes(0, 1410)).expect(mss(9000), mss(1410), "the inside only");
  Handshake(sizes(1400, 0)).expect(mss(9000), mss(1400), "the outside only");
}

TEST(Mss, is_found_wherever_among_the_options_it_is) {
  Handshake handshake(sizes(1410, 1410));
  const Bytes sack = {4, 2};
  const Bytes scale = {3, 3, 7};
  const Bytes stamp = {8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
  handshake.expect(sack + stamp + mss(1460), sack + stamp + mss(1410), "last");
  handshake.expect(Bytes{1} + scale + mss(1460) + scale + Bytes{0}, Bytes{1} + scale + mss(1410) + scale + Bytes{0},
                   "in the middle");
  handshake.expect(Bytes{1} + mss(1460) + scale, Bytes{1} + mss(1410) + scale, "at an odd place");
  handshake.expect(scale + mss(0x1234) + Bytes{1}, scale + mss(1410) + Bytes{1}, "at an odd place, behind another");
  handshake.expect(mss(1460) + mss(1500), mss(1410) + mss(1410), "twice");
}

TEST(Mss, behind_options_that_contradict_themselves_is_left_alone) {
  Handshake handshake(sizes(1410, 1410));
  for (const Bytes& options :
       {Bytes{0} + mss(1460) + Bytes{0, 0, 0},  // behind the end
        Bytes{8, 0} + mss(1460) + Bytes{1, 1},  // a length of zero
        Bytes{8, 1} + mss(1460) + Bytes{1, 1},  // a length of one
        Bytes{8, 9} + mss(1460) + Bytes{1, 1},  // beyond the header
        Bytes{2, 3, 255, 1}, Bytes{2, 5, 255, 255, 1, 1, 1, 1}, Bytes{1, 2, 4, 255}, Bytes{1, 1, 1, 2}})
    handshake.expect(options, options, testing::PrintToString(options));
  handshake.expect(mss(1460) + Bytes{1, 1, 2, 4}, mss(1410) + Bytes{1, 1, 2, 4}, "what is before them counts");
}

TEST(Mss, of_a_segment_that_is_no_syn_is_not_looked_at) {
  Handshake handshake(sizes(1410, 1410));
  handshake.expect({}, {}, "the handshake");
  const auto segment = [](std::uint16_t port) {
    return Tcp{.src = port, .dst = 80, .flags = "A", .options = mss(1460)};
  };
  const Outcome out = handshake.world.outbound(Ip{.src = kEnvironment, .dst = kServer} / segment(1000));
  ASSERT_TRUE(out.forwarded());
  EXPECT_EQ(out.bytes, (Ip{.src = kInterface, .dst = kServer, .ttl = 63} / segment(out.seen.src_port)).bytes());
}

// A checksum that was wrong stays wrong by as much.
TEST(Mss, repairs_no_checksum) {
  Handshake handshake(sizes(1410, 1410));
  const Outcome out = handshake.world.outbound(
      Ip{.src = kEnvironment, .dst = kServer} /
      Tcp{.src = 1, .dst = 80, .options = mss(1460), .checksum = static_cast<std::uint16_t>(0x0102)});
  ASSERT_TRUE(out.forwarded());
  EXPECT_FALSE(out.seen.l4_checksum_right);
}

}  // namespace nat_mss
}  // namespace hypernat::dataplane
