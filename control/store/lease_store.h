// Leases, and what has become of their interfaces: rows in, values out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/store/records.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

/// A lease and the interface of its mapping, when there is one: all that is said of it, by one query for all.
struct LeasedInterface {
  Lease lease;
  std::optional<Interface> interface;
};

std::optional<LeasedInterface> find_lease(Database& database, std::uint64_t uid);
/// All, by uid and so by age.
std::vector<LeasedInterface> list_leases(Database& database);
std::vector<Lease> list_leases_of(Database& database, const std::string& account, const std::string& function);
std::vector<Lease> list_expired_leases(Database& database, TimePoint now);
/// Neither active nor failed, and their mapping has got further than they say.
std::vector<Lease> list_leases_behind(Database& database);
/// Neither active nor failed, in a generation that has been given, and not yet said to be published.
std::vector<Lease> list_leases_in_table(Database& database);
void put(Database& database, const Lease& lease);
void erase_lease(Database& database, std::uint64_t uid);

}  // namespace hypernat::control
