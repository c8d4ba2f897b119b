// What may not pass: forged sources, impossible destinations, strangers, what no rule permits, what no route reaches.
#include <gtest/gtest.h>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace nat_refusal {

using craft::Echo;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr const char* kClient = "100.64.0.5";
constexpr const char* kServer = "10.0.1.10";
constexpr const char* kInterface = "10.0.1.20";

craft::Datagram udp_from(const std::string& src) {
  return Ip{.src = src, .dst = kServer} / Udp{.src = 4000, .dst = 53};
}
craft::Datagram udp_to(const std::string& dst) {
  return Ip{.src = kClient, .dst = dst} / Udp{.src = 4000, .dst = 53};
}

void expect_untouched(const NatWorld& world) {
  EXPECT_EQ(world.open_flows(), 0U);
  EXPECT_EQ(world.flows_of_tenant(1), 0U);
  EXPECT_EQ(world.flows_of_tenant(2), 0U);
  EXPECT_EQ(world.next_hops_held(), 0U);
}

TEST(Sources, that_are_nobodys_are_refused) {
  NatWorld world;
  for (const char* src : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "169.254.100.1", "224.0.0.1",
                          "239.255.255.255", "240.0.0.1", "255.255.255.255"})
    EXPECT_TRUE(world.outbound(udp_from(src)).dropped(Drop::martian_source)) << src;
  expect_untouched(world);
}

TEST(Sources, outside_the_worker_hosts_block_are_refused) {
  NatWorld world;
  for (const char* src : {"100.64.16.1", "100.63.255.255", "100.128.0.0", "10.0.1.20", "10.0.1.10", "8.8.8.8",
                          "192.0.2.11", "198.51.100.1"})
    EXPECT_TRUE(world.outbound(udp_from(src)).dropped(Drop::spoofed_source)) << src;
  expect_untouched(world);
  EXPECT_TRUE(world.outbound(udp_from("100.64.0.0")).forwarded());
  EXPECT_TRUE(world.outbound(udp_from("100.64.15.255")).forwarded());
  EXPECT_TRUE(world.outbound({.worker_host = "192.0.2.12"}, udp_from("100.64.16.1")).forwarded());
}

TEST(Sources, from_an_attachment_without_tunnel_may_be_any_of_the_lambda_vpc) {
  NatWorld world;
  EXPECT_TRUE(world.outbound({.worker_host = "0.0.0.0"}, udp_from("100.64.200.1")).forwarded());
  EXPECT_TRUE(world.outbound({.worker_host = "0.0.0.0"}, udp_from("10.0.1.99")).dropped(Drop::spoofed_source));
}

TEST(Destinations, that_are_no_tenants_are_refused) {
  NatWorld world;
  for (const char* dst :
       {"0.0.0.0", "127.0.0.1", "127.255.255.255", "169.254.100.1", "169.254.169.254", "224.0.0.251", "239.1.1.1",
        "240.0.0.1", "255.255.255.255", "10.0.1.255", "10.0.1.0", "10.0.1.20", "10.0.1.21"})
    EXPECT_TRUE(world.outbound(udp_to(dst)).dropped(Drop::martian_destination)) << dst;
  expect_untouched(world);
  for (const char* dst : {"10.0.1.1", "10.0.2.255", "8.8.8.8", "192.0.2.1", "100.64.0.9"})
    EXPECT_TRUE(world.outbound(udp_to(dst)).forwarded()) << dst;
}

TEST(Destinations, of_the_lambda_vpcs_range_belong_to_a_tenant_who_uses_it_himself) {
  NatWorld world;
  const Outcome out = world.outbound(udp_to(kClient));
  ASSERT_TRUE(out.forwarded()) << "LAND only by name: it leaves with the interface's address";
  EXPECT_EQ(out.seen.src, kInterface);
  EXPECT_EQ(out.seen.dst, kClient);
}

TEST(Rules, permit_only_what_they_name) {
  NatWorld world;
  const Environment restricted{.mapping = 2};
  const Ip inside_vpc{.src = kClient, .dst = kServer};
  const Ip elsewhere{.src = kClient, .dst = "8.8.8.8"};
  EXPECT_EQ(world.outbound(restricted, inside_vpc / Tcp{.src = 1, .dst = 80}).rule, 0);
  EXPECT_EQ(world.outbound(restricted, inside_vpc / Udp{.src = 1, .dst = 53}).rule, 1);
  EXPECT_EQ(world.outbound(restricted, inside_vpc / Echo{.id = 1}).rule, 2);
  EXPECT_EQ(world.open_flows(), 3U);
  for (const craft::Datagram& refused :
       {inside_vpc / Tcp{.src = 1, .dst = 81}, inside_vpc / Tcp{.src = 1, .dst = 53},
        inside_vpc / Udp{.src = 1, .dst = 80}, elsewhere / Tcp{.src = 1, .dst = 80}, elsewhere / Echo{.id = 1}})
    EXPECT_TRUE(world.outbound(restricted, refused).dropped(Drop::egress_refused));
  EXPECT_EQ(world.open_flows(), 3U);
}

