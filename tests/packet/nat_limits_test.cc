// What a tenant may do: flows, new flows and packets per second, its shares, and how long its flows last.
#include <gtest/gtest.h>

#include <functional>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace nat_limits {

using craft::Echo;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr const char* kClient = "100.64.0.5";
constexpr const char* kServer = "10.0.1.10";
constexpr const char* kInterface = "10.0.1.20";

craft::Datagram query(std::uint32_t n, const std::string& dst = kServer) {
  return Ip{.src = to_string(Ipv4Address::from_host(0x64400001 + n / 60'000)), .dst = dst} /
         Udp{.src = static_cast<std::uint16_t>(1 + n % 60'000), .dst = 53};
}

config::Table limited(const config::TenantLimits& acme) {
  config::Table table = two_tenants();
  table.tenants[0].limits = acme;
  return table;
}

// The next so many openings of a mapping; how many of them were granted. The others must have died by `reason`.
struct Flood {
  NatWorld& world;
  Drop reason;
  std::uint32_t next = 0;

  std::uint32_t open(std::uint32_t count, std::uint32_t mapping = 1) {
    std::uint32_t opened = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      const Outcome out = world.outbound({.mapping = mapping}, query(next++));
      opened += out.opened ? 1 : 0;
      EXPECT_TRUE(out.opened || out.dropped(reason)) << out.text();
    }
    return opened;
  }
};

// ---- New flows per second
// --------------------------------------------------------------------------------------------

TEST(NewFlowLimit, is_exact_over_all_workers_and_nobody_elses) {
  for (const int workers : {1, 2, 4, 16}) {
    NatWorld world({.table = limited({.new_flows_per_second = 100}), .workers = static_cast<std::uint16_t>(workers)});
    Flood flood{world, Drop::tenant_new_flow_limit};
    EXPECT_EQ(flood.open(500), 100U) << "as many as in a second may come at once";
    EXPECT_EQ(flood.open(500, 2), 0U) << "another mapping of the same tenant";
    EXPECT_EQ(flood.open(500, 3), 500U) << "another tenant has no limit";
    world.pass(250);
    EXPECT_EQ(flood.open(500), 25U);
    world.pass(10);
    EXPECT_EQ(flood.open(500), 1U);
    world.pass(3'600'000);
    EXPECT_EQ(flood.open(500), 100U) << "and never more than in a second, however long it was";
    EXPECT_EQ(world.tenant_counter(1, &TenantCounters::new_flow_limit_reached), 400U + 500 + 475 + 499 + 400);
    EXPECT_EQ(world.tenant_counter(2, &TenantCounters::drops), 0U);
  }
}

TEST(NewFlowLimit, grants_what_comes_with_time_and_no_more_in_ten_seconds_of_flood) {
  NatWorld world({.table = limited({.new_flows_per_second = 30}), .workers = 4});
  Flood flood{world, Drop::tenant_new_flow_limit};
  flood.open(60);  // what was saved up
  std::uint32_t opened = 0;
  for (int step = 0; step < 1'000; ++step) {
    world.pass(10);
    opened += flood.open(4);
  }
  EXPECT_EQ(opened, 300U);
}

TEST(NewFlowLimit, counts_attempts_before_rules_are_asked_and_leaves_open_flows_alone) {
  NatWorld world({.table = limited({.new_flows_per_second = 3})});
  const auto refused_by_rules = query(1, "8.8.8.8");
  const auto permitted = query(2);
  EXPECT_TRUE(world.outbound({.mapping = 2}, permitted).opened);
  EXPECT_TRUE(world.outbound({.mapping = 2}, refused_by_rules).dropped(Drop::egress_refused));
  EXPECT_TRUE(world.outbound({.mapping = 2}, refused_by_rules).dropped(Drop::egress_refused));
  const Outcome out = world.outbound({.mapping = 2}, refused_by_rules);
  EXPECT_TRUE(out.dropped(Drop::tenant_new_flow_limit)) << out.text();
  EXPECT_EQ(out.bytes, refused_by_rules.bytes());
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(world.outbound({.mapping = 2}, permitted).forwarded());
  const auto segment = Ip{.src = kClient, .dst = kServer} / Tcp{.src = 1, .dst = 80, .flags = "A"};
  EXPECT_EQ(world.outbound({.mapping = 2}, segment).verdict, Verdict::kAnswered)
      << "opens nothing: it has its own limit";
  EXPECT_EQ(world.open_flows(), 1U);
}

TEST(NewFlowLimit, counts_a_syn_that_opens_a_closed_connection_anew) {
  NatWorld world({.table = limited({.new_flows_per_second = 1})});
  const auto segment = [](const char* flags) {
    return Ip{.src = kClient, .dst = kServer} / Tcp{.src = 4000, .dst = 80, .flags = flags};
  };
  ASSERT_TRUE(world.outbound(segment("S")).opened);
  ASSERT_TRUE(world.outbound(segment("S")).forwarded()) << "the same SYN again is no new flow";
  ASSERT_TRUE(world.outbound(segment("R")).forwarded());
  EXPECT_TRUE(world.outbound(segment("S")).dropped(Drop::tenant_new_flow_limit));
  EXPECT_TRUE(world.outbound(segment("A")).forwarded()) << "not refused: the connection was not closed after all";
  ASSERT_TRUE(world.outbound(segment("R")).forwarded());
  world.pass(1'000);
  EXPECT_TRUE(world.outbound(segment("S")).forwarded());
  EXPECT_EQ(world.open_flows(), 1U);
}

bool is_the_first_workers(const NatWorld& world, std::uint32_t n) {
  return world.home_of(query(n)) == 0;
}

// The first worker has no port left towards the server, so that it passes openings on to the other one, which has all
// of its own. Returns the first query that it passed.
std::uint32_t use_up_ports_of_the_first_worker(NatWorld& world) {
  for (std::uint32_t n = 0;; ++n) {
    if (is_the_first_workers(world, n) && world.outbound(query(n)).passes > 0) return n;
  }
}

TEST(NewFlowLimit, counts_an_opening_once_however_many_workers_it_passes) {
  NatWorld world({.workers = 2, .flows = kInterfacePorts});
  std::uint32_t n = use_up_ports_of_the_first_worker(world);
  world.publish(limited({.new_flows_per_second = 40}));
  std::uint32_t opened = 0;
  for (int tries = 0; tries < 100; ++tries) {
    while (!is_the_first_workers(world, ++n)) {
    }
    const Outcome out = world.outbound(query(n));
    EXPECT_TRUE((out.opened && out.passes == 1) || out.dropped(Drop::tenant_new_flow_limit)) << out.text();
    opened += out.opened ? 1 : 0;
  }
  EXPECT_EQ(opened, 40U);
  EXPECT_EQ(world.redirects(), 41U);
}

// ---- Packets per second
// ----------------------------------------------------------------------------------------------

TEST(PacketLimit, counts_both_ways_together_and_leaves_others_alone) {
  NatWorld world({.table = limited({.packets_per_second = 10})});
  const Outcome opened = world.outbound(query(1));
  ASSERT_TRUE(opened.opened);
  const auto reply = Ip{.src = kServer, .dst = kInterface} / Udp{.src = 53, .dst = opened.seen.src_port};
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(world.inbound(reply).forwarded());
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(world.outbound(query(1)).forwarded());
  EXPECT_TRUE(world.outbound(query(1)).dropped(Drop::tenant_packet_limit));
  EXPECT_TRUE(world.inbound(reply).dropped(Drop::tenant_packet_limit));
  EXPECT_TRUE(world.outbound(query(2)).dropped(Drop::tenant_packet_limit)) << "nor is anything opened";
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(world.outbound({.mapping = 3}, query(1)).forwarded());
  world.pass(100);
  EXPECT_TRUE(world.inbound(reply).forwarded());
  EXPECT_TRUE(world.inbound(reply).dropped(Drop::tenant_packet_limit));
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::packet_limit_reached), 4U);
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::drops), 4U);
  EXPECT_EQ(world.tenant_counter(2, &TenantCounters::drops), 0U);
  EXPECT_EQ(world.open_flows(), 2U);
}

TEST(PacketLimit, counts_what_is_dropped_for_another_reason_too) {
  NatWorld world({.table = limited({.packets_per_second = 5})});
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(world.inbound(Ip{.src = kServer, .dst = "10.0.1.99"} / Udp{.src = 1, .dst = 2})
                    .dropped(Drop::not_the_interface));
  EXPECT_TRUE(world.outbound(query(1)).dropped(Drop::tenant_packet_limit));
}

TEST(PacketLimit, is_exact_over_bursts_of_many_workers_in_which_tenants_mix) {
  constexpr std::uint32_t kLimit = 1'000;
  NatWorld world({.table = limited({.packets_per_second = kLimit}), .workers = 4});
  std::vector<NatWorld::Arrival> arrivals;
  for (std::uint32_t i = 0; i < 40; ++i)
    arrivals.push_back({.side = Side::kInside, .from = {.mapping = i % 2 == 0 ? 1U : 3U}, .datagram = query(i)});
  for (std::uint32_t i = 0; i < kLimit / 20; ++i)  // what was saved up
    for (const Outcome& out : world.burst(arrivals)) ASSERT_TRUE(out.forwarded()) << out.text();
  std::uint32_t passed = 0;
  for (int step = 0; step < 200; ++step) {
    world.pass(5);
    const auto outcomes = world.burst(arrivals);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      const bool acme = i % 2 == 0;
      ASSERT_TRUE(outcomes[i].forwarded() || (acme && outcomes[i].dropped(Drop::tenant_packet_limit)));
      passed += acme && outcomes[i].forwarded() ? 1 : 0;
    }
  }
  EXPECT_EQ(passed, kLimit);
}

