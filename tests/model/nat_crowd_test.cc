// Workers at the last ports of a remote endpoint, with rings that move, stall and lose packets as chance has it: flows
// come and go between them, and whenever the rings are quiet, everything agrees.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Ip;
using craft::Tcp;

constexpr std::uint32_t kPortsLeft = 40;
constexpr std::uint32_t kTuples = 120;  // that want them
constexpr std::uint32_t kFirstTuple = 200'000;
// What sanitizers slow down tenfold finds the same faults in fewer steps. Up to so many workers it is then a matter of
// luck whether a packet comes back to its home to be answered.
#ifdef HYPERNAT_SANITIZED
constexpr int kSteps = 2'500;
constexpr std::uint16_t kTooFewToReturn = 3;
#else
constexpr int kSteps = 6'000;
constexpr std::uint16_t kTooFewToReturn = 3;
#endif

Tcp segment(std::uint32_t n, const std::string& flags) {
  return {.src = static_cast<std::uint16_t>(n / 1000), .dst = 80, .flags = flags};
}
craft::Datagram packet(std::uint32_t n, const std::string& flags) {
  return Ip{.src = to_string(Ipv4Address::from_host(0x64400001 + n % 1000)), .dst = "10.0.1.10"} / segment(n, flags);
}

template <class Value>
bool are_all_different(std::vector<Value>& values) {
  std::ranges::sort(values);
  return std::ranges::adjacent_find(values) == values.end();
}

