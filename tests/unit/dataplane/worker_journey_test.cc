// Whole journeys through one or several workers: devices to devices, and what happens on the way.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "tests/packet/fragments.h"
#include "tests/unit/dataplane/worker_world.h"

namespace hypernat::dataplane {
namespace worker_journey {

using craft::Bytes;
using craft::Datagram;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr std::size_t kVxlanBytes = 50;

Bytes request(std::uint16_t port, const char* server = "10.0.1.53") {
  return from_host() / (to_gateway() / (Ip{.src = "100.64.0.5", .dst = server} / Udp{.src = port, .dst = 53} / "who"));
}

Bytes inner_packet(const Bytes& vxlan_frame) {
  return {vxlan_frame.begin() + kVxlanBytes + 14, vxlan_frame.end()};
}
MacAddress mac_at(const Bytes& frame, std::size_t at) {
  MacAddress mac;
  std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), 6, mac.bytes.begin());
  return mac;
}
std::uint64_t dropped(const WorkerWorld& world, Drop reason) {
  return world.total().dropped[static_cast<std::size_t>(reason)];
}
bool is_arp_request_for(const Bytes& frame, std::size_t at, const char* target) {
  const std::uint32_t address = parse_ipv4_address(target).value().network();
  return frame.size() >= at + 42 && frame[at + 12] == 8 && frame[at + 13] == 6 && frame[at + 21] == 1 &&
         std::memcmp(&frame[at + 38], &address, 4) == 0;
}
std::size_t arp_requests(const std::vector<Bytes>& frames, std::size_t at, const char* target) {
  return static_cast<std::size_t>(std::count_if(
      frames.begin(), frames.end(), [&](const Bytes& frame) { return is_arp_request_for(frame, at, target); }));
}

// The reply of a server to a translated request.
Bytes reply_to(const Bytes& outside_frame) {
  const craft::Seen seen = craft::look_at(inner_packet(outside_frame));
  return from_vtep() / (to_interface(1) / (Ip{.src = seen.dst, .dst = seen.src} /
                                           Udp{.src = seen.dst_port, .dst = seen.src_port} / "me"));
}

TEST(Journey, FirstPacketAsksEveryNeighbourOnTheWayAndThenLeaves) {
  WorkerWorld world;
  world.run();
  world.sent(kTenants);
  world.answer_underlay(kTenants, "198.51.100.11");  // 198.51.100.12 stays silent
  world.run();
  world.sent(kTenants);
  world.arrive(kHosts, request(4000));
  world.run();
  const auto asked = world.sent(kTenants);
  EXPECT_EQ(arp_requests(asked, kVxlanBytes, "10.0.1.53"), 1U);
  EXPECT_GE(world.total().held, 1U);
  world.answer_segment(from_vtep(), "10.0.1.53");
  world.run();
  const auto frames = world.sent_packets(kTenants);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(mac_at(frames[0], 0), kPeerMac);
  EXPECT_EQ(mac_at(frames[0], 6), port_mac(kTenants));
  EXPECT_EQ(mac_at(frames[0], kVxlanBytes), kServerMac);
  EXPECT_EQ(mac_at(frames[0], kVxlanBytes + 6), interface_mac(1));
  const craft::Seen seen = craft::look_at(inner_packet(frames[0]));
  EXPECT_EQ(seen.src, "10.0.1.20");
  EXPECT_EQ(seen.dst, "10.0.1.53");
  EXPECT_TRUE(seen.ip_checksum_right && seen.l4_checksum_right);
}

TEST(Journey, ReplyGoesToTheEnvironmentThroughItsOwnTunnel) {
  WorkerWorld world;
  world.know_neighbours();
  world.arrive(kHosts, request(4000));
  world.run();
  const auto out = world.sent_packets(kTenants);
  ASSERT_EQ(out.size(), 1U);
  world.arrive(kTenants, reply_to(out[0]));
  world.run();
  EXPECT_EQ(arp_requests(world.sent(kHosts), 0, "192.0.2.11"), 1U);
  world.answer_underlay(kHosts, "192.0.2.11");
  world.run();
  const auto in = world.sent_packets(kHosts);
  ASSERT_EQ(in.size(), 1U);
  EXPECT_EQ(mac_at(in[0], kVxlanBytes), kEnvironmentMac);
  EXPECT_EQ(mac_at(in[0], kVxlanBytes + 6), kGatewayMac);
  const craft::Seen seen = craft::look_at(inner_packet(in[0]));
  EXPECT_EQ(seen.dst, "100.64.0.5");
  EXPECT_EQ(seen.dst_port, 4000);
}

