// ARP through whole workers: neighbours that move, grow old or fall silent, and interfaces that appear.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "dataplane/worker/announcements.h"
#include "tests/unit/dataplane/worker_world.h"

namespace hypernat::dataplane {
namespace worker_arp {

using craft::Bytes;

constexpr std::size_t kTunnelBytes = 50;
constexpr MacAddress kNewMac{{0x02, 0, 0, 0, 0xdd, 0x99}};
const craft::Ethernet kFromNewMac{.dst = MacAddress::broadcast(), .src = kNewMac};

MacAddress mac_at(const Bytes& frame, std::size_t at) {
  MacAddress mac;
  std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), 6, mac.bytes.begin());
  return mac;
}
bool asks_for(const Bytes& frame, std::size_t at, const char* target) {
  const std::uint32_t address = parse_ipv4_address(target).value().network();
  return frame.size() >= at + 42 && frame[at + 12] == 8 && frame[at + 13] == 6 && frame[at + 21] == 1 &&
         std::memcmp(&frame[at + 38], &address, 4) == 0;
}
std::vector<Bytes> requests_for(const std::vector<Bytes>& frames, std::size_t at, const char* target) {
  std::vector<Bytes> found;
  std::copy_if(frames.begin(), frames.end(), std::back_inserter(found),
               [&](const Bytes& frame) { return asks_for(frame, at, target); });
  return found;
}

/// One request for each worker, all to 10.0.1.53; where they went.
struct Destinations {
  std::vector<MacAddress> macs;
  std::vector<std::uint8_t> tunnel_ends;  ///< last octet
};
Destinations ask_everywhere(WorkerWorld& world, std::uint32_t& n) {
  for (std::uint16_t worker = 0; worker < world.workers(); ++worker) {
    world.arrive(kHosts, world.request_at_home(worker, n));
  }
  world.run();
  Destinations seen;
  for (const Bytes& frame : world.sent_packets(kTenants)) {
    seen.macs.push_back(mac_at(frame, kTunnelBytes));
    seen.tunnel_ends.push_back(frame[14 + 19]);
  }
  return seen;
}

struct Move {
  const char* name;
  craft::Arp said;
};
const Move kMoves[] = {
    {"AReply",
     {.operation = 2,
      .sender_mac = kNewMac,
      .sender = "10.0.1.53",
      .target_mac = interface_mac(1),
      .target = "10.0.1.20"}},
    {"AnAnnouncementAsRequest", {.sender_mac = kNewMac, .sender = "10.0.1.53", .target = "10.0.1.53"}},
    {"AnAnnouncementAsReply", {.operation = 2, .sender_mac = kNewMac, .sender = "10.0.1.53", .target = "10.0.1.53"}},
    {"ARequestForAnInterface", {.sender_mac = kNewMac, .sender = "10.0.1.53", .target = "10.0.1.20"}},
    {"ARequestForSomebodyElse", {.sender_mac = kNewMac, .sender = "10.0.1.53", .target = "10.0.1.7"}},
};

class MovedNeighbour : public testing::TestWithParam<Move> {};

// Whichever worker hears of it: all of them follow, in open flows and in new ones.
TEST_P(MovedNeighbour, IsFollowedByEveryWorkerAtOnce) {
  WorkerWorld world({.workers = 3});
  world.know_neighbours();
  std::uint32_t n = 0;
  Destinations seen = ask_everywhere(world, n);
  EXPECT_EQ(seen.macs, std::vector<MacAddress>(3, kServerMac));
  craft::Vxlan other_end = from_vtep();
  other_end.from = "198.51.100.12";
  world.arrive(kTenants, other_end / (kFromNewMac / GetParam().said));
  world.run();
  world.sent(kTenants);
  seen = ask_everywhere(world, n);
  EXPECT_EQ(seen.macs, std::vector<MacAddress>(3, kNewMac));
  EXPECT_EQ(seen.tunnel_ends, std::vector<std::uint8_t>(3, 12)) << "the tunnel end moved with it";
  n = 0;
  EXPECT_EQ(ask_everywhere(world, n).macs, std::vector<MacAddress>(3, kNewMac)) << "flows that were open before";
}

