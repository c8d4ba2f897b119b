// The NAT against the model, over many random operations: openings, data, replies, strangers, time, new tables; two
// tenants with the same addresses, one to three workers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "tests/model/nat_model.h"
#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Echo;
using craft::Ip;
using craft::Tcp;
using craft::Udp;
using model::Inner;
using model::Kind;
using model::Life;
using model::Outer;

constexpr Tick kSecond = 1000;
// Time goes in steps that no timeout is a multiple of: a flow is never looked at in the very moment it is due.
constexpr std::uint64_t kStepSeconds = 11;

// Two mappings of acme with two interfaces each, one of globex with the same addresses.
config::Table table_of_the_test() {
  config::Table table = two_tenants();
  table.rule_sets[1] = table.rule_sets[0];
  for (std::size_t i = 0; i < table.mappings.size(); ++i) {
    auto& interfaces = table.mappings[i].interfaces;
    interfaces.push_back({.id = "eni-" + std::to_string(11 + i),
                          .uid = 11 + i,
                          .address = Ipv4Address::of(10, 0, 1, static_cast<std::uint8_t>(30 + i % 2)),
                          .mac = {}});
  }
  return table;
}

class Contest {
 public:
  Contest(std::uint16_t workers, std::uint64_t seed)
      : world_({.table = table_, .workers = workers, .seed = seed}), random_(seed) {}

  void step() {
    const auto dice = below(1000);
    if (dice < 250)
      send_outbound(random_inner());
    else if (dice < 450)
      send_outbound(known_inner());
    else if (dice < 700)
      send_reply();
    else if (dice < 850)
      send_stranger();
    else if (dice < 900)
      send_refused();
    else if (dice < 990)
      let_time_pass(below(10) == 0 ? 1 + below(9) : below(3));
    else
      change_table();
  }

  // Everything that is the same whenever no sweep is outstanding.
  void compare() {
    sweep();
    ASSERT_EQ(world_.open_flows(), model_.size());
    std::map<Inner, FlowView> views;
    for (const FlowView& view : world_.flows()) views.emplace(inner_of(view), view);
    ASSERT_EQ(views.size(), model_.size());
    std::map<std::uint32_t, std::uint32_t> of_tenant{{1, 0}, {2, 0}};
    std::set<std::pair<std::uint32_t, std::string>> next_hops;
    for (const Life* life : model_.all()) {
      ASSERT_TRUE(views.contains(life->inner));
      const FlowView& view = views.at(life->inner);
      ASSERT_EQ(to_string(view.interface), life->outer.interface);
      ASSERT_EQ(view.interface_port.host(), life->outer.port);
      ++of_tenant[life->outer.subnet];  // each tenant has one subnet, of the same number
      next_hops.emplace(life->outer.subnet, life->inner.remote);
    }
    for (const auto& [tenant, flows] : of_tenant) ASSERT_EQ(world_.flows_of_tenant(tenant), flows);
    ASSERT_EQ(world_.next_hops_held(), next_hops.size());
  }

  void let_everything_end() {
    let_time_pass(32);
    compare();
    EXPECT_EQ(world_.open_flows(), 0U);
    EXPECT_EQ(world_.next_hops_held(), 0U);
    for (const auto& mapping : table_.mappings) {
      for (const auto& interface : mapping.interfaces) {
        EXPECT_EQ(world_.interface_counter(interface.id, &InterfaceCounters::flows_open), 0U);
        EXPECT_EQ(world_.interface_counter(interface.id, &InterfaceCounters::fullest_remote), 0U);
      }
    }
  }

  bool replied = false;  ///< each kind of thing happened at least once
  bool reopened = false;
  bool strangers = false;

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  const config::Mapping* mapping_of(std::uint64_t uid) const {
    for (const auto& mapping : table_.mappings)
      if (mapping.uid == uid) return &mapping;
    return nullptr;
  }

  // From few values, so that collisions between tenants, mappings and directions are the rule.
  Inner random_inner() {
    const auto& mapping = table_.mappings[below(table_.mappings.size())];
    const Kind kind = Kind{static_cast<std::uint8_t>(below(3))};
    return {.mapping_uid = mapping.uid,
            .kind = kind,
            .environment = "100.64.0." + std::to_string(1 + below(6)),
            .port = static_cast<std::uint16_t>(below(8)),
            .remote = "10.0.1." + std::to_string(10 + below(3)),
            .remote_port = static_cast<std::uint16_t>(kind == Kind::kEcho ? 0 : 50 + below(2))};
  }

  Inner known_inner() {
    const auto lives = model_.all();
    return lives.empty() ? random_inner() : lives[below(lives.size())]->inner;
  }

  std::string random_flags() {
    static const std::vector<std::string> kFlags = {"S", "S", "S", "SA", "A", "A", "PA", "FA", "FA", "R", "RA"};
    return kFlags[below(kFlags.size())];
  }