TEST(PacketLimit, keeps_no_flow_alive_by_what_it_drops) {
  NatWorld world({.table = limited({.packets_per_second = 1})});
  ASSERT_TRUE(world.outbound(query(1)).opened);
  world.pass(119'000);
  ASSERT_TRUE(world.inbound(query(9)).dropped(Drop::not_the_interface));
  ASSERT_TRUE(world.outbound(query(1)).dropped(Drop::tenant_packet_limit));
  world.pass(1'300);
  EXPECT_EQ(world.open_flows(), 0U);
}

TEST(PacketLimit, counts_once_what_one_worker_passes_to_another) {
  NatWorld world({.workers = 2, .flows = kInterfacePorts});
  const std::uint32_t n = use_up_ports_of_the_first_worker(world);
  world.publish(limited({.packets_per_second = 10}));
  for (int i = 0; i < 10; ++i) {
    const Outcome out = world.outbound(query(n));
    EXPECT_TRUE(out.forwarded() && out.passes > 0) << out.text();
  }
  EXPECT_TRUE(world.outbound(query(n)).dropped(Drop::tenant_packet_limit));
}

// ---- Flows
// -----------------------------------------------------------------------------------------------------------

TEST(FlowLimit, that_comes_and_goes_with_tables_counts_what_stands) {
  NatWorld world({.workers = 3});
  Flood flood{world, Drop::tenant_flow_limit};
  EXPECT_EQ(flood.open(50), 50U);
  world.publish(limited({.flows = 60}));
  EXPECT_EQ(flood.open(50), 10U);
  world.publish(two_tenants());
  EXPECT_EQ(flood.open(40), 40U);
  EXPECT_EQ(world.flows_of_tenant(1), 100U);
  world.publish(limited({.flows = 60}));
  EXPECT_EQ(flood.open(10), 0U);
  world.pass(121'000);
  EXPECT_EQ(world.flows_of_tenant(1), 0U);
  EXPECT_EQ(flood.open(100), 60U) << "what was given back was counted, and no more than that";
}

TEST(FlowShare, of_a_worker_is_all_that_one_tenant_gets_whatever_its_own_limit) {
  for (const std::uint32_t own_limit : {0U, 1'000U}) {
    NatWorld world({.table = limited({.flows = own_limit}), .flows = 100, .flows_per_tenant = 70});
    Flood flood{world, Drop::flow_share_full};
    EXPECT_EQ(flood.open(100), 70U);
    EXPECT_EQ(flood.open(30, 3), 30U) << "the rest is there for others";
    EXPECT_EQ(world.tenant_counter(1, &TenantCounters::limit_reached), 30U);
    EXPECT_EQ(world.tenant_counter(2, &TenantCounters::drops), 0U);
    world.pass(121'000);
    EXPECT_EQ(flood.open(100), 70U);
  }
}

// With nobody to share with, a tenant may use all that there is; the share holds as soon as a second one is named.
TEST(FlowShare, of_who_is_alone_is_everything) {
  config::Table alone = two_tenants();
  alone.tenants.pop_back();
  alone.subnets.pop_back();
  alone.mappings.pop_back();
  NatWorld world({.table = alone, .flows = 100, .flows_per_tenant = 50});
  Flood to_the_last{world, Drop::flow_table_full};
  EXPECT_EQ(to_the_last.open(120), 100U);
  world.pass(121'000);
  ASSERT_EQ(world.open_flows(), 0U);
  config::Table both = two_tenants();
  both.generation = 2;
  world.publish(both);
  Flood shared{world, Drop::flow_share_full};
  EXPECT_EQ(shared.open(120), 50U);
  EXPECT_EQ(shared.open(50, 3), 50U);
}

// ---- Timeouts of a tenant's own
// --------------------------------------------------------------------------------------

struct TimeoutRow {
  const char* what;
  std::chrono::milliseconds config::TenantTimeouts::*member;
  std::function<void(NatWorld&, std::uint32_t mapping)> make;  ///< a flow in that state
  Tick otherwise;                                              ///< the data plane's
};

Outcome segment(NatWorld& world, std::uint32_t mapping, const char* flags) {
  return world.outbound({.mapping = mapping},
                        Ip{.src = kClient, .dst = kServer} / Tcp{.src = 4000, .dst = 80, .flags = flags});
}
void answer(NatWorld& world, std::uint32_t mapping, std::uint16_t port) {
  world.inbound(mapping == 3 ? 2 : 1,
                Ip{.src = kServer, .dst = kInterface} / Tcp{.src = 80, .dst = port, .flags = "SA"});
}

const std::vector<TimeoutRow> kTimeoutRows = {
    {"opening", &config::TenantTimeouts::tcp_opening,
     [](NatWorld& world, std::uint32_t mapping) { segment(world, mapping, "S"); }, 240'000},
    {"established", &config::TenantTimeouts::tcp_established,
     [](NatWorld& world, std::uint32_t mapping) { answer(world, mapping, segment(world, mapping, "S").seen.src_port); },
     350'000},
    {"closing", &config::TenantTimeouts::tcp_closing,
     [](NatWorld& world, std::uint32_t mapping) {
       segment(world, mapping, "S");
       segment(world, mapping, "R");
     },
     60'000},
    {"udp", &config::TenantTimeouts::udp,
     [](NatWorld& world, std::uint32_t mapping) { world.outbound({.mapping = mapping}, query(1)); }, 120'000},
    {"echo", &config::TenantTimeouts::icmp,
     [](NatWorld& world, std::uint32_t mapping) {
       world.outbound({.mapping = mapping}, Ip{.src = kClient, .dst = kServer} / Echo{.id = 1});
     },
     60'000},
};

config::Table with_timeout(const TimeoutRow& row, std::chrono::milliseconds timeout) {
  config::Table table = two_tenants();
  table.tenants[0].timeouts.*row.member = timeout;
  return table;
}

TEST(TenantTimeouts, hold_for_that_tenant_and_that_state_alone) {
  constexpr Tick kOwn = 7'000;
  for (const TimeoutRow& row : kTimeoutRows) {
    NatWorld world({.table = with_timeout(row, std::chrono::milliseconds(kOwn))});
    for (const TimeoutRow& made : kTimeoutRows) {
      made.make(world, 1);
      made.make(world, 3);
      ASSERT_EQ(world.open_flows(), 2U) << made.what;
      world.pass(kOwn - 1);
      EXPECT_EQ(world.open_flows(), 2U) << row.what << ": " << made.what;
      world.pass(1 + 256);
      const bool gone = &row == &made;
      EXPECT_EQ(world.flows_of_tenant(1), gone ? 0U : 1U) << row.what << ": " << made.what;
      EXPECT_EQ(world.flows_of_tenant(2), 1U) << row.what << ": " << made.what;
      world.pass(made.otherwise - kOwn);
      EXPECT_EQ(world.open_flows(), 0U) << row.what << ": " << made.what;
    }
  }
}

TEST(TenantTimeouts, that_change_hold_for_standing_flows_when_their_timers_are_looked_at_next) {
  for (const TimeoutRow& row : kTimeoutRows) {
    NatWorld world;
    row.make(world, 1);
    world.publish(with_timeout(row, std::chrono::milliseconds(row.otherwise + 50'000)));
    world.pass(row.otherwise + 49'999);
    EXPECT_EQ(world.open_flows(), 1U) << row.what << ": longer now";
    world.pass(1 + 256);
    EXPECT_EQ(world.open_flows(), 0U) << row.what;

    row.make(world, 1);
    world.publish(with_timeout(row, std::chrono::milliseconds(1'000)));
    world.pass(row.otherwise + 50'000 + 256);
    EXPECT_EQ(world.open_flows(), 0U) << row.what << ": shorter now, but it was looked at no earlier";
    row.make(world, 1);
    world.pass(1'256);
    EXPECT_EQ(world.open_flows(), 0U) << row.what << ": from the first look on";
  }
}

}  // namespace nat_limits
}  // namespace hypernat::dataplane
