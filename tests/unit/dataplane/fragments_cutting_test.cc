// Cutting packets that are too big, and putting them together again by another's code.
#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "dataplane/fragments/cutting.h"
#include "tests/packet/fragments.h"

namespace hypernat::dataplane {
namespace {

using craft::Bytes;
using craft::Ip;
using craft::Udp;

// Every piece lies in a buffer of exactly its size.
std::vector<Bytes> pieces_of(const Bytes& packet, std::uint32_t mtu) {
  const auto buffer = std::make_unique<std::uint8_t[]>(packet.size());
  std::copy(packet.begin(), packet.end(), buffer.get());
  Cutting cutting({buffer.get(), packet.size()}, mtu);
  std::vector<Bytes> pieces(cutting.pieces());
  for (std::size_t piece = 1; piece < cutting.pieces(); ++piece) {
    const std::uint32_t length = cutting.length_of(piece);
    const auto out = std::make_unique<std::uint8_t[]>(length);
    cutting.write(piece, out.get());
    pieces[piece] = Bytes(out.get(), out.get() + length);
  }
  cutting.shorten();
  pieces[0] = Bytes(buffer.get(), buffer.get() + cutting.length_of(0));
  return pieces;
}

Bytes packet_of(std::size_t payload, Bytes options = {}) {
  craft::Datagram datagram =
      Ip{.src = "10.0.1.20", .dst = "10.0.1.53", .ttl = 63, .dscp_ecn = 0xb9, .options = std::move(options)} /
      Udp{.src = 4000, .dst = 53};
  datagram.payload.resize(payload);
  std::iota(datagram.payload.begin(), datagram.payload.end(), std::uint8_t{0});
  return datagram.bytes();
}

// No operation, record route (not copied), router alert and a security option (copied), end.
const Bytes kOptions = {1, 7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 130, 3, 9, 0};

TEST(Cutting, EveryLengthComesApartAndTogether) {
  for (std::size_t payload = 1473; payload < 1473 + 3200; ++payload) {
    const Bytes packet = packet_of(payload);
    const auto pieces = pieces_of(packet, 1500);
    EXPECT_EQ(pieces, craft::cut_to(packet, 1500));
    EXPECT_EQ(craft::join(pieces), packet);
    for (const Bytes& piece : pieces) EXPECT_LE(piece.size(), 1500U);
  }
}

TEST(Cutting, OptionsOfTheFirstStayWithItUnlessTheyAreToBeCopied) {
  const Bytes packet = packet_of(3000, kOptions);
  const auto pieces = pieces_of(packet, 1000);
  ASSERT_EQ(pieces.size(), 4U);
  EXPECT_EQ((Bytes{pieces[0].begin() + 20, pieces[0].begin() + 36}), kOptions);
  for (std::size_t piece = 1; piece < pieces.size(); ++piece) {
    EXPECT_EQ(pieces[piece][0], 0x47);
    EXPECT_EQ((Bytes{pieces[piece].begin() + 20, pieces[piece].begin() + 28}), (Bytes{148, 4, 0, 0, 130, 3, 9, 0}));
  }
  EXPECT_EQ(craft::join(pieces), packet);
}

TEST(Cutting, TheLongestDatagramAndTheLongestHeaderAndTheLeastMtu) {
  Bytes alert;
  for (int i = 0; i < 10; ++i) alert.insert(alert.end(), {148, 4, 0, 0});
  const Bytes packet = packet_of(65535 - 60 - 8, alert);
  const auto pieces = pieces_of(packet, Cutting::kLeastMtu);
  EXPECT_EQ(pieces.size(), Cutting::kMostPieces);
  EXPECT_EQ(craft::join(pieces), packet);
}

// A fragment is cut as whole packets are, and its pieces are the datagram's.
TEST(Cutting, AFragmentMayBeCutAgain) {
  std::mt19937 random(3);
  for (int round = 0; round < 500; ++round) {
    const Bytes packet = packet_of(3000 + random() % 6000, round % 2 == 0 ? kOptions : Bytes{});
    std::vector<Bytes> all;
    for (const Bytes& fragment : craft::cut_to(packet, 1500 + random() % 1500)) {
      const auto mtu = static_cast<std::uint32_t>(576 + random() % 900);
      if (fragment.size() <= mtu) {
        all.push_back(fragment);
        continue;
      }
      for (const Bytes& piece : pieces_of(fragment, mtu)) {
        EXPECT_LE(piece.size(), mtu);
        all.push_back(piece);
      }
    }
    EXPECT_EQ(craft::join(all), packet);
  }
}

TEST(Cutting, OnlyWhatMayBe) {
  Bytes packet = packet_of(2000);
  EXPECT_TRUE(Cutting::may_cut(*reinterpret_cast<Ipv4Header*>(packet.data())));
  packet[6] = 0x40;
  EXPECT_FALSE(Cutting::may_cut(*reinterpret_cast<Ipv4Header*>(packet.data())));
}

}  // namespace
}  // namespace hypernat::dataplane
