// A home without ports: openings go round, flows are another worker's, and whatever overtakes what on the rings, every
// packet has one fate, every tuple one flow, and nothing stays behind.
#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace nat_passing {

using craft::Datagram;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr std::uint16_t kWorkers = 16;  // few ports of each towards a remote: quickly used up
constexpr std::uint32_t kShare = kInterfacePorts / kWorkers;
constexpr std::uint16_t kHome = 3;
constexpr std::uint16_t kNext = 4;
constexpr std::uint16_t kAfterNext = 5;

Ip nth_ip(std::uint32_t n) {
  return {.src = to_string(Ipv4Address::from_host(0x64400001 + n % 1000)), .dst = "10.0.1.10"};
}
Datagram udp(std::uint32_t n) {
  return nth_ip(n) / Udp{.src = static_cast<std::uint16_t>(n / 1000), .dst = 53};
}
Datagram other_udp(std::uint32_t n) {
  return nth_ip(n) / Udp{.src = static_cast<std::uint16_t>(n / 1000), .dst = static_cast<std::uint16_t>(54 + n % 2)};
}
Datagram syn(std::uint32_t n) {
  return nth_ip(n) / Tcp{.src = static_cast<std::uint16_t>(n / 1000), .dst = 80, .flags = "S"};
}
Datagram with_flags(Datagram datagram, const std::string& flags) {
  std::get<Tcp>(datagram.l4).flags = flags;
  return datagram;
}

