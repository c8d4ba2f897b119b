// The packet account of each tenant, over several workers and everything that happens to packets.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "tests/packet/fragments.h"
#include "tests/unit/dataplane/worker_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::IcmpError;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr const char* kServer = "10.0.1.53";
constexpr const char* kInterface = "10.0.1.20";

// Of two tenants, each with one mapping and one subnet; n is 1 or 2.
class Traffic {
 public:
  Traffic(WorkerWorld& world, std::uint64_t seed) : world_(world), random_(seed) {}

  void send(std::uint32_t tenant) {
    const std::uint32_t kind = below(14);
    if (kind < 9) {
      inside(tenant, outbound(kind));
    } else if (kind < 12) {
      outside(tenant, inbound(kind));
    } else {
      Datagram datagram = ip(kServer) / Udp{.src = port(), .dst = 53} / Bytes(400, 7);
      datagram.ip.identification = port();
      auto pieces = craft::cut_to(datagram.bytes(), 200);
      if (below(3) == 0) pieces.erase(pieces.begin());
      std::shuffle(pieces.begin(), pieces.end(), random_);
      for (const Bytes& piece : pieces) inside(tenant, piece);
    }
  }

  std::uint64_t sent(std::uint32_t tenant) const { return sent_[tenant - 1]; }

 private:
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
  std::uint16_t port() { return static_cast<std::uint16_t>(1'000 + below(300)); }
  Ip ip(const std::string& dst) { return {.src = "100.64.0." + std::to_string(1 + below(20)), .dst = dst}; }

  Bytes outbound(std::uint32_t kind) {
    switch (kind) {
      case 0:
        return (ip(kServer) / Tcp{.src = port(), .dst = 80, .flags = "S"}).bytes();
      case 1:
        return (ip(kServer) / Tcp{.src = port(), .dst = 80, .flags = below(2) == 0 ? "SF" : "A"}).bytes();
      case 2:
        return (ip("10.0.1." + std::to_string(100 + below(100))) / Udp{.src = port(), .dst = 53}).bytes();
      case 3:
        return (Ip{.src = "8.8.8.8", .dst = kServer} / Udp{.src = port(), .dst = 53}).bytes();
      case 4:
        return (Ip{.src = "100.64.0.1", .dst = kServer, .ttl = 1} / Echo{.id = port()}).bytes();
      case 5:
        return (Ip{.src = "100.64.0.1", .dst = kServer, .checksum = 0x1234} / Echo{.id = port()}).bytes();
      case 6:
        return (Ip{.src = "100.64.0.1", .dst = kServer, .fragment = 0x4000} / Udp{.src = port(), .dst = 53} /
                Bytes(1'460, 7))
            .bytes();
      default:
        return (ip(kServer) / Udp{.src = port(), .dst = 53} / "who").bytes();
    }
  }
  Bytes inbound(std::uint32_t kind) {
    const Ip back{.src = kServer, .dst = kInterface};
    if (kind == 9) return (back / Udp{.src = 53, .dst = static_cast<std::uint16_t>(random_())}).bytes();
    if (kind == 10) return (back / IcmpError{} / (ip(kServer) / Echo{.id = port()}).bytes()).bytes();
    return (Ip{.src = kServer, .dst = "10.0.1.99"} / Tcp{.src = 80, .dst = port()}).bytes();
  }

  void inside(std::uint32_t tenant, const Bytes& packet) {
    world_.arrive(kHosts, from_host(tenant) / (to_gateway() / packet), queue());
    ++sent_[tenant - 1];
  }
  void outside(std::uint32_t tenant, const Bytes& packet) {
    world_.arrive(kTenants, from_vtep(5000 + tenant) / (to_interface(tenant) / packet), queue());
    ++sent_[tenant - 1];
  }
  std::uint16_t queue() { return static_cast<std::uint16_t>(below(2)); }

  WorkerWorld& world_;
  std::mt19937_64 random_;
  std::array<std::uint64_t, 2> sent_{};
};

struct TenantAccount {
  std::uint64_t forwarded = 0;
  std::uint64_t drops = 0;
  std::uint64_t undelivered = 0;
};
TenantAccount account_of(WorkerWorld& world, std::uint32_t slot) {
  TenantAccount account;
  for (std::size_t worker = 0; worker < world.workers(); ++worker) {
    const Nat& nat = world.worker(worker).nat();
    for (std::size_t i = 0; i < world.tables().interfaces.size(); ++i) {
      if (world.tables().interfaces[i].tenant != slot) continue;
      account.forwarded += nat.interface_counters()[i].outbound_packets.read();
      account.forwarded += nat.interface_counters()[i].inbound_packets.read();
    }
    const TenantCounters& counters = nat.tenant_counters()[slot];
    account.drops += counters.drops.read();
    account.undelivered += counters.undelivered.read();
  }
  return account;
}

TEST(TenantAccounts, close_whatever_happens_and_count_nothing_of_another) {
  WorkerWorld world({.workers = 3,
                     .rx_queues = 2,
                     .hand_over_ring = 16,
                     .flows = 150,
                     .held_packets = 64,
                     .held_per_tenant = 16,
                     .fragments = {.datagrams = 64, .datagrams_per_tenant = 16, .held = 64, .held_per_tenant = 8}});
  config::Table table = every_segment(2);
  table.tenants.push_back({.account = "222222222222", .number = 2});
  table.subnets[1].tenant = table.mappings[1].tenant = 1;
  world.publish(table);
  world.know_neighbours();
  world.answer_segment(from_vtep(5002), kServer);
  world.run();
  const TenantAccount before[] = {account_of(world, 0), account_of(world, 1)};
  Traffic traffic(world, 7);
  for (int step = 0; step < 300; ++step) {
    for (int i = 0; i < 12; ++i) traffic.send(i % 4 == 0 ? 2 : 1);
    world.run(20);
    world.answer_underlay(kHosts, "192.0.2.11");
    for (std::uint16_t port = 0; port < kPorts; ++port) world.sent(port);
  }
  for (int second = 0; second < 10; ++second) world.run(1'000);
  const AccountView total = world.total();
  EXPECT_EQ(total.held, 0U);
  for (const Drop drop :
       {Drop::spoofed_source, Drop::bad_ip_checksum, Drop::bad_tcp_flags, Drop::no_flow, Drop::ttl_expired,
        Drop::too_big, Drop::next_hop_unresolved, Drop::fragment_timeout, Drop::fragment_share_full,
        Drop::home_ring_full, Drop::held_share_full, Drop::flow_table_full, Drop::not_the_interface})
    EXPECT_GT(total.dropped[static_cast<std::size_t>(drop)], 0U) << "never met: " << name_of(drop);
  for (std::uint32_t slot = 0; slot < 2; ++slot) {
    const TenantAccount now = account_of(world, slot);
    EXPECT_EQ(now.forwarded - before[slot].forwarded + now.drops - before[slot].drops, traffic.sent(slot + 1))
        << "tenant " << slot + 1;
  }
}

}  // namespace
}  // namespace hypernat::dataplane
