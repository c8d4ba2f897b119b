#include "dataplane/nat/remote_use.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "dataplane/nat/port_bitmaps.h"
#include "dataplane/nat/tenant_usage.h"

namespace hypernat::dataplane {
namespace {

RemoteKey key_of(std::uint32_t number) {
  return {.interface_slot = number % 4,
          .remote = Ipv4Address::from_host(number / 24),
          .remote_port = L4Port::from_host(static_cast<std::uint16_t>(number / 12 % 2)),
          .protocol = number / 4 % 3 == 0   ? Protocol::kIcmp
                      : number / 4 % 3 == 1 ? Protocol::kTcp
                                            : Protocol::kUdp};
}

TEST(RemoteUse, agrees_with_a_map_over_random_operations_and_never_loses_an_entry) {
  constexpr std::uint32_t kFlows = 200;
  std::vector<InterfaceCounters> interfaces(4);
  RemoteUse use(FlowHash({1, 2, 3, 4}));
  ASSERT_TRUE(use.allocate(kFlows, interfaces));
  std::map<std::uint32_t, std::uint32_t> model;
  std::uint32_t flows = 0;
  std::mt19937_64 random(1);
  for (int step = 0; step < 100'000; ++step) {
    const auto number = static_cast<std::uint32_t>(random() % 300);
    if (flows < kFlows && random() % 2 == 0) {
      use.add(key_of(number));
      ++model[number];
      ++flows;
    } else if (const auto at = model.find(number); at != model.end()) {
      use.remove(key_of(number));
      if (--at->second == 0) model.erase(at);
      --flows;
    }
    use.refresh(1);
    const RemoteEntry* entry = use.find(key_of(number));
    const auto at = model.find(number);
    ASSERT_EQ(entry == nullptr ? 0U : entry->flows, at == model.end() ? 0U : at->second);
    ASSERT_EQ(use.size(), model.size());
  }
  for (const auto& [number, count] : model) ASSERT_EQ(use.find(key_of(number))->flows, count);
}

TEST(PortBitmap, finds_open_words_as_a_plain_search_does) {
  auto bitmap = std::make_unique<PortBitmap>();
  bitmap->clear_all();
  std::vector<bool> model(PortSpace::kPorts);
  std::mt19937_64 random(1);
  const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
  for (std::uint32_t position = 0; position < PortSpace::kPorts; ++position) {
    if (position / 64 % 5 != 3) {  // most words full
      bitmap->set(position);
      model[position] = true;
    }
  }
  for (int step = 0; step < 20'000; ++step) {
    const std::uint32_t position = below(PortSpace::kPorts);
    if (model[position])
      bitmap->clear(position);
    else
      bitmap->set(position);
    model[position] = !model[position];
    ASSERT_EQ(bitmap->test(position), model[position]);
    const std::uint32_t from = below(PortBitmap::kWords);
    const std::uint32_t to = from + below(PortBitmap::kWords - from + 1);
    std::uint32_t expected = from;
    while (expected < to && ~bitmap->word(expected) == 0) ++expected;
    ASSERT_EQ(bitmap->next_open_word(from, to), expected);
  }
}

TEST(PortBitmaps, give_way_in_the_order_of_their_last_use) {
  PortBitmaps bitmaps;
  ASSERT_TRUE(bitmaps.allocate(3));
  const auto a = bitmaps.take(key_of(1));
  const auto b = bitmaps.take(key_of(2));
  const auto c = bitmaps.take(key_of(3));
  EXPECT_FALSE(a.evicted || b.evicted || c.evicted);
  EXPECT_EQ(bitmaps.in_use(), 3U);
  bitmaps.touch(a.bitmap);
  bitmaps[b.bitmap].set(5);
  const auto d = bitmaps.take(key_of(4));
  EXPECT_TRUE(d.evicted);
  EXPECT_TRUE(d.evicted_owner == key_of(2));
  EXPECT_FALSE(bitmaps[d.bitmap].test(5)) << "it starts empty";
  bitmaps.give_back(a.bitmap);
  const auto e = bitmaps.take(key_of(5));
  EXPECT_EQ(e.bitmap, a.bitmap) << "one that is nobody's comes first";
  EXPECT_FALSE(e.evicted);
  EXPECT_TRUE(bitmaps.take(key_of(6)).evicted_owner == key_of(3));
}

TEST(TenantUsage, is_exact_between_threads) {
  constexpr std::uint32_t kLimit = 1000;
  TenantUsage usage(1);
  std::atomic<std::uint32_t> most{0};
  const auto worker = [&] {
    std::uint32_t held = 0;
    for (int step = 0; step < 200'000; ++step) {
      if (usage.claim(0, kLimit)) {
        ++held;
        const std::uint32_t flows = usage.flows(0);
        for (std::uint32_t seen = most; flows > seen && !most.compare_exchange_weak(seen, flows);) {
        }
      }
      if (held > 700 || (step % 3 == 0 && held > 0)) {
        usage.release(0);
        --held;
      }
    }
    for (; held > 0; --held) usage.release(0);
  };
  std::thread one(worker);
  std::thread other(worker);
  one.join();
  other.join();
  EXPECT_EQ(usage.flows(0), 0U);
  EXPECT_LE(most, kLimit);
  EXPECT_TRUE(usage.claim(0, 1));
  EXPECT_FALSE(usage.claim(0, 1));
}

}  // namespace
}  // namespace hypernat::dataplane
