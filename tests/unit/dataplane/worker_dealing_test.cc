// Workers dealt to lcores: balanced, and with no move too many.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "dataplane/process/dealing.h"

namespace hypernat::dataplane {
namespace {

using Lcores = std::vector<unsigned>;

struct Deal {
  const char* name;
  Lcores now;  ///< of each worker
  Lcores lcores;
  Lcores then;
};

void PrintTo(const Deal& deal, std::ostream* out) {
  *out << deal.name;
}

class Dealing : public testing::TestWithParam<Deal> {};

TEST_P(Dealing, MovesOnlyWhomItMust) {
  EXPECT_EQ(deal_workers(GetParam().now, GetParam().lcores), GetParam().then);
}

const Deal kDeals[] = {
    {"OneEachAtTheStart", {kNoLcore, kNoLcore}, {2, 4}, {2, 4}},
    {"RoundAndRoundAtTheStart", {kNoLcore, kNoLcore, kNoLcore, kNoLcore, kNoLcore}, {2, 4}, {2, 4, 2, 4, 2}},
    {"NothingWithoutAChange", {1, 2, 1, 2}, {1, 2}, {1, 2, 1, 2}},
    {"NothingInAnotherOrder", {1, 2, 1, 2}, {2, 1}, {1, 2, 1, 2}},
    {"HalfToAnotherLcore", {1, 1, 1, 1}, {1, 2}, {1, 2, 1, 2}},
    {"BackAgain", {1, 2, 1, 2}, {1}, {1, 1, 1, 1}},
    {"AThirdLcoreTakesOneOfEachOther", {1, 2, 1, 2, 1, 2}, {1, 2, 3}, {1, 2, 1, 2, 3, 3}},
    {"AFourthTakesTheOddOne", {1, 2, 3, 1}, {1, 2, 3, 4}, {1, 2, 3, 4}},
    {"AnotherInThePlaceOfOne", {1, 2, 1, 2}, {1, 7}, {1, 7, 1, 7}},
    {"AllOthers", {1, 2}, {3, 4}, {3, 4}},
    {"OneMoreStaysWhereItIs", {1, 2, 2}, {1, 2}, {1, 2, 2}},
};

INSTANTIATE_TEST_SUITE_P(Rows, Dealing, testing::ValuesIn(kDeals), [](const auto& row) { return row.param.name; });

std::size_t moves(const Lcores& now, const Lcores& then) {
  std::size_t count = 0;
  for (std::size_t worker = 0; worker < now.size(); ++worker) count += now[worker] == then[worker] ? 0 : 1;
  return count;
}

bool is_balanced(const Lcores& then, const Lcores& lcores) {
  std::map<unsigned, std::size_t> held;
  for (const unsigned lcore : then) ++held[lcore];
  for (const unsigned lcore : lcores) {
    const std::size_t least = then.size() / lcores.size();
    if (held[lcore] < least || held[lcore] > (then.size() + lcores.size() - 1) / lcores.size()) return false;
  }
  return held.size() == lcores.size();
}

// Every way to deal them, tried.
std::size_t fewest_moves(const Lcores& now, const Lcores& lcores) {
  std::size_t fewest = now.size();
  Lcores then(now.size(), lcores[0]);
  std::vector<std::size_t> digits(now.size());
  for (;;) {
    for (std::size_t worker = 0; worker < now.size(); ++worker) then[worker] = lcores[digits[worker]];
    if (is_balanced(then, lcores)) fewest = std::min(fewest, moves(now, then));
    std::size_t worker = 0;
    while (worker < digits.size() && ++digits[worker] == lcores.size()) digits[worker++] = 0;
    if (worker == digits.size()) return fewest;
  }
}

TEST(Dealing, IsBalancedWithTheFewestMovesWhateverWasBefore) {
  std::mt19937 random(7);
  const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(1, most)(random); };
  for (int round = 0; round < 500; ++round) {
    Lcores all{0, 1, 2, 3, 4, 5};
    Lcores now(up_to(6));
    for (unsigned& lcore : now) lcore = all[up_to(3)];
    std::shuffle(all.begin(), all.end(), random);
    const Lcores lcores(all.begin(),
                        all.begin() + static_cast<std::ptrdiff_t>(up_to(std::min<std::size_t>(now.size(), 4))));
    const Lcores then = deal_workers(now, lcores);
    ASSERT_TRUE(is_balanced(then, lcores)) << testing::PrintToString(now) << testing::PrintToString(lcores);
    ASSERT_EQ(moves(now, then), fewest_moves(now, lcores))
        << testing::PrintToString(now) << " to " << testing::PrintToString(lcores) << testing::PrintToString(then);
  }
}

TEST(Dealing, OfManyWorkersStaysBalancedFromStepToStep) {
  std::mt19937 random(11);
  Lcores now(64, kNoLcore);
  for (int step = 0; step < 1000; ++step) {
    Lcores lcores(128);
    for (unsigned lcore = 0; lcore < lcores.size(); ++lcore) lcores[lcore] = lcore;
    std::shuffle(lcores.begin(), lcores.end(), random);
    lcores.resize(std::uniform_int_distribution<std::size_t>(1, now.size())(random));
    now = deal_workers(now, lcores);
    ASSERT_TRUE(is_balanced(now, lcores));
    ASSERT_EQ(deal_workers(now, lcores), now);
  }
}

}  // namespace
}  // namespace hypernat::dataplane
