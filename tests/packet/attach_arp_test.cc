// ARP: what is understood, and what is ours.
#include <gtest/gtest.h>

#include <cstring>

#include "dataplane/attach/arp.h"
#include "tests/packet/attach_world.h"

namespace hypernat::dataplane {
namespace attach_arp {

const craft::Arp kRequest{.sender_mac = kServerMac, .sender = "10.0.1.10", .target = "10.0.1.20"};

ArpPacket packet_of(const craft::Bytes& bytes) {
  ArpPacket packet{};
  std::memcpy(&packet, bytes.data(), sizeof packet);
  return packet;
}

TEST(Arp, ReadsARequest) {
  const auto message = read_arp(packet_of(craft::bytes_of(kRequest)));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->operation, kArpRequest);
  EXPECT_EQ(message->sender_mac, kServerMac);
  EXPECT_EQ(to_string(message->sender), "10.0.1.10");
  EXPECT_EQ(to_string(message->target), "10.0.1.20");
}

TEST(Arp, WritesWhatItReads) {
  const ArpMessage message{.operation = kArpReply,
                           .sender_mac = kServerMac,
                           .sender = Ipv4Address::of(10, 0, 1, 10),
                           .target_mac = kPeerMac,
                           .target = Ipv4Address::of(10, 0, 1, 20)};
  std::array<std::uint8_t, sizeof(ArpPacket)> bytes{};
  write_arp(message, bytes);
  EXPECT_EQ(craft::Bytes(bytes.begin(), bytes.end()), craft::bytes_of({.operation = 2,
                                                                       .sender_mac = kServerMac,
                                                                       .sender = "10.0.1.10",
                                                                       .target_mac = kPeerMac,
                                                                       .target = "10.0.1.20"}));
}

TEST(Arp, WhatContradictsItselfIsRefused) {
  const std::pair<std::size_t, std::uint8_t> changes[] = {{1, 6}, {3, 6},    {4, 8},    {5, 16},  {7, 3},
                                                          {7, 0}, {8, 0x01}, {14, 127}, {14, 224}};
  for (const auto& [at, value] : changes) {
    craft::Bytes bytes = craft::bytes_of(kRequest);
    bytes[at] = value;
    EXPECT_FALSE(read_arp(packet_of(bytes))) << "byte " << at;
  }
}

TEST(Arp, ProbesAreUnderstood) {
  craft::Arp probe = kRequest;
  probe.sender = "0.0.0.0";
  EXPECT_TRUE(read_arp(packet_of(craft::bytes_of(probe))));
}

TEST(Arp, AddressesAreOursOnlyWhereTheyBelong) {
  const AttachWorld world;
  const auto ours = [&](const char* address, std::uint8_t attachment, std::uint32_t slot) {
    return our_mac(parse_ipv4_address(address).value(), {&world.attachments[attachment], slot}, world.attachments,
                   *world.tables);
  };
  const std::uint32_t subnet1 = world.tables->subnet_by_number.find(1);
  const std::uint32_t subnet2 = world.tables->subnet_by_number.find(2);
  const std::uint32_t mapping3 = world.tables->mapping_by_number.find(3);
  EXPECT_EQ(ours("192.0.2.1", kHosts, kNone), port_mac(kHosts));
  EXPECT_EQ(ours("198.51.100.1", kTenants, kNone), port_mac(kTenants));
  EXPECT_EQ(ours("198.51.100.1", kHosts, kNone), std::nullopt);
  EXPECT_EQ(ours("10.0.1.20", kTenants, subnet1), interface_mac(1));
  EXPECT_EQ(ours("10.0.1.20", kTenants, subnet2), interface_mac(2));
  EXPECT_EQ(ours("10.0.1.1", kTenants, subnet1), std::nullopt);
  EXPECT_EQ(ours("169.254.100.1", kTenants, subnet1), std::nullopt);
  EXPECT_EQ(ours("169.254.100.1", kBench, mapping3), kGatewayMac);
  EXPECT_EQ(ours("10.0.1.20", kBench, mapping3), std::nullopt);
}

TEST(Arp, IsRecognisedOnUnderlaysAndSegments) {
  const AttachWorld world;
  const craft::Ethernet everyone{.dst = MacAddress::broadcast(), .src = kServerMac};
  const auto underlay = world.receive(
      kHosts, everyone / craft::Arp{.sender_mac = kPeerMac, .sender = "192.0.2.11", .target = "192.0.2.1"});
  EXPECT_EQ(underlay.parsed, Parsed::kArp);
  EXPECT_EQ(underlay.packet.slot, kNone);
  const auto tunnel = world.receive(kTenants, from_vtep(5002) / (everyone / kRequest));
  EXPECT_EQ(tunnel.parsed, Parsed::kArp);
  EXPECT_EQ(tunnel.packet.slot, world.tables->subnet_by_number.find(2));
  EXPECT_EQ(to_string(tunnel.packet.peer), "198.51.100.11");
  const auto lan = world.receive(kLan, everyone / kRequest);
  EXPECT_EQ(lan.parsed, Parsed::kArp);
  EXPECT_EQ(lan.packet.slot, world.tables->subnet_by_number.find(3));
  const auto group =
      world.receive(kLan, craft::Ethernet{.dst = MacAddress{{1, 0, 0x5e, 0, 0, 1}}, .src = kServerMac} / kRequest);
  EXPECT_EQ(name_of(group.packet.drop), "not_ours");
}

}  // namespace attach_arp
}  // namespace hypernat::dataplane
