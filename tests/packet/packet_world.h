// A data plane without devices, for frames of which nothing is known: every attachment, one worker's NAT, flows open on
// it, and an account.
//
// A frame goes the way a worker sends it: decapsulated, gathered when it is a fragment, translated, answered. What the
// data plane promises of every packet is checked at once, by code that shares nothing with the packet path
// (packet_promises.h); a broken promise ends the process, for fuzz targets (tests/fuzz) as for tests. `settle` lets all
// time pass and checks that nothing is left. Small on purpose: limits are met by few packets, and a fuzz target makes a
// world for every input.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/attach/neighbours.h"
#include "dataplane/fragments/gathering.h"
#include "dataplane/nat/nat.h"
#include "dataplane/nat/tenant_usage.h"
#include "tests/packet/attach_world.h"

namespace hypernat::dataplane {

/// Stands in a frame for the interface port of the flow of this number: inputs need not know what the NAT chose.
inline constexpr std::uint16_t kPortOfFlow = 0xfe00;

/// Whose inside attachment, and whose answer: one for every way in.
struct WayIn {
  std::uint16_t inside_port;   ///< of the device
  std::uint16_t outside_port;  ///< of the device
  std::uint32_t mapping;       ///< number; its subnet has the same
};
inline constexpr std::array<WayIn, 5> kWays{
    {{kHosts, kTenants, 1}, {kRacks, kTenants, 2}, {kBench, kLan, 3}, {kHosts, kTrunk, 4}, {kPods, kCloud, 5}}};

/// What lies around an environment's datagram on the way in, and around a remote's answer.
craft::Bytes outbound_frame(const WayIn& way, const craft::Bytes& packet);
craft::Bytes inbound_frame(const WayIn& way, const craft::Bytes& packet);

/// What became of the frames that came in, those of the first flows left out.
struct Fates {
  std::uint64_t received = 0;
  std::uint64_t forwarded = 0;
  std::uint64_t answered = 0;  ///< counted by its reason, too
  std::uint64_t consumed = 0;  ///< ARP
  std::array<std::uint64_t, kDropReasons> dropped{};

  bool operator==(const Fates&) const = default;
};

class PacketWorld {
 public:
  static constexpr std::uint32_t kFlows = 40;
  static constexpr std::uint32_t kNextHops = 24;
  static constexpr std::uint32_t kDatagrams = 12;  ///< in fragments, at a time
  static constexpr std::uint32_t kHeldFragments = 16;

  /// Opens a TCP, a UDP and an echo flow by every way in, in this order.
  PacketWorld();
  ~PacketWorld();

  /// Of the interface, by number of the flow; echo: the identifier.
  std::uint16_t port_of_flow(std::size_t number) const { return flow_ports_[number]; }
  /// Writes interface ports where kPortOfFlow and a flow's number stand.
  void fill_in_ports(craft::Bytes& frame) const;
  /// A frame from a device's port. Packets wait for `translate`, which comes by itself when a burst is full.
  void receive(std::uint16_t port, const craft::Bytes& frame);
  /// What waits is one burst.
  void translate();
  void pass(Tick milliseconds);
  /// Of every frame so far; what waits is translated first.
  const Fates& fates();
  /// The account closes; then everything that holds a flow ends, and every table is empty.
  void settle();

 private:
  struct Arrival;
  void open_flows();
  void hear_arp(const Packet& packet);
  void gather(std::unique_ptr<Arrival> arrival);
  void let_fragments_go();
  void lose(const Arrival& arrival, Drop reason);
  void await_translation(std::unique_ptr<Arrival> arrival);
  void check(const Arrival& arrival);
  void check_account() const;
  std::uint32_t next_hops_held() const;

  TenantUsage usage_;
  Neighbours neighbours_;
  Identifications identifications_;
  std::unique_ptr<Gathering> gathering_;
  std::unique_ptr<Nat> nat_;
  std::vector<std::unique_ptr<Arrival>> waiting_;         ///< for translation
  std::map<const void*, std::unique_ptr<Arrival>> held_;  ///< by the gathering
  std::vector<std::uint16_t> flow_ports_;
  Fates fates_;
  std::uint64_t outbound_ = 0;  ///< forwarded
  std::uint64_t inbound_ = 0;   ///< forwarded
  std::uint64_t dropped_by_nat_ = 0;
  Tick now_ = 1000;
};

}  // namespace hypernat::dataplane