TEST(Routes, decide_whom_the_flow_is_sent_to) {
  NatWorld world;
  const auto next_hop = [&](const std::string& dst) {
    const Outcome out = world.outbound(udp_to(dst));
    EXPECT_TRUE(out.forwarded()) << dst;
    return to_string(world.neighbours()[out.egress.next_hop].address);
  };
  EXPECT_EQ(next_hop("10.0.1.10"), "10.0.1.10");
  EXPECT_EQ(next_hop("10.0.2.10"), "10.0.1.1");
  EXPECT_EQ(next_hop("8.8.8.8"), "10.0.1.1");
  EXPECT_TRUE(world.outbound(udp_to("10.9.1.1")).answered(Drop::no_route));
}

TEST(Strangers, get_nothing_in_and_change_nothing) {
  NatWorld world;
  const std::uint16_t port =
      world.outbound(Ip{.src = kClient, .dst = kServer} / Udp{.src = 4000, .dst = 53}).seen.src_port;
  const auto to_port = [](const std::string& src, std::uint16_t src_port, std::uint16_t dst_port) {
    return Ip{.src = src, .dst = kInterface} / Udp{.src = src_port, .dst = dst_port};
  };
  EXPECT_TRUE(world.inbound(to_port("10.0.1.11", 53, port)).dropped(Drop::no_flow)) << "another address";
  EXPECT_TRUE(world.inbound(to_port(kServer, 54, port)).dropped(Drop::no_flow)) << "another port";
  EXPECT_TRUE(world.inbound(to_port(kServer, 53, static_cast<std::uint16_t>(port ^ 1))).dropped(Drop::no_flow));
  EXPECT_TRUE(world.inbound(2, to_port(kServer, 53, port)).dropped(Drop::no_flow)) << "another tenant";
  EXPECT_TRUE(world.inbound(Ip{.src = kServer, .dst = kInterface} / Tcp{.src = 53, .dst = port}).dropped(Drop::no_flow))
      << "another protocol";
  EXPECT_TRUE(
      world.inbound(Ip{.src = kServer, .dst = "10.0.1.21"} / Udp{.src = 53, .dst = port}).dropped(Drop::no_flow))
      << "another interface";
  EXPECT_TRUE(world.inbound(Ip{.src = kServer, .dst = "10.0.1.99"} / Udp{.src = 53, .dst = port})
                  .dropped(Drop::not_the_interface));
  EXPECT_EQ(world.open_flows(), 1U);
  EXPECT_TRUE(world.inbound(to_port(kServer, 53, port)).forwarded());
}

TEST(Strangers, with_addresses_that_nobody_has_get_nothing_in_either) {
  NatWorld world;
  const std::uint16_t port = world.outbound(udp_from(kClient)).seen.src_port;
  for (const char* src :
       {"0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255", "10.0.1.255", "10.0.1.20", "100.64.0.5"})
    EXPECT_TRUE(world.inbound(Ip{.src = src, .dst = kInterface} / Udp{.src = 53, .dst = port}).dropped(Drop::no_flow))
        << src;
  EXPECT_EQ(world.open_flows(), 1U);
}

// Two subnets of one tenant, with the same addresses in them.
TEST(WrongSubnet, of_the_right_tenant_brings_no_packet_to_an_interface) {
  config::Table table = two_tenants();
  table.subnets[1].tenant = table.mappings[2].tenant = 0;
  table.mappings[2].interfaces[0].address = Ipv4Address::of(10, 0, 1, 30);
  NatWorld world({.table = table});
  const std::uint16_t port = world.outbound({.mapping = 3}, udp_from(kClient)).seen.src_port;
  const auto reply = Ip{.src = kServer, .dst = "10.0.1.30"} / Udp{.src = 53, .dst = port};
  EXPECT_TRUE(world.inbound(1, reply).dropped(Drop::not_the_interface));
  EXPECT_TRUE(world.inbound(2, Ip{.src = kServer, .dst = "10.0.1.21"} / Udp{.src = 53, .dst = port})
                  .dropped(Drop::not_the_interface));
  EXPECT_TRUE(world.inbound(2, reply).forwarded());
}

