// What Geneve (RFC 8926) says beyond what every tunnel says: versions, control packets, options, outer checksums.
#include <gtest/gtest.h>

#include <functional>

#include "tests/packet/attach_world.h"

namespace hypernat::dataplane {
namespace attach_geneve {

using craft::Bytes;

const craft::Datagram kQuery =
    craft::Ip{.src = "100.64.0.5", .dst = "10.0.1.53"} / craft::Udp{.src = 4000, .dst = 53} / "odd lengths, too";

// Of a class that nobody has, with `words` words of data.
Bytes option(std::uint8_t type, std::uint8_t words) {
  Bytes bytes{0xff, 0xf0, type, words};
  bytes.resize(4 + words * std::size_t{4}, 0xab);
  return bytes;
}
Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Row {
  const char* name;
  std::function<void(craft::Geneve&)> change;
  const char* dropped;  // null: it passes
};

class Geneve : public testing::TestWithParam<Row> {};

TEST_P(Geneve, IsTakenOrRefusedByName) {
  const AttachWorld world;
  craft::Geneve tunnel = from_pod();
  GetParam().change(tunnel);
  const auto received = world.receive(kPods, tunnel / (to_gateway() / kQuery));
  if (GetParam().dropped != nullptr) {
    ASSERT_EQ(received.parsed, Parsed::kDropped);
    EXPECT_EQ(name_of(received.packet.drop), GetParam().dropped);
    return;
  }
  ASSERT_EQ(received.parsed, Parsed::kPacket) << name_of(received.packet.drop);
  EXPECT_EQ(to_string(received.packet.src), "100.64.0.5");
  EXPECT_EQ(to_number(world.tables->mapping_numbers[received.packet.slot]), 1U);
}

constexpr std::uint8_t kCritical = 0x80;

const Row kRows[] = {
    {"as_it_is", [](auto&) {}, nullptr},
    {"without_an_outer_checksum", [](auto& geneve) { geneve.checksum = 0; }, nullptr},
    {"with_a_wrong_outer_checksum", [](auto& geneve) { geneve.checksum = 0x1234; }, "bad_l4_checksum"},
    {"one_option", [](auto& geneve) { geneve.options = option(1, 1); }, nullptr},
    {"an_option_without_data", [](auto& geneve) { geneve.options = option(1, 0); }, nullptr},
    {"several_options", [](auto& geneve) { geneve.options = option(1, 3) + option(2, 0) + option(0x7f, 31); }, nullptr},
    {"as_many_options_as_there_can_be", [](auto& geneve) { geneve.options = option(1, 31) + option(2, 30); }, nullptr},
    {"reserved_bits_are_ignored",
     [](auto& geneve) {
       geneve.flags = 0x3f;
       geneve.reserved = 0xff;
     },
     nullptr},
    {"reserved_bits_of_an_option_are_ignored",
     [](auto& geneve) {
       geneve.options = option(1, 1);
       geneve.options[3] |= 0xe0;
     },
     nullptr},
    {"critical_options_announced_and_none_there",
     [](auto& geneve) {
       geneve.flags = 0x40;
       geneve.options = option(1, 1);
     },
     nullptr},
    {"a_critical_option",
     [](auto& geneve) {
       geneve.flags = 0x40;
       geneve.options = option(kCritical | 1, 1);
     },
     "tunnel_critical_option"},
    {"a_critical_option_behind_others",
     [](auto& geneve) {
       geneve.flags = 0x40;
       geneve.options = option(1, 2) + option(2, 0) + option(kCritical, 0);
     },
     "tunnel_critical_option"},
    {"a_critical_option_unannounced", [](auto& geneve) { geneve.options = option(kCritical | 1, 1); },
     "tunnel_critical_option"},
    {"an_option_longer_than_all",
     [](auto& geneve) {
       geneve.options = option(1, 1);
       geneve.options[3] = 2;
     },
     "bad_tunnel_header"},
    {"a_critical_option_longer_than_all",
     [](auto& geneve) {
       geneve.options = option(kCritical | 1, 1);
       geneve.options[3] = 31;
     },
     "bad_tunnel_header"},
    {"options_beyond_the_datagram", [](auto& geneve) { geneve.words = 63; }, "truncated"},
    {"the_inner_frame_taken_for_options", [](auto& geneve) { geneve.words = 1; }, "not_ours"},
    {"version_one", [](auto& geneve) { geneve.version = 1; }, "bad_tunnel_header"},
    {"version_three", [](auto& geneve) { geneve.version = 3; }, "bad_tunnel_header"},
    {"a_control_packet", [](auto& geneve) { geneve.flags = 0x80; }, "tunnel_control"},
    {"a_control_packet_with_options",
     [](auto& geneve) {
       geneve.flags = 0xc0;
       geneve.options = option(kCritical | 1, 1);
     },
     "tunnel_control"},
    {"ipv4_without_ethernet", [](auto& geneve) { geneve.protocol = 0x0800; }, "bad_tunnel_header"},
    {"no_protocol", [](auto& geneve) { geneve.protocol = 0; }, "bad_tunnel_header"},
    {"vxlans_port", [](auto& geneve) { geneve.udp_port = 4789; }, "unknown_attachment"},
    {"an_unregistered_host", [](auto& geneve) { geneve.from = "192.0.2.13"; }, "unknown_tunnel_peer"},
    {"an_unknown_mapping", [](auto& geneve) { geneve.vni = 0x010001; }, "unknown_segment"},
};

INSTANTIATE_TEST_SUITE_P(Rows, Geneve, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(GeneveSegments, OfTheOutsideAreTheirOwnVtepsOnly) {
  const AttachWorld world;
  const craft::Datagram answer = craft::Ip{.src = "10.0.1.53", .dst = "10.0.1.20"} / craft::Udp{.src = 53, .dst = 2000};
  craft::Geneve stranger = from_cloud();
  stranger.from = "198.51.101.12";
  EXPECT_EQ(name_of(world.receive(kCloud, stranger / (to_interface(5) / answer)).packet.drop), "unknown_tunnel_peer");
  EXPECT_EQ(name_of(world.receive(kCloud, from_cloud(7006) / (to_interface(5) / answer)).packet.drop),
            "unknown_segment");
  EXPECT_EQ(name_of(world.receive(kTenants, from_cloud() / (to_interface(5) / answer)).packet.drop), "not_ours");
}

TEST(GeneveOptions, AreCutShortAtNoByteUnnoticed) {
  const AttachWorld world;
  craft::Geneve tunnel = from_pod();
  tunnel.options = option(1, 3) + option(2, 0) + option(3, 1);
  const Bytes frame = tunnel / (to_gateway() / kQuery);
  ASSERT_EQ(world.receive(kPods, frame).parsed, Parsed::kPacket);
  for (std::size_t length = 0; length < frame.size(); ++length) {
    const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(world.receive(kPods, cut).parsed, Parsed::kDropped) << length << " bytes";
  }
}

// Whatever the tunnel's bytes are, nothing is read beyond the frame (the sanitizer watches), and what passes is the
// packet that was sent.
TEST(GeneveOptions, WithFlippedBytesNeverBreakThePromises) {
  const AttachWorld world;
  craft::Geneve tunnel = from_pod();
  tunnel.checksum = 0;
  tunnel.options = option(1, 3) + option(2, 0);
  const Bytes frame = tunnel / (to_gateway() / kQuery);
  const std::size_t header = 14 + 20 + 8;
  for (std::size_t at = header; at < header + 8 + tunnel.options.size(); ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      Bytes flipped = frame;
      flipped[at] = static_cast<std::uint8_t>(value);
      const auto received = world.receive(kPods, flipped);
      if (received.parsed != Parsed::kPacket) continue;
      ASSERT_EQ(received.packet.l4 + received.packet.l4_length, received.packet.frame + received.packet.length);
      ASSERT_EQ(to_string(received.packet.src), "100.64.0.5");
    }
  }
}

}  // namespace attach_geneve
}  // namespace hypernat::dataplane
