// What the NAT must do, told as simply as possible: a list of flows, the rules in the order in which they hold, and
// time. It shares no code with the data plane and is the oracle for whatever tests do to it.
//
// Where the NAT is free (which port, which worker), the specification looks at what it did, checks that it may, and
// goes on with that; all the rest it says itself, to the last bit and counter. A flow that is due may be found for up
// to one place of the timer wheel more: then, too, it looks.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "tests/model/spec_wire.h"

namespace hypernat::spec {

using Time = std::uint64_t;  ///< milliseconds, never wrapping
using Mac = std::array<std::uint8_t, 6>;

// What the NAT was told.

struct Prefix {
  Address address = 0;
  unsigned length = 0;
  Address first() const { return length == 0 ? 0 : address >> (32 - length) << (32 - length); }
  Address last() const { return first() + static_cast<Address>((1ULL << (32 - length)) - 1); }
  bool contains(Address other) const { return first() <= other && other <= last(); }
};
struct Rule {
  int protocol = -1;   ///< -1: every one
  unsigned first = 0;  ///< port; ICMP: type, kAny: every one
  unsigned last = 0;   ///< port; ICMP: code, kAny: every one
  Prefix destination = {};
};
inline constexpr unsigned kAny = 0xffff;
enum class Target : std::uint8_t { kLocal, kRouter, kBlackhole };
struct Route {
  Prefix prefix = {};
  Target target = Target::kLocal;
};
struct Subnet {
  unsigned tenant = 0;  ///< number
  Prefix prefix = {};
  Address router = 0;
  std::vector<Route> routes = {};
};
struct Interface {
  std::string id = {};
  std::uint64_t mapping_uid = 0;
  std::uint64_t uid = 0;
  Address address = 0;
  auto operator<=>(const Interface&) const = default;
};
struct Mapping {
  std::uint64_t uid = 0;
  unsigned tenant = 0;  ///< number
  unsigned subnet = 0;  ///< number
  std::vector<Rule> rules = {};
  std::vector<Interface> interfaces = {};
};
/// Milliseconds without a packet after which a flow goes; a tenant's own where they are not zero.
struct Timeouts {
  Time tcp_opening = 0;
  Time tcp_established = 0;
  Time tcp_closing = 0;
  Time udp = 0;
  Time icmp = 0;
};
/// What a tenant may do, all workers together; 0: as much as it likes.
struct Tenant {
  unsigned flows = 0;
  unsigned new_flows_per_second = 0;  ///< attempts count
  unsigned packets_per_second = 0;    ///< both ways
  Timeouts timeouts = {};
};
struct Table {
  std::map<Address, Prefix> peers;  ///< worker hosts and their blocks
  std::map<unsigned, Tenant> tenants;
  std::map<unsigned, Subnet> subnets;
  std::map<unsigned, Mapping> mappings;
};
/// What fits through an attachment.
struct Size {
  unsigned mtu = 0xffff;
  unsigned mss = 0;  ///< 0: any
};
/// Of each worker.
struct FragmentLimits {
  bool udp_only = false;
  unsigned datagrams = 1024;
  unsigned datagrams_per_tenant = 256;
  unsigned held = 512;
  unsigned held_per_tenant = 128;
  unsigned held_per_datagram = 64;
  Time timeout = 2000;  ///< of a datagram, from the first of its fragments to arrive
};
struct Settings {
  Prefix lambda_vpc = {};
  Address gateway = 0;
  unsigned workers = 1;
  unsigned resets_per_second = 100;  ///< of each tenant at each worker, and at once; divides 1000
  unsigned errors_per_second = 100;  ///< ICMP errors of the NAT's own, likewise
  Size inside = {};                  ///< attachment 0; through others fits anything
  Size outside = {};                 ///< of every subnet
  unsigned flows = 4096;             ///< of each worker
  unsigned flows_per_tenant = 0;     ///< of these, as soon as there is more than one tenant; 0: all
  unsigned redirects = 4096;         ///< of each worker
  unsigned redirects_per_tenant = 0;
  FragmentLimits fragments = {};
  Timeouts timeouts = {
      .tcp_opening = 240'000, .tcp_established = 350'000, .tcp_closing = 60'000, .udp = 120'000, .icmp = 60'000};
};

// What happens.

enum class Side : std::uint8_t { kInside, kOutside };

/// The way that an environment's packets come and go.
struct Way {
  unsigned mapping = 0;
  Address peer = 0;  ///< zero: no tunnel
  unsigned attachment = 0;
  Mac mac{};
  auto operator<=>(const Way&) const = default;
};
struct Arrival {
  Side side = Side::kInside;
  Way way = {};         ///< from inside
  unsigned subnet = 0;  ///< from outside
  Bytes packet = {};
  std::size_t number = 0;  ///< of a fragment: the caller's, so that he knows it again
};
struct Fate {
  enum class What : std::uint8_t { kForwarded, kAnswered, kDropped, kHeld };
  What what = What::kDropped;
  std::string reason = {};     ///< of a drop
  Bytes packet = {};           ///< forwarded: as it leaves; answered: the answer; else as it came
  std::string interface = {};  ///< to outside: id
  Address next_hop = 0;        ///< to outside
  Way way = {};                ///< to inside
  bool opened = false;
  unsigned home = 0;      ///< the worker that it came to
  unsigned worker = 0;    ///< the worker that had it last
  unsigned gatherer = 0;  ///< of a fragment: the worker that all of its datagram come to first
  bool operator==(const Fate&) const = default;
};
Fate dropped(const std::string& reason, const Arrival& arrival, const Fate& seen);
bool legal_flags(const Header& header);
std::string text_of(const Arrival& arrival);
std::string text_of(const Fate& fate);

// What there is.

/// One direction of a flow. Echo: identifier and zero.
struct Tuple {
  unsigned network = 0;  ///< inner: mapping; outer: subnet
  unsigned protocol = 0;
  Address local = 0;
  Address remote = 0;
  unsigned remote_port = 0;
  unsigned local_port = 0;
  auto operator<=>(const Tuple&) const = default;
};

/// RFC 6146 section 3.5.2, and one state for what has no states.
enum class Phase : std::uint8_t { kInit, kEstablished, kInsideFin, kRemoteFin, kBothFins, kTransitory, kDatagram };

struct Flow {
  Tuple inner;
  Tuple outer;
  Interface interface = {};
  unsigned tenant = 0;
  Address next_hop = 0;
  Way way = {};
  Phase phase = Phase::kDatagram;
  Phase before_reset = Phase::kInit;  ///< in kTransitory: where the next packet that is no RST brings it back to
  Time opened = 0;
  Time seen = 0;          ///< the last packet that keeps it
  Time looked_at_by = 0;  ///< until when its timer may still go by timeouts of before
  unsigned home = 0;
  unsigned worker = 0;  ///< the owner
  std::uint64_t packets_out = 0, bytes_out = 0, packets_in = 0, bytes_in = 0;
};

/// What is known of a datagram that comes in fragments: virtual reassembly, in which nothing is put together but each
/// fragment goes on by itself as soon as the first one has told its ports.
struct Datagram {
  struct Name {
    Side side = Side::kInside;
    unsigned network = 0;  ///< mapping or subnet
    unsigned protocol = 0;
    Address src = 0;
    Address dst = 0;
    unsigned identification = 0;
    auto operator<=>(const Name&) const = default;
  };
  struct Part {
    unsigned from = 0;
    unsigned to = 0;  ///< in eights of bytes, begun ones counted
    bool last = false;
  };
  Name name;
  unsigned tenant = 0;
  unsigned subnet = 0;
  unsigned gatherer = 0;
  Time began = 0;
  bool refused = false;
  std::vector<Part> parts = {};
  std::optional<Header> first = {};     ///< of the first fragment, once it is here
  std::optional<unsigned> given = {};   ///< the identification with which it leaves, outbound
  unsigned mss = 0;                     ///< the largest that it may announce
  std::map<unsigned, Bytes> came = {};  ///< by offset: what went on
  std::map<unsigned, Bytes> left = {};  ///< as what
  bool is_complete() const;
};
struct Fragment {
  Arrival arrival;
  std::shared_ptr<Datagram> datagram;
  std::string dropped = {};  ///< why it dies, if it does
};

struct InterfaceCounts {
  std::uint64_t packets_out = 0, bytes_out = 0, packets_in = 0, bytes_in = 0, open = 0, opened = 0, exhausted = 0;
  std::uint64_t fullest = 0;  ///< flows towards the remote endpoint that has most
  bool operator==(const InterfaceCounts&) const = default;
};
struct TenantCounts {
  std::uint64_t open = 0, opened = 0, drops = 0, limit_reached = 0, exhausted = 0, resets = 0;
  std::uint64_t errors = 0, errors_withheld = 0, errors_carried = 0;
  std::uint64_t new_flow_limit_reached = 0, packet_limit_reached = 0;
  bool operator==(const TenantCounts&) const = default;
};

class NatSpec {
 public:
  static constexpr std::size_t kPorts = 64512;  ///< of an interface towards one remote endpoint: 1024 to 65535

