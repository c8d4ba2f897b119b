// What a worker's NAT is made of. Private to nat/: nat.cc has the stages of the journey, forward.cc the last one of
// them, open.cc the opening and closing of flows, resting.cc the ports of closed ones, limits.cc what tenants may do,
// answering.cc what senders are told, icmp_errors.cc the errors of others, undelivered.cc packets that come back,
// fragments.cc what is different for fragments, passing.cc what passes between workers, list.cc the view for people.
#pragma once

#include <memory>
#include <optional>

#include "dataplane/flow/flow_hash.h"
#include "dataplane/flow/flow_pool.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/flow/memory.h"
#include "dataplane/flow/timer_wheel.h"
#include "dataplane/nat/allowance.h"
#include "dataplane/nat/nat.h"
#include "dataplane/nat/port_bitmaps.h"
#include "dataplane/nat/port_choice.h"
#include "dataplane/nat/redirect_reports.h"
#include "dataplane/nat/redirects.h"
#include "dataplane/nat/remote_use.h"

namespace hypernat::dataplane {

/// Of one burst: what a tenant with a limit of packets has in it, and how many of these may still pass.
struct PacketAllowance {
  std::uint32_t wanted = 0;
  std::uint32_t granted = 0;
};

/// Of each tenant: some hundredths of a worker's time.
inline constexpr std::uint32_t kRestingSearchesPerSecond = 1000;

/// What a tenant may still have of what is limited for each worker.
struct TenantAllowances {
  Allowance resets;
  Allowance errors;
  Allowance resting_ports;  ///< searches for one
};

struct Nat::State {
  State(const Options& given, const Home& its_home, Neighbours& its_neighbours, TenantUsage& its_usage);
  bool allocate();

  // Some packets of the burst, whose flows are asked for at a time: as many lines as leave room for others on their
  // way.
  static constexpr std::size_t kGroup = 8;
  struct Group {
    std::array<Packet*, kGroup> packets;
    std::array<std::uint32_t, kGroup> hints;  ///< numbers of flows, or kNone
    std::size_t size = 0;
  };
  // The burst in its stages.
  struct Burst {
    std::size_t forwarded = 0;               ///< by their hints: done with
    std::array<Packet*, kMaxBurst> packets;  ///< the others
    std::size_t size = 0;
    std::size_t found = 0;
    bool any_passed_on = false;                 ///< another worker's NAT has sent some of them
    std::array<L4Port, kMaxBurst> proposals{};  ///< for packets that may open a flow; zero: none
    std::array<Packet*, kMaxBurst> errors;
    std::size_t error_count = 0;
    Tick now = 0;
  };
  void set_key(Packet& packet) const;
  void take_in(Group& group, std::span<Packet* const> packets, Burst& burst);
  void forward_hinted(const Group& group, Burst& burst);
  void find_flows(Burst& burst) const;
  void forget_stale_flows(Burst& burst);
  void open_flows(Burst& burst);
  void rewrite(Burst& burst);
  void settle_drops(std::span<Packet* const> packets);

  bool judge_segment(Packet& packet, Tick now);
  FlowKey key_of(const Packet& packet) const;
  static bool comes_another_way(const Packet& packet, const Flow& flow) {
    return packet.peer != flow.peer || packet.attachment != flow.attachment;
  }
  bool may_come_another_way(Packet& packet) const;
  static void learn_way(const Packet& packet, Flow& flow);
  void fetch_interfaces(const Group& group) const;
  bool forward(Packet& packet, Flow& flow, std::uint32_t number, Tick now);
  bool forward_outbound(Packet& packet, Flow& flow, std::uint32_t number, Tick now);
  bool forward_inbound(Packet& packet, Flow& flow, std::uint32_t number, Tick now);
  void leave_outbound(Packet& packet, Flow& flow, std::uint32_t number, std::uint32_t length);
  void leave_inbound(Packet& packet, Flow& flow, std::uint32_t number, std::uint32_t length);
  void depart_outbound(Packet& packet, const Flow& flow, std::uint32_t length);
  void depart_inbound(Packet& packet, const Flow& flow, std::uint32_t length);
  std::uint16_t largest_mss(const Flow& flow) const;
  void carry_counts(Flow& flow, std::uint32_t number);

  // fragments.cc
  void forward_fragment(Packet& packet, std::uint32_t number, Tick now);

  // open.cc
  struct Opening;
  void propose_ports(Burst& burst);
  PortChoice::Wanted wanted_port(const Packet& packet, std::uint32_t interface_slot) const;
  void open(Packet& packet, L4Port proposed, Tick now);
  bool permit(Opening& opening, Tick now);
  bool permitted_by_rules(Packet& packet, const MappingEntry& mapping) const;
  std::optional<Drop> claim(Opening& opening);
  std::optional<Drop> take_port(Opening& opening, L4Port proposed, Tick now);
  void give_back(const Opening& opening);
  PortChoice::Result choose_port(Opening& opening, L4Port proposed);
  bool enter(Opening& opening, Tick now);
  void refuse_inbound(Packet& packet) const;
  std::optional<Drop> fault_of_source(const Packet& packet) const;
  bool judge_source(Packet& packet) const;
  bool may_be_destination(Ipv4Address address, std::uint32_t subnet_slot) const;
  void close(std::uint32_t number);
  void free_flow(std::uint32_t number);

