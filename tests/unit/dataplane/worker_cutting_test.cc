// What is too big for where it goes: cut on its way out, unless its sender forbids it.
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "tests/packet/fragments.h"
#include "tests/unit/dataplane/worker_world.h"

namespace hypernat::dataplane {
namespace worker_cutting {

using craft::Bytes;
using craft::Datagram;
using craft::Ip;
using craft::Udp;

constexpr std::size_t kMtu = 1450;  // of both tunnels
constexpr const char* kServer = "10.0.1.53";

std::uint64_t dropped(const WorkerWorld& world, Drop reason) {
  return world.total().dropped[static_cast<std::size_t>(reason)];
}

// A packet of `length` bytes.
Datagram of_length(Datagram datagram, std::size_t length) {
  datagram.payload.resize(length - 28 - datagram.ip.options.size());
  std::iota(datagram.payload.begin(), datagram.payload.end(), std::uint8_t{1});
  return datagram;
}
Datagram request(std::size_t length, std::uint16_t fragment = 0) {
  return of_length(Ip{.src = "100.64.0.5", .dst = kServer, .fragment = fragment} / Udp{.src = 4000, .dst = 53}, length);
}

class CuttingJourney : public testing::Test {
 protected:
  void SetUp() override { world_.know_neighbours(); }

  void arrive(const Bytes& packet) {
    world_.arrive(kHosts, from_host() / (to_gateway() / packet));
    world_.run();
  }
  std::vector<Bytes> sent(std::uint16_t port) { return inner_packets(world_.sent_packets(port)); }