// Padding behind the packet, and the tunnel before it, do not travel on.
TEST(Journey, FramesAreCutToThePacket) {
  WorkerWorld world;
  world.know_neighbours();
  Bytes padded = request(4000);
  padded.resize(padded.size() + 20, 0xee);
  world.arrive(kHosts, padded);
  world.run();
  const auto out = world.sent_packets(kTenants);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].size(), request(4000).size());
}

TEST(Journey, PacketsForASilentNeighbourAreHeldInBoundsAndThenDropped) {
  WorkerWorld world({.held_packets = 64, .held_per_next_hop = 8, .errors_per_second = 0});
  world.know_neighbours();
  const std::uint64_t before = dropped(world, Drop::next_hop_unresolved);
  for (std::uint16_t port = 0; port < 20; ++port)
    world.arrive(kHosts, request(static_cast<std::uint16_t>(5000 + port), "10.0.1.77"));
  world.run();
  EXPECT_EQ(world.total().held, 8U);
  EXPECT_EQ(dropped(world, Drop::next_hop_unresolved) - before, 12U);
  std::size_t asked = arp_requests(world.sent(kTenants), kVxlanBytes, "10.0.1.77");
  for (int second = 0; second < 6; ++second) {
    world.run(1000);
    asked += arp_requests(world.sent(kTenants), kVxlanBytes, "10.0.1.77");
  }
  EXPECT_EQ(asked, 6U) << "three times at each of two tunnel ends";
  EXPECT_EQ(world.total().held, 0U);
  EXPECT_EQ(dropped(world, Drop::next_hop_unresolved) - before, 20U);
}

