#include "dataplane/flow/home.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

namespace hypernat::dataplane {
namespace {

HomeTuple tuple(const char* src, std::uint16_t src_port, const char* dst, std::uint16_t dst_port) {
  return {.src = parse_ipv4_address(src).value(),
          .dst = parse_ipv4_address(dst).value(),
          .src_port = L4Port::from_host(src_port),
          .dst_port = L4Port::from_host(dst_port)};
}

// Bit by bit, as Microsoft describes it: shift the key left once per input bit, add its top 32 bits where the bit is
// set.
std::uint32_t bitwise_toeplitz(const ToeplitzKey& key, const HomeTuple& t) {
  std::vector<std::uint8_t> input;
  for (const std::uint32_t address : {t.src.host(), t.dst.host()})
    for (int shift = 24; shift >= 0; shift -= 8) input.push_back(static_cast<std::uint8_t>(address >> shift));
  for (const std::uint16_t port : {t.src_port.host(), t.dst_port.host()})
    for (int shift = 8; shift >= 0; shift -= 8) input.push_back(static_cast<std::uint8_t>(port >> shift));
  std::vector<bool> bits;
  for (const std::uint8_t byte : key)
    for (int bit = 7; bit >= 0; --bit) bits.push_back((byte >> bit & 1) != 0);
  std::uint32_t result = 0;
  for (std::size_t i = 0; i < input.size() * 8; ++i) {
    if ((input[i / 8] >> (7 - i % 8) & 1) == 0) continue;
    for (std::size_t j = 0; j < 32; ++j) result ^= static_cast<std::uint32_t>(bits[i + j]) << (31 - j);
  }
  return result;
}

TEST(HomeHash, passes_the_published_vectors) {
  const Home home({});
  EXPECT_EQ(home.hash(tuple("66.9.149.187", 2794, "161.142.100.80", 1766)), 0x51ccc178U);
  EXPECT_EQ(home.hash(tuple("199.92.111.2", 14230, "65.69.140.83", 4739)), 0xc626b0eaU);
  EXPECT_EQ(home.hash(tuple("24.19.198.95", 12898, "12.22.207.184", 38024)), 0x5c2b394aU);
  EXPECT_EQ(home.hash(tuple("38.27.205.30", 48228, "209.142.163.6", 2217)), 0xafc7327fU);
  EXPECT_EQ(home.hash(tuple("153.39.163.191", 44251, "202.188.127.2", 1303)), 0x10e828a2U);
  // Addresses only: as if the ports were zero.
  EXPECT_EQ(home.hash(tuple("66.9.149.187", 0, "161.142.100.80", 0)), 0x323e8fc2U);
}

TEST(HomeHash, agrees_with_the_bitwise_definition_for_random_keys) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20; ++round) {
    ToeplitzKey key;
    for (auto& byte : key) byte = static_cast<std::uint8_t>(random());
    const Home home({.key = key, .buckets = 128, .workers = 1});
    for (int i = 0; i < 200; ++i) {
      const HomeTuple t{.src = Ipv4Address::from_network(static_cast<std::uint32_t>(random())),
                        .dst = Ipv4Address::from_network(static_cast<std::uint32_t>(random())),
                        .src_port = L4Port::from_network(static_cast<std::uint16_t>(random())),
                        .dst_port = L4Port::from_network(static_cast<std::uint16_t>(random()))};
      ASSERT_EQ(home.hash(t), bitwise_toeplitz(key, t));
    }
  }
}

class HomeOfWorkers : public testing::TestWithParam<std::uint16_t> {};

TEST_P(HomeOfWorkers, lists_for_each_worker_exactly_the_ports_that_bring_the_reply_home) {
  const std::uint16_t workers = GetParam();
  const Home home({.key = kMicrosoftKey, .buckets = 128, .workers = workers});
  std::mt19937_64 random(workers);
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp, Protocol::kIcmp}) {
    const bool echo = protocol == Protocol::kIcmp;
    HomeTuple reply{.src = Ipv4Address::from_network(static_cast<std::uint32_t>(random())),
                    .dst = Ipv4Address::from_network(static_cast<std::uint32_t>(random())),
                    .src_port = echo ? L4Port{} : L4Port::from_host(static_cast<std::uint16_t>(random())),
                    .dst_port = L4Port{}};
    const std::uint32_t base = home.hash(reply);
    const PortSpace& space = home.reply_ports(protocol);
    std::vector<int> times_listed(65536);
    std::uint32_t in_range = 0;
    for (std::uint16_t worker = 0; worker < workers; ++worker) {
      for (const std::uint16_t bucket : home.port_buckets_of(worker)) {
        const std::uint32_t port_class = space.class_of(bucket, base);
        for (std::uint32_t i = 0; i < space.class_size(); ++i) {
          const L4Port port = space.port_at(space.first_position(port_class) + i);
          ASSERT_EQ(space.position_of(port), space.first_position(port_class) + i);
          reply.dst_port = port;
          if (echo) reply.src_port = port;
          ASSERT_EQ(home.worker_of(home.hash(reply)), worker);
          ++times_listed[port.host()];
        }
        in_range += space.class_size() - space.unused_in(port_class);
      }
    }
    EXPECT_EQ(std::count(times_listed.begin(), times_listed.end(), 1), 65536) << "each port is somebody's, once";
    EXPECT_EQ(in_range, kInterfacePorts);
  }
}

INSTANTIATE_TEST_SUITE_P(Workers, HomeOfWorkers, testing::Range<std::uint16_t>(1, 17));

TEST(HomeBuckets, are_dealt_evenly) {
  for (std::uint16_t workers = 1; workers <= 16; ++workers) {
    const Home home({.key = kMicrosoftKey, .buckets = 128, .workers = workers});
    std::vector<int> buckets(workers);
    for (const std::uint16_t worker : home.worker_of_bucket()) ++buckets.at(worker);
    const auto [fewest, most] = std::minmax_element(buckets.begin(), buckets.end());
    EXPECT_LE(*most - *fewest, 1);
  }
}

TEST(HomeBuckets, come_in_every_size_that_network_cards_have) {
  for (std::uint32_t buckets = 2; buckets <= Home::kMaxBuckets; buckets *= 2)
    EXPECT_NO_THROW(Home({.key = kMicrosoftKey, .buckets = buckets, .workers = 2})) << buckets;
}

TEST(HomeOptions, that_can_not_work_are_refused) {
  EXPECT_THROW(Home({.key = kMicrosoftKey, .buckets = 100, .workers = 1}), std::invalid_argument);
  EXPECT_THROW(Home({.key = kMicrosoftKey, .buckets = 8192, .workers = 1}), std::invalid_argument);
  EXPECT_THROW(Home({.key = kMicrosoftKey, .buckets = 0, .workers = 1}), std::invalid_argument);
  EXPECT_THROW(Home({.key = kMicrosoftKey, .buckets = 128, .workers = 0}), std::invalid_argument);
  EXPECT_THROW(Home({.key = kMicrosoftKey, .buckets = 16, .workers = 17}), std::invalid_argument);
  // Under a key that repeats itself a port and its twin cancel: echo replies would all go to one worker.
  ToeplitzKey symmetric;
  for (std::size_t i = 0; i < symmetric.size(); ++i) symmetric[i] = i % 2 == 0 ? 0x6d : 0x5a;
  EXPECT_THROW(Home({.key = symmetric, .buckets = 128, .workers = 2}), std::invalid_argument);
  EXPECT_NO_THROW(Home({.key = symmetric, .buckets = 128, .workers = 1})) << "a single worker has them all";
}

}  // namespace
}  // namespace hypernat::dataplane
