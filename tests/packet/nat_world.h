// A NAT with everything around it, for tests: tables, homes, neighbours, fragments, a clock, as many workers as wanted.
// Packets go in as bytes and come out as bytes; each lies in a buffer of exactly its size, so that sanitizers see every
// overrun. What the workers pass to each other lies on rings between them and is carried at once, or when the test says
// so.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/table.h"
#include "dataplane/fragments/gathering.h"
#include "dataplane/nat/nat.h"
#include "dataplane/nat/table_compiler.h"
#include "tests/packet/craft.h"

namespace hypernat::dataplane {

/// Where an environment's packets come from.
struct Environment {
  std::uint32_t mapping = 1;  ///< number
  std::string address = "100.64.0.5";
  std::string worker_host = "192.0.2.11";  ///< tunnel peer; "0.0.0.0": no tunnel
  MacAddress mac{{2, 0, 0, 0, 0, 5}};
  std::uint8_t attachment = 0;
};

/// What became of a packet.
struct Outcome {
  Verdict verdict = Verdict::kPending;
  Drop drop{};
  craft::Bytes answer;  ///< of an answered packet: what the NAT says
  bool opened = false;
  std::uint16_t came_to = 0;  ///< the worker that had it first
  std::uint16_t home = 0;     ///< of its flow, as far as that is known
  std::uint16_t worker = 0;   ///< the last that had it
  std::uint32_t passes = 0;   ///< from worker to worker
  std::uint16_t rule = 0;
  Egress egress;
  craft::Bytes bytes;
  craft::Seen seen;

  bool forwarded() const { return verdict == Verdict::kForward; }
  bool dropped(Drop reason) const { return verdict == Verdict::kDrop && drop == reason; }
  bool answered(Drop reason) const { return verdict == Verdict::kAnswered && drop == reason; }
  /// For messages of failed expectations.
  std::string text() const;
};

/// Two tenants with the same 10.0.0.0/16, each with a subnet 10.0.1.0/24.
/// Subnet 1 is acme's, with mappings 1 (10.0.1.20, everything permitted) and 2 (10.0.1.21, only TCP 80, UDP 53 and echo
/// towards 10.0.0.0/16); subnet 2 is globex's, with mapping 3 (10.0.1.20, everything permitted).
/// Worker hosts: 192.0.2.11 with 100.64.0.0/20, 192.0.2.12 with 100.64.16.0/20.
config::Table two_tenants();

class NatWorld {
 public:
  /// When what lies on the rings between workers goes on.
  enum class Carrying : std::uint8_t { kAtOnce, kByHand };
  struct Options {
    config::Table table = two_tenants();
    std::uint16_t workers = 1;
    std::uint32_t flows = 4096;  ///< of each worker
    std::uint32_t flows_per_tenant = 0;
    std::uint32_t port_bitmaps = 16;
    std::uint32_t redirects = 4096;
    std::uint32_t redirects_per_tenant = 0;
    Carrying carrying = Carrying::kAtOnce;
    std::size_t ring = 1024;  ///< packets on a ring between two workers
    std::uint32_t next_hops = 1024;
    std::uint32_t resets_per_second = 100;
    std::uint32_t errors_per_second = 100;
    Gathering::Options fragments = {.tenants = 16};
    AttachmentSize inside = {};   ///< of attachment 0
    AttachmentSize outside = {};  ///< of attachment 1
    std::uint32_t buckets = 128;
    FlowTimeouts timeouts = {};
    std::uint64_t seed = 1;
    Tick start = 1000;
  };

  NatWorld();
  explicit NatWorld(const Options& options);
  ~NatWorld();

  /// From an environment of a mapping (number), to the worker whose home it is.
  Outcome outbound(const Environment& from, const craft::Datagram& datagram);
  /// From the segment of a subnet (number).
  Outcome inbound(std::uint32_t subnet, const craft::Datagram& datagram);
  Outcome outbound(const craft::Datagram& datagram) { return outbound(Environment{}, datagram); }
  Outcome inbound(const craft::Datagram& datagram) { return inbound(1, datagram); }

  /// Several packets as one burst of one worker.
  struct Arrival {
    Side side = Side::kInside;
    Environment from = {};
    std::uint32_t subnet = 1;
    craft::Datagram datagram;
    craft::Bytes piece = {};  ///< a fragment, in the place of the datagram
  };
  std::vector<Outcome> burst(const std::vector<Arrival>& arrivals);