class Crowd {
 public:
  explicit Crowd(std::uint16_t workers)
      : workers_(workers),
        world_({.workers = workers,
                .flows = kInterfacePorts / workers + 8'000,
                .redirects = kTuples,
                .carrying = NatWorld::Carrying::kByHand,
                .timeouts = {.tcp_opening = 2'000'000, .tcp_established = 2'000'000, .tcp_closing = 1'000},
                .seed = workers}),
        random_(workers) {}

  void fill() {
    std::uint32_t n = 0;
    while (world_.open_flows() < kInterfacePorts - kPortsLeft) {
      world_.outbound(packet(n++, "S"));
      world_.carry_all();
    }
    ASSERT_LT(n, kFirstTuple);
  }

  void step() {
    const auto dice = below(100);
    if (dice < 40) {
      static const std::vector<std::string> kFlags = {"S", "S", "S", "A", "A", "RA", "RA"};
      world_.send({.from = {}, .datagram = packet(kFirstTuple + below(kTuples), kFlags[below(kFlags.size())])});
      ++sent_;
    } else if (dice < 65) {
      somewhere([this](std::uint16_t from, std::uint16_t to) { return world_.carry(from, to) > 0; });
    } else if (dice < 85) {
      somewhere([this](std::uint16_t from, std::uint16_t to) { return world_.tell(from, to, 1) > 0; });
    } else if (dice < 95) {
      somewhere([this](std::uint16_t from, std::uint16_t to) { return world_.lose(from, to); });
    } else {
      world_.pass(700);
    }
  }

  // Some connections of the crowd's close: their ports rest, and are the only ones that others can have.
  void close_some() {
    world_.carry_all();
    for (const FlowView& flow : world_.flows()) {
      if (flow.inside_port.host() < kFirstTuple / 1000 || below(3) != 0) continue;
      const auto from_remote = [&](const char* flags) {
        world_.inbound(Ip{.src = "10.0.1.10", .dst = to_string(flow.interface)} /
                       Tcp{.src = 80, .dst = flow.interface_port.host(), .flags = flags});
      };
      from_remote("SA");
      world_.outbound(Ip{.src = to_string(flow.inside), .dst = "10.0.1.10"} /
                      Tcp{.src = flow.inside_port.host(), .dst = 80, .flags = "FA"});
      world_.carry_all();
      from_remote("FA");
    }
  }

  // Once nothing is on its way any more.
  void compare() {
    world_.carry_all();
    std::vector<std::tuple<std::uint32_t, std::uint16_t>> outside;
    std::vector<std::tuple<std::uint32_t, std::uint16_t>> inside;
    std::uint32_t elsewhere = 0;
    for (const FlowView& flow : world_.flows()) {
      outside.emplace_back(flow.interface.host(), flow.interface_port.host());
      inside.emplace_back(flow.inside.host(), flow.inside_port.host());
      const Home& home = world_.home();
      const auto asked = home.worker_of(home.hash({flow.inside, flow.remote, flow.inside_port, flow.remote_port}));
      const auto owner =
          home.worker_of(home.hash({flow.remote, flow.interface, flow.remote_port, flow.interface_port}));
      elsewhere += asked == owner ? 0 : 1;
    }
    ASSERT_TRUE(are_all_different(outside)) << "two with one port";
    ASSERT_TRUE(are_all_different(inside)) << "two of one tuple";
    ASSERT_EQ(world_.redirects(), elsewhere);
    ASSERT_EQ(world_.flows_of_tenant(1), world_.open_flows());
    for (; judged_ < sent_; ++judged_) judge(world_.outcome(judged_));
  }

  void let_everything_end() {
    for (int turn = 0; turn < 8; ++turn) {
      world_.pass(400'000);
      world_.carry_all();
    }
    EXPECT_EQ(world_.open_flows(), 0U);
    EXPECT_EQ(world_.redirects(), 0U);
    EXPECT_EQ(world_.flows_of_tenant(1), 0U);
    EXPECT_EQ(world_.next_hops_held(), 0U);
    EXPECT_EQ(world_.interface_counter("eni-1", &InterfaceCounters::flows_open), 0U);
  }

  std::uint32_t opened_elsewhere = 0;
  std::uint32_t redirected = 0;
  std::uint32_t exhausted = 0;
  std::uint32_t returned = 0;
  std::uint32_t reclaimed = 0;

 private:
  std::uint32_t below(std::size_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

  // From a random pair of workers on, until one of them had something.
  template <class Act>
  void somewhere(Act&& act) {
    const std::uint32_t pairs = std::uint32_t{workers_} * workers_;
    const std::uint32_t start = below(pairs);
    for (std::uint32_t i = 0; i < pairs; ++i) {
      const std::uint32_t pair = (start + i) % pairs;
      if (act(static_cast<std::uint16_t>(pair / workers_), static_cast<std::uint16_t>(pair % workers_))) return;
    }
  }

  void judge(const Outcome& out) {
    ASSERT_LE(out.passes, 3U * workers_) << "no packet goes round for ever";
    reclaimed += out.opened && out.passes >= workers_ ? 1 : 0;
    opened_elsewhere += out.opened && out.passes > 0 ? 1 : 0;
    redirected += out.forwarded() && !out.opened && out.passes == 1 ? 1 : 0;
    returned += out.verdict == Verdict::kAnswered && out.passes > 0 ? 1 : 0;
    exhausted += out.dropped(Drop::ports_exhausted) ? 1 : 0;
    const bool fair = out.forwarded() || out.verdict == Verdict::kAnswered || out.dropped(Drop::ports_exhausted) ||
                      out.dropped(Drop::port_search_failed) || out.dropped(Drop::home_ring_full) ||
                      out.dropped(Drop::no_flow) || out.dropped(Drop::reset_rate_limited) ||
                      out.dropped(Drop::redirect_stale);
    ASSERT_TRUE(fair) << out.text();
  }

  std::uint16_t workers_;
  NatWorld world_;
  std::mt19937_64 random_;
  std::size_t sent_ = 0;
  std::size_t judged_ = 0;
};

class CrowdOfWorkers : public testing::TestWithParam<std::uint16_t> {};

TEST_P(CrowdOfWorkers, agrees_whenever_the_rings_are_quiet) {
  Crowd crowd(GetParam());
  crowd.fill();
  for (int step = 1; step <= kSteps; ++step) {
    crowd.step();
    if (step % 500 == 0) crowd.compare();
    if (step % 500 == 0) crowd.close_some();
    ASSERT_FALSE(testing::Test::HasFatalFailure()) << "at step " << step;
  }
  crowd.let_everything_end();
  EXPECT_GT(crowd.opened_elsewhere, 0U);
  EXPECT_GT(crowd.redirected, 0U);
  EXPECT_GT(crowd.exhausted, 0U);
  EXPECT_GT(crowd.reclaimed, 0U);
  if (GetParam() > kTooFewToReturn) {
    EXPECT_GT(crowd.returned, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Workers, CrowdOfWorkers, testing::Values(2, 3, 16));

}  // namespace
}  // namespace hypernat::dataplane