  static craft::Datagram datagram(const Ip& ip, Kind kind, std::uint16_t src, std::uint16_t dst,
                                  const std::string& flags) {
    if (kind == Kind::kUdp) return ip / Udp{.src = src, .dst = dst} / "data";
    return ip / Tcp{.src = src, .dst = dst, .flags = flags} / "data";
  }
  static craft::Datagram outbound_datagram(const Inner& inner, const std::string& flags) {
    const Ip ip{.src = inner.environment, .dst = inner.remote};
    if (inner.kind == Kind::kEcho) return ip / Echo{.id = inner.port} / "data";
    return datagram(ip, inner.kind, inner.port, inner.remote_port, flags);
  }
  static craft::Datagram inbound_datagram(const Outer& outer, const std::string& flags) {
    const Ip ip{.src = outer.remote, .dst = outer.interface};
    if (outer.kind == Kind::kEcho) return ip / Echo{.id = outer.port, .type = craft::kReply} / "data";
    return datagram(ip, outer.kind, outer.remote_port, outer.port, flags);
  }

  Environment environment_of(const Inner& inner) const {
    return {.mapping = to_number(mapping_of(inner.mapping_uid)->number)};
  }
  std::uint32_t subnet_of(const Inner& inner) const {
    return to_number(table_.subnets[mapping_of(inner.mapping_uid)->subnet].number);
  }
  Inner inner_of(const FlowView& view) const {
    std::uint64_t uid = 0;
    for (const auto& mapping : table_.mappings)
      if (mapping.number == view.mapping) uid = mapping.uid;
    return {.mapping_uid = uid,
            .kind = view.protocol == Protocol::kUdp ? Kind::kUdp
                                                    : (view.protocol == Protocol::kTcp ? Kind::kTcp : Kind::kEcho),
            .environment = to_string(view.inside),
            .port = view.inside_port.host(),
            .remote = to_string(view.remote),
            .remote_port = view.remote_port.host()};
  }

  void send_outbound(const Inner& inner) {
    const std::string flags = inner.kind == Kind::kTcp ? random_flags() : "";
    const craft::Datagram sent = outbound_datagram(inner, flags);
    const Life* life = model_.find(inner);
    const Outcome out = world_.outbound(environment_of(inner), sent);
    if (life != nullptr) {
      ASSERT_TRUE(out.forwarded() && !out.opened) << out.text() << " at " << now_ << ':' << life->story;
      reopened |= flags == "S" && (life->phase == model::Phase::kBothFins || life->phase == model::Phase::kTransient);
      expect_outbound_bytes(out, *life, sent);
      model_.pass(inner, true, flags);
      return;
    }
    if (inner.kind == Kind::kTcp && flags != "S") {
      const bool rst = flags.find('R') != std::string::npos;
      ASSERT_TRUE(rst ? out.dropped(Drop::no_flow)
                      : out.verdict == Verdict::kAnswered || out.dropped(Drop::reset_rate_limited))
          << flags << ' ' << out.text();
      ASSERT_EQ(out.bytes, sent.bytes());
      return;
    }
    ASSERT_TRUE(out.opened) << out.text();
    const auto& interfaces = mapping_of(inner.mapping_uid)->interfaces;
    const auto interface = std::find_if(interfaces.begin(), interfaces.end(),
                                        [&](const auto& one) { return to_string(one.address) == out.seen.src; });
    ASSERT_NE(interface, interfaces.end()) << "the source is no interface of the mapping: " << out.seen.src;
    ASSERT_GE(out.seen.src_port, 1024);
    const Life* opened = model_.open(inner,
                                     {.subnet = subnet_of(inner),
                                      .kind = inner.kind,
                                      .interface = out.seen.src,
                                      .port = out.seen.src_port,
                                      .remote = inner.remote,
                                      .remote_port = inner.remote_port},
                                     interface->id);
    ASSERT_NE(opened, nullptr) << "two flows share an outside tuple";
    expect_outbound_bytes(out, *opened, sent);
  }

  void expect_outbound_bytes(const Outcome& out, const Life& life, craft::Datagram sent) {
    sent.ip.src = life.outer.interface;
    sent.ip.ttl = 63;
    if (auto* udp = std::get_if<Udp>(&sent.l4)) udp->src = life.outer.port;
    if (auto* tcp = std::get_if<Tcp>(&sent.l4)) tcp->src = life.outer.port;
    if (auto* echo = std::get_if<Echo>(&sent.l4)) echo->id = life.outer.port;
    ASSERT_EQ(out.bytes, sent.bytes());
  }