  WorkerWorld world_;
};

TEST_F(CuttingJourney, WhatFitsLeavesAsItIsAndWhatDoesNotInPieces) {
  arrive(request(kMtu).bytes());
  EXPECT_EQ(sent(kTenants).size(), 1U);
  const std::uint64_t originated = world_.total().originated;
  std::set<std::uint16_t> identifications;
  for (const std::size_t length : {kMtu + 1, kMtu + 300, std::size_t{1900}}) {
    const Datagram datagram = request(length);
    arrive(datagram.bytes());
    const auto pieces = sent(kTenants);
    ASSERT_EQ(pieces.size(), 2U);
    for (const Bytes& piece : pieces) EXPECT_LE(piece.size(), kMtu);
    const auto whole = craft::join(pieces);
    ASSERT_TRUE(whole);
    EXPECT_TRUE(craft::look_at(*whole).l4_checksum_right);
    EXPECT_EQ((Bytes{whole->begin() + 28, whole->end()}), datagram.payload);
    identifications.insert(craft::identification_of(*whole));
  }
  EXPECT_EQ(identifications.size(), 3U) << "all came with the same";
  EXPECT_EQ(world_.total().originated - originated, 3U);
  EXPECT_EQ(dropped(world_, Drop::too_big), 0U);
}

TEST_F(CuttingJourney, WithoutFragmentationAllowedItIsNotCut) {
  arrive(request(kMtu + 1, 0x4000).bytes());
  EXPECT_TRUE(sent(kTenants).empty());
  EXPECT_EQ(dropped(world_, Drop::too_big), 1U);
}

// Where an Ethernet header is all that goes round a packet, both ways.
TEST_F(CuttingJourney, WhatDoesNotFitAPlainAttachmentLeavesInPiecesToo) {
  constexpr std::size_t kPlainMtu = 1500;
  Datagram asked = request(kPlainMtu);
  world_.arrive(kBench, to_gateway() / asked);
  world_.arrive(kLan, to_interface(3) / craft::Arp{.operation = 2,
                                                   .sender_mac = kServerMac,
                                                   .sender = kServer,
                                                   .target_mac = interface_mac(3),
                                                   .target = "10.0.1.20"});
  world_.run();
  const auto whole_one = world_.sent_packets(kLan);
  ASSERT_EQ(whole_one.size(), 1U);
  const std::uint16_t port = craft::look_at(Bytes{whole_one[0].begin() + 14, whole_one[0].end()}).src_port;
  const auto expect_pieces = [&](std::uint16_t sent_on, const Bytes& payload) {
    std::vector<Bytes> pieces;
    for (const Bytes& frame : world_.sent_packets(sent_on)) pieces.emplace_back(frame.begin() + 14, frame.end());
    ASSERT_EQ(pieces.size(), 2U);
    for (const Bytes& piece : pieces) EXPECT_LE(piece.size(), kPlainMtu);
    const auto joined = craft::join(pieces);
    ASSERT_TRUE(joined);
    EXPECT_EQ((Bytes{joined->begin() + 28, joined->end()}), payload);
  };
  asked = request(kPlainMtu + 1);
  world_.arrive(kBench, to_gateway() / asked);
  world_.run();
  expect_pieces(kLan, asked.payload);
  const Datagram reply = of_length(Ip{.src = kServer, .dst = "10.0.1.20"} / Udp{.src = 53, .dst = port}, kPlainMtu + 1);
  world_.arrive(kLan, to_interface(3) / reply);
  world_.run();
  expect_pieces(kBench, reply.payload);
}

// Inbound the identification is the remote's own, and only what has none gets one.
TEST_F(CuttingJourney, TowardsAnEnvironmentTheIdentificationStays) {
  arrive(request(100).bytes());
  const craft::Seen seen = craft::look_at(sent(kTenants).at(0));
  world_.answer_underlay(kHosts, "192.0.2.11");
  for (const std::uint16_t identification : {std::uint16_t{0x1234}, std::uint16_t{0}}) {
    Datagram reply = of_length(
        Ip{.src = kServer, .dst = "10.0.1.20", .identification = identification} / Udp{.src = 53, .dst = seen.src_port},
        1800);
    world_.arrive(kTenants, from_vtep() / (to_interface(1) / reply));
    world_.run();
    world_.answer_underlay(kHosts, "192.0.2.11");
    world_.run();
    const auto pieces = sent(kHosts);
    ASSERT_EQ(pieces.size(), 2U);
    auto whole = craft::join(pieces);
    ASSERT_TRUE(whole);
    reply.ip.dst = "100.64.0.5";
    reply.ip.ttl = 63;
    reply.l4 = Udp{.src = 53, .dst = 4000};
    if (identification == 0) reply.ip.identification = craft::identification_of(*whole);
    EXPECT_EQ(*whole, reply.bytes());
  }
}

TEST_F(CuttingJourney, FragmentsThatDoNotFitAreCutAgain) {
  const Datagram datagram = request(4000);
  auto fragments = craft::cut_to(datagram.bytes(), 1500);
  std::swap(fragments[0], fragments[2]);
  for (const Bytes& fragment : fragments) arrive(fragment);
  const auto pieces = sent(kTenants);
  EXPECT_EQ(pieces.size(), 5U);
  const auto whole = craft::join(pieces);
  ASSERT_TRUE(whole);
  EXPECT_TRUE(craft::look_at(*whole).l4_checksum_right);
  EXPECT_EQ((Bytes{whole->begin() + 28, whole->end()}), datagram.payload);
}

TEST_F(CuttingJourney, OptionsAreCopiedAsTheySay) {
  Datagram datagram = request(100);
  datagram.ip.options = {7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0};
  arrive(of_length(datagram, 1900).bytes());
  const auto pieces = sent(kTenants);
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[0][0], 0x48);
  EXPECT_EQ(pieces[1][0], 0x46);
  EXPECT_TRUE(craft::join(pieces));
}

TEST(CuttingWithoutBuffers, LosesThePacketByNameAndNothingElse) {
  WorkerWorld world({.buffers = 255});
  world.know_neighbours();
  while (world.buffers_out() < 255) world.arrive(kHosts, from_host() / (to_gateway() / request(1600)));
  world.worker(0).step(world.now);
  EXPECT_GT(dropped(world, Drop::no_buffer), 0U);
  EXPECT_EQ(world.worker(0).account().read().balance(), 0);
  world.run();
}

}  // namespace worker_cutting
}  // namespace hypernat::dataplane