INSTANTIATE_TEST_SUITE_P(By, MovedNeighbour, testing::ValuesIn(kMoves),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Neighbourhood, WhoIsNotAskedForTeachesNothing) {
  WorkerWorld world;
  world.know_neighbours();
  const craft::Arp unasked{.operation = 2, .sender_mac = kNewMac, .sender = "10.0.1.66", .target = "10.0.1.20"};
  world.arrive(kTenants, from_vtep() / (kFromNewMac / unasked));
  const craft::Arp beyond{.operation = 2, .sender_mac = kNewMac, .sender = "10.9.9.9", .target = "10.0.1.20"};
  world.arrive(kTenants, from_vtep() / (kFromNewMac / beyond));
  const craft::Arp other_subnet{.operation = 2, .sender_mac = kNewMac, .sender = "10.0.1.53", .target = "10.0.1.20"};
  world.arrive(kTenants, from_vtep(5002) / (kFromNewMac / other_subnet));
  world.run();
  std::uint32_t n = 0;
  EXPECT_EQ(ask_everywhere(world, n).macs, std::vector{kServerMac});
}

TEST(Neighbourhood, APlainRequestThatSaysNothingNewIsNobodyElsesAffair) {
  WorkerWorld world({.workers = 3});
  world.know_neighbours();
  const std::uint64_t originated = world.total().originated;
  const craft::Arp who{.sender_mac = kServerMac, .sender = "10.0.1.53", .target = "10.0.1.7"};
  for (int i = 0; i < 20; ++i) {
    world.arrive(kTenants, from_vtep() / (craft::Ethernet{.dst = MacAddress::broadcast(), .src = kServerMac} / who));
  }
  world.run();
  EXPECT_EQ(world.total().originated, originated);
}

