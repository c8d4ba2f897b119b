// Redirects, and the reports that end them.
#include <gtest/gtest.h>

#include <vector>

#include "dataplane/nat/redirect_reports.h"
#include "dataplane/nat/redirects.h"

namespace hypernat::dataplane {
namespace {

using Kind = RedirectReport::Kind;

class RedirectTable : public testing::Test {
 protected:
  RedirectTable() { EXPECT_TRUE(redirects_.allocate({.name = "redirects", .capacity = 4, .tenants = 2})); }
  static FlowKey key(std::uint64_t number) { return {number, number}; }
  RedirectTicket add(std::uint64_t number) {
    return redirects_.add({.key = key(number),
                           .signature = hash_(key(number)),
                           .mapping_slot = 7,
                           .tenant_slot = static_cast<std::uint32_t>(number % 2),
                           .asked_first = 1});
  }
  Redirect* find(std::uint64_t number) { return redirects_.find(key(number), hash_(key(number))); }

  FlowHash hash_{{1, 2, 3, 4}};
  Redirects redirects_{hash_};
};

TEST_F(RedirectTable, FindsByKeyAndByTicketUntilRemoved) {
  EXPECT_EQ(find(1), nullptr);
  const RedirectTicket ticket = add(1);
  ASSERT_NE(find(1), nullptr);
  EXPECT_EQ(redirects_.find(ticket), find(1));
  EXPECT_EQ(redirects_.ticket_of(*find(1)), ticket);
  EXPECT_EQ(find(1)->state, RedirectState::kOpening);
  EXPECT_EQ(find(1)->worker, 1);
  EXPECT_EQ(find(2), nullptr);
  redirects_.remove(*find(1));
  EXPECT_EQ(find(1), nullptr);
  EXPECT_EQ(redirects_.find(ticket), nullptr);
  EXPECT_EQ(redirects_.in_use(), 0U);
}

TEST_F(RedirectTable, IsFullAtItsCapacityAndNoEarlier) {
  for (std::uint64_t number = 1; number <= 4; ++number) EXPECT_FALSE(add(number).is_none());
  EXPECT_TRUE(add(5).is_none());
  EXPECT_EQ(find(5), nullptr);
  redirects_.remove(*find(3));
  EXPECT_FALSE(add(5).is_none());
  EXPECT_EQ(redirects_.in_use(), 4U);
}

TEST_F(RedirectTable, KeepsOneTenantToItsShare) {
  Redirects shared(hash_);
  ASSERT_TRUE(shared.allocate({.name = "shared", .capacity = 4, .tenants = 2}));
  shared.limit_tenants_to(3);
  const auto take = [&](std::uint64_t number, std::uint32_t tenant) {
    return shared.add({.key = key(number), .signature = hash_(key(number)), .tenant_slot = tenant});
  };
  for (std::uint64_t number = 1; number <= 3; ++number) EXPECT_FALSE(take(number, 0).is_none());
  EXPECT_TRUE(take(4, 0).is_none());
  EXPECT_EQ(shared.find(key(4), hash_(key(4))), nullptr);
  EXPECT_FALSE(take(5, 1).is_none()) << "one place is left for another";
  shared.remove(*shared.find(key(2), hash_(key(2))));
  EXPECT_FALSE(take(4, 0).is_none());
  EXPECT_TRUE(take(6, 1).is_none()) << "full";
  shared.remove(*shared.find(key(5), hash_(key(5))));
  EXPECT_TRUE(take(6, 0).is_none());
  shared.limit_tenants_to(0);
  EXPECT_FALSE(take(6, 0).is_none()) << "one who is alone may have all";
}

TEST_F(RedirectTable, GivesNoTicketTwiceWithinThousandsOfUses) {
  const RedirectTicket first = add(1);
  redirects_.remove(*find(1));
  for (int use = 0; use < 4 * 4095; ++use) {
    const RedirectTicket ticket = add(2);
    ASSERT_FALSE(ticket.is_none());
    ASSERT_NE(ticket, first) << use;
    ASSERT_EQ(redirects_.find(first), nullptr);
    redirects_.remove(*find(2));
  }
}

TEST_F(RedirectTable, KnowsNoTicketBeyondItself) {
  EXPECT_EQ(redirects_.find(RedirectTicket{}), nullptr);
  EXPECT_EQ(redirects_.find(RedirectTicket::of(4, 0)), nullptr);
  EXPECT_EQ(redirects_.find(RedirectTicket::of(0, 0)), nullptr) << "a free place is nobody's";
}

class Reports : public testing::Test {
 protected:
  Reports() { EXPECT_TRUE(reports_.allocate(3, 4)); }
  void add(std::uint16_t home, std::uint32_t number, std::uint32_t serial, Kind kind) {
    reports_.add(home, {.ticket = RedirectTicket::of(number, serial), .kind = kind});
  }
  std::vector<RedirectReport> take(std::uint16_t home, std::size_t most) {
    std::vector<RedirectReport> taken(most);
    taken.resize(reports_.peek(home, taken));
    reports_.told(home, taken.size());
    return taken;
  }
  RedirectReports reports_;
};

TEST_F(Reports, WaitInOrderForEachWorkerApart) {
  add(1, 3, 0, Kind::kOpened);
  add(2, 0, 0, Kind::kOpened);
  add(1, 0, 0, Kind::kReleased);
  EXPECT_FALSE(reports_.empty());
  EXPECT_TRUE(take(0, 8).empty());
  const auto taken = take(1, 8);
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].ticket.number(), 3U);
  EXPECT_EQ(taken[1].kind, Kind::kReleased);
  EXPECT_EQ(take(2, 8).size(), 1U);
  EXPECT_TRUE(reports_.empty());
}

TEST_F(Reports, OfOneRedirectAreOneAndTheLastHolds) {
  for (int round = 0; round < 100; ++round) {
    add(1, 2, 5, Kind::kOpened);
    add(1, 2, 5, Kind::kReleased);
  }
  const auto taken = take(1, 8);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].kind, Kind::kReleased);
}

TEST_F(Reports, OfAnOlderUseDoNotOvertakeThoseOfANewer) {
  add(1, 2, 0, Kind::kOpened);
  add(1, 2, 4095, Kind::kReleased);  // the use before, as serials wrap
  EXPECT_EQ(take(1, 8)[0].ticket.serial(), 0U);
  add(1, 2, 4095, Kind::kReleased);
  add(1, 2, 0, Kind::kOpened);
  const auto taken = take(1, 8);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].ticket.serial(), 0U);
}

TEST_F(Reports, StayUntilTheyAreTold) {
  for (std::uint32_t round = 0; round < 10; ++round) {
    for (std::uint32_t number = 0; number < 4; ++number) add(0, number, round, Kind::kReleased);
    std::vector<RedirectReport> seen(8);
    EXPECT_EQ(reports_.peek(0, seen), 4U);
    reports_.told(0, 0);
    EXPECT_EQ(take(0, 3).size(), 3U);
    const auto last = take(0, 8);
    ASSERT_EQ(last.size(), 1U);
    EXPECT_EQ(last[0].ticket, RedirectTicket::of(3, round));
  }
  EXPECT_TRUE(reports_.empty());
}

TEST_F(Reports, TravelAsOneWord) {
  const RedirectReport report{.ticket = RedirectTicket::of(RedirectTicket::kMostNumbers - 1, 4095),
                              .kind = Kind::kReleased};
  const RedirectReport again = RedirectReport::of_word(report.word());
  EXPECT_EQ(again.ticket, report.ticket);
  EXPECT_EQ(again.kind, report.kind);
}

}  // namespace
}  // namespace hypernat::dataplane