TEST(TimeToLive, goes_down_by_one_each_way_and_never_to_zero) {
  NatWorld world;
  const auto from_client = [](std::uint8_t ttl) {
    return Ip{.src = kClient, .dst = kServer, .ttl = ttl} / Udp{.src = 4000, .dst = 53};
  };
  EXPECT_TRUE(world.outbound(from_client(0)).answered(Drop::ttl_expired));
  EXPECT_TRUE(world.outbound(from_client(1)).answered(Drop::ttl_expired));
  expect_untouched(world);
  const Outcome out = world.outbound(from_client(2));
  EXPECT_EQ(out.seen.ttl, 1);
  EXPECT_EQ(world.outbound(from_client(255)).seen.ttl, 254);
  const auto from_server = [&](std::uint8_t ttl) {
    return Ip{.src = kServer, .dst = kInterface, .ttl = ttl} / Udp{.src = 53, .dst = out.seen.src_port};
  };
  EXPECT_TRUE(world.inbound(from_server(1)).answered(Drop::ttl_expired));
  EXPECT_EQ(world.inbound(from_server(2)).seen.ttl, 1);
}

// ---- Tunnel peers
// ----------------------------------------------------------------------------------------------------

config::Table one_block_on_two_hosts() {
  config::Table table = two_tenants();
  table.peers[1].block = table.peers[0].block;  // a block that has moved, or is about to
  return table;
}

TEST(TunnelPeer, of_a_flow_is_the_only_one_its_packets_may_come_from) {
  NatWorld world({.table = one_block_on_two_hosts()});
  const auto datagram = udp_from(kClient);
  ASSERT_TRUE(world.outbound({.worker_host = "192.0.2.11"}, datagram).opened);
  const Outcome wrong = world.outbound({.worker_host = "192.0.2.12"}, datagram);
  EXPECT_TRUE(wrong.dropped(Drop::wrong_tunnel_peer)) << wrong.text();
  EXPECT_EQ(wrong.bytes, datagram.bytes());
  EXPECT_TRUE(
      world.outbound({.worker_host = "192.0.2.11", .attachment = 2}, datagram).dropped(Drop::wrong_tunnel_peer));
  EXPECT_TRUE(world.outbound({.worker_host = "192.0.2.11"}, datagram).forwarded());
}

