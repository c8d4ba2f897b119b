// Neighbours as time passes.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>

#include "dataplane/attach/neighbours.h"

namespace hypernat::dataplane {
namespace {

const Link kSubnet = Link::subnet(SubnetNumber{7});
const Ipv4Address kRouter = Ipv4Address::of(10, 0, 1, 1);
constexpr std::uint32_t kTenant = 3;
const Binding kBinding{.mac = {{2, 0, 0, 0, 0, 9}}, .vtep = Ipv4Address::of(198, 51, 100, 11)};

constexpr Neighbours::Options kSmall{
    .capacity = 8, .reachable_for = 60'000, .retry_after = 1'000, .attempts = 3, .secret = 42};

std::vector<std::uint32_t> due(Neighbours& neighbours, Tick now) {
  std::array<std::uint32_t, 16> out{};
  return {out.begin(), out.begin() + neighbours.due(now, out)};
}

TEST(Neighbours, OfOneAddressOnTwoLinksAreTwo) {
  Neighbours neighbours(kSmall);
  const std::uint32_t one = neighbours.acquire(kSubnet, kRouter, kTenant);
  const std::uint32_t other = neighbours.acquire(Link::subnet(SubnetNumber{8}), kRouter, kTenant);
  const std::uint32_t underlay = neighbours.acquire(Link::underlay(7), kRouter, kTenant);
  EXPECT_NE(one, other);
  EXPECT_NE(one, underlay);
  EXPECT_EQ(neighbours.acquire(kSubnet, kRouter, kTenant), one);
  EXPECT_EQ(neighbours[one].references, 2U);
  EXPECT_EQ(neighbours.find(kSubnet, kRouter), one);
  EXPECT_EQ(neighbours.find(kSubnet, Ipv4Address::of(10, 0, 1, 2)), kNone);
}

TEST(Neighbours, IsAskedForAtOnceAndAgainUntilAttemptsRunOut) {
  Neighbours neighbours(kSmall);
  const std::uint32_t index = neighbours.acquire(kSubnet, kRouter, kTenant);
  EXPECT_EQ(due(neighbours, 0), std::vector{index});
  EXPECT_TRUE(due(neighbours, 999).empty());
  EXPECT_EQ(due(neighbours, 1000), std::vector{index});
  EXPECT_EQ(due(neighbours, 2000), std::vector{index});
  EXPECT_TRUE(due(neighbours, 2999).empty());
  EXPECT_EQ(neighbours[index].state, NeighbourState::kUnresolved);
  EXPECT_TRUE(due(neighbours, 3000).empty());
  EXPECT_EQ(neighbours[index].state, NeighbourState::kFailed);
  EXPECT_TRUE(due(neighbours, 100'000).empty()) << "a failed one rests until it is wanted";
}

TEST(Neighbours, ThatFailedIsAskedForAgainWhenWantedLater) {
  Neighbours neighbours(kSmall);
  const std::uint32_t index = neighbours.acquire(kSubnet, kRouter, kTenant);
  for (Tick now = 0; now <= 3000; now += 1000) due(neighbours, now);
  neighbours.want(index, 3500);
  EXPECT_EQ(neighbours[index].state, NeighbourState::kFailed) << "too soon";
  neighbours.want(index, 4000);
  EXPECT_EQ(neighbours[index].state, NeighbourState::kUnresolved);
  EXPECT_EQ(due(neighbours, 4000), std::vector{index});
}

TEST(Neighbours, AnswersAreLearnedOnlyForWhatIsKnown) {
  Neighbours neighbours(kSmall);
  EXPECT_EQ(neighbours.learn(kSubnet, kRouter, kBinding, 5), Learned::kNothing);
  EXPECT_EQ(neighbours.size(), 0U);
  const std::uint32_t index = neighbours.acquire(kSubnet, kRouter, kTenant);
  EXPECT_FALSE(neighbours[index].usable());
  EXPECT_EQ(neighbours.learn(Link::subnet(SubnetNumber{8}), kRouter, kBinding, 5), Learned::kNothing)
      << "another tenant's";
  EXPECT_EQ(neighbours.learn(kSubnet, kRouter, kBinding, 5), Learned::kFound);
  EXPECT_TRUE(neighbours[index].usable());
  EXPECT_EQ(neighbours[index].at, kBinding);
  EXPECT_TRUE(due(neighbours, 6).empty());
}

TEST(Neighbours, ThatMoveAreFollowedAtOnce) {
  Neighbours neighbours(kSmall);
  const std::uint32_t index = neighbours.acquire(kSubnet, kRouter, kTenant);
  neighbours.learn(kSubnet, kRouter, kBinding, 0);
  EXPECT_EQ(neighbours.learn(kSubnet, kRouter, kBinding, 1), Learned::kConfirmed);
  Binding elsewhere = kBinding;
  elsewhere.mac.bytes[5] = 77;
  EXPECT_EQ(neighbours.learn(kSubnet, kRouter, elsewhere, 2), Learned::kMoved);
  EXPECT_EQ(neighbours[index].at, elsewhere);
  elsewhere.vtep = Ipv4Address::of(198, 51, 100, 12);
  EXPECT_EQ(neighbours.learn(kSubnet, kRouter, elsewhere, 3), Learned::kMoved) << "behind another tunnel end";
  EXPECT_EQ(neighbours[index].at, elsewhere);
}

TEST(Neighbours, InUseAreAskedForBeforeTheirAnswerIsForgotten) {
  Neighbours neighbours(kSmall);
  const std::uint32_t index = neighbours.acquire(kSubnet, kRouter, kTenant);
  neighbours.learn(kSubnet, kRouter, kBinding, 0);
  due(neighbours, 0);
  EXPECT_TRUE(due(neighbours, 59'999).empty());
  EXPECT_EQ(due(neighbours, 60'000), std::vector{index});
  EXPECT_TRUE(neighbours[index].usable());
  neighbours.learn(kSubnet, kRouter, kBinding, 60'100);
  EXPECT_EQ(neighbours[index].state, NeighbourState::kReachable);
  EXPECT_TRUE(due(neighbours, 120'099).empty());
  EXPECT_EQ(due(neighbours, 120'100), std::vector{index});
  EXPECT_EQ(due(neighbours, 121'100), std::vector{index});
  EXPECT_EQ(due(neighbours, 122'100), std::vector{index});
  EXPECT_TRUE(due(neighbours, 123'100).empty());
  EXPECT_FALSE(neighbours[index].usable());
}

TEST(Neighbours, NotInUseAreNotAskedFor) {
  Neighbours neighbours(kSmall);
  const std::uint32_t index = neighbours.acquire(kSubnet, kRouter, kTenant);
  neighbours.learn(kSubnet, kRouter, kBinding, 0);
  neighbours.release(index);
  due(neighbours, 0);
  EXPECT_TRUE(due(neighbours, 60'000).empty());
  EXPECT_EQ(neighbours.acquire(kSubnet, kRouter, kTenant), index) << "still known";
}

TEST(Neighbours, PlacesOfTheUnheldAreGivenAwayAndOthersNever) {
  Neighbours neighbours(kSmall);
  std::array<std::uint32_t, 8> held{};
  for (std::uint8_t i = 0; i < 8; ++i) {
    held[i] = neighbours.acquire(Link::subnet(SubnetNumber{i / 4U}), Ipv4Address::of(10, 0, 1, i), i / 4U);
  }
  const Ipv4Address one_more = Ipv4Address::of(10, 0, 1, 99);
  EXPECT_EQ(neighbours.acquire(kSubnet, one_more, kTenant), kNone);
  due(neighbours, 0);
  neighbours.release(held[3]);
  const std::uint32_t made = neighbours.acquire(kSubnet, one_more, kTenant);
  EXPECT_EQ(made, held[3]);
  EXPECT_EQ(neighbours.find(Link::subnet(SubnetNumber{0}), Ipv4Address::of(10, 0, 1, 3)), kNone);
  EXPECT_EQ(neighbours[made].state, NeighbourState::kUnresolved);
  EXPECT_EQ(due(neighbours, 1), std::vector{made});
}

TEST(Neighbours, OneTenantHoldsHalfOfTheTableOnHoweverManyLinksAndNoMore) {
  Neighbours neighbours({.capacity = 64, .tenants = 8, .secret = 3});
  const auto of_link = [](std::uint32_t i) { return Link::subnet(SubnetNumber{i % 5}); };
  std::uint32_t taken = 0;
  for (std::uint32_t i = 0; i < 64; ++i) {
    if (neighbours.acquire(of_link(i), Ipv4Address::from_host(i), kTenant) != kNone) ++taken;
  }
  EXPECT_EQ(taken, 32U);
  EXPECT_NE(neighbours.acquire(Link::subnet(SubnetNumber{8}), kRouter, kTenant + 1), kNone);
  EXPECT_NE(neighbours.acquire(Link::underlay(1), kRouter, kNone), kNone) << "the underlay is no tenant's";
  EXPECT_NE(neighbours.acquire(of_link(0), Ipv4Address::from_host(0), kTenant), kNone) << "what is held is reachable";
  neighbours.release(neighbours.find(of_link(1), Ipv4Address::from_host(1)));
  EXPECT_NE(neighbours.acquire(kSubnet, Ipv4Address::from_host(1000), kTenant), kNone)
      << "what is not held takes no share";
}

// Whatever one tenant holds and however fast another's neighbours come and go, what nobody holds is found at once.
TEST(Neighbours, OfOneTenantsFloodNeverRefuseAnother) {
  Neighbours neighbours({.capacity = 1024, .tenants = 8, .secret = 3});
  for (std::uint32_t i = 0; i < 1024; ++i) neighbours.acquire(kSubnet, Ipv4Address::from_host(i), kTenant);
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    const std::uint32_t index = neighbours.acquire(Link::subnet(SubnetNumber{8}), Ipv4Address::from_host(i), 5);
    ASSERT_NE(index, kNone) << i;
    ASSERT_EQ(neighbours[index].address, Ipv4Address::from_host(i));
    if (i >= 400) neighbours.release(neighbours.find(Link::subnet(SubnetNumber{8}), Ipv4Address::from_host(i - 400)));
    if (i % 7 == 0) due(neighbours, i);
  }
}

TEST(Neighbours, ThatTakeAQueuedPlaceAreAskedForOnce) {
  Neighbours neighbours({.capacity = 1, .secret = 3});
  neighbours.release(neighbours.acquire(kSubnet, kRouter, kTenant));
  const Ipv4Address other = Ipv4Address::of(10, 0, 1, 2);
  const std::uint32_t index = neighbours.acquire(kSubnet, other, kTenant);
  ASSERT_NE(index, kNone);
  EXPECT_EQ(neighbours.find(kSubnet, kRouter), kNone);
  EXPECT_EQ(due(neighbours, 0), std::vector{index});
  EXPECT_TRUE(due(neighbours, 1).empty());
}

TEST(Neighbours, TimeMayWrapRound) {
  Neighbours neighbours(kSmall);
  const std::uint32_t index = neighbours.acquire(kSubnet, kRouter, kTenant);
  const Tick late = ~Tick{0} - 500;
  EXPECT_EQ(due(neighbours, late), std::vector{index});
  EXPECT_TRUE(due(neighbours, late + 900).empty());
  EXPECT_EQ(due(neighbours, late + 1000), std::vector{index});
}

// Against a plain map, over random operations: nothing is lost, nothing is found that is not there.
TEST(Neighbours, AgreeWithAPlainMap) {
  Neighbours neighbours({.capacity = 64, .secret = 7});
  std::map<std::uint64_t, std::uint32_t> references;
  std::mt19937 generator(1);
  const auto random = [&] { return static_cast<std::uint32_t>(generator()); };
  for (int round = 0; round < 100'000; ++round) {
    const Link link = Link::subnet(SubnetNumber{random() % 3});
    const Ipv4Address address = Ipv4Address::from_host(random() % 50);
    const std::uint64_t key = std::uint64_t{link.value} << 32 | address.network();
    const auto held = references.find(key);
    switch (random() % 3) {
      case 0: {
        const std::uint32_t index = neighbours.acquire(link, address, link.value);
        if (index == kNone) {
          ASSERT_EQ(held, references.end()) << "what is held is found";
          break;
        }
        ASSERT_EQ(neighbours[index].address, address);
        ASSERT_EQ(neighbours[index].link, link);
        ++references[key];
        break;
      }
      case 1:
        if (held == references.end()) break;
        neighbours.release(neighbours.find(link, address));
        if (--held->second == 0) references.erase(held);
        break;
      default: {
        const std::uint32_t index = neighbours.find(link, address);
        if (held != references.end()) {
          ASSERT_NE(index, kNone);
          ASSERT_EQ(neighbours[index].references, held->second);
        } else if (index != kNone) {
          ASSERT_EQ(neighbours[index].references, 0U);
        }
        due(neighbours, static_cast<Tick>(round));
        break;
      }
    }
    ASSERT_LE(neighbours.size(), 64U);
  }
}

}  // namespace
}  // namespace hypernat::dataplane