// As long as a datagram may be, as the first that goes there, and another behind it: nothing of them is lost, in
// whatever order the fragments came. What is bounded for a neighbour are datagrams.
TEST(Journey, LongDatagramsWaitForTheirNeighbourAsAWhole) {
  WorkerWorld world({.held_packets = 256, .held_per_next_hop = 2, .held_per_tenant = 128});
  world.know_neighbours();
  const auto send = [&world](std::uint16_t port, std::size_t size, std::size_t fragment) {
    craft::Datagram datagram = Ip{.src = "100.64.0.5", .dst = "10.0.1.54", .identification = port} /
                               Udp{.src = port, .dst = 53} / Bytes(size, static_cast<std::uint8_t>(port));
    auto pieces = craft::cut_to(datagram.bytes(), fragment);
    std::reverse(pieces.begin() + 1, pieces.end());
    for (const Bytes& piece : pieces) world.arrive(kHosts, from_host() / (to_gateway() / piece));
    world.run();
    return pieces.size();
  };
  const std::uint64_t before = dropped(world, Drop::next_hop_unresolved);
  const std::size_t long_one = send(5000, 65'507, 1450);
  ASSERT_GT(long_one, 40U);
  const std::size_t other = send(5001, 9'000, 1450);
  EXPECT_EQ(world.total().held, long_one + other);
  world.arrive(kHosts, request(5002, "10.0.1.54"));
  world.run();
  EXPECT_EQ(world.total().held, long_one + other) << "a third datagram is one too many";
  EXPECT_EQ(dropped(world, Drop::next_hop_unresolved) - before, 1U);
  world.answer_segment(from_vtep(), "10.0.1.54");
  world.run();
  std::map<std::uint16_t, std::vector<Bytes>> datagrams;
  for (const Bytes& frame : world.sent_packets(kTenants)) {
    const Bytes packet = inner_packet(frame);
    datagrams[craft::identification_of(packet)].push_back(packet);
  }
  ASSERT_EQ(datagrams.size(), 2U);
  for (const auto& [identification, pieces] : datagrams) EXPECT_TRUE(craft::join(pieces)) << identification;
  EXPECT_EQ(world.total().held, 0U);
}

TEST(Journey, OneTenantsPacketsInWaitLeaveAnotherItsShare) {
  WorkerWorld world({.held_packets = 16, .held_per_next_hop = 8, .held_per_tenant = 4, .errors_per_second = 0});
  world.know_neighbours();
  config::Table table = every_segment(2);
  table.tenants.push_back({.account = "222222222222", .number = 2});
  table.subnets[1].tenant = table.mappings[1].tenant = 1;
  world.publish(table);
  world.run();
  const auto since = [&world, before = world.total()](Drop reason) {
    return dropped(world, reason) - before.dropped[static_cast<std::size_t>(reason)];
  };
  const auto call_many = [&world](std::uint32_t mapping, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string server = "10.0.1." + std::to_string(100 + i);
      world.arrive(kHosts, from_host(mapping) /
                               (to_gateway() / (Ip{.src = "100.64.0.5", .dst = server} / Udp{.src = 5000, .dst = 53})));
    }
    world.run();
  };
  call_many(1, 30);
  EXPECT_EQ(world.total().held, 4U);
  EXPECT_EQ(since(Drop::held_share_full), 26U);
  call_many(2, 3);
  EXPECT_EQ(world.total().held, 7U);
  EXPECT_EQ(since(Drop::held_share_full), 26U) << "the other tenant has its own share";
  for (int second = 0; second < 6; ++second) world.run(1000);
  EXPECT_EQ(world.total().held, 0U);
  EXPECT_EQ(since(Drop::next_hop_unresolved), 7U);
  call_many(1, 4);
  EXPECT_EQ(since(Drop::held_share_full), 26U) << "shares are given back";
}

TEST(Journey, InterfaceAddressesAreAnsweredForOnTheirOwnSegment) {
  WorkerWorld world;
  world.know_neighbours();
  const craft::Ethernet everyone{.dst = MacAddress::broadcast(), .src = kServerMac};
  const craft::Arp who{.sender_mac = kServerMac, .sender = "10.0.1.53", .target = "10.0.1.20"};
  world.arrive(kTenants, from_vtep(5002) / (everyone / who));
  world.run();
  const auto frames = world.sent(kTenants);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(mac_at(frames[0], kVxlanBytes), kServerMac);
  EXPECT_EQ(mac_at(frames[0], kVxlanBytes + 14 + 8), interface_mac(2));
  EXPECT_EQ(frames[0][46] * 65536 + frames[0][47] * 256 + frames[0][48], 5002);
  craft::Arp other = who;
  other.target = "10.0.1.1";
  world.arrive(kTenants, from_vtep(5002) / (everyone / other));
  world.run();
  EXPECT_TRUE(world.sent(kTenants).empty());
}

TEST(Journey, NobodyElseMayClaimAnInterfaceAddress) {
  WorkerWorld world;
  world.know_neighbours();
  const craft::Ethernet everyone{.dst = MacAddress::broadcast(), .src = kServerMac};
  world.arrive(
      kTenants,
      from_vtep() / (everyone / craft::Arp{.sender_mac = kServerMac, .sender = "10.0.1.20", .target = "10.0.1.20"}));
  world.run();
  EXPECT_EQ(dropped(world, Drop::bad_arp), 1U);
}

TEST(Journey, GatewayIsAnsweredForInside) {
  WorkerWorld world;
  const craft::Ethernet everyone{.dst = MacAddress::broadcast(), .src = kEnvironmentMac};
  world.arrive(kBench,
               everyone / craft::Arp{.sender_mac = kEnvironmentMac, .sender = "100.64.0.5", .target = "169.254.100.1"});
  world.run();
  const auto frames = world.sent(kBench);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0],
            (craft::Ethernet{.dst = kEnvironmentMac, .src = kGatewayMac} / craft::Arp{.operation = 2,
                                                                                      .sender_mac = kGatewayMac,
                                                                                      .sender = "169.254.100.1",
                                                                                      .target_mac = kEnvironmentMac,
                                                                                      .target = "100.64.0.5"}));
}

TEST(Journey, TunnelAddressesAndInterfacesAreAnnounced) {
  WorkerWorld world;
  world.run();
  EXPECT_EQ(arp_requests(world.sent(kHosts), 0, "192.0.2.1"), 1U);
  EXPECT_EQ(arp_requests(world.sent(kTenants), 0, "198.51.100.1"), 1U);
  world.answer_underlay(kTenants, "198.51.100.11");
  world.answer_underlay(kTenants, "198.51.100.12");
  for (int i = 0; i < 10; ++i) world.run();
  const auto frames = world.sent(kTenants);
  EXPECT_EQ(arp_requests(frames, kVxlanBytes, "10.0.1.20"), 4U) << "two segments, two ends each";
  EXPECT_EQ(arp_requests(world.sent(kLan), 0, "10.0.1.20"), 1U);
  EXPECT_EQ(arp_requests(world.sent(kTrunk), 4, "10.0.1.20"), 1U);
  world.run(2000);
  EXPECT_EQ(arp_requests(world.sent(kHosts), 0, "192.0.2.1"), 1U);
}

