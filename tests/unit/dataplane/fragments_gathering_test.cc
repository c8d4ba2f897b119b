// Virtual reassembly: fragments in, in every order, and what becomes of each.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "tests/unit/dataplane/fragments_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::Ip;
using craft::Piece;
using craft::Tcp;
using craft::Udp;
using Way = FragmentsWorld::Way;

constexpr Way kOut{};
constexpr Way kIn{.side = Side::kOutside, .number = 1, .tenant = 0};

Bytes filling(std::size_t size) {
  Bytes bytes(size);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

Datagram with_payload(Datagram datagram, std::size_t size) {
  datagram.payload = filling(size);
  return datagram;
}

Ip between(const Way& way) {
  if (way.side == Side::kInside) return {.src = "100.64.0.5", .dst = "10.0.1.53", .identification = 77};
  return {.src = "10.0.1.53", .dst = "10.0.1.20", .identification = 77};
}

struct Kind {
  const char* name;
  Way way;
  Datagram datagram;
  std::uint16_t src_port;
  std::uint16_t dst_port;
};

std::vector<Kind> every_kind() {
  std::vector<Kind> kinds;
  for (const Way& way : {kOut, kIn}) {
    const bool out = way.side == Side::kInside;
    kinds.push_back({out ? "udp_out" : "udp_in", way, between(way) / Udp{.src = 4000, .dst = 53}, 4000, 53});
    kinds.push_back(
        {out ? "tcp_out" : "tcp_in", way, between(way) / Tcp{.src = 4000, .dst = 80, .flags = "PA"}, 4000, 80});
    kinds.push_back({out ? "echo_out" : "echo_in", way,
                     between(way) / Echo{.id = 9, .type = out ? std::uint8_t{8} : std::uint8_t{0}}, 9, 9});
  }
  return kinds;
}

class EveryOrder : public testing::TestWithParam<Kind> {};

// Each fragment goes on once, with the first one's ports; those before the first wait for it, no longer; nothing stays.
TEST_P(EveryOrder, EveryFragmentGoesOnOnceWithItsDatagramsPorts) {
  const Kind& kind = GetParam();
  for (std::size_t count = 2; count <= 5; ++count) {
    std::vector<std::size_t> at;
    for (std::size_t i = 1; i < count; ++i) at.push_back(i * 64);
    const std::vector<Bytes> pieces = craft::cut(with_payload(kind.datagram, 64 * count - 17).bytes(), at);
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), 0U);
    do {
      FragmentsWorld world;
      bool first_came = false;
      for (std::size_t i = 0; i < count; ++i) {
        first_came |= order[i] == 0;
        EXPECT_EQ(world.arrive(pieces[order[i]], kind.way), first_came ? "goes" : "held");
        EXPECT_EQ(world.held.size(), first_came ? 0U : i + 1);
      }
      ASSERT_EQ(world.went.size(), count);
      for (const auto& [number, mark] : world.went) {
        EXPECT_EQ(mark.src_port.host(), kind.src_port) << number;
        EXPECT_EQ(mark.dst_port.host(), kind.dst_port);
        EXPECT_EQ(mark.identification_be, world.went[1].identification_be);
      }
      EXPECT_EQ(world.gathering().datagrams(), 0U) << "a datagram that is whole is forgotten";
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryOrder, testing::ValuesIn(every_kind()),
                         [](const auto& row) { return row.param.name; });

// What follows one another, and what becomes of each.
struct Step {
  Piece piece;
  const char* becomes;
};
struct Row {
  const char* name;
  std::vector<Step> steps;
  std::vector<const char*> held_ends = {};  ///< of those that were held, in order of arrival
};

constexpr bool kMore = true;

Bytes udp_header() {
  return craft::payload_of((between(kOut) / Udp{.src = 4000, .dst = 53, .checksum = 1}).bytes());
}
Bytes tcp_header(const char* flags = "PA", const Bytes& options = {}) {
  return craft::payload_of((between(kOut) / Tcp{.src = 4000, .dst = 80, .flags = flags, .options = options}).bytes());
}
Bytes icmp_header(std::uint8_t type, std::uint8_t code = 0) {
  return craft::payload_of((between(kOut) / Echo{.id = 9, .type = type, .code = code}).bytes());
}
Bytes longer(Bytes header, std::size_t size) {
  header.resize(size, 0xee);
  return header;
}

Piece udp(std::uint32_t offset, std::size_t size, bool more) {
  return {.ip = between(kOut),
          .protocol = 17,
          .offset = offset,
          .more = more,
          .payload = offset == 0 ? longer(udp_header(), size) : filling(size)};
}
Piece of(std::uint8_t protocol, std::uint32_t offset, const Bytes& payload, bool more) {
  return {.ip = between(kOut), .protocol = protocol, .offset = offset, .more = more, .payload = payload};
}

const Row kRows[] = {
    {"single_fragment_that_is_all_there_is_of_its_datagram",
     {{udp(0, 64, kMore), "goes"}, {udp(64, 1, false), "goes"}}},
    {"duplicate_of_the_first_dies_alone",
     {{udp(0, 64, kMore), "goes"}, {udp(0, 64, kMore), "fragment_duplicate"}, {udp(64, 9, false), "goes"}}},
    {"duplicate_of_a_later_one_dies_alone",
     {{udp(64, 64, kMore), "held"},
      {udp(64, 64, kMore), "fragment_duplicate"},
      {udp(0, 64, kMore), "goes"},
      {udp(128, 9, false), "goes"}}},
    {"part_of_what_came_is_a_duplicate",
     {{udp(0, 64, kMore), "goes"}, {udp(8, 16, kMore), "fragment_duplicate"}, {udp(64, 9, false), "goes"}}},
    {"overlap_with_the_first",
     {{udp(0, 64, kMore), "goes"}, {udp(56, 64, kMore), "fragment_overlap"}, {udp(120, 9, false), "fragment_refused"}}},
    {"overlap_among_later_ones",
     {{udp(64, 64, kMore), "held"}, {udp(96, 64, kMore), "fragment_overlap"}, {udp(0, 64, kMore), "fragment_refused"}},
     {"fragment_overlap"}},
    {"one_that_spans_what_came",
     {{udp(64, 8, kMore), "held"}, {udp(0, 128, kMore), "fragment_overlap"}, {udp(128, 8, false), "fragment_refused"}},
     {"fragment_overlap"}},
    {"two_ends",
     {{udp(64, 8, false), "held"}, {udp(128, 8, false), "fragment_overlap"}, {udp(0, 64, kMore), "fragment_refused"}},
     {"fragment_overlap"}},
    {"more_behind_the_end",
     {{udp(64, 8, false), "held"}, {udp(72, 8, kMore), "fragment_overlap"}},
     {"fragment_overlap"}},
    {"an_end_before_what_came",
     {{udp(128, 8, kMore), "held"}, {udp(64, 8, false), "fragment_overlap"}},
     {"fragment_overlap"}},
    {"first_fragments_with_different_ports",
     {{udp(0, 64, kMore), "goes"},
      {of(17, 0, longer(craft::payload_of((between(kOut) / Udp{.src = 1, .dst = 2}).bytes()), 64), kMore),
       "fragment_duplicate"},
      {udp(64, 8, false), "goes"}}},
    {"not_a_multiple_of_eight", {{udp(0, 63, kMore), "fragment_misaligned"}, {udp(64, 8, false), "fragment_refused"}}},
    {"empty", {{udp(64, 0, false), "fragment_misaligned"}, {udp(0, 64, kMore), "fragment_refused"}}},
    {"last_byte_of_the_longest_datagram", {{udp(65512, 3, false), "held"}, {udp(0, 64, kMore), "goes"}}},
    {"a_byte_beyond_the_longest_datagram",
     {{udp(64, 8, kMore), "held"},
      {udp(65512, 4, false), "fragment_too_long"},
      {udp(0, 64, kMore), "fragment_refused"}},
     {"fragment_too_long"}},
    {"udp_header_in_two", {{of(17, 0, filling(0), kMore), "fragment_misaligned"}}},
    {"udp_length_below_its_header", {{of(17, 0, longer({0, 1, 0, 2, 0, 7}, 64), kMore), "bad_l4_header"}}},
    {"tcp_header_in_two",
     {{of(6, 0, longer(tcp_header(), 16), kMore), "fragment_tiny"},
      {of(6, 16, filling(64), false), "fragment_refused"}}},
    {"tcp_header_without_the_checksum", {{of(6, 0, longer(tcp_header(), 8), kMore), "fragment_tiny"}}},
    {"tcp_options_in_two", {{of(6, 0, longer(tcp_header("S", filling(24)), 40), kMore), "fragment_tiny"}}},
    {"tcp_header_and_options_whole",
     {{of(6, 0, longer(tcp_header("S", filling(20)), 40), kMore), "goes"}, {of(6, 40, filling(8), false), "goes"}}},
    {"tcp_flags_overwritten", {{of(6, 8, filling(64), kMore), "fragment_tiny"}}},
    {"tcp_checksum_overwritten", {{of(6, 16, filling(64), kMore), "fragment_tiny"}}},
    {"tcp_behind_the_shortest_header", {{of(6, 24, filling(64), kMore), "held"}}},
    {"tcp_header_of_four_words",
     {{of(6, 0, longer({0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x40}, 64), kMore), "bad_l4_header"}}},
    {"illegal_tcp_flags", {{of(6, 0, longer(tcp_header("SF"), 64), kMore), "bad_tcp_flags"}}},
    {"icmp_error",
     {{of(1, 0, longer(icmp_header(3, 1), 64), kMore), "unsupported_icmp"},
      {of(1, 64, filling(8), false), "fragment_refused"}}},
    {"echo_with_a_code", {{of(1, 0, longer(icmp_header(8, 1), 64), kMore), "unsupported_icmp"}}},
    {"echo_reply_from_inside", {{of(1, 0, longer(icmp_header(0), 64), kMore), "no_flow"}}},
    {"error_whose_later_fragment_waits",
     {{of(1, 64, filling(8), false), "held"}, {of(1, 0, longer(icmp_header(11), 64), kMore), "unsupported_icmp"}},
     {"unsupported_icmp"}},
};

class Faults : public testing::TestWithParam<Row> {};

TEST_P(Faults, AreFoundAndNamed) {
  FragmentsWorld world;
  for (const Step& step : GetParam().steps) {
    EXPECT_EQ(world.arrive(step.piece.bytes()), step.becomes) << "number " << world.arrived();
  }
  std::vector<std::string> ends;
  for (const auto& [number, reason] : world.died) ends.push_back(reason);
  EXPECT_EQ(ends, (std::vector<std::string>{GetParam().held_ends.begin(), GetParam().held_ends.end()}));
}

INSTANTIATE_TEST_SUITE_P(Rows, Faults, testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

// Whatever is equal but for one field of the key is another datagram.
TEST(Gathering, DatagramsOfOneIdentificationDoNotMeet) {
  struct Other {
    const char* name;
    Way way;
    Ip ip;
    std::uint8_t protocol;
  };
  const Ip base = between(kOut);
  const auto changed = [&](auto change) {
    Ip ip = base;
    change(ip);
    return ip;
  };
  const Other others[] = {
      {"another mapping, as of another tenant", {.number = 2, .tenant = 1}, base, 17},
      {"the other direction", {.side = Side::kOutside}, base, 17},
      {"another environment", kOut, changed([](Ip& ip) { ip.src = "100.64.0.6"; }), 17},
      {"another remote", kOut, changed([](Ip& ip) { ip.dst = "10.0.1.54"; }), 17},
      {"another protocol", kOut, base, 6},
      {"another identification", kOut, changed([](Ip& ip) { ++ip.identification; }), 17},
  };
  for (const Other& other : others) {
    FragmentsWorld world;
    EXPECT_EQ(world.arrive(udp(0, 64, kMore).bytes()), "goes");
    const Piece later{.ip = other.ip, .protocol = other.protocol, .offset = 64, .more = false, .payload = filling(8)};
    EXPECT_EQ(world.arrive(later.bytes(), other.way), "held") << other.name;
  }
}

TEST(Gathering, FragmentsAreHeldForTheTimeoutAndNotLonger) {
  FragmentsWorld world(Gathering::Options{.timeout = 2000});
  EXPECT_EQ(world.arrive(udp(64, 64, kMore).bytes()), "held");
  world.now += 1000;
  EXPECT_EQ(world.arrive(udp(128, 64, kMore).bytes()), "held");
  world.now += 999;
  world.expire();
  EXPECT_EQ(world.held.size(), 2U);
  world.now += 1;
  world.expire();
  EXPECT_EQ(world.died, (std::map<std::uintptr_t, std::string>{{1, "fragment_timeout"}, {2, "fragment_timeout"}}));
  EXPECT_EQ(world.gathering().datagrams(), 0U);
  EXPECT_EQ(world.arrive(udp(0, 64, kMore).bytes()), "goes") << "the same name is another datagram now";
  EXPECT_EQ(world.arrive(udp(64, 64, kMore).bytes()), "goes");
}

// The clock of a datagram is what counts, not when somebody looks.
TEST(Gathering, ADatagramWhoseTimeIsOverIsNobodysBeforeItIsSweptToo) {
  FragmentsWorld world(Gathering::Options{.timeout = 2000});
  EXPECT_EQ(world.arrive(udp(0, 64, kMore).bytes()), "goes");
  world.now += 2000;
  EXPECT_EQ(world.arrive(udp(64, 64, kMore).bytes()), "held");
  EXPECT_EQ(world.gathering().datagrams(), 1U);
}

TEST(Gathering, ARefusedDatagramStaysRefusedForItsTime) {
  FragmentsWorld world(Gathering::Options{.timeout = 2000});
  EXPECT_EQ(world.arrive(udp(0, 63, kMore).bytes()), "fragment_misaligned");
  world.now += 1999;
  world.expire();
  EXPECT_EQ(world.arrive(udp(0, 64, kMore).bytes()), "fragment_refused");
  world.now += 1;
  world.expire();
  EXPECT_EQ(world.arrive(udp(0, 64, kMore).bytes()), "goes");
}

TEST(Gathering, WithUdpOnlyOthersAreDroppedByName) {
  FragmentsWorld world(Gathering::Options{.protocols = FragmentProtocols::kUdp});
  EXPECT_EQ(world.arrive(udp(0, 64, kMore).bytes()), "goes");
  EXPECT_EQ(world.arrive(of(6, 0, longer(tcp_header(), 64), kMore).bytes()), "fragment");
  EXPECT_EQ(world.arrive(of(1, 0, longer(icmp_header(8), 64), kMore).bytes()), "fragment");
  EXPECT_EQ(world.gathering().datagrams(), 1U);
}

Bytes numbered(std::uint32_t n, std::uint32_t offset, bool more) {
  Piece piece = udp(offset, 64, more);
  piece.ip.src = "100.64." + std::to_string(n / 200 % 16) + "." + std::to_string(1 + n % 200);
  piece.ip.identification = static_cast<std::uint16_t>(n / 3200);
  return piece.bytes();
}

// A datagram of three, the last first, while others flood.
void expect_room_for(FragmentsWorld& world, const Way& way) {
  const Datagram datagram = with_payload(Ip{.src = "100.64.15.250", .dst = "10.0.1.9"} / Udp{.src = 1, .dst = 2}, 180);
  const auto pieces = craft::cut(datagram.bytes(), {64, 128});
  EXPECT_EQ(world.arrive(pieces[2], way), "held");
  EXPECT_EQ(world.arrive(pieces[1], way), "held");
  EXPECT_EQ(world.arrive(pieces[0], way), "goes");
}

struct Flood {
  const char* name;
  std::uint32_t offset;
  std::uint32_t tenants;
};
class Floods : public testing::TestWithParam<Flood> {};

// Whatever many tenants do at once, one who does little finds room, and each of them has a share.
TEST_P(Floods, LeaveRoomForATenantThatDoesNotFlood) {
  const Flood& flood = GetParam();
  FragmentsWorld world(Gathering::Options{
      .datagrams = 256, .datagrams_per_tenant = 64, .held = 128, .held_per_tenant = 32, .held_per_datagram = 16});
  for (std::uint32_t n = 0; n < 4000; ++n) {
    const std::uint32_t tenant = n % flood.tenants;
    world.arrive(numbered(n, flood.offset, kMore), {.number = 10 + tenant, .tenant = 10 + tenant});
    EXPECT_LE(world.held.size(), 32U * flood.tenants);
    if (n % 100 == 99) expect_room_for(world, {.number = 1, .tenant = 1});
  }
  EXPECT_LT(world.gathering().datagrams(), 256U);
  world.now += 2000;
  for (int i = 0; i < 8; ++i) world.expire();
  EXPECT_EQ(world.gathering().datagrams(), 0U);
  EXPECT_TRUE(world.held.empty());
}

INSTANTIATE_TEST_SUITE_P(Kinds, Floods,
                         testing::Values(Flood{"first_fragments_of_one_tenant", 0, 1},
                                         Flood{"later_fragments_of_one_tenant", 64, 1},
                                         Flood{"first_fragments_of_sixteen_tenants", 0, 16},
                                         Flood{"later_fragments_of_sixteen_tenants", 64, 16}),
                         [](const auto& row) { return row.param.name; });

TEST(Gathering, TenantBeyondItsShareOfDatagramsLosesItsOwnOldest) {
  FragmentsWorld world(Gathering::Options{.datagrams = 64, .datagrams_per_tenant = 4});
  const Way other{.number = 2, .tenant = 1};
  EXPECT_EQ(world.arrive(numbered(0, 64, kMore), other), "held");
  for (std::uint32_t n = 0; n < 5; ++n) EXPECT_EQ(world.arrive(numbered(n, 64, kMore)), "held");
  EXPECT_EQ(world.died, (std::map<std::uintptr_t, std::string>{{2, "fragment_share_full"}}));
  EXPECT_EQ(world.held, (std::set<std::uintptr_t>{1, 3, 4, 5, 6}));
}

TEST(Gathering, DatagramWithAFragmentThatFindsNoRoomGivesUpItsRoom) {
  FragmentsWorld world(Gathering::Options{.held = 64, .held_per_tenant = 32, .held_per_datagram = 3});
  for (const std::uint32_t offset : {64U, 128U, 192U}) {
    EXPECT_EQ(world.arrive(udp(offset, 64, kMore).bytes()), "held");
  }
  EXPECT_EQ(world.arrive(udp(256, 64, kMore).bytes()), "fragment_share_full");
  EXPECT_TRUE(world.held.empty());
  EXPECT_EQ(world.died.size(), 3U);
  EXPECT_EQ(world.arrive(udp(0, 64, kMore).bytes()), "fragment_refused");
}

TEST(Gathering, WithNothingFreeATenantThatHasNothingIsToldSo) {
  FragmentsWorld world(Gathering::Options{.datagrams = 1, .datagrams_per_tenant = 1, .held = 1, .held_per_tenant = 1});
  EXPECT_EQ(world.arrive(numbered(0, 64, kMore), {.number = 1, .tenant = 1}), "held");
  EXPECT_EQ(world.arrive(numbered(1, 64, kMore), {.number = 2, .tenant = 2}), "fragments_full");
  EXPECT_EQ(world.held.size(), 1U);
}

TEST(Gathering, WhatIsGivenUpLeaves) {
  FragmentsWorld world;
  for (std::uint32_t n = 0; n < 20; ++n) EXPECT_EQ(world.arrive(numbered(n, 64, kMore)), "held");
  world.gathering().give_up();
  std::uint32_t left = 0;
  for (; world.gathering().anything_leaves(); ++left) EXPECT_TRUE(world.gathering().next_leaving().drop.has_value());
  EXPECT_EQ(left, 20U);
  EXPECT_EQ(world.gathering().held(), 0U);
}

// Outbound only: a remote's identifications are its own.
TEST(Gathering, DatagramsOfTwoEnvironmentsLeaveWithDifferentIdentifications) {
  FragmentsWorld world;
  std::set<std::uint16_t> seen;
  for (std::uint32_t n = 0; n < 3200; ++n) {
    ASSERT_EQ(world.arrive(numbered(n, 0, kMore)), "goes");
    seen.insert(world.went.rbegin()->second.identification_be);
  }
  EXPECT_EQ(seen.size(), 3200U) << "all had identification 0";
  Piece inbound = udp(0, 64, kMore);
  EXPECT_EQ(world.arrive(inbound.bytes(), kIn), "goes");
  EXPECT_EQ(swap16(world.went.rbegin()->second.identification_be), inbound.ip.identification);
}

}  // namespace
}  // namespace hypernat::dataplane
