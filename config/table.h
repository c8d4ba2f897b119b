// The mapping table: what the control plane publishes and every data plane obeys.
//
// A table is whole: every mapping, interface, subnet, route, rule and tunnel peer there is. It is immutable once
// published and numbered by (epoch, generation); there are no add or delete messages. Writer and reader are inverse:
// the bytes of equal tables are equal, so a SHA-256 over the file tells whether anything changed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/types.h"

namespace hypernat::config {

/// A worker host: where its tunnel ends, and the block of the Lambda VPC that its environments' addresses come from.
struct TunnelPeer {
  std::string name;
  Ipv4Address address;
  Ipv4Prefix block;
  bool operator==(const TunnelPeer&) const = default;
};

/// What a tenant may do, over all workers of a data plane. Each 0: no limit of its own.
struct TenantLimits {
  std::uint32_t flows = 0;                 ///< at a time
  std::uint32_t new_flows_per_second = 0;  ///< attempts to open one; as many may come at once
  std::uint32_t packets_per_second = 0;    ///< both ways; as many may come at once
  bool operator==(const TenantLimits&) const = default;
};
/// Of a tenant that says nothing of it.
inline constexpr std::uint32_t kDefaultTenantFlows = 50'000;

/// After how long without a packet a tenant's flows go. Each zero: as the data plane's configuration says.
struct TenantTimeouts {
  std::chrono::milliseconds tcp_opening{0};
  std::chrono::milliseconds tcp_established{0};
  std::chrono::milliseconds tcp_closing{0};
  std::chrono::milliseconds udp{0};
  std::chrono::milliseconds icmp{0};
  bool operator==(const TenantTimeouts&) const = default;
};
/// What any timeout of a flow may be.
inline constexpr std::chrono::milliseconds kShortestTimeout{100};
inline constexpr std::chrono::milliseconds kLongestTimeout{24 * 3'600'000};

struct Tenant {
  std::string account;       ///< 12 decimal digits
  std::uint32_t number = 0;  ///< given once, never reused
  TenantLimits limits{};
  TenantTimeouts timeouts{};
  bool operator==(const Tenant&) const = default;
};

enum class RouteTarget : std::uint8_t {
  kLocal,      ///< a neighbour in the subnet itself
  kRouter,     ///< by way of the subnet's router
  kBlackhole,  ///< known not to be reachable
};

struct Route {
  Ipv4Prefix prefix;
  RouteTarget target = RouteTarget::kLocal;
  bool operator==(const Route&) const = default;
};

/// Routes of a subnet, sorted by (address, length); shared by every subnet with the same content.
struct RouteSet {
  std::vector<Route> routes;
  bool operator==(const RouteSet&) const = default;
};

inline constexpr std::uint16_t kAnyIcmp = 0xffff;
inline constexpr std::size_t kMostRules = 8'192;

/// One egress rule of a security group, in AWS's shape.
struct EgressRule {
  std::int16_t protocol = -1;    ///< IP protocol number; -1: every protocol. Other ones than TCP, UDP, ICMP: no ports
  std::uint16_t first_port = 0;  ///< TCP, UDP: lowest remote port. ICMP: type, or kAnyIcmp
  std::uint16_t last_port = 0;   ///< TCP, UDP: highest remote port. ICMP: code, or kAnyIcmp
  Ipv4Prefix destination;
  bool operator==(const EgressRule&) const = default;
};

/// Union of the egress rules of a mapping's security groups; a packet that matches none is refused. At most kMostRules.
struct RuleSet {
  std::vector<EgressRule> rules;
  bool operator==(const RuleSet&) const = default;
};

/// Where a subnet meets the data plane: an outside attachment by name, and the VNI or VLAN id there (0 on a plain one).
struct Segment {
  std::string attachment;
  std::uint32_t id = 0;
  bool operator==(const Segment&) const = default;
};

struct Subnet {
  SubnetNumber number{};
  std::string id;            ///< "subnet-…"
  std::uint32_t tenant = 0;  ///< index into Table::tenants
  Ipv4Prefix prefix;
  Segment segment;
  Ipv4Address router;
  std::vector<Ipv4Address> vteps;  ///< ends of the segment's tunnels (tunnel attachments only)
  std::uint32_t route_set = 0;     ///< index into Table::route_sets
  bool operator==(const Subnet&) const = default;
};

struct Interface {
  std::string id;         ///< "eni-…"
  std::uint64_t uid = 0;  ///< unique over the life of the control plane's database, never 0
  Ipv4Address address;
  MacAddress mac;
  bool drains = false;  ///< goes on with the flows it has, and gets no new ones
  bool operator==(const Interface&) const = default;
};

/// A network configuration as the data plane knows it.
struct Mapping {
  MappingNumber number{};
  std::uint64_t uid =
      0;  ///< unique over the life of the control plane's database, never 0; a reused number has a new uid
  std::uint32_t tenant = 0;    ///< index into Table::tenants
  std::uint32_t subnet = 0;    ///< index into Table::subnets
  std::uint32_t rule_set = 0;  ///< index into Table::rule_sets
  std::vector<Interface> interfaces;
  bool operator==(const Mapping&) const = default;
};

struct Table {
  std::uint64_t epoch = 0;       ///< of the control plane's database; a restored one starts a higher epoch
  std::uint64_t generation = 0;  ///< counts published tables within the epoch, from 1
  std::vector<TunnelPeer> peers;
  std::vector<Tenant> tenants;
  std::vector<RouteSet> route_sets;
  std::vector<RuleSet> rule_sets;
  std::vector<Subnet> subnets;
  std::vector<Mapping> mappings;  ///< sorted by number
  bool operator==(const Table&) const = default;
};

/// A table that must not be used; `what()` says which object, what was found and what was expected.
class TableError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Checks all that a reader relies on: indices in range, numbers and uids unique, addresses inside their subnets and
/// not those of the router, segments used once, routes sorted. Throws TableError naming the first contradiction.
void validate(const Table& table);

/// The table as published: a header (magic, version, length, SHA-256 of the payload) and a FlatBuffer (table.fbs).
/// Throws TableError when `validate` does.
std::vector<std::byte> write_table(const Table& table);

/// Verifies the header, the checksum and every offset, then validates. Throws TableError.
Table read_table(std::span<const std::byte> bytes);

/// Lower-case hexadecimal SHA-256 of the bytes as published.
std::string sha256_hex(std::span<const std::byte> bytes);

}  // namespace hypernat::config
