// What the database holds, as values.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/group_rule.h"
#include "config/table.h"
#include "config/types.h"
#include "control/lifecycle/clock.h"

namespace hypernat::control {

struct Account {
  std::string account;       ///< 12 decimal digits
  std::uint32_t number = 0;  ///< given once, never reused
  std::string name;
  config::TenantLimits limits{};
  config::TenantTimeouts timeouts{};
  bool operator==(const Account&) const = default;
};

struct Vpc {
  std::string account;
  std::string id;
  Ipv4Prefix cidr;
  std::optional<Ipv4Address> resolver;
  bool operator==(const Vpc&) const = default;
};

struct RouteTable {
  std::string account;
  std::string id;
  std::string vpc;
  std::vector<config::Route> routes;  ///< in the order given
  bool operator==(const RouteTable&) const = default;
};

struct SecurityGroup {
  std::string account;
  std::string id;
  std::string vpc;
  std::vector<config::GroupRule> egress;
  std::vector<Ipv4Address> members{};  ///< beside the interfaces that carry it
  bool operator==(const SecurityGroup&) const = default;
};

struct Subnet {
  std::uint32_t number = 0;  ///< given once, never reused
  std::string account;
  std::string id;
  std::string vpc;
  Ipv4Prefix cidr;
  std::string zone;
  Ipv4Address router;
  config::Segment segment;
  std::vector<Ipv4Address> vteps;
  std::vector<Ipv4Address> reserved;  ///< addresses never given to interfaces, beyond AWS's five
  std::optional<std::string> route_table;
  bool operator==(const Subnet&) const = default;
};

/// "eni-" and the uid in AWS's seventeen hexadecimal digits.
std::string interface_id(std::uint64_t uid);
/// The uid of an interface with this id; nothing when it is no interface's id.
std::optional<std::uint64_t> parse_interface_id(const std::string& id);

enum class MappingState : std::uint8_t {
  kProvisioning,  ///< the interface is being made
  kPublishing,    ///< in the table; some data plane does not hold it yet
  kActive,
  kFailed,     ///< no interface could be had; reason says why
  kReleasing,  ///< nothing refers to it any more; still in the table
};

enum class InterfaceState : std::uint8_t {
  kPublishing,  ///< in the table; some data plane does not hold it yet
  kActive,
  kLeaving,   ///< in the table as one for old flows only; some data plane may still open new ones through it
  kDraining,  ///< no data plane opens a flow through it; some may have old ones
};

struct Interface {
  std::uint64_t uid = 0;
  std::uint64_t mapping = 0;  ///< uid
  Ipv4Address address;
  InterfaceState state = InterfaceState::kPublishing;
  bool is_extra = false;                    ///< added for the load; goes without it
  std::optional<std::uint64_t> generation;  ///< of the first table of this epoch that holds it in this state
  TimePoint since;                          ///< of the last change of state, by the wall clock
  std::uint64_t change = 0;                 ///< a uid given when it came into this state
  bool operator==(const Interface&) const = default;

  std::string id() const { return interface_id(uid); }
  MacAddress mac() const;
  /// Whether it is on its way out: no new flows.
  bool drains() const { return state == InterfaceState::kLeaving || state == InterfaceState::kDraining; }
};

/// One more interface, for a mapping whose ports run short.
struct WantedInterface {
  std::uint64_t mapping = 0;  ///< uid
  std::uint64_t uid = 0;      ///< that it will have
  TimePoint since;            ///< when the present attempt began, or begins
  std::string reason_code;    ///< why the attempt before failed; empty: none did
  std::string reason;
};

struct Mapping {
  std::uint64_t uid = 0;
  std::uint32_t number = 0;
  std::string account;
  std::uint32_t subnet = 0;         ///< number
  std::vector<std::string> groups;  ///< sorted
  std::uint64_t lease = 0;          ///< uid of the lease it is made for; 0: shared by functions
  std::optional<std::chrono::milliseconds> provisioning_time;  ///< nothing: as long as interfaces take
  MappingState state = MappingState::kProvisioning;
  std::string reason_code;
  std::string reason;
  TimePoint since;  ///< of the last change of state
  bool operator==(const Mapping&) const = default;
};

/// A function's VpcConfig, as its owner gave it. Both lists are empty for a function without a network.
struct FunctionNetwork {
  std::vector<std::string> subnets;
  std::vector<std::string> groups;
  bool is_empty() const { return subnets.empty() && groups.empty(); }
  bool operator==(const FunctionNetwork&) const = default;
};

/// What has nothing to do with networks.
struct FunctionSettings {
  std::string role;
  std::string runtime;
  std::string handler;
  std::string description;
  std::uint32_t timeout_seconds = 3;
  std::uint32_t memory_megabytes = 128;
  std::map<std::string, std::string> environment;
  std::uint64_t code_size = 0;
  std::string code_sha256;  ///< base64
  std::string revision;
  std::int64_t last_modified = 0;  ///< Unix milliseconds
  bool operator==(const FunctionSettings&) const = default;
};

enum class FunctionState : std::uint8_t { kPending, kActive, kInactive, kFailed };
enum class UpdateStatus : std::uint8_t { kSuccessful, kInProgress, kFailed };

/// A function as it is ($LATEST), or as it was when a version of it was published.
struct Function {
  std::string account;
  std::string name;
  std::uint32_t version = 0;  ///< 0: $LATEST
  FunctionSettings settings;
  FunctionNetwork network;
  std::optional<FunctionNetwork> next_network;
  FunctionState state = FunctionState::kPending;
  std::string reason_code;
  std::string reason;
  UpdateStatus update_status = UpdateStatus::kSuccessful;
  std::string update_reason_code;
  std::string update_reason;
  std::optional<TimePoint> used_at;  ///< its last use that was noted; nothing: it has no network
  std::uint32_t published = 0;       ///< of $LATEST: the number last given to a version; 0: none was
  bool operator==(const Function&) const = default;
};

/// "lease-" and the uid in AWS's seventeen hexadecimal digits.
std::string lease_id(std::uint64_t uid);

/// A mapping of one execution environment's own, for as long as it is wanted.
struct Lease {
  std::uint64_t uid = 0;
  std::string account;
  std::string function;
  std::uint64_t mapping = 0;         ///< uid
  std::uint32_t mapping_number = 0;  ///< what a failed lease had, its mapping being gone
  TimePoint requested_at;
  std::optional<TimePoint> provisioned_at;  ///< its interface had been made
  std::optional<TimePoint> published_at;    ///< the store held the generation that holds it
  std::optional<TimePoint> active_at;
  TimePoint expires_at;
  std::string reason_code;  ///< why it failed; empty: it did not
  std::string reason;
  bool operator==(const Lease&) const = default;

  std::string id() const { return lease_id(uid); }
  bool has_failed() const { return !reason_code.empty(); }
};

/// The uid of a lease with this id; nothing when it is no lease's id.
std::optional<std::uint64_t> parse_lease_id(const std::string& id);

struct WorkerHost {
  std::string name;
  Ipv4Address address;
  Ipv4Prefix block;
  std::string zone;
  std::string socket;
  std::uint32_t slots = 0;
  bool operator==(const WorkerHost&) const = default;
};

struct Publication {
  std::uint64_t epoch = 0;
  std::uint64_t generation = 0;
  std::string table_sha256;
};

std::string to_string(MappingState state);    ///< as the database says it
std::string to_string(InterfaceState state);  ///< as the database says it
std::string to_string(FunctionState state);   ///< as AWS says it
std::string to_string(UpdateStatus status);   ///< as AWS says it

}  // namespace hypernat::control