  NatSpec(const Settings& settings, const Table& table) : settings_(settings) { adopt(table); }

  void at(Time now);
  void adopt(const Table& table);
  /// No flow of an earlier table is anywhere any more.
  void swept() { swept_away_.clear(); }

  /// A packet came and `seen` became of it; returns what should have, or nothing when that is what it was.
  std::string step(const Arrival& arrival, const Fate& seen);
  /// Of the fragments that were held, the next that is so no longer: it goes on, or dies. Asked after every step and
  /// whenever time has passed.
  std::optional<Fragment> next_to_leave();
  std::string step(const Fragment& fragment, const Fate& seen);
  /// The NAT says that the flow is gone; `may_be_gone` agrees.
  void forget(const Tuple& inner) { erase(inner); }

  const std::map<Tuple, Flow>& flows() const { return flows_; }
  Time due(const Flow& flow) const;
  bool may_be_gone(const Flow& flow) const { return now_ >= due(flow) && !all_are_there_; }
  /// Whoever was due and is gone was forgotten: until time goes on, all others are there.
  void all_are_there() { all_are_there_ = true; }
  const Table& table() const { return table_; }
  InterfaceCounts interface_counts(const Interface& interface) const;
  TenantCounts tenant_counts(unsigned tenant) const;
  std::set<std::pair<unsigned, Address>> next_hops() const;
  std::size_t datagrams() const { return datagrams_.size(); }
  std::size_t held_fragments() const { return held_.size(); }

