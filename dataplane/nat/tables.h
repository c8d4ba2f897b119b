// A mapping table as the packet path reads it: compiled, immutable, dense.
//
// The main lcore compiles each new config::Table beside the one in use and switches all workers to it between bursts.
// Objects keep their slot for as long as they stand, so that flows may hold slots across generations; a slot that was
// freed is not given away before every worker has swept the flows that held it. Route and rule sets are shared by
// content, between subnets and between generations. Vectors are as long as the highest slot in use.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/table.h"
#include "config/types.h"
#include "dataplane/flow/flow.h"
#include "dataplane/flow/memory.h"
#include "dataplane/nat/interface_map.h"

namespace hypernat::dataplane {

/// 24-bit numbers to slots in two loads: a directory of pages, only those in use being there.
class NumberMap {
 public:
  static constexpr std::uint32_t kMissing = 0xffffffff;
  std::uint32_t find(std::uint32_t number) const {
    const auto& page = pages_[number >> kPageBits & kPageMask];
    return page ? (*page)[number & kPageMask] : kMissing;
  }
  void set(std::uint32_t number, std::uint32_t slot);

 private:
  static constexpr unsigned kPageBits = 12;
  static constexpr std::uint32_t kPageMask = (1U << kPageBits) - 1;
  using Page = std::vector<std::uint32_t>;
  std::vector<std::unique_ptr<Page>> pages_ = std::vector<std::unique_ptr<Page>>(1U << kPageBits);
};

class CompiledRoutes;  // nat/routes.h
class CompiledRules;   // nat/rules.h

struct TenantEntry {
  std::string account;
  std::uint32_t number = 0;
  config::TenantLimits limits;
  FlowTimeouts timeouts = kNoTimeouts;  ///< each 0: the data plane's
  bool in_use = false;                  ///< false: nobody's slot in this generation
};

struct SubnetEntry {
  SubnetNumber number{};
  std::uint32_t tenant = 0;     ///< slot
  std::uint8_t attachment = 0;  ///< index of the outside attachment
  bool in_use = false;          ///< false: nobody's slot in this generation
  std::uint32_t segment_id = 0;
  Ipv4Prefix prefix;
  Ipv4Address router;
  std::vector<Ipv4Address> vteps;
  std::shared_ptr<const CompiledRoutes> routes;
  std::string id;
};

struct InterfaceEntry {
  std::uint64_t uid = 0;      ///< 0: nobody's slot in this generation
  std::uint32_t mapping = 0;  ///< slot
  std::uint32_t subnet = 0;   ///< slot
  std::uint32_t tenant = 0;   ///< slot
  std::uint32_t segment_id = 0;
  Ipv4Address address;
  MacAddress mac;
  std::uint8_t attachment = 0;
  std::string id;
};

/// Of an interface, what its packets leave with: all that most packets need of it, four in a cache line.
struct InterfaceEgress {
  std::uint32_t segment_id = 0;
  std::uint32_t tenant = 0;  ///< slot
  MacAddress mac;
  std::uint8_t attachment = 0;
};
static_assert(sizeof(InterfaceEgress) == 16);

struct MappingEntry {
  std::uint64_t uid = 0;  ///< 0: nobody's slot in this generation
  MappingNumber number{};
  std::uint32_t tenant = 0;               ///< slot
  std::uint32_t subnet = 0;               ///< slot
  std::vector<std::uint32_t> interfaces;  ///< slots of those that get new flows
  std::shared_ptr<const CompiledRules> rules;
};

struct Tables {
  static constexpr std::uint32_t kMissing = NumberMap::kMissing;

  std::uint64_t epoch = 0;
  std::uint64_t generation = 0;  ///< 0: no table yet
  std::string sha256;
  std::vector<config::TunnelPeer> peers;  ///< sorted by address
  std::vector<TenantEntry> tenants;
  bool any_packet_limit = false;  ///< some tenant has one: else no packet is counted
  bool several_tenants = false;   ///< between whom workers' room is shared: who is alone may have all of it
  std::vector<SubnetEntry> subnets;
  std::vector<InterfaceEntry> interfaces;
  std::vector<MappingEntry> mappings;
  NumberMap mapping_by_number;
  NumberMap subnet_by_number;
  /// By attachment index (inside ones stay empty): segment id to subnet slot (plain: id 0).
  std::vector<NumberMap> subnet_by_segment;

  InterfaceMap interface_by_address;

  /// By slot, dense, what every packet needs: numbers for its key, and what it leaves with.
  RandomAccessVector<MappingNumber> mapping_numbers;
  RandomAccessVector<SubnetNumber> subnet_numbers;
  RandomAccessVector<Ipv4Address> first_vteps;        ///< of subnets; zero: none
  RandomAccessVector<std::uint32_t> mapping_tenants;  ///< slots
  RandomAccessVector<InterfaceEgress> interface_egress;

  /// Slots that got a new object in this generation; counters of the old one are forgotten.
  std::vector<std::uint32_t> new_tenants;
  std::vector<std::uint32_t> new_interfaces;
  /// Mapping or interface slots were freed in this generation, or freed earlier and not reclaimed: flows may hold them.
  bool sweep_needed = false;

  /// Slot of the tenant whose segment it is: the mapping's inside, the subnet's outside.
  std::uint32_t tenant_of(Side side, std::uint32_t slot) const {
    return side == Side::kInside ? mapping_tenants[slot] : subnets[slot].tenant;
  }
  /// The worker host whose tunnel ends at `address`, or null.
  const config::TunnelPeer* find_peer(Ipv4Address address) const;
  /// Slot of the interface of `subnet` (slot) that has `address`, or kMissing.
  std::uint32_t find_interface(std::uint32_t subnet, Ipv4Address address) const {
    return interface_by_address.find(subnet, address).slot;
  }
  /// So many that most are not in the cache when a packet needs one; else asking ahead for one costs more than it
  /// gains.
  bool has_many_interfaces() const { return interfaces.size() > 1024; }
  /// Slot of some interface of `subnet` (slot), or kMissing when it has none.
  std::uint32_t any_interface(std::uint32_t subnet) const;

 private:
  friend class TableCompiler;
  std::vector<std::uint32_t> first_interfaces_;  ///< by subnet slot: of the lowest address
};

}  // namespace hypernat::dataplane
