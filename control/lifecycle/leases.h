// Leases: a mapping for one execution environment alone, as every environment had one before interfaces were shared.
//
// A lease is what a function's reference is otherwise: it keeps a mapping alive, through the same states, quotas and
// tables. It differs in that nobody else ever uses the mapping and that its end, whether told or by expiry, is the
// mapping's and its address's in the same transaction. A failed lease holds nothing; it stays to say why.
// Callers hold a transaction.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "control/lifecycle/mappings.h"
#include "control/lifecycle/worker_hosts.h"
#include "control/store/lease_store.h"

namespace hypernat::control {

struct LeaseRequest {
  std::string account;
  std::string function;
  std::chrono::milliseconds provisioning_time{};
  std::chrono::milliseconds lifetime{};
};

class Leases {
 public:
  struct Parts {
    Database& database;
    Mappings& mappings;
    const WorkerHosts& hosts;
    Journal& journal;
  };
  explicit Leases(const Parts& parts) : parts_(parts) {}

  /// Of the function's network as it is now. In which of several subnets: one whose zone has a live worker host, or any
  /// when none has; among equals, each in turn. Refuses when there is no such function, or it has no network.
  Lease request(const LeaseRequest& request, TimePoint now);
  /// Throws a Refusal when there is none.
  LeasedInterface lease(std::uint64_t uid);
  /// Ends a lease; one that is gone already stays so.
  void erase(std::uint64_t uid);
  /// Ends every lease of a function.
  void erase_all(const std::string& account, const std::string& function);

  /// Leases whose time has passed end.
  void expire(TimePoint now);
  /// Leases become what their mappings have become.
  void follow();
  /// The store holds the generation last given, and so every lease in it is published.
  void mark_published(TimePoint now);

  /// What a lease that is not active waits for, or why it failed, for people.
  std::string reason(const LeasedInterface& leased, const std::vector<config::DataplaneStatus>& live);

 private:
  Subnet choose_subnet(const Function& function);
  void end(const Lease& lease, const std::string& why);

  Parts parts_;
  std::uint64_t turn_ = 0;
};

}  // namespace hypernat::control