 private:
  struct Range {
    std::size_t surely = 0;
    std::size_t at_most = 0;
  };

  Fate decide(const Arrival& arrival, const Fate& seen);
  static Tuple tuple_of(const Arrival& arrival, const Header& header);
  Fate translate(const Arrival& arrival, const Header& header, const Fate& seen);
  Fate outbound(Flow& flow, const Arrival& arrival, const Fate& seen);
  Fate inbound(Flow& flow, const Arrival& arrival, const Fate& seen) const;
  Fate later_fragment(Flow& flow, const Arrival& arrival, const Fate& seen) const;
  void advance(Flow& flow, Side from, const Header& header) const;
  Fate refuse_segment(const Header& header, const Arrival& arrival, const Fate& seen);
  Fate open(const Tuple& inner, const Arrival& arrival, const Fate& seen);
  Fate expired(const Tuple& tuple, const Arrival& arrival, const Fate& seen);
  Fate told(const IcmpError& error, const Arrival& arrival, const Fate& seen, const Flow* flow);
  Fate carry_error(const Arrival& arrival, const Fate& seen);
  using Datagrams = std::vector<std::shared_ptr<Datagram>>;
  Fate gather(const Arrival& arrival, const Fate& seen);
  std::string begin(const Datagram& datagram);
  Datagrams::iterator find(const Datagram::Name& name);
  std::string room_to_hold(const Datagram& datagram) const;
  Fate refuse(const std::shared_ptr<Datagram>& datagram, const Fragment& fragment, const Fate& seen);
  void let_go(const Datagram& datagram, const std::string& dropped);
  void end(Datagrams::iterator datagram, const std::string& dropped);
  void end_old_datagrams();
  Fate go_on(const Fragment& fragment, const Fate& seen);
  bool is_given(const Datagram& datagram, unsigned identification) const;
  static std::string joined_wrongly(const Datagram& datagram);
  Size size_inside(const Flow& flow) const { return flow.way.attachment == 0 ? settings_.inside : Size{}; }
  unsigned largest_mss(const Flow& flow) const;
  using Allowances = std::map<std::pair<unsigned, unsigned>, std::pair<Time, Time>>;
  bool allowed(Allowances& allowances, unsigned per_second, unsigned tenant, unsigned worker) const;
  unsigned tenant_of(const Arrival& arrival) const;
  unsigned subnet_of(const Arrival& arrival) const;
  bool no_destination(Address address, unsigned subnet) const;
  std::string refused_source(const Header& header, const Way& way) const;
  std::string refused_destination(const Header& header, const Mapping& mapping) const;
  bool permitted(const Header& header, const Mapping& mapping) const;
  const Route* route_to(Address destination, const Subnet& subnet) const;
  /// Tokens of all workers: thousandths, and when they were counted. None when the process starts.
  struct Bucket {
    Time counted = 0;
    Time level = 0;
  };
  bool take_token(Bucket& bucket, unsigned per_second) const;
  bool may_open_now(unsigned tenant);
  bool may_come(const Arrival& arrival);
  bool too_many_flows(unsigned tenant, const Fate& seen) const;
  bool lacks(const std::string& what, unsigned tenant, unsigned worker, std::size_t Range::*how) const;
  bool lacks_entry(unsigned tenant, unsigned worker, std::size_t Range::*how) const;
  bool all_lack(const std::string& what, unsigned tenant, const Fate& seen) const;
  bool redirects_are_full(unsigned tenant, unsigned worker) const;
  std::string out_of_something(const Tuple& inner, const Mapping& mapping, const Fate& seen) const;
  bool may_be_taken(const Flow& flow, const Mapping& mapping) const;
  std::string wrong_choice(const Flow& flow, const Mapping& mapping);
  std::string wrong_worker(const Flow& flow, const Mapping& mapping) const;
  void count(const Arrival& arrival, const Fate& fate);

