#include "tests/model/contest.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "tests/model/told.h"

namespace hypernat::model {

using dataplane::Counter;
using dataplane::FlowView;
using dataplane::InterfaceCounters;
using dataplane::NatWorld;
using dataplane::Outcome;
using dataplane::TenantCounters;
using spec::Tuple;

Contest::Contest(const Scene& scene)
    : scene_(scene),
      table_(scene.world.table),
      world_(scene.world),
      spec_(told(scene.world), told(table_)),
      traffic_(scene.cast),
      now_(scene.world.start) {
  spec_.at(now_);
  open_many(scene.opened_before);
}

// All by environment 100.64.0.1 of mapping 1, from ports 0 upwards, until so many are open.
void Contest::open_many(std::uint32_t count) {
  for (std::uint32_t port = 0; world_.open_flows() < count && port < 65536 && difference_.empty(); ++port)
    send({{.side = dataplane::Side::kInside,
           .from = {},
           .subnet = 1,
           .datagram =
               craft::Ip{.src = "100.64.0.1", .dst = scene_.cast.remotes.front(), .options = {}} /
               craft::Tcp{
                   .src = static_cast<std::uint16_t>(port), .dst = scene_.cast.remote_ports.front(), .options = {}}}});
}

void Contest::step(StepSeed seed) {
  Dice dice(seed);
  story_.clear();
  const auto kind = dice.below(1000);
  if (kind < 700) {
    send(some_packets(dice));
  } else if (kind < 840) {
    send_fragments(dice);
  } else if (kind < 970) {
    let_time_pass(dice);
  } else if (kind < 985) {
    change_table(dice);
  } else {
    sweep();
  }
}

// One, or a burst in which some are of the same flow. The specification takes packets one by one, so that bursts are
// only where order tells nothing: not where workers pass packets on, nor where senders are told of so few packets that
// it counts which stage says it first; and errors, which come behind the openings of their burst, come alone.
std::vector<Traffic::Arrival> Contest::some_packets(Dice& dice) {
  constexpr std::uint32_t kPlenty = 100;
  const Tuple tuple = traffic_.some_tuple(dice);
  if (dice.one_in(12)) return {traffic_.some_error(dice, tuple, spec_.flows())};
  const bool passed_on =
      scene_.world.workers > 1 && (scene_.world.flows_per_tenant != 0 || scene_.world.flows < kPlenty);
  const bool ordered = scene_.opened_before != 0 || passed_on || scene_.world.errors_per_second < kPlenty;
  const auto more = dice.one_in(12) && !ordered ? 1 + dice.below(6) : 0;
  std::vector<Traffic::Arrival> packets{traffic_.some_arrival(dice, tuple, spec_.flows())};
  while (packets.size() <= more)
    packets.push_back(traffic_.some_arrival(dice, dice.one_in(2) ? tuple : traffic_.some_tuple(dice), spec_.flows()));
  return packets;
}

// Judged worker by worker, since one of them has its packets in their order and none those of others.
void Contest::send(const std::vector<Traffic::Arrival>& arrivals) {
  const std::vector<Outcome> outcomes = world_.burst(arrivals);
  for (std::uint16_t worker = 0; worker < scene_.world.workers; ++worker)
    for (std::size_t i = 0; i < arrivals.size(); ++i)
      if (outcomes[i].worker == worker && difference_.empty()) judge(arrivals[i], outcomes[i]);
}

// One by one: of a datagram, or those that an earlier step kept back.
void Contest::send_fragments(Dice& dice) {
  std::vector<Traffic::Arrival> arrivals;
  if (kept_back_.empty() || dice.one_in(2)) {
    const Tuple tuple = traffic_.some_tuple(dice);
    arrivals = traffic_.some_fragments(dice, tuple, spec_.flows());
  } else {
    arrivals.swap(kept_back_);
  }
  if (kept_back_.size() < 64 && dice.one_in(2)) {
    const auto from = arrivals.begin() + static_cast<std::ptrdiff_t>(dice.below(arrivals.size()));
    kept_back_.insert(kept_back_.end(), from, arrivals.end());
    arrivals.erase(from, arrivals.end());
  }
  for (const Traffic::Arrival& arrival : arrivals)
    if (difference_.empty()) send_fragment(arrival);
}

void Contest::send_fragment(const Traffic::Arrival& arrival) {
  const std::size_t number = world_.send(arrival);
  world_.carry_all();
  spec::Arrival came = told(arrival);
  came.number = number;
  const spec::Fate seen = told(world_.outcome(number), arrival, world_);
  note(came, seen, spec_.step(came, seen));
  if (seen.what == spec::Fate::What::kHeld) fragments_.emplace(number, arrival);
  judge_fragments_that_left();
}

void Contest::judge_fragments_that_left() {
  while (const auto fragment = spec_.next_to_leave()) {
    if (!difference_.empty()) return;
    const auto held = fragments_.extract(fragment->arrival.number);
    const Outcome outcome = world_.outcome(held.key());
    const spec::Fate seen = told(outcome, held.mapped(), world_);
    note(fragment->arrival, seen, spec_.step(*fragment, seen));
  }
}

void Contest::judge(const Traffic::Arrival& arrival, const Outcome& outcome) {
  const spec::Arrival came = told(arrival);
  const spec::Fate seen = told(outcome, arrival, world_);
  if (outcome.passes > 0) ++happened_["passed on"];
  note(came, seen, spec_.step(came, seen));
}

void Contest::note(const spec::Arrival& came, const spec::Fate& seen, const std::string& should_be) {
  story_.push_back(text_of(came) + "\n      " + text_of(seen));
  if (!should_be.empty()) difference_ = "of the last packet should become: " + should_be;
  ++happened_[seen.what == spec::Fate::What::kDropped    ? seen.reason
              : seen.what == spec::Fate::What::kAnswered ? "answered"
              : seen.opened                              ? "opened"
              : seen.what == spec::Fate::What::kHeld     ? "held"
              : spec::read(came.packet).is_fragment()    ? "fragment forwarded"
                                                         : "forwarded"];
  const spec::Header inner = spec::read(came.packet);
  const bool first = came.side == spec::Side::kInside && inner.more && inner.offset == 0;
  if (!difference_.empty() || seen.what != spec::Fate::What::kForwarded || !(seen.opened || first)) return;
  const Tuple tuple{.network = came.way.mapping,
                    .protocol = inner.protocol,
                    .local = inner.src,
                    .remote = inner.dst,
                    .remote_port = inner.protocol == spec::kIcmp ? 0 : inner.dst_port,
                    .local_port = inner.src_port};
  const Tuple outer = spec_.flows().at(tuple).outer;
  if (seen.opened) traffic_.remember(tuple, outer);
  if (first) traffic_.remember(outer, spec::read(seen.packet).identification);
}

// A little, some seconds, or to just where some flow ends.
void Contest::let_time_pass(Dice& dice) {
  const auto flow = spec_.flows().find(traffic_.some_tuple(dice));
  const auto& timeouts = scene_.world.timeouts;
  const spec::Time far = 2 * spec::Time{scene_.opened_before == 0 ? timeouts.tcp_established : timeouts.tcp_closing};
  const auto kind = dice.below(100);
  if (kind < 40 && flow != spec_.flows().end()) {
    static const std::vector<spec::Time> kAfter = {0, 1, 2, 254, 255, 256, 257, 258};
    const spec::Time then = spec_.due(flow->second) - 1 + dice.of(kAfter);
    if (then > now_ && then <= now_ + far) pass(then - now_);
  } else if (kind < 70) {
    pass(dice.below(300));
  } else if (kind < 98) {
    pass(dice.below(timeouts.tcp_closing / 4));
  } else {
    pass(dice.below(far));
  }
}

void Contest::pass(spec::Time milliseconds) {
  now_ += milliseconds;
  world_.pass(static_cast<dataplane::Tick>(milliseconds));
  spec_.at(now_);
  judge_fragments_that_left();
  if (scene_.opened_before == 0) let_go();
  story_.push_back("time passes: " + std::to_string(milliseconds) + " ms; it is " + std::to_string(now_));
}

void Contest::change_table(Dice& dice) {
  if (++changes_ > 6) sweep();  // slots that were freed are used up otherwise
  ++table_.generation;
  const auto kind = dice.below(16);
  const auto number = dice.of(scene_.cast.mappings);
  const auto at = std::ranges::find_if(
      table_.mappings, [&](const config::Mapping& mapping) { return to_number(mapping.number) == number; });
  if (at == table_.mappings.end()) {
    config::Mapping again = removed_.at(number);
    again.uid = ++next_uid_;
    const auto behind = std::ranges::find_if(
        table_.mappings, [&](const config::Mapping& mapping) { return to_number(mapping.number) > number; });
    table_.mappings.insert(behind, again);
    story_.push_back("table: mapping " + std::to_string(number) + " is back, a new one");
  } else if (kind == 0 && scene_.opened_before == 0) {
    removed_[number] = *at;
    table_.mappings.erase(at);
    story_.push_back("table: mapping " + std::to_string(number) + " is gone");
  } else if (kind < 6 && scene_.opened_before == 0) {
    change_tenant(dice, table_.tenants[dice.below(table_.tenants.size())]);
  } else {
    change_mapping(dice, *at);
  }
  world_.publish(table_);
  spec_.adopt(told(table_));
  ++happened_["table changed"];
}

void Contest::change_tenant(Dice& dice, config::Tenant& tenant) {
  const auto some = [&](std::uint64_t least, std::uint64_t most) {
    return dice.one_in(2) ? 0U : static_cast<std::uint32_t>(least + dice.below(most - least));
  };
  const auto milliseconds = [&](std::uint64_t most) { return std::chrono::milliseconds(some(1'000, most)); };
  // A rate that nobody has used for weeks need not have filled up: none where the clock wraps.
  const bool wraps = scene_.world.start > 0x8000'0000;
  switch (wraps ? dice.below(2) * 3 : dice.below(4)) {
    case 0:
      tenant.limits.flows = some(4, 16);
      break;
    case 1:
      tenant.limits.new_flows_per_second = some(1, 4);
      break;
    case 2:
      tenant.limits.packets_per_second = some(2, 20);
      break;
    default:
      tenant.timeouts = {.tcp_opening = milliseconds(9'000),
                         .tcp_established = milliseconds(900'000),
                         .tcp_closing = milliseconds(90'000),
                         .udp = milliseconds(200'000),
                         .icmp = milliseconds(9'000)};
      break;
  }
  story_.push_back("table: tenant " + tenant.account + " may have " + std::to_string(tenant.limits.flows) + " flows, " +
                   std::to_string(tenant.limits.new_flows_per_second) + " new ones and " +
                   std::to_string(tenant.limits.packets_per_second) + " packets per second; UDP lasts " +
                   std::to_string(tenant.timeouts.udp.count()) + " ms");
}

void Contest::change_mapping(Dice& dice, config::Mapping& mapping) {
  const std::string name = "table: mapping " + std::to_string(to_number(mapping.number));
  auto& interfaces = mapping.interfaces;
  const auto kind = dice.below(scene_.opened_before == 0 ? 6 : 3);
  if (kind == 0 && interfaces.size() > 1) {
    std::ranges::reverse(interfaces);
    story_.push_back(name + "'s interfaces change places");
  } else if (kind <= 2) {
    mapping.rule_set = (mapping.rule_set + 1) % static_cast<std::uint32_t>(table_.rule_sets.size());
    story_.push_back(name + " has rule set " + std::to_string(mapping.rule_set));
  } else if (kind == 3) {
    mapping.uid = ++next_uid_;
    story_.push_back(name + " is another one of that number");
  } else if (kind == 4 && !interfaces.empty()) {
    auto& interface = interfaces[dice.below(interfaces.size())];
    interface.uid = ++next_uid_;
    interface.id = "eni-" + std::to_string(interface.uid);
    story_.push_back(name + " has " + interface.id + " in place of another of that address");
  } else if (!interfaces.empty()) {
    story_.push_back(name + " loses " + interfaces.back().id);
    interfaces.pop_back();
  } else {
    const auto first_ones = std::ranges::find(scene_.world.table.mappings, mapping.number, &config::Mapping::number);
    interfaces = first_ones->interfaces;
    for (auto& interface : interfaces) {
      interface.uid = ++next_uid_;
      interface.id = "eni-" + std::to_string(interface.uid);
    }
    story_.push_back(name + " has interfaces again");
  }
}

void Contest::sweep() {
  world_.sweep();
  spec_.swept();
  changes_ = 0;
  story_.push_back("what is gone is swept away");
}

template <class Value>
void Contest::expect_equal(const std::string& what, const Value& is, const Value& should_be) {
  if (is == should_be || !difference_.empty()) return;
  std::ostringstream text;
  text << what << " is " << is << ", should be " << should_be;
  difference_ = text.str();
}

void Contest::compare() {
  sweep();
  if (scene_.world.workers == 1) go_round_remotes();
  world_.carry_all();
  compare_flows();
  if (difference_.empty()) compare_counters();
}

// Of the flows that are due, those that are gone, so that it is known before a packet asks.
void Contest::let_go() {
  std::vector<Tuple> due;
  for (const auto& [inner, flow] : spec_.flows())
    if (spec_.may_be_gone(flow)) due.push_back(inner);
  std::set<Tuple> there;
  if (!due.empty())
    for (const FlowView& view : world_.flows()) there.insert(inner_of(view));
  for (const Tuple& inner : due)
    if (!there.contains(inner)) spec_.forget(inner);
  spec_.all_are_there();
}

// Which remote is the fullest is found by going round them, some each millisecond; twice is sure.
void Contest::go_round_remotes() {
  for (const auto& [number, mapping] : spec_.table().mappings)
    for (const spec::Interface& interface : mapping.interfaces)
      fullest_before_[interface.uid] = spec_.interface_counts(interface).fullest;
  const spec::Time before = now_;
  const std::size_t lines = story_.size();
  for (std::uint32_t entry = 0; entry < 3 * scene_.world.flows + 64; entry += 16) pass(1);
  story_.resize(lines);
  story_.push_back("time passes, " + std::to_string(now_ - before) + " times 1 ms; it is " + std::to_string(now_));
}

void Contest::compare_flows() {
  std::map<Tuple, std::string> views;
  for (const FlowView& view : world_.flows()) views.emplace(inner_of(view), told(view, world_));
  std::vector<Tuple> gone;
  for (const auto& [inner, flow] : spec_.flows()) {
    const auto view = views.find(inner);
    const std::string should_be = told(flow, now_);
    if (view != views.end())
      expect_equal("flow", view->second, should_be);
    else if (spec_.may_be_gone(flow))
      gone.push_back(inner);
    else
      expect_equal("flow", std::string("gone"), should_be);
  }
  for (const Tuple& inner : gone) spec_.forget(inner);
  expect_equal<std::size_t>("number of flows", world_.open_flows(), spec_.flows().size());
  expect_equal<std::size_t>("number of datagrams in fragments", world_.datagrams(), spec_.datagrams());
  expect_equal<std::size_t>("number of fragments held", world_.held_fragments(), spec_.held_fragments());
  expect_equal<std::size_t>("number of next hops held", world_.next_hops_held(), spec_.next_hops().size());
  std::size_t elsewhere = 0;
  for (const auto& [inner, flow] : spec_.flows()) elsewhere += flow.home == flow.worker ? 0 : 1;
  expect_equal<std::size_t>("number of redirects", world_.redirects(), elsewhere);
}

void Contest::compare_counters() {
  for (const config::Tenant& tenant : table_.tenants) {
    const spec::TenantCounts should_be = spec_.tenant_counts(tenant.number);
    const auto compare = [&](const std::string& what, Counter TenantCounters::*counter, std::uint64_t right) {
      expect_equal("tenant " + tenant.account + "'s " + what, world_.tenant_counter(tenant.number, counter), right);
    };
    expect_equal<std::uint64_t>("tenant " + tenant.account + "'s flows", world_.flows_of_tenant(tenant.number),
                                should_be.open);
    compare("flows_opened", &TenantCounters::flows_opened, should_be.opened);
    compare("drops", &TenantCounters::drops, should_be.drops);
    compare("limit_reached", &TenantCounters::limit_reached, should_be.limit_reached);
    compare("ports_exhausted", &TenantCounters::ports_exhausted, should_be.exhausted);
    compare("resets", &TenantCounters::resets, should_be.resets);
    compare("new_flow_limit_reached", &TenantCounters::new_flow_limit_reached, should_be.new_flow_limit_reached);
    compare("packet_limit_reached", &TenantCounters::packet_limit_reached, should_be.packet_limit_reached);
    compare("errors_sent", &TenantCounters::errors_sent, should_be.errors);
    compare("errors_withheld", &TenantCounters::errors_withheld, should_be.errors_withheld);
    compare("errors_carried", &TenantCounters::errors_carried, should_be.errors_carried);
  }
  for (const auto& [number, mapping] : spec_.table().mappings) {
    for (const spec::Interface& interface : mapping.interfaces) {
      const spec::InterfaceCounts should_be = spec_.interface_counts(interface);
      const auto compare = [&](const std::string& what, Counter InterfaceCounters::*counter, std::uint64_t right) {
        expect_equal(interface.id + "'s " + what, world_.interface_counter(interface.id, counter), right);
      };
      compare("outbound_packets", &InterfaceCounters::outbound_packets, should_be.packets_out);
      compare("outbound_bytes", &InterfaceCounters::outbound_bytes, should_be.bytes_out);
      compare("inbound_packets", &InterfaceCounters::inbound_packets, should_be.packets_in);
      compare("inbound_bytes", &InterfaceCounters::inbound_bytes, should_be.bytes_in);
      compare("flows_open", &InterfaceCounters::flows_open, should_be.open);
      compare("flows_opened", &InterfaceCounters::flows_opened, should_be.opened);
      compare("ports_exhausted", &InterfaceCounters::ports_exhausted, should_be.exhausted);
      // Flows that went while the remotes were gone round are perhaps still in it.
      const std::uint64_t fullest = world_.interface_counter(interface.id, &InterfaceCounters::fullest_remote);
      if (scene_.world.workers == 1 && (fullest < should_be.fullest || fullest > fullest_before_[interface.uid]))
        compare("fullest_remote", &InterfaceCounters::fullest_remote, should_be.fullest);
    }
  }
}

void Contest::let_everything_end() {
  story_.clear();
  for (int turn = 0; turn < 3 && difference_.empty(); ++turn) {
    pass(std::max<spec::Time>(scene_.world.timeouts.tcp_established, 900'000) + 1'000);
    compare();
  }
  expect_equal<std::size_t>("number of flows at the end", world_.open_flows(), 0);
  expect_equal<std::size_t>("number of fragments at the end", world_.held_fragments() + world_.datagrams(), 0);
  expect_equal<std::size_t>("number of next hops at the end", world_.next_hops_held(), 0);
}

}  // namespace hypernat::model