NatWorld::Options by_hand() {
  return {.workers = kWorkers,
          .flows = 8192,
          .redirects = 8,
          .carrying = NatWorld::Carrying::kByHand,
          .timeouts = {.tcp_opening = 200'000, .tcp_closing = 10'000, .udp = 100'000}};
}

class Passing : public testing::Test {
 protected:
  using Make = Datagram (*)(std::uint32_t);

  // The next tuple whose home is `worker`.
  Datagram at_home(std::uint16_t worker, Make make) {
    for (;;) {
      const Datagram datagram = make(next_++);
      if (world_->home_of(datagram) == worker) return datagram;
    }
  }
  // Now and then a search is unlucky, and another worker would be asked: it is not, and the next search is luckier.
  bool opened_here(const Datagram& datagram) {
    const std::uint16_t home = world_->home_of(datagram);
    const Outcome out = world_->outbound(datagram);
    if (out.verdict == Verdict::kHandedOver) world_->lose(home, static_cast<std::uint16_t>((home + 1) % kWorkers));
    return out.opened;
  }
  void use_up(std::uint16_t worker, Make make) {
    for (std::uint32_t opened = 0; opened < kShare;) opened += opened_here(at_home(worker, make)) ? 1 : 0;
  }
  void use_up_all(Make make) {
    std::array<std::uint32_t, kWorkers> opened{};
    while (world_->open_flows() < kInterfacePorts) {
      const Datagram datagram = make(next_++);
      std::uint32_t& of_home = opened[world_->home_of(datagram)];
      if (of_home < kShare) of_home += opened_here(datagram) ? 1 : 0;
    }
  }
  std::size_t send(const Datagram& datagram) { return world_->send(datagram); }
  Outcome outcome(std::size_t packet) const { return world_->outcome(packet); }
  bool found_flow(std::size_t packet) const { return outcome(packet).forwarded() && !outcome(packet).opened; }

  // A TCP flow of kHome that kNext owns and kHome knows of.
  struct Passed {
    Datagram datagram;
    craft::Seen seen;
  };
  Passed passed_flow() {
    const Datagram datagram = at_home(kHome, syn);
    const std::size_t packet = send(datagram);
    world_->carry(kHome, kNext);
    EXPECT_TRUE(outcome(packet).opened) << outcome(packet).text();
    EXPECT_GE(world_->tell(kNext, kHome), 1U);
    return {datagram, outcome(packet).seen};
  }
  // It goes, and the report of it is still with its owner.
  void end(const Passed& flow) {
    const std::uint32_t before = world_->nat(kNext).open_flows();
    const Outcome reset = world_->inbound(Ip{.src = flow.seen.dst, .dst = flow.seen.src} /
                                          Tcp{.src = 80, .dst = flow.seen.src_port, .flags = "RA"});
    EXPECT_TRUE(reset.forwarded()) << reset.text();
    world_->pass(11'000);
    EXPECT_EQ(world_->nat(kNext).open_flows(), before - 1);
    EXPECT_TRUE(world_->nat(kNext).has_reports());
  }

  void expect_nothing_stays() {
    world_->carry_all();
    world_->pass(400'000);
    world_->carry_all();
    EXPECT_EQ(world_->open_flows(), 0U);
    EXPECT_EQ(world_->redirects(), 0U);
    EXPECT_EQ(world_->flows_of_tenant(1), 0U);
    EXPECT_EQ(world_->next_hops_held(), 0U);
    for (std::uint16_t worker = 0; worker < kWorkers; ++worker) EXPECT_FALSE(world_->nat(worker).has_reports());
  }

  std::unique_ptr<NatWorld> world_ = std::make_unique<NatWorld>(by_hand());
  std::uint32_t next_ = 0;
};

TEST_F(Passing, gives_an_opening_to_the_next_worker_which_owns_the_flow) {
  use_up(kHome, udp);
  const Datagram datagram = at_home(kHome, udp);
  const std::size_t first = send(datagram);
  EXPECT_EQ(outcome(first).verdict, Verdict::kHandedOver);
  EXPECT_EQ(world_->nat(kHome).redirects(), 1U);
  ASSERT_EQ(world_->carry(kHome, kNext), 1U);
  const Outcome out = outcome(first);
  EXPECT_TRUE(out.opened && out.forwarded()) << out.text();
  EXPECT_EQ(out.worker, kNext);
  EXPECT_EQ(world_->nat(kNext).open_flows(), 1U);
  EXPECT_EQ(world_->flows_of_tenant(1), kShare + 1);

  ASSERT_EQ(world_->tell(kNext, kHome), 1U);
  const std::size_t second = send(datagram);
  ASSERT_EQ(world_->carry(kHome, kNext), 1U);
  EXPECT_TRUE(found_flow(second)) << outcome(second).text();
  EXPECT_EQ(outcome(second).seen.src_port, out.seen.src_port);

  const Outcome back =
      world_->inbound(Ip{.src = "10.0.1.10", .dst = out.seen.src} / Udp{.src = 53, .dst = out.seen.src_port});
  EXPECT_TRUE(back.forwarded()) << back.text();
  EXPECT_EQ(back.worker, kNext) << "replies hash to the owner";
  EXPECT_EQ(back.passes, 0U);
  expect_nothing_stays();
}

TEST_F(Passing, goes_on_round_past_workers_without_ports_and_later_packets_find_the_flow) {
  use_up(kHome, udp);
  use_up(kNext, udp);
  const Datagram datagram = at_home(kHome, udp);
  const std::size_t first = send(datagram);
  const std::size_t second = send(datagram);
  EXPECT_EQ(world_->nat(kHome).redirects(), 1U);
  ASSERT_EQ(world_->carry(kHome, kNext), 2U);
  ASSERT_EQ(world_->carry(kNext, kAfterNext), 2U);
  EXPECT_TRUE(outcome(first).opened);
  EXPECT_TRUE(found_flow(second));
  EXPECT_EQ(outcome(second).seen.src_port, outcome(first).seen.src_port);
  // Once the home knows, there is one way only.
  world_->tell(kAfterNext, kHome);
  const std::size_t third = send(datagram);
  ASSERT_EQ(world_->carry(kHome, kAfterNext), 1U);
  EXPECT_TRUE(found_flow(third));
  EXPECT_EQ(outcome(third).passes, 1U);
  expect_nothing_stays();
}

TEST_F(Passing, opens_no_second_flow_where_a_port_came_free_behind_the_opening) {
  use_up(kHome, udp);
  use_up(kNext, udp);
  const Datagram datagram = at_home(kHome, udp);
  const std::size_t first = send(datagram);
  ASSERT_EQ(world_->carry(kHome, kNext), 1U);
  world_->pass(101'000);
  ASSERT_EQ(world_->open_flows(), 0U) << "every port is free again";
  const std::size_t second = send(datagram);
  ASSERT_EQ(world_->carry(kHome, kNext), 1U);
  EXPECT_EQ(world_->open_flows(), 0U) << "neither home nor the worker asked before opens it";
  ASSERT_EQ(world_->carry(kNext, kAfterNext), 2U);
  EXPECT_TRUE(outcome(first).opened);
  EXPECT_TRUE(found_flow(second));
  expect_nothing_stays();
}

TEST_F(Passing, drops_once_what_every_worker_refuses_and_leaves_nothing) {
  use_up_all(udp);
  ASSERT_EQ(world_->open_flows(), kInterfacePorts);
  const std::uint64_t drops = world_->tenant_counter(1, &TenantCounters::drops);
  const std::size_t packet = send(at_home(kHome, udp));
  for (std::uint32_t step = 0; step + 1 < kWorkers; ++step) {
    const auto at = static_cast<std::uint16_t>((kHome + step) % kWorkers);
    ASSERT_EQ(world_->carry(at, static_cast<std::uint16_t>((at + 1) % kWorkers)), 1U);
  }
  EXPECT_TRUE(outcome(packet).dropped(Drop::ports_exhausted)) << outcome(packet).text();
  EXPECT_EQ(outcome(packet).passes, kWorkers - 1U);
  EXPECT_EQ(world_->interface_counter("eni-1", &InterfaceCounters::ports_exhausted), 1U);
  EXPECT_EQ(world_->tenant_counter(1, &TenantCounters::drops), drops + 1);
  world_->carry_all();
  EXPECT_EQ(world_->redirects(), 0U);
  EXPECT_EQ(world_->flows_of_tenant(1), kInterfacePorts);
  expect_nothing_stays();
}

TEST_F(Passing, goes_on_round_past_workers_that_have_no_entry_left) {
  NatWorld::Options options = by_hand();
  options.flows = kShare + 100;
  world_ = std::make_unique<NatWorld>(options);
  use_up(kHome, udp);
  while (world_->nat(kNext).open_flows() < options.flows) world_->outbound(at_home(kNext, other_udp));
  const std::size_t packet = send(at_home(kHome, udp));
  ASSERT_EQ(world_->carry(kHome, kNext), 1U);
  EXPECT_EQ(outcome(packet).verdict, Verdict::kHandedOver) << outcome(packet).text();
  ASSERT_EQ(world_->carry(kNext, kAfterNext), 1U);
  EXPECT_TRUE(outcome(packet).opened) << outcome(packet).text();
  world_->tell(kAfterNext, kHome);
  EXPECT_EQ(world_->nat(kHome).redirects(), 1U);
  EXPECT_EQ(world_->flows_of_tenant(1), world_->open_flows());
  expect_nothing_stays();
}

TEST_F(Passing, goes_round_for_an_entry_too) {
  NatWorld::Options options = by_hand();
  options.flows_per_tenant = 100;
  world_ = std::make_unique<NatWorld>(options);
  while (world_->nat(kHome).open_flows() < 100) world_->outbound(at_home(kHome, other_udp));
  const std::size_t packet = send(at_home(kHome, udp));
  ASSERT_EQ(world_->carry(kHome, kNext), 1U);
  EXPECT_TRUE(outcome(packet).opened) << outcome(packet).text();
  EXPECT_EQ(world_->nat(kHome).open_flows(), 100U);
  expect_nothing_stays();
}

TEST_F(Passing, leaves_nothing_when_a_ring_is_full) {
  NatWorld::Options options = by_hand();
  options.ring = 1;
  world_ = std::make_unique<NatWorld>(options);
  use_up(kHome, udp);
  const std::size_t first = send(at_home(kHome, udp));
  const std::size_t second = send(at_home(kHome, udp));
  EXPECT_TRUE(outcome(second).dropped(Drop::home_ring_full));
  EXPECT_EQ(world_->nat(kHome).redirects(), 1U);
  // The same further on: the home hears of it.
  use_up(kNext, udp);
  world_->carry(kHome, kNext);
  world_->lose(kNext, kAfterNext);
  EXPECT_TRUE(outcome(first).dropped(Drop::home_ring_full));
  EXPECT_EQ(world_->tell(kNext, kHome), 1U);
  EXPECT_EQ(world_->redirects(), 0U);
  EXPECT_EQ(world_->flows_of_tenant(1), 2 * kShare);
  expect_nothing_stays();
}

TEST_F(Passing, is_refused_by_name_when_every_redirect_is_in_use) {
  use_up(kHome, syn);
  std::vector<Passed> flows;
  for (int i = 0; i < 8; ++i) flows.push_back(passed_flow());
  const std::uint32_t before = world_->flows_of_tenant(1);
  const std::size_t refused = send(at_home(kHome, syn));
  EXPECT_TRUE(outcome(refused).dropped(Drop::redirect_table_full)) << outcome(refused).text();
  EXPECT_EQ(world_->flows_of_tenant(1), before);
  EXPECT_TRUE(world_->outbound(at_home(kAfterNext, syn)).opened) << "others are unaffected";
  end(flows[5]);
  world_->tell(kNext, kHome);
  passed_flow();
  expect_nothing_stays();
}

TEST_F(Passing, ends_redirects_with_their_flows_however_few_reports_a_ring_takes) {
  use_up(kHome, syn);
  std::vector<Passed> flows;
  for (int i = 0; i < 8; ++i) flows.push_back(passed_flow());
  for (const Passed& flow : flows) {
    world_->inbound(Ip{.src = flow.seen.dst, .dst = flow.seen.src} /
                    Tcp{.src = 80, .dst = flow.seen.src_port, .flags = "RA"});
  }
  world_->pass(11'000);
  EXPECT_EQ(world_->nat(kNext).open_flows(), 0U);
  EXPECT_EQ(world_->tell(kNext, kHome, 0), 0U) << "a full ring";
  EXPECT_EQ(world_->nat(kHome).redirects(), 8U);
  for (std::uint32_t left = 8; left > 0; --left) {
    EXPECT_EQ(world_->tell(kNext, kHome, 1), 1U);
    EXPECT_EQ(world_->nat(kHome).redirects(), left - 1);
  }
  expect_nothing_stays();
}

class FlowGone : public Passing {
 protected:
  // The owner's flow is gone and its report not on its way: the home still sends packets there.
  void SetUp() override {
    use_up(kHome, syn);
    gone_ = passed_flow();
    end(gone_);
  }
  // To the owner and back.
  void there_and_back() {
    ASSERT_EQ(world_->carry(kHome, kNext), 1U);
    ASSERT_EQ(world_->carry(kNext, kHome), 1U);
  }
  Passed gone_;
};

TEST_F(FlowGone, a_segment_gets_the_reset_of_its_home_and_only_that) {
  const std::size_t packet = send(with_flags(gone_.datagram, "A"));
  there_and_back();
  EXPECT_EQ(outcome(packet).verdict, Verdict::kAnswered);
  EXPECT_EQ(outcome(packet).worker, kHome);
  EXPECT_EQ(outcome(packet).bytes, with_flags(gone_.datagram, "A").bytes());
  EXPECT_EQ(world_->tenant_counter(1, &TenantCounters::resets), 1U);
  EXPECT_EQ(world_->nat(kHome).redirects(), 0U) << "the packet has told what the report will";
  EXPECT_EQ(send(with_flags(gone_.datagram, "A")), packet + 1);
  EXPECT_EQ(outcome(packet + 1).verdict, Verdict::kAnswered);
  EXPECT_EQ(outcome(packet + 1).passes, 0U);
  expect_nothing_stays();
}

TEST_F(FlowGone, a_reset_is_dropped_once) {
  const std::size_t packet = send(with_flags(gone_.datagram, "RA"));
  there_and_back();
  EXPECT_TRUE(outcome(packet).dropped(Drop::no_flow)) << outcome(packet).text();
  expect_nothing_stays();
}

TEST_F(FlowGone, a_syn_opens_anew_and_the_late_report_does_it_no_harm) {
  const std::size_t packet = send(gone_.datagram);
  there_and_back();
  ASSERT_EQ(world_->carry(kHome, kNext), 1U) << "the home has no port yet: it goes round anew";
  EXPECT_TRUE(outcome(packet).opened) << outcome(packet).text();
  EXPECT_EQ(world_->tell(kNext, kHome), 2U) << "the old flow's end, the new one's beginning";
  EXPECT_EQ(world_->nat(kHome).redirects(), 1U);
  const std::size_t next = send(with_flags(gone_.datagram, "A"));
  world_->carry(kHome, kNext);
  EXPECT_TRUE(found_flow(next)) << outcome(next).text();
  EXPECT_EQ(outcome(next).passes, 1U);
  expect_nothing_stays();
}

TEST_F(FlowGone, a_syn_is_opened_at_home_when_there_is_a_port_again) {
  world_->pass(190'000);
  ASSERT_EQ(world_->nat(kHome).open_flows(), 0U);
  const std::size_t packet = send(gone_.datagram);
  there_and_back();
  EXPECT_TRUE(outcome(packet).opened);
  EXPECT_EQ(outcome(packet).worker, kHome);
  world_->carry_all();
  EXPECT_EQ(world_->open_flows(), 1U) << "late reports are of no flow that is";
  EXPECT_EQ(world_->redirects(), 0U);
  expect_nothing_stays();
}

TEST_F(FlowGone, two_syns_on_their_way_open_one_flow) {
  const std::size_t first = send(gone_.datagram);
  const std::size_t second = send(gone_.datagram);
  ASSERT_EQ(world_->carry(kHome, kNext), 2U);
  ASSERT_EQ(world_->carry(kNext, kHome), 2U);
  ASSERT_EQ(world_->carry(kHome, kNext), 2U);
  EXPECT_TRUE(outcome(first).opened);
  EXPECT_TRUE(found_flow(second)) << outcome(second).text();
  EXPECT_EQ(world_->nat(kNext).open_flows(), 1U);
  expect_nothing_stays();
}

TEST_F(FlowGone, a_packet_that_is_sent_after_a_ghost_twice_dies_by_name) {
  const std::size_t first = send(gone_.datagram);
  const std::size_t second = send(gone_.datagram);
  world_->carry(kHome, kNext);
  world_->carry(kNext, kHome);
  world_->lose(kHome, kNext);  // the opening itself; the other one follows it all the way round
  EXPECT_TRUE(outcome(first).dropped(Drop::home_ring_full));
  world_->carry_all();
  EXPECT_TRUE(outcome(second).dropped(Drop::redirect_stale)) << outcome(second).text();
  EXPECT_EQ(outcome(second).passes, 2U + kWorkers - 1U);
  const std::size_t third = send(gone_.datagram);
  world_->carry_all();
  EXPECT_TRUE(outcome(third).opened);
  expect_nothing_stays();
}

class MappingReplaced : public Passing {
 protected:
  // Mapping 1 is another one of the same number.
  void SetUp() override {
    use_up(kHome, syn);
    flow_ = passed_flow();
    table_.generation = 2;
    table_.mappings[0].uid = 201;
    table_.mappings[0].interfaces[0].uid = 21;
    world_->announce(table_);
  }
  void adopt_elsewhere() {
    for (std::uint16_t worker = 0; worker < kWorkers; ++worker)
      if (worker != kHome) world_->adopt(worker);
    world_->sweep();
  }
  config::Table table_ = two_tenants();
  Passed flow_;
};

TEST_F(MappingReplaced, its_redirects_are_swept_by_their_home) {
  world_->adopt(kHome);
  EXPECT_FALSE(world_->nat(kHome).swept());
  while (!world_->nat(kHome).swept()) world_->nat(kHome).maintain(world_->now());
  EXPECT_EQ(world_->nat(kHome).redirects(), 0U);
  const std::size_t packet = send(flow_.datagram);
  EXPECT_TRUE(outcome(packet).opened) << outcome(packet).text();
  adopt_elsewhere();
  world_->carry_all();
  EXPECT_EQ(world_->open_flows(), 1U);
  EXPECT_EQ(world_->nat(kHome).open_flows(), 1U);
  expect_nothing_stays();
}

TEST_F(MappingReplaced, a_flow_that_its_owner_has_not_swept_yet_leaves_with_its_new_redirect) {
  world_->adopt(kHome);
  const std::size_t packet = send(flow_.datagram);
  EXPECT_EQ(outcome(packet).verdict, Verdict::kHandedOver) << "the home's own flows are not swept yet";
  ASSERT_EQ(world_->carry(kHome, kNext), 1U);
  EXPECT_TRUE(found_flow(packet)) << "the next worker has the old table still";
  world_->tell(kNext, kHome);
  EXPECT_EQ(world_->nat(kHome).redirects(), 1U);
  adopt_elsewhere();
  world_->carry_all();
  EXPECT_EQ(world_->redirects(), 0U);
  expect_nothing_stays();
}

TEST_F(MappingReplaced, an_owner_that_swept_first_sends_packets_home) {
  adopt_elsewhere();
  EXPECT_EQ(world_->nat(kNext).open_flows(), 0U);
  const std::size_t packet = send(with_flags(flow_.datagram, "A"));
  world_->carry(kHome, kNext);
  world_->carry(kNext, kHome);
  EXPECT_EQ(outcome(packet).verdict, Verdict::kAnswered) << outcome(packet).text();
  world_->adopt(kHome);
  expect_nothing_stays();
}

TEST_F(Passing, keeps_flows_over_a_table_that_keeps_their_mapping) {
  use_up(kHome, syn);
  const Passed flow = passed_flow();
  config::Table table = two_tenants();
  table.generation = 2;
  table.mappings.pop_back();
  world_->publish(table);
  world_->sweep();
  const std::size_t packet = send(with_flags(flow.datagram, "A"));
  world_->carry(kHome, kNext);
  EXPECT_TRUE(found_flow(packet)) << outcome(packet).text();
  expect_nothing_stays();
}

}  // namespace nat_passing
}  // namespace hypernat::dataplane