TEST(TunnelPeer, does_not_refresh_a_flow_that_is_not_his) {
  NatWorld world({.table = one_block_on_two_hosts()});
  world.outbound({.worker_host = "192.0.2.11"}, udp_from(kClient));
  world.pass(100'000);
  world.outbound({.worker_host = "192.0.2.12"}, udp_from(kClient));
  world.pass(20'500);
  EXPECT_EQ(world.open_flows(), 0U);
}

TEST(TunnelPeer, changes_with_a_syn_that_opens_anew_and_replies_follow) {
  NatWorld world({.table = one_block_on_two_hosts()});
  const auto segment = [](const char* flags) {
    return Ip{.src = kClient, .dst = kServer} / Tcp{.src = 4000, .dst = 80, .flags = flags};
  };
  const Environment moved{.worker_host = "192.0.2.12", .mac = {{2, 0, 0, 0, 0, 0x77}}};
  const std::uint16_t port = world.outbound(segment("S")).seen.src_port;
  EXPECT_TRUE(world.outbound(moved, segment("A")).dropped(Drop::wrong_tunnel_peer));
  const Outcome anew = world.outbound(moved, segment("S"));
  ASSERT_TRUE(anew.forwarded()) << anew.text();
  EXPECT_EQ(anew.seen.src_port, port);
  const Outcome back =
      world.inbound(Ip{.src = kServer, .dst = kInterface} / Tcp{.src = 80, .dst = port, .flags = "SA"});
  EXPECT_EQ(to_string(back.egress.peer), "192.0.2.12");
  EXPECT_EQ(to_string(back.egress.environment_mac), "02:00:00:00:00:77");
  EXPECT_TRUE(world.outbound(segment("A")).dropped(Drop::wrong_tunnel_peer)) << "the old place is the wrong one now";
}

TEST(TunnelPeer, can_not_take_a_flow_over_with_a_source_that_is_not_his) {
  NatWorld world;
  const auto syn = Ip{.src = kClient, .dst = kServer} / Tcp{.src = 4000, .dst = 80};
  ASSERT_TRUE(world.outbound(syn).opened);
  EXPECT_TRUE(world.outbound({.worker_host = "192.0.2.12"}, syn).dropped(Drop::spoofed_source));
  const Outcome back = world.inbound(Ip{.src = kServer, .dst = kInterface} /
                                     Tcp{.src = 80, .dst = world.flows().front().interface_port.host(), .flags = "SA"});
  EXPECT_EQ(to_string(back.egress.peer), "192.0.2.11");
}

// ---- Tenants
// ---------------------------------------------------------------------------------------------------------

TEST(Tenants, with_identical_tuples_never_meet) {
  NatWorld world;
  const auto datagram = udp_from(kClient);
  const Outcome acme = world.outbound({.mapping = 1}, datagram);
  const Outcome globex = world.outbound({.mapping = 3}, datagram);
  ASSERT_TRUE(acme.opened && globex.opened);
  EXPECT_NE(acme.egress.interface, globex.egress.interface);
  EXPECT_NE(acme.egress.next_hop, globex.egress.next_hop) << "the same address in two subnets is two neighbours";
  EXPECT_EQ(world.flows_of_tenant(1), 1U);
  EXPECT_EQ(world.flows_of_tenant(2), 1U);
  const Outcome to_acme =
      world.inbound(1, Ip{.src = kServer, .dst = kInterface} / Udp{.src = 53, .dst = acme.seen.src_port});
  const Outcome to_globex =
      world.inbound(2, Ip{.src = kServer, .dst = kInterface} / Udp{.src = 53, .dst = globex.seen.src_port});
  EXPECT_EQ(to_acme.egress.mapping, world.tables().mapping_by_number.find(1));
  EXPECT_EQ(to_globex.egress.mapping, world.tables().mapping_by_number.find(3));
}

TEST(TenantLimit, is_exact_and_nobody_elses) {
  config::Table table = two_tenants();
  table.tenants[0].limits.flows = 3;
  NatWorld world({.table = table, .workers = 2});
  const auto nth = [](int n) {
    return Ip{.src = kClient, .dst = kServer} / Udp{.src = static_cast<std::uint16_t>(n), .dst = 53};
  };
  for (int n = 0; n < 3; ++n) EXPECT_TRUE(world.outbound({.mapping = n % 2 == 0 ? 1U : 2U}, nth(n)).opened);
  for (int n = 3; n < 10; ++n) EXPECT_TRUE(world.outbound(nth(n)).dropped(Drop::tenant_flow_limit));
  EXPECT_EQ(world.flows_of_tenant(1), 3U);
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::limit_reached), 7U);
  for (int n = 0; n < 10; ++n) EXPECT_TRUE(world.outbound({.mapping = 3}, nth(n)).opened);
  world.pass(121'000);
  for (int n = 3; n < 6; ++n) EXPECT_TRUE(world.outbound(nth(n)).opened) << "what was given back can be had again";
  EXPECT_TRUE(world.outbound(nth(6)).dropped(Drop::tenant_flow_limit));
}

TEST(FlowTable, takes_flows_to_the_last_entry_and_a_refused_opening_leaves_no_trace) {
  NatWorld world({.flows = 100});
  const auto nth = [](int n) {
    return Ip{.src = kClient, .dst = kServer} / Udp{.src = static_cast<std::uint16_t>(n), .dst = 53};
  };
  for (int n = 0; n < 100; ++n) ASSERT_TRUE(world.outbound(nth(n)).opened) << n;
  for (int n = 100; n < 110; ++n) EXPECT_TRUE(world.outbound(nth(n)).dropped(Drop::flow_table_full));
  EXPECT_EQ(world.flows_of_tenant(1), 100U);
  EXPECT_TRUE(world.outbound(nth(50)).forwarded()) << "open flows go on";
  world.pass(121'000);
  EXPECT_EQ(world.open_flows(), 0U);
  EXPECT_TRUE(world.outbound(nth(100)).opened);
}

TEST(NextHops, that_find_no_place_refuse_the_opening_without_a_trace) {
  NatWorld world({.next_hops = 4});  // of which one tenant may hold half
  EXPECT_TRUE(world.outbound(udp_to("10.0.1.10")).opened);
  EXPECT_TRUE(world.outbound(udp_to("10.0.1.11")).opened);
  EXPECT_TRUE(world.outbound(udp_to("10.0.1.12")).dropped(Drop::next_hop_table_full));
  EXPECT_EQ(world.open_flows(), 2U);
  EXPECT_EQ(world.flows_of_tenant(1), 2U);
  EXPECT_EQ(world.next_hops_held(), 2U);
  world.pass(121'000);
  EXPECT_EQ(world.next_hops_held(), 0U);
  EXPECT_TRUE(world.outbound(udp_to("10.0.1.12")).opened);
}

}  // namespace nat_refusal
}  // namespace hypernat::dataplane
