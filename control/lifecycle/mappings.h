// A mapping's life: from a network configuration that some function asked for to a number, interfaces, and back.
//
//   acquire → provisioning → publishing → active → releasing → gone
//                   └→ failed                └→ (acquired again) active
//
// References are rows that functions hold; a mapping without any is released, and removed when `release_after` has
// passed. A mapping of one lease's own has no references: it is made and discarded with the lease. Callers hold a
// transaction.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/store.h"
#include "control/lifecycle/journal.h"
#include "control/lifecycle/settings.h"
#include "control/provisioning/provisioner.h"
#include "control/store/records.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

/// What a mapping is made for.
struct NetworkConfiguration {
  std::string account;
  std::uint32_t subnet = 0;         ///< number
  std::vector<std::string> groups;  ///< the exact set: sorted, each once
};

/// What distinguishes the mapping of one lease; one that functions share has neither.
struct OwnMapping {
  std::uint64_t lease = 0;                                     ///< uid
  std::optional<std::chrono::milliseconds> provisioning_time;  ///< nothing: as long as interfaces take
};

/// Now, by both clocks.
struct Moment {
  TimePoint now;
  TimePoint wall;
};

/// By subnet: every address below this one cannot be given, as long as nothing but interfaces is made.
using AddressFloors = std::map<std::uint32_t, Ipv4Address>;

/// Whether a data plane holds this generation or a later one.
bool holds(const config::DataplaneStatus& status, std::uint64_t epoch, std::uint64_t generation);

/// The statuses of the data planes that are alive: younger than three of their beats.
std::vector<config::DataplaneStatus> live_dataplanes(const std::vector<config::DataplaneStatus>& statuses,
                                                     TimePoint wall);

/// What an interface that is not active waits for, for people.
std::string publication_reason(const Interface& interface, std::uint64_t epoch,
                               const std::vector<config::DataplaneStatus>& live);

class Mappings {
 public:
  struct Parts {
    Database& database;
    const Settings& settings;
    Provisioner& provisioner;
    Journal& journal;
    const Clock& clock;  ///< whose wall clock numbers rest by: data planes forget them by theirs
  };
  explicit Mappings(const Parts& parts) : parts_(parts) {}

  /// The mapping of this configuration, made or revived when need be; a failed one is tried again. Returns its uid.
  std::uint64_t acquire(const NetworkConfiguration& configuration, TimePoint now);
  /// A new mapping of this configuration that no function will share.
  Mapping make_own(const NetworkConfiguration& configuration, const OwnMapping& own, TimePoint now);
  /// The mapping of a lease goes at once, with its address; its number rests. Nothing when it has gone before.
  void discard(std::uint64_t uid);
  /// Whatever no function refers to begins to be released.
  void release_unreferenced(TimePoint now);

  // Each of these takes a bounded number of steps; what is left is for the next call.

  /// Mappings whose interface has been made get its address, or fail. When the next is expected; nothing: not known.
  std::optional<TimePoint> allot_due(const Moment& moment);
  /// Interfaces that every live data plane holds become active, and their mappings with them; those that it holds as
  /// leaving drain.
  void confirm(const std::vector<config::DataplaneStatus>& live, const Moment& moment);
  /// Released mappings whose time has come go.
  void remove_due(TimePoint now);

  /// Gives a mapping an interface that has been made, or says why there is none: the provisioner's word, the VPC's
  /// quota, the subnet's addresses.
  std::optional<ProvisioningFailure> add_interface(const Mapping& mapping, Interface interface, AddressFloors& floors);
  /// An interface comes into another state, which tables tell of.
  void turn(Interface& interface, InterfaceState state, TimePoint wall);

  /// What a mapping that is not active waits for, for people.
  std::string reason(const Mapping& mapping, const std::vector<config::DataplaneStatus>& live);

 private:
  Mapping make(const NetworkConfiguration& configuration, const OwnMapping& own, TimePoint now);
  void note_state(const Mapping& mapping);
  void remove(const Mapping& mapping);
  void move_to(Mapping& mapping, MappingState state, TimePoint now);
  void fail(Mapping& mapping, const std::string& code, const std::string& reason, TimePoint now);
  void allot(Mapping& mapping, AddressFloors& floors, const Moment& moment);
  std::optional<ProvisioningFailure> refuse(const Mapping& mapping, const Subnet& subnet);
  std::string describe(const Mapping& mapping);

  Parts parts_;
};

}  // namespace hypernat::control