  void send_inbound(const Outer& outer) {
    const std::string flags = outer.kind == Kind::kTcp ? random_flags() : "";
    craft::Datagram sent = inbound_datagram(outer, flags);
    const Life* life = model_.find(outer);
    const Outcome out = world_.inbound(outer.subnet, sent);
    if (life == nullptr) {
      strangers = true;
      ASSERT_TRUE(out.dropped(Drop::no_flow) || out.dropped(Drop::not_the_interface)) << out.text();
      ASSERT_EQ(out.bytes, sent.bytes());
      return;
    }
    replied = true;
    ASSERT_TRUE(out.forwarded()) << out.text() << " at " << now_ << ':' << life->story;
    ASSERT_EQ(out.egress.mapping,
              world_.tables().mapping_by_number.find(to_number(mapping_of(life->inner.mapping_uid)->number)));
    sent.ip.dst = life->inner.environment;
    sent.ip.ttl = 63;
    if (auto* udp = std::get_if<Udp>(&sent.l4)) udp->dst = life->inner.port;
    if (auto* tcp = std::get_if<Tcp>(&sent.l4)) tcp->dst = life->inner.port;
    if (auto* echo = std::get_if<Echo>(&sent.l4)) echo->id = life->inner.port;
    ASSERT_EQ(out.bytes, sent.bytes());
    model_.pass(life->inner, false, flags);
  }

  Outer random_outer() {
    const auto lives = model_.all();
    return lives.empty() ? Outer{.subnet = 1, .interface = "10.0.1.20", .port = 2000, .remote = "10.0.1.10"}
                         : lives[below(lives.size())]->outer;
  }

  void send_reply() { send_inbound(random_outer()); }

  // A reply that is wrong in one thing.
  void send_stranger() {
    Outer outer = random_outer();
    switch (below(5)) {
      case 0:
        outer.subnet = 3 - outer.subnet;
        break;
      case 1:
        outer.remote = "10.0.1.66";
        break;
      case 2:
        outer.port = static_cast<std::uint16_t>(outer.port ^ 1U << below(16));
        break;
      case 3:
        outer.interface = "10.0.1." + std::to_string(20 + below(12));
        break;
      default:
        if (outer.kind != Kind::kEcho) outer.remote_port = static_cast<std::uint16_t>(50 + below(3));
        break;
    }
    send_inbound(outer);
  }

  // Packets of environments that must not open anything, whatever flows there are.
  void send_refused() {
    const std::uint32_t before = world_.open_flows();
    const auto refused = [&](const Ip& ip) { return world_.outbound(ip / Udp{.src = 60000, .dst = 50}); };
    ASSERT_TRUE(refused({.src = "100.64.16.1", .dst = "10.0.1.10"}).dropped(Drop::spoofed_source));
    ASSERT_TRUE(refused({.src = "127.0.0.1", .dst = "10.0.1.10"}).dropped(Drop::martian_source));
    ASSERT_TRUE(refused({.src = "100.64.0.1", .dst = "224.0.0.1"}).dropped(Drop::martian_destination));
    ASSERT_TRUE(refused({.src = "100.64.0.1", .dst = "10.9.0.1"}).dropped(Drop::no_route));
    ASSERT_TRUE(refused({.src = "100.64.0.1", .dst = "10.0.1.10", .ttl = 1}).dropped(Drop::ttl_expired));
    ASSERT_LE(world_.open_flows(), before);
  }

  void let_time_pass(std::uint64_t steps) {
    now_ += steps * kStepSeconds;
    world_.pass(static_cast<Tick>(steps * kStepSeconds) * kSecond);
    model_.at(now_);
  }

  // A mapping is replaced by another of the same number, an interface by another of the same address, or nothing
  // changes.
  void change_table() {
    auto& mapping = table_.mappings[below(table_.mappings.size())];
    ++table_.generation;
    switch (below(4)) {
      case 0:
        model_.remove_mapping(mapping.uid);
        mapping.uid = ++next_uid_;
        break;
      case 1: {
        auto& interface = mapping.interfaces[below(mapping.interfaces.size())];
        model_.remove_interface(interface.id);
        interface.uid = ++next_uid_;
        interface.id = "eni-" + std::to_string(interface.uid);
        break;
      }
      case 2:
        std::reverse(mapping.interfaces.begin(), mapping.interfaces.end());
        break;
      default:
        break;
    }
    world_.publish(table_);
    if (++changes_ % 4 == 0) sweep();
  }

  void sweep() { world_.sweep(); }

  config::Table table_ = table_of_the_test();
  NatWorld world_;
  model::NatModel model_;
  std::mt19937_64 random_;
  std::uint64_t now_ = 0;
  std::uint64_t next_uid_ = 1000;
  std::uint64_t changes_ = 0;
};

class NatAgainstModel : public testing::TestWithParam<std::uint16_t> {};

TEST_P(NatAgainstModel, agrees_over_random_operations) {
  const bool longer = std::getenv("HYPERNAT_TEST_LONG") != nullptr;
  const int steps = longer ? 500'000 : 40'000;
  Contest contest(GetParam(), GetParam());
  for (int step = 0; step < steps; ++step) {
    contest.step();
    if (step % 500 == 0) contest.compare();
    ASSERT_FALSE(testing::Test::HasFatalFailure()) << "at step " << step;
  }
  contest.let_everything_end();
  EXPECT_TRUE(contest.replied && contest.reopened && contest.strangers);
}

INSTANTIATE_TEST_SUITE_P(Workers, NatAgainstModel, testing::Values(1, 2, 3));

}  // namespace
}  // namespace hypernat::dataplane