  /// By hand: what became of the packets that `send` gave to the workers is in `outcome`, by number.
  std::size_t send(const Arrival& arrival);
  std::size_t send(const craft::Datagram& datagram) { return send({.from = {}, .datagram = datagram}); }
  Outcome outcome(std::size_t packet) const;
  /// What lies on one ring goes on, as one burst; returns how many packets.
  std::size_t carry(std::uint16_t from, std::uint16_t to);
  /// The next packet of a ring dies as if the ring had been full; false when there is none.
  bool lose(std::uint16_t from, std::uint16_t to);
  /// Reports go from one worker to another; a full ring takes no more than `most`.
  std::size_t tell(std::uint16_t from, std::uint16_t to, std::size_t most = 1024);
  /// Everything goes on until nothing is on its way.
  void carry_all();

  /// Time passes and every worker does what is due.
  void pass(Tick milliseconds);
  /// A new generation; flows of what is gone are swept by `maintain`.
  void publish(const config::Table& table);
  /// The same in two steps: compiled, then switched to by one worker after the other.
  void announce(const config::Table& table);
  void adopt(std::uint16_t worker);
  /// Every worker finishes sweeping, and freed slots may be given away.
  void sweep();

  Tick now() const { return now_; }
  std::uint32_t open_flows() const;
  std::uint32_t redirects() const;
  std::uint32_t flows_of_tenant(std::uint32_t number) const;
  std::uint32_t next_hops_held() const;
  /// That are being gathered, and fragments that wait for their first one.
  std::uint32_t datagrams() const;
  std::uint32_t held_fragments() const;
  std::uint32_t interface_slot(std::string_view id) const;
  /// Summed over workers.
  std::uint64_t interface_counter(std::string_view id, Counter InterfaceCounters::*counter) const;
  std::uint64_t tenant_counter(std::uint32_t number, Counter TenantCounters::*counter) const;
  std::vector<FlowView> flows() const;
  const Tables& tables() const { return *tables_; }
  const Home& home() const { return home_; }
  /// The worker that a packet of UDP, TCP or echo comes to.
  std::uint16_t home_of(const craft::Datagram& datagram) const;
  Neighbours& neighbours() { return neighbours_; }
  Nat& nat(std::uint16_t worker) { return *nats_[worker]; }

 private:
  struct Delivery;
  std::shared_ptr<Delivery> prepare(const Arrival& arrival) const;
  void parse(Delivery& delivery, const Tables& tables) const;
  enum class Origin : std::uint8_t { kDevice, kOtherWorker };
  void translate(std::uint16_t worker, const std::vector<std::shared_ptr<Delivery>>& deliveries, Origin origin);
  void hand_over(std::uint16_t worker, std::uint16_t to, const std::shared_ptr<Delivery>& delivery);
  void die(std::uint16_t worker, Delivery& delivery);
  // nat_world_fragments.cc
  std::uint16_t gatherer_of(const craft::Bytes& piece) const;
  void gather(std::uint16_t worker, const std::shared_ptr<Delivery>& delivery);
  void let_fragments_go(std::uint16_t worker);
  static Outcome finish(const Delivery& delivery);
  std::deque<std::shared_ptr<Delivery>>& ring(std::uint16_t from, std::uint16_t to) {
    return rings_[std::size_t{from} * options_.workers + to];
  }
  std::uint32_t tenant_slot(std::uint32_t number) const;

  Options options_;
  Home home_;
  TenantUsage usage_;
  Neighbours neighbours_;
  TableCompiler compiler_;
  std::vector<std::shared_ptr<const Tables>> generations_;
  const Tables* tables_ = nullptr;
  std::vector<const Tables*> adopted_;  ///< by worker
  std::vector<std::deque<std::shared_ptr<Delivery>>> rings_;
  std::vector<std::shared_ptr<Delivery>> sent_;
  std::vector<std::unique_ptr<Nat>> nats_;
  std::vector<Identifications> identifications_;  ///< by worker
  std::vector<std::unique_ptr<Gathering>> gatherings_;
  std::map<const void*, std::shared_ptr<Delivery>> held_;  ///< with some gathering
  Tick now_;
};

}  // namespace hypernat::dataplane