  // resting.cc
  bool may_take_resting(const Packet& packet, std::uint32_t tenant, Tick now);
  bool is_in_hand(std::uint32_t number) const;
  PortChoice::Result choose_resting_port(Opening& opening, Tick now);

  // limits.cc
  TenantAllowances full_allowances() const;
  std::uint32_t tenant_of(const Packet& packet) const;
  std::uint32_t packet_limit_of(const Packet& packet) const;
  void follow_flow_limit(std::uint32_t tenant);
  bool may_open_more(Packet& packet, std::uint32_t tenant, Tick now);
  bool may_open_now(Packet& packet, std::uint32_t tenant, Tick now);
  bool share_is_full(std::uint32_t tenant) const;
  bool nobody_has(Drop lacking, std::uint32_t tenant) const;
  bool claim_flow(std::uint32_t tenant);
  void release_flow(std::uint32_t tenant);
  std::uint32_t take_entry();
  void give_entry_back(std::uint32_t number);
  void count_drop(const Packet& packet);
  Tick timeout_of(const Flow& flow, const FlowCold& cold) const;

  // answering.cc
  void answer_inside(Packet& packet, const PacketAnswer& answer, Drop reason) const;
  void refuse_segment(Packet& packet, std::uint32_t tenant, Tick now);
  struct Told {
    AnswerKind kind{};
    Drop reason{};
    std::uint16_t mtu = 0;
    const Flow* flow = nullptr;  ///< of a packet from outside
  };
  bool may_be_told(const Packet& packet) const;
  void tell(Packet& packet, const Told& told, Tick now);
  void expire(Packet& packet, Tick now);
  bool refuse_too_big(Packet& packet, std::uint8_t egress, const Flow* flow, Tick now);

  // undelivered.cc
  bool return_undelivered(Packet& packet, Tick now);

  // icmp_errors.cc
  void carry_error(Packet& packet);
  bool judge_error_source(Packet& packet) const;
  void restore_identification(Ipv4Header& ip, std::uint32_t flow, Side from) const;
  /// The packet's flow, when there is one and it stands; fills in key, signature and flow of the packet. For packets
  /// that do not take part in the burst's search.
  const Flow* find_flow(Packet& packet) const;

  // passing.cc
  static void pass_to(Packet& packet, std::uint16_t worker);
  std::uint16_t next_worker() const;
  void do_without(Packet& packet, const MappingEntry& mapping, Drop lacking);
  void ask_next(Packet& packet, const MappingEntry& mapping);
  bool pass_on(Packet& packet);
  static void send_home(Packet& packet);
  bool redirect(Packet& packet);
  void own(Packet& packet);
  void lose(Pass& pass);
  void sweep_redirects(std::uint32_t steps);

  void arm(std::uint32_t number, Tick now);
  /// Whether its mapping and interface are still there.
  bool stands(const Flow& flow) const;
  bool mapping_stands(std::uint32_t slot) const;
  PortChoice::Wanted inbound_tuple_of(const Flow& flow, const FlowCold& cold) const;

  Options options;
  const Home& home;
  Neighbours& neighbours;
  TenantUsage& usage;
  std::uint16_t smallest_mtu;  ///< of all attachments: what is no larger fits everywhere
  FlowHash hash;
  FlowPool flows;
  FlowTable table{flows};
  TimerWheel wheel;
  RemoteUse remote_use;
  PortBitmaps bitmaps;
  std::unique_ptr<PortChoice> ports;
  Redirects redirects;
  RedirectReports reports;
  Renumbered renumbered;
  const Tables* tables = nullptr;
  std::uint32_t sweep_cursor = 0;  ///< flows below it were seen to stand; the pool's capacity when the sweep is done
  std::uint32_t redirect_sweep_cursor = 0;  ///< likewise
  Tick remotes_looked_at = 0;
  FixedArray<InterfaceCounters> interface_counters;
  FixedArray<TenantCounters> tenant_counters;
  std::span<Packet* const> in_hand;               ///< the packets of `translate`
  FixedArray<TenantAllowances> allowances;        ///< by tenant slot
  FixedArray<bool> under_flow_limit;              ///< likewise: whether its flows here are in `usage`
  FixedArray<PacketAllowance> packet_allowances;  ///< likewise; all zero between bursts
};

/// One opening and what it has claimed so far.
struct Nat::State::Opening {
  Packet& packet;
  const MappingEntry& mapping;
  const SubnetEntry& subnet;
  Ipv4Address next_hop_address{};
  std::uint32_t number = kNone;
  std::uint32_t next_hop = kNone;
  PortChoice::Wanted inbound{};  ///< with the interface
};

}  // namespace hypernat::dataplane