  bool stands(const Flow& flow) const;
  Flow* find(Side side, const Tuple& tuple);
  void enter(const Flow& flow);
  void erase(const Tuple& inner);
  Range how_many(const std::function<bool(const Flow&)>& which) const;
  std::size_t ports_taken(const Tuple& outer) const;
  Range ports_in_use(const Tuple& outer) const;
  bool short_of_ports(const Tuple& outer) const;
  bool some_short_of_ports(Tuple outer, const Mapping& mapping) const;

  Settings settings_;
  Table table_;
  Time now_ = 0;
  bool all_are_there_ = false;
  Time nothing_goes_before_ = 0;        ///< so that not every flow is looked at each time
  std::map<Tuple, Flow> flows_;         ///< by inner tuple
  std::map<Tuple, Tuple> inner_of_;     ///< by outer tuple
  std::map<Tuple, std::size_t> ports_;  ///< flows by outer tuple without its port
  std::vector<Flow> swept_away_;        ///< flows of earlier tables: gone, but perhaps still in the way
  Allowances resets_;                   ///< by tenant and worker: thousandths left, and when that was
  Allowances errors_;
  Datagrams datagrams_;                                            ///< by when they began
  std::vector<Fragment> held_;                                     ///< by when they came
  std::vector<Fragment> leaving_;                                  ///< likewise
  std::map<Tuple, std::map<unsigned, unsigned>> own_;              ///< identifications by outer tuple and given one
  std::map<unsigned, Bucket> new_flows_;                           ///< by tenant
  std::map<unsigned, Bucket> packets_;                             ///< by tenant
  std::map<std::pair<std::uint64_t, Address>, Interface> paired_;  ///< by mapping uid and environment
  std::map<Interface, InterfaceCounts> interface_counts_;
  std::map<unsigned, TenantCounts> tenant_counts_;
};

}  // namespace hypernat::spec