// One tenant's network announces without end: every worker hears of it so many times a second, and of others' as ever.
TEST(Neighbourhood, AFloodOfAnnouncementsIsCopiedWithinBoundsAndTakesNothingFromOthers) {
  WorkerWorld world({.workers = 3, .hand_over_ring = 2048});
  config::Table table = every_segment(2);
  table.tenants.push_back({.account = "222222222222", .number = 2});
  table.subnets[1].tenant = table.mappings[1].tenant = 1;
  world.publish(table);
  world.know_neighbours();
  world.run(2'000);
  const AccountView before = world.total();
  const auto flood = [&](std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::string sender = "10.0.1." + std::to_string(2 + i % 10);
      world.arrive(kTenants,
                   from_vtep(5002) /
                       (kFromNewMac /
                        craft::Arp{.operation = 2, .sender_mac = kNewMac, .sender = sender, .target = "10.0.1.20"}));
    }
    world.run();
  };
  const auto originated = [&] { return world.total().originated - before.originated; };
  const auto limited = [&] {
    const auto reason = static_cast<std::size_t>(Drop::arp_copy_limited);
    return world.total().dropped[reason] - before.dropped[reason];
  };
  flood(1'000);
  EXPECT_EQ(limited(), 1'000U - ArpStage::kCopiedPerSecond);
  EXPECT_EQ(originated(), 2U * ArpStage::kCopiedPerSecond + limited()) << "copies for two others";
  std::uint32_t n = 0;
  world.arrive(kTenants, from_vtep() / (kFromNewMac / kMoves[0].said));
  world.run();
  world.sent(kTenants);
  EXPECT_EQ(ask_everywhere(world, n).macs, std::vector<MacAddress>(3, kNewMac)) << "another tenant's neighbour moved";
  const std::uint64_t so_far = limited();
  world.run(500);
  flood(1'000);
  EXPECT_EQ(limited() - so_far, 1'000U - ArpStage::kCopiedPerSecond / 2);
}

// Asked before it is forgotten: its owner alone first, then everybody; traffic goes on meanwhile, and stops by name
// when nobody answered.
TEST(Neighbourhood, IsAskedForWhileInUseAndGivenUpWhenSilent) {
  WorkerWorld world({.errors_per_second = 0});
  world.know_neighbours();
  std::uint32_t n = 0;
  ask_everywhere(world, n);
  world.run(59'000);
  EXPECT_TRUE(requests_for(world.sent(kTenants), kTunnelBytes, "10.0.1.53").empty());
  world.answer_underlay(kTenants, "198.51.100.11");
  world.answer_underlay(kTenants, "198.51.100.12");
  world.run(1'000);
  auto asked = requests_for(world.sent(kTenants), kTunnelBytes, "10.0.1.53");
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(mac_at(asked[0], kTunnelBytes), kServerMac) << "its owner, alone";
  EXPECT_EQ(ask_everywhere(world, n).macs, std::vector{kServerMac}) << "still good";
  world.run(1'000);
  asked = requests_for(world.sent(kTenants), kTunnelBytes, "10.0.1.53");
  ASSERT_EQ(asked.size(), 2U) << "everybody, at both ends";
  EXPECT_EQ(mac_at(asked[0], kTunnelBytes), MacAddress::broadcast());
  EXPECT_EQ(ask_everywhere(world, n).macs, std::vector{kServerMac});
  world.run(1'000);
  EXPECT_EQ(requests_for(world.sent(kTenants), kTunnelBytes, "10.0.1.53").size(), 2U);
  world.run(1'000);
  EXPECT_TRUE(ask_everywhere(world, n).macs.empty());
  EXPECT_GT(world.total().dropped[static_cast<std::size_t>(Drop::next_hop_unresolved)], 0U);
  world.run(1'000);
  EXPECT_TRUE(ask_everywhere(world, n).macs.empty()) << "asked for again, and waited for";
  world.answer_segment(from_vtep(), "10.0.1.53");
  world.run();
  EXPECT_FALSE(world.sent_packets(kTenants).empty()) << "back, with what waited";
  EXPECT_EQ(world.total().held, 0U);
}

TEST(Neighbourhood, ThatConfirmsItselfIsNotForgotten) {
  WorkerWorld world;
  world.know_neighbours();
  std::uint32_t n = 0;
  ask_everywhere(world, n);
  for (int minute = 0; minute < 5; ++minute) {
    world.run(60'000);
    world.sent(kTenants);
    world.answer_underlay(kTenants, "198.51.100.11");
    world.answer_underlay(kTenants, "198.51.100.12");
    world.answer_segment(from_vtep(), "10.0.1.53");
    world.run();
    EXPECT_EQ(ask_everywhere(world, n).macs, std::vector{kServerMac});
  }
}

std::size_t announced(WorkerWorld& world, AttachPort port, std::size_t at) {
  return requests_for(world.sent(port), at, "10.0.1.20").size();
}

// On every kind of segment: as soon as it is there, and once more.
TEST(AppearingInterface, IsAnnouncedTwiceOnItsOwnSegmentAlone) {
  WorkerWorld world;
  world.know_neighbours();
  world.run(2'000);
  for (std::uint16_t port = 0; port < kPorts; ++port) world.sent(port);
  config::Table table = every_segment(2);
  for (const std::uint32_t number : {1U, 3U, 4U, 5U}) {
    config::Interface more = table.mappings[number - 1].interfaces[0];
    more.id += "-more";
    more.uid += 100;
    more.address = Ipv4Address::of(10, 0, 1, 21);
    more.mac.bytes[4] = 9;
    table.mappings[number - 1].interfaces.push_back(more);
  }
  world.publish(table);
  const std::tuple<AttachPort, std::size_t, std::size_t> ports[] = {
      {kTenants, kTunnelBytes, 2}, {kLan, 0, 1}, {kTrunk, 4, 1}, {kCloud, kTunnelBytes, 1}};
  for (int round = 0; round < 2; ++round) {
    world.run();
    for (const auto& [port, at, ends] : ports) {
      const auto frames = world.sent(port);
      EXPECT_EQ(requests_for(frames, at, "10.0.1.21").size(), ends) << "port " << port << ", round " << round;
      EXPECT_TRUE(requests_for(frames, at, "10.0.1.20").empty()) << "what was there before is known";
    }
    world.run(1'999);
    for (const auto& [port, at, ends] : ports) EXPECT_TRUE(requests_for(world.sent(port), at, "10.0.1.21").empty());
    world.now += 1;
  }
  world.run(10'000);
  for (const auto& [port, at, ends] : ports) EXPECT_TRUE(requests_for(world.sent(port), at, "10.0.1.21").empty());
}

// Neither tables that follow each other quickly nor packets that wait for silent neighbours lose an announcement.
TEST(AppearingInterface, IsAnnouncedThoughTablesChangeAndPacketsWait) {
  WorkerWorld world;
  world.know_neighbours();
  world.run(2'000);
  for (int i = 0; i < 8; ++i) {
    const std::string silent = "10.0.1." + std::to_string(100 + i);
    world.arrive(kHosts, from_host() / (to_gateway() / (craft::Ip{.src = "100.64.0.5", .dst = silent} /
                                                        craft::Udp{.src = 5000, .dst = 53})));
  }
  world.run();
  ASSERT_EQ(world.total().held, 8U);
  world.sent(kLan);
  config::Table table = every_segment(2);
  for (std::uint8_t i = 0; i < 20; ++i) {
    config::Interface more = table.mappings[2].interfaces[0];
    more.id += std::to_string(i);
    more.uid = 100U + i;
    more.address = Ipv4Address::of(10, 0, 1, static_cast<std::uint8_t>(30 + i));
    more.mac.bytes[4] = static_cast<std::uint8_t>(30 + i);
    table.mappings[2].interfaces.push_back(more);
    ++table.generation;
    world.publish(table);
    world.worker(0).step(world.now);
  }
  world.run();
  const auto frames = world.sent(kLan);
  for (int i = 0; i < 20; ++i) {
    const std::string address = "10.0.1." + std::to_string(30 + i);
    EXPECT_EQ(requests_for(frames, 0, address.c_str()).size(), 1U) << address;
  }
  EXPECT_EQ(world.total().held, 8U);
}

// A dead tunnel end keeps the announcements behind it waiting for moments, not for as long as it is dead.
TEST(AppearingInterface, IsAnnouncedThoughAnothersTunnelEndIsDead) {
  WorkerWorld world;
  std::size_t heard = 0;
  for (int i = 0; i < 30 && heard == 0; ++i) {
    world.run(50);
    heard += announced(world, kLan, 0);
  }
  EXPECT_EQ(heard, 1U);
}

TEST(Announcements, HaveEachInterfaceTwiceAndInOrder) {
  Announcements announcements(4);
  const std::uint32_t all[] = {2, 0, 3};
  announcements.add(all);
  announcements.add(all);
  for (const std::uint32_t slot : all) EXPECT_EQ(announcements.next(100), slot);
  EXPECT_EQ(announcements.next(100), kNone);
  const std::uint32_t later[] = {1, 2, 9};
  announcements.add(later);
  EXPECT_EQ(announcements.next(500), 1U) << "2 waits for its second time, 9 is no slot";
  EXPECT_EQ(announcements.next(2'099), kNone);
  for (const std::uint32_t slot : all) EXPECT_EQ(announcements.next(2'100), slot);
  EXPECT_EQ(announcements.next(2'100), kNone);
  EXPECT_EQ(announcements.next(2'500), 1U);
  EXPECT_EQ(announcements.next(10'000), kNone);
  announcements.add(later);
  EXPECT_EQ(announcements.next(10'000), 1U) << "a slot may come again";
}

}  // namespace worker_arp
}  // namespace hypernat::dataplane
