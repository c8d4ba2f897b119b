// Payload and headers in, frames out.
#include <gtest/gtest.h>

#include <memory>
#include <string_view>

#include "dataplane/attach/encapsulate.h"
#include "tests/packet/attach_world.h"

namespace hypernat::dataplane {
namespace attach_encapsulate {

using craft::Bytes;

const craft::Datagram kQuery =
    craft::Ip{.src = "10.0.1.20", .dst = "10.0.1.53"} / craft::Udp{.src = 2000, .dst = 53} / "who";

// The frame, written into a buffer that has not a byte more than it needs.
Bytes frame_of(const Attachment& attachment, const FrameHeaders& headers, const Bytes& payload,
               DeviceWrites device = {}) {
  const std::size_t size = frame_header_bytes(attachment, device) + payload.size();
  const auto buffer = std::make_unique<std::uint8_t[]>(size);
  std::uint8_t* at = buffer.get() + frame_header_bytes(attachment, device);
  std::copy(payload.begin(), payload.end(), at);
  const std::uint8_t* frame = encapsulate(attachment, device, headers, at, static_cast<std::uint32_t>(payload.size()));
  EXPECT_EQ(frame, buffer.get());
  return {buffer.get(), buffer.get() + size};
}

FrameHeaders to_server(std::uint32_t segment) {
  return {.src = interface_mac(1), .dst = kServerMac, .segment_id = segment};
}

TEST(Encapsulate, PlainIsAnEthernetHeader) {
  const AttachWorld world;
  EXPECT_EQ(frame_of(world.attachments[kLan], to_server(0), kQuery.bytes()),
            (craft::Ethernet{.dst = kServerMac, .src = interface_mac(1)} / kQuery));
}

TEST(Encapsulate, VlanPutsTheSegmentIntoTheTag) {
  const AttachWorld world;
  EXPECT_EQ(frame_of(world.attachments[kTrunk], to_server(104), kQuery.bytes()),
            (craft::Ethernet{.dst = kServerMac, .src = interface_mac(1), .vlan = 104} / kQuery));
}

FrameHeaders through_tunnel(std::uint32_t entropy) {
  FrameHeaders headers = to_server(0x123456);
  headers.tunnel_end = Ipv4Address::of(198, 51, 100, 11);
  headers.underlay_mac = kPeerMac;
  headers.entropy = entropy;
  return headers;
}

TEST(Encapsulate, VxlanIsWhatAKernelSends) {
  const AttachWorld world;
  Attachment attachment = world.attachments[kTenants];
  attachment.ttl = 33;
  const Bytes inner = craft::Ethernet{.dst = kServerMac, .src = interface_mac(1)} / kQuery;
  const Bytes frame = frame_of(attachment, through_tunnel(0), kQuery.bytes());
  craft::Datagram outer =
      craft::Ip{.src = "198.51.100.1", .dst = "198.51.100.11", .ttl = 33, .identification = 0, .fragment = 0x4000} /
      craft::Udp{.src = 49152, .dst = 4789, .checksum = std::uint16_t{0}} /
      std::string_view("\x08\0\0\0\x12\x34\x56\0", 8);
  outer.payload.insert(outer.payload.end(), inner.begin(), inner.end());
  EXPECT_EQ(frame, (craft::Ethernet{.dst = kPeerMac, .src = port_mac(kTenants)} / outer));
}

TEST(Encapsulate, GeneveIsWhatAKernelSends) {
  const AttachWorld world;
  const Attachment& attachment = world.attachments[kCloud];
  const Bytes inner = craft::Ethernet{.dst = kServerMac, .src = interface_mac(1)} / kQuery;
  FrameHeaders headers = through_tunnel(7);
  headers.tunnel_end = Ipv4Address::of(198, 51, 101, 11);
  craft::Datagram outer =
      craft::Ip{.src = "198.51.101.1", .dst = "198.51.101.11", .identification = 0, .fragment = 0x4000} /
      craft::Udp{.src = 49159, .dst = 6081, .checksum = std::uint16_t{0}} /
      std::string_view("\0\0\x65\x58\x12\x34\x56\0", 8);
  outer.payload.insert(outer.payload.end(), inner.begin(), inner.end());
  EXPECT_EQ(frame_of(attachment, headers, kQuery.bytes()),
            (craft::Ethernet{.dst = kPeerMac, .src = port_mac(kCloud)} / outer));
}

TEST(Encapsulate, LeavesOutWhatTheDeviceWrites) {
  const AttachWorld world;
  const DeviceWrites all{DeviceWrites::kOuterChecksum | DeviceWrites::kVlanTag};
  Bytes expected = frame_of(world.attachments[kTenants], through_tunnel(0), kQuery.bytes());
  expected[14 + 10] = expected[14 + 11] = 0;
  EXPECT_EQ(frame_of(world.attachments[kTenants], through_tunnel(0), kQuery.bytes(), all), expected);
  EXPECT_EQ(frame_of(world.attachments[kTrunk], to_server(104), kQuery.bytes(), all),
            (craft::Ethernet{.dst = kServerMac, .src = interface_mac(1)} / kQuery));
  EXPECT_EQ(frame_of(world.attachments[kLan], to_server(0), kQuery.bytes(), all),
            frame_of(world.attachments[kLan], to_server(0), kQuery.bytes()));
}

TEST(Encapsulate, WhatIsSentCanBeReceived) {
  const AttachWorld world;
  const craft::Datagram reply = craft::Ip{.src = "100.64.0.5", .dst = "10.0.1.53"} / craft::Udp{.src = 1, .dst = 2};
  // A worker host's tunnel, seen from the worker host.
  Attachment host = world.attachments[kHosts];
  host.port_mac = kPeerMac;
  host.address = Ipv4Address::of(192, 0, 2, 11);
  FrameHeaders headers{.src = kEnvironmentMac, .dst = kGatewayMac, .segment_id = 1};
  headers.tunnel_end = Ipv4Address::of(192, 0, 2, 1);
  headers.underlay_mac = port_mac(kHosts);
  const auto received = world.receive(kHosts, frame_of(host, headers, reply.bytes()));
  EXPECT_EQ(received.parsed, Parsed::kPacket) << name_of(received.packet.drop);

  Attachment pod = world.attachments[kPods];
  pod.port_mac = kPeerMac;
  pod.address = Ipv4Address::of(192, 0, 2, 11);
  headers.tunnel_end = Ipv4Address::of(192, 0, 3, 1);
  headers.underlay_mac = port_mac(kPods);
  const auto by_geneve = world.receive(kPods, frame_of(pod, headers, reply.bytes()));
  EXPECT_EQ(by_geneve.parsed, Parsed::kPacket) << name_of(by_geneve.packet.drop);
}

TEST(Encapsulate, EntropySpreadsTheSourcePortOverTheEphemeralRange) {
  const AttachWorld world;
  std::vector<bool> seen(65536);
  for (std::uint32_t flow = 0; flow < 20'000; ++flow) {
    const Bytes frame = frame_of(world.attachments[kTenants], through_tunnel(flow * 0x9e3779b9), kQuery.bytes());
    const unsigned port = frame[34] * 256U + frame[35];
    ASSERT_GE(port, 49152U);
    seen[port] = true;
  }
  EXPECT_GT(std::count(seen.begin(), seen.end(), true), 8000);
}

TEST(Encapsulate, WithoutDfTheIdentificationTellsFlowsApart) {
  const AttachWorld world;
  Attachment attachment = world.attachments[kTenants];
  attachment.df = false;
  const Bytes frame = frame_of(attachment, through_tunnel(0xabcd), kQuery.bytes());
  EXPECT_EQ(frame[18] * 256 + frame[19], 0xabcd);
  EXPECT_EQ(frame[20], 0);
}

}  // namespace attach_encapsulate
}  // namespace hypernat::dataplane