TEST(Journey, SegmentWithoutAFlowIsAnsweredWithReset) {
  WorkerWorld world;
  world.know_neighbours();
  world.arrive(kHosts, from_host() / (to_gateway() / (Ip{.src = "100.64.0.5", .dst = "10.0.1.10"} /
                                                      Tcp{.src = 4000, .dst = 80, .flags = "A", .seq = 5, .ack = 77})));
  world.run();
  world.answer_underlay(kHosts, "192.0.2.11");
  world.run();
  const auto frames = world.sent_packets(kHosts);
  ASSERT_EQ(frames.size(), 1U);
  const craft::Seen seen = craft::look_at(inner_packet(frames[0]));
  EXPECT_EQ(seen.tcp_flags, kTcpRst);
  EXPECT_EQ(seen.seq, 77U);
  EXPECT_EQ(seen.dst, "100.64.0.5");
  EXPECT_EQ(dropped(world, Drop::no_flow), 1U);
}

TEST(Journey, PlainAndVlanAttachmentsCarryFlowsToo) {
  WorkerWorld world;
  world.know_neighbours();
  const Datagram query = Ip{.src = "100.64.0.9", .dst = "10.0.1.53"} / Udp{.src = 4000, .dst = 53} / "who";
  world.arrive(kBench, to_gateway() / query);
  world.run();
  EXPECT_EQ(arp_requests(world.sent(kLan), 0, "10.0.1.53"), 1U);
  const craft::Arp here{.operation = 2,
                        .sender_mac = kServerMac,
                        .sender = "10.0.1.53",
                        .target_mac = interface_mac(3),
                        .target = "10.0.1.20"};
  world.arrive(kLan, to_interface(3) / here);
  world.run();
  auto out = world.sent_packets(kLan);
  ASSERT_EQ(out.size(), 1U);
  const craft::Seen seen = craft::look_at({out[0].begin() + 14, out[0].end()});
  world.arrive(kLan, to_interface(3) /
                         (Ip{.src = "10.0.1.53", .dst = "10.0.1.20"} / Udp{.src = 53, .dst = seen.src_port} / "me"));
  world.run();
  auto in = world.sent_packets(kBench);
  ASSERT_EQ(in.size(), 1U);
  EXPECT_EQ(mac_at(in[0], 0), kEnvironmentMac);
  EXPECT_EQ(mac_at(in[0], 6), kGatewayMac);

  world.arrive(kRacks, craft::Ethernet{.dst = kGatewayMac, .src = kEnvironmentMac, .vlan = 4} / query);
  world.run();
  EXPECT_EQ(arp_requests(world.sent(kTrunk), 4, "10.0.1.53"), 1U);
  world.arrive(kTrunk,
               craft::Ethernet{.dst = interface_mac(4), .src = kServerMac, .type = craft::kArpType, .vlan = 104} /
                   craft::bytes_of(here));
  world.run();
  out = world.sent_packets(kTrunk);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0][14] * 256 + out[0][15], 104);
}

TEST(Journey, PacketsAboveTheMtuThatMayNotBeCutAreDroppedByName) {
  WorkerWorld world;
  world.know_neighbours();
  Datagram large = Ip{.src = "100.64.0.9", .dst = "10.0.1.53", .fragment = 0x4000} / Udp{.src = 4000, .dst = 53};
  large.payload.resize(1450 - 28);
  const auto as_mapping_1 = [&] { return from_host() / (to_gateway() / large); };
  world.arrive(kHosts, as_mapping_1());
  world.run();
  EXPECT_EQ(world.sent_packets(kTenants).size(), 1U);
  large.payload.push_back(0);
  world.arrive(kHosts, as_mapping_1());
  world.run();
  EXPECT_TRUE(world.sent_packets(kTenants).empty());
  EXPECT_EQ(dropped(world, Drop::too_big), 1U);
}

TEST(Journey, WhatADeviceDoesNotTakeIsDroppedOnceAndCounted) {
  WorkerWorld world({.tx_ring = 8});
  world.know_neighbours();
  const std::uint64_t before = dropped(world, Drop::transmit_full);
  for (std::uint16_t port = 0; port < 20; ++port)
    world.arrive(kHosts, request(static_cast<std::uint16_t>(6000 + port)));
  world.run();
  EXPECT_EQ(world.sent_packets(kTenants).size(), 8U);
  EXPECT_EQ(dropped(world, Drop::transmit_full) - before, 12U);
}

TEST(Journey, WithoutBuffersNothingIsOriginatedAndTheAccountCloses) {
  WorkerWorld world({.buffers = 255});
  world.know_neighbours();
  std::vector<Bytes> frames(200, from_host() / (to_gateway() / (Ip{.src = "100.64.0.5", .dst = "10.0.1.10"} /
                                                                Tcp{.src = 4000, .dst = 80, .flags = "A"})));
  while (world.buffers_out() < 255) world.arrive(kHosts, frames[0]);
  world.run();
  EXPECT_GT(dropped(world, Drop::no_buffer), 0U);
}

}  // namespace worker_journey
}  // namespace hypernat::dataplane
