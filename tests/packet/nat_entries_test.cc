// Flow entries to the very last one that a port can be had for, for any number of workers: no opening fails while some
// worker has both.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace nat_entries {

using craft::Ip;
using craft::Udp;

constexpr const char* kServer = "10.0.1.10";
constexpr const char* kInterface = "10.0.1.20";

// The nth opening towards one remote endpoint: always another environment and port.
craft::Datagram nth(std::uint32_t n) {
  const std::string src = to_string(Ipv4Address::from_host(0x64400001 + n % 1000));
  return Ip{.src = src, .dst = kServer} / Udp{.src = static_cast<std::uint16_t>(n / 1000), .dst = 53};
}

// How many ports of the interface bring that endpoint's replies to each worker.
std::vector<std::uint32_t> ports_of_workers(const Home& home, std::uint16_t workers) {
  std::vector<std::uint32_t> ports(workers);
  for (std::uint32_t port = kFirstInterfacePort; port < 65536; ++port)
    ++ports[home.worker_of(home.hash({.src = parse_ipv4_address(kServer).value(),
                                      .dst = parse_ipv4_address(kInterface).value(),
                                      .src_port = L4Port::from_host(53),
                                      .dst_port = L4Port::from_host(static_cast<std::uint16_t>(port))}))];
  return ports;
}

config::Table one_tenant() {
  config::Table table = two_tenants();
  table.tenants.pop_back();
  table.subnets.pop_back();
  table.mappings.pop_back();
  return table;
}

/// What a worker has of flow entries.
struct Entries {
  const char* what = "";
  bool shared = false;                   ///< between two tenants, of which one has so many
  std::uint32_t most = kInterfacePorts;  ///< if that is fewer than a fair part of the ports
  NatWorld::Options options(std::uint16_t workers) const {
    const std::uint32_t each = std::min((kInterfacePorts + workers - 1U) / workers, most);
    NatWorld::Options options{.workers = workers, .flows = each, .redirects = kInterfacePorts};
    if (shared) {
      options.flows = 2 * each;
      options.flows_per_tenant = each;
    } else {
      options.table = one_tenant();
    }
    return options;
  }
  Drop reason() const { return shared ? Drop::flow_share_full : Drop::flow_table_full; }
};
std::ostream& operator<<(std::ostream& out, const Entries& entries) {
  return out << entries.what;
}

class EntriesOfWorkers : public testing::TestWithParam<std::tuple<std::uint16_t, Entries>> {};

TEST_P(EntriesOfWorkers, are_all_found_and_then_refused_by_name) {
  const auto& [workers, entries] = GetParam();
  const NatWorld::Options options = entries.options(workers);
  const std::uint32_t each = entries.shared ? options.flows_per_tenant : options.flows;
  NatWorld world(options);
  std::uint32_t most = 0;
  bool some_lack_entries = false;
  for (const std::uint32_t ports : ports_of_workers(world.home(), workers)) {
    most += std::min(ports, each);
    some_lack_entries |= ports >= each;
  }
  std::uint32_t n = 0;
  for (; n < most; ++n) {
    const Outcome out = world.outbound(nth(n));
    ASSERT_TRUE(out.opened) << out.text() << " after " << n << " of " << most;
    ASSERT_LT(out.passes, workers) << "no worker is asked twice";
  }
  ASSERT_TRUE(some_lack_entries);
  for (std::uint32_t more = 0; more < 20; ++more) {
    const Outcome out = world.outbound(nth(n + more));
    EXPECT_TRUE(out.dropped(entries.reason())) << out.text();
    const bool all_lack_entries = most == each * workers;
    EXPECT_TRUE(!all_lack_entries || out.passes == 0) << "nobody is asked who is known to have none";
  }
  EXPECT_EQ(world.open_flows(), most);
  EXPECT_EQ(world.tenant_counter(1, &TenantCounters::drops), 20U);
  if (entries.shared) {
    EXPECT_EQ(world.tenant_counter(1, &TenantCounters::limit_reached), 20U);
    EXPECT_TRUE(world.outbound({.mapping = 3}, nth(0)).opened) << "another tenant is unaffected";
  }
  for (std::uint32_t again = 0; again < most; again += 97) EXPECT_TRUE(world.outbound(nth(again)).forwarded());
  world.pass(121'000);
  EXPECT_EQ(world.open_flows(), 0U);
  EXPECT_EQ(world.redirects(), 0U);
  EXPECT_EQ(world.flows_of_tenant(1), 0U);
  EXPECT_EQ(world.next_hops_held(), 0U);
  EXPECT_TRUE(world.outbound(nth(0)).opened);
}

#ifdef HYPERNAT_SANITIZED
const auto kWorkers = testing::Values<std::uint16_t>(13);
#else
const auto kWorkers = testing::Range<std::uint16_t>(1, 17);
#endif
INSTANTIATE_TEST_SUITE_P(Workers, EntriesOfWorkers,
                         testing::Combine(kWorkers, testing::Values(Entries{.what = "a tenant's share", .shared = true},
                                                                    Entries{.what = "the pool", .most = 300})));

}  // namespace nat_entries
}  // namespace hypernat::dataplane
