// Fragments through the NATs of many workers: in every order, of every protocol and both ways, each by itself, and each
// with the translation of its datagram's flow.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/packet/error_world.h"
#include "tests/packet/fragments.h"

namespace hypernat::dataplane {
namespace nat_fragments {

using craft::Bytes;
using craft::Datagram;
using craft::Ip;
using craft::Udp;

Datagram long_one(Datagram datagram) {
  datagram.payload.resize(300);
  std::iota(datagram.payload.begin(), datagram.payload.end(), std::uint8_t{3});
  return datagram;
}

class FragmentsOfWorkers : public testing::TestWithParam<std::uint16_t> {
 protected:
  // All forwarded, in the nth order; as they left.
  std::vector<Bytes> cross(const NatWorld::Arrival& from, std::vector<Bytes> pieces, int n) {
    for (int i = 0; i < n; ++i) std::next_permutation(pieces.begin(), pieces.end(), by_offset);
    std::vector<std::size_t> sent;
    for (const Bytes& piece : pieces) {
      NatWorld::Arrival arrival = from;
      arrival.piece = piece;
      sent.push_back(world_.send(arrival));
      world_.carry_all();
    }
    std::vector<Bytes> left;
    for (const std::size_t packet : sent) {
      const Outcome out = world_.outcome(packet);
      EXPECT_TRUE(out.forwarded()) << out.text();
      left.push_back(out.bytes);
    }
    return left;
  }
  static bool by_offset(const Bytes& a, const Bytes& b) { return craft::offset_of(a) < craft::offset_of(b); }

  NatWorld world_{{.workers = GetParam()}};
};

TEST_P(FragmentsOfWorkers, cross_in_every_order_and_both_ways) {
  std::uint16_t port = 4000;
  const std::vector<Carried> kinds = every_carried();
  for (const Carried& kind : kinds) {
    for (int order = 0; order < 24; ++order, ++port) {
      const Ip out_ip{.src = kEnvironment, .dst = kServer, .identification = 0x1111};
      const auto request = long_one(kind.out(out_ip, port, kServerPort));
      const auto left = cross({.from = {}, .datagram = {}}, craft::cut(request.bytes(), {64, 128, 200}), order);
      const auto whole = craft::join(left);
      ASSERT_TRUE(whole) << kind.name << ", order " << order;
      const std::uint16_t chosen = craft::look_at(*whole).src_port;
      const auto as_left = long_one(
          kind.out({.src = kInterface, .dst = kServer, .ttl = 63, .identification = craft::identification_of(*whole)},
                   chosen, kServerPort));
      ASSERT_EQ(*whole, as_left.bytes()) << kind.name << ", order " << order;

      const Ip back_ip{.src = kServer, .dst = kInterface, .identification = 0x2222};
      const auto reply = long_one(kind.back(back_ip, kServerPort, chosen));
      const auto in = craft::join(cross({.side = Side::kOutside, .from = {}, .subnet = 1, .datagram = {}},
                                        craft::cut(reply.bytes(), {64, 128, 200}), order));
      ASSERT_TRUE(in) << kind.name << ", order " << order;
      const auto delivered = long_one(
          kind.back({.src = kServer, .dst = kEnvironment, .ttl = 63, .identification = 0x2222}, kServerPort, port));
      ASSERT_EQ(*in, delivered.bytes()) << kind.name << ", order " << order;
    }
  }
  EXPECT_EQ(world_.open_flows(), kinds.size() * 24);
}

// A later fragment of a datagram whose first one does not come is nobody's; one of no flow gets nothing in.
TEST_P(FragmentsOfWorkers, without_a_first_one_open_nothing_and_go_with_time) {
  const auto pieces =
      craft::cut(long_one(Ip{.src = kEnvironment, .dst = kServer} / Udp{.src = 4000, .dst = 53}).bytes(), {64, 128});
  const std::size_t held = world_.send({.from = {}, .datagram = {}, .piece = pieces[1]});
  EXPECT_EQ(world_.outcome(held).verdict, Verdict::kHeld);
  world_.pass(2'000);
  EXPECT_TRUE(world_.outcome(held).dropped(Drop::fragment_timeout)) << world_.outcome(held).text();
  const auto reply =
      craft::cut(long_one(Ip{.src = kServer, .dst = kInterface} / Udp{.src = 53, .dst = 5000}).bytes(), {64, 128});
  for (const Bytes& piece : reply) {
    const std::size_t packet =
        world_.send({.side = Side::kOutside, .from = {}, .subnet = 1, .datagram = {}, .piece = piece});
    world_.carry_all();
    EXPECT_TRUE(world_.outcome(packet).dropped(Drop::no_flow)) << world_.outcome(packet).text();
  }
  EXPECT_EQ(world_.open_flows(), 0U);
  EXPECT_EQ(world_.tenant_counter(1, &TenantCounters::drops), 1 + reply.size());
}

INSTANTIATE_TEST_SUITE_P(Workers, FragmentsOfWorkers, testing::Values(1, 2, 3, 5, 16));

// Errors about fragments bring the identification back that the environment gave.
TEST(ErrorsAboutFragments, quote_the_environments_identification) {
  NatWorld world({.workers = 4});
  for (std::uint16_t port = 4000; port < 4032; ++port) {
    const Ip ip{.src = kEnvironment, .dst = kServer, .identification = port};
    const auto sent = long_one(ip / Udp{.src = port, .dst = 53});
    const auto pieces = craft::cut(sent.bytes(), {64});
    const std::size_t first = world.send({.from = {}, .datagram = {}, .piece = pieces[0]});
    world.carry_all();
    ASSERT_TRUE(world.outcome(first).forwarded());
    const Outcome in = world.inbound(Ip{.src = "10.7.7.7", .dst = kInterface} /
                                     craft::IcmpError{.type = 11, .code = 1} / world.outcome(first).bytes);
    ASSERT_TRUE(in.forwarded()) << in.text();
    Bytes as_sent = pieces[0];
    as_sent[8] = 63;  // a hop on
    as_sent[10] = as_sent[11] = 0;
    const std::uint16_t checksum = craft::checksum_of({as_sent.begin(), as_sent.begin() + 20});
    as_sent[10] = static_cast<std::uint8_t>(checksum >> 8);
    as_sent[11] = static_cast<std::uint8_t>(checksum);
    EXPECT_EQ(*craft::quote_in(in.bytes), as_sent);
  }
}

}  // namespace nat_fragments
}  // namespace hypernat::dataplane
