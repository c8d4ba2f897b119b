// Stateful NAT of one worker: packets and a time in, verdicts out.
//
// It owns the worker's flows outright: entries, table, timers, ports. It knows no device, no mbuf and no clock, so
// that every behaviour can be tested by bytes in and bytes out. Packets come parsed and at home; outbound ones that
// have no flow open one when they may, inbound ones never do. Sources and destinations are judged here, at opening:
// packets of an open flow have a tuple that was judged. NATs of several workers meet only in packets that they hand
// over to each other and in reports about those (passing.cc): whoever has the NATs carries both, each from one worker
// to another in order.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/attach/neighbours.h"
#include "dataplane/flow/flow.h"
#include "dataplane/flow/home.h"
#include "dataplane/fragments/renumbered.h"
#include "dataplane/nat/counters.h"
#include "dataplane/nat/flow_view.h"
#include "dataplane/nat/redirect_reports.h"
#include "dataplane/nat/tables.h"
#include "dataplane/nat/tenant_usage.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

/// Random per start of the process, the same for all workers.
struct NatSecret {
  std::array<std::uint64_t, 4> hash{};    ///< keys the flow hash
  std::array<std::uint64_t, 2> random{};  ///< keys the choice of ports
};

/// What fits through an attachment.
struct AttachmentSize {
  std::uint16_t mtu = 0xffff;  ///< largest inner IPv4 packet
  std::uint16_t mss = 0;       ///< largest TCP MSS that a SYN may announce; 0: any
};

class Nat {
 public:
  static constexpr std::size_t kMaxBurst = 64;
  static constexpr std::size_t kMaxAttachments = 256;  ///< an index is one byte

  struct Options {
    const char* name = "nat";  ///< unique in the process
    std::uint16_t worker = 0;
    std::uint32_t flows = 65536;             ///< entries of the flow pool: the exact limit
    std::uint32_t flows_per_tenant = 0;      ///< of these, how many one of several tenants may have; 0: all
    std::uint32_t port_bitmaps = 256;        ///< (interface, protocol, remote endpoint) searched exhaustively at a time
    std::uint32_t redirects = 16384;         ///< flows at home here that other workers own; the same for all workers
    std::uint32_t redirects_per_tenant = 0;  ///< of these, how many may be one of several tenants'; 0: all
    std::uint32_t tenant_slots = 1024;       ///< as in TableCompiler::Options; counters are sized by them
    std::uint32_t interface_slots = 4096;
    std::uint32_t resets_per_second = 100;                         ///< RSTs per tenant; as many may come at once
    std::uint32_t errors_per_second = 100;                         ///< ICMP errors of the NAT's own, likewise
    std::array<AttachmentSize, kMaxAttachments> attachments = {};  ///< by index
    Ipv4Prefix lambda_vpc = {};                                    ///< where environments' addresses lie
    Ipv4Address gateway = {};    ///< the environments' default gateway; nobody's destination
    FlowTimeouts timeouts = {};  ///< of tenants that have none of their own
    NatSecret secret = {};
    int numa_node = -1;  ///< where the memory lies, that of the worker's core; -1: anywhere
  };

  /// Null when memory can not be had. `home`, `neighbours` and `tenants` outlive the NAT.
  static std::unique_ptr<Nat> create(const Options& options, const Home& home, Neighbours& neighbours,
                                     TenantUsage& tenants);
  ~Nat();

  /// Between bursts only; each generation in turn. `tables` outlives its use. Flows whose mapping and interface stand
  /// are kept; the others are swept by `maintain`, and until then their packets find them gone.
  void switch_tables(const Tables& tables);

  /// What comes first for packets from a device, at most kMaxBurst and all pending: those beyond their tenant's packets
  /// per second are dropped. Once for each packet: not for what another worker hands over. Nothing to do, and no
  /// need to call it, when Tables::any_packet_limit is false.
  void admit(std::span<Packet* const> burst, Tick now);

  /// Asks for what `translate` will look at first, so that it comes while other packets are taken apart. Packets as
  /// parsed, none of them a fragment or ARP; the dead are left alone.
  void expect(std::span<Packet> packets) const;

  /// At most kMaxBurst packets, all pending. Every one leaves with kForward (bytes rewritten, egress filled),
  /// kDrop (bytes as they were), kAnswered (bytes as they were; dead as by kDrop, but the sender is to get `answer` by
  /// way of `egress`) or kHandedOver (bytes as they were): to go to the worker `passed_to`, with `pass`.
  void translate(std::span<Packet* const> burst, Tick now);
  /// Bounded work: timers that are due, flows to sweep. Call once per burst.
  void maintain(Tick now);
  /// True when nothing of an earlier generation is left to sweep.
  bool swept() const;

  /// A packet that left here as kForward and found nobody: its bytes as they are, `side` and `slot` where it was to go.
  /// True when its sender is to be told: the packet is then as by kAnswered, its bytes as they came.
  bool return_undelivered(Packet& packet, Tick now);
  /// A datagram of a flow got another identification on its way out.
  void remember_identification(const Renumbered::Datagram& datagram, std::uint16_t original_be);
  /// A packet of the tenant (slot; kNone: nobody's) died outside of here: before it came, or after it was forwarded.
  void count_refused(std::uint32_t tenant);
  void count_undelivered(std::uint32_t tenant);

  /// A packet with that `pass` died on its way from here or to here, outside `translate`.
  void lost(Pass pass);
  /// What another worker is to hear, first said first: a copy, which stays until `reported` says how many went out.
  bool has_reports() const;
  std::size_t reports_for(std::uint16_t worker, std::span<RedirectReport> out) const;
  void reported(std::uint16_t worker, std::size_t count);
  /// What another worker reports.
  void hear(std::uint16_t from, std::span<const RedirectReport> reports);

  /// Copies flows into `out`, from `cursor` (0 to begin) on, looking at a bounded number of entries. Returns the cursor
  /// to go on with, kNone at the end; `filled` is how many were written.
  std::uint32_t list_flows(std::uint32_t cursor, std::span<FlowView> out, std::size_t& filled, Tick now) const;

  std::uint32_t open_flows() const;
  /// Flows at home here that other workers own, or are about to.
  std::uint32_t redirects() const;
  /// Remote endpoints that flows go to, counted for each interface and protocol.
  std::uint32_t remotes() const;
  /// Of the pool of bitmaps, those that keep somebody's ports.
  std::uint32_t port_bitmaps() const;
  /// By slot, any thread.
  std::span<const InterfaceCounters> interface_counters() const;
  std::span<const TenantCounters> tenant_counters() const;

 private:
  struct State;
  explicit Nat(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hypernat::dataplane
