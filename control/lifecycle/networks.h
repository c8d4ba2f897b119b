// What accounts declare of their networks, and what is accepted.
//
// Every `put` creates or replaces, says whether anything changed, and refuses what would contradict what exists: what
// is accepted here makes a table that validates. Callers hold a transaction.
#pragma once

#include <string>

#include "control/store/records.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

/// Whether a `put` changed anything.
enum class Outcome : std::uint8_t { kUnchanged, kChanged };

class Networks {
 public:
  explicit Networks(Database& database) : database_(database) {}

  /// Numbers inside the values are ignored: they are given here.
  Outcome put_account(Account account);
  Outcome put_vpc(const Vpc& vpc);
  Outcome put_route_table(const RouteTable& table);
  Outcome put_security_group(const SecurityGroup& group);
  Outcome put_subnet(Subnet subnet);

  void erase_account(const std::string& account);
  void erase_vpc(const std::string& account, const std::string& id);
  void erase_route_table(const std::string& account, const std::string& id);
  void erase_security_group(const std::string& account, const std::string& id);
  void erase_subnet(const std::string& account, const std::string& id);

  /// Each throws a Refusal when there is none.
  Account account(const std::string& account);
  Vpc vpc(const std::string& account, const std::string& id);
  RouteTable route_table(const std::string& account, const std::string& id);
  SecurityGroup security_group(const std::string& account, const std::string& id);
  Subnet subnet(const std::string& account, const std::string& id);

 private:
  void check_destinations(const SecurityGroup& group);
  void refuse_if_destination(const SecurityGroup& group);
  void check_place(const Subnet& subnet, const Vpc& vpc);
  void check_segment(const Subnet& subnet);
  void check_interfaces(const Subnet& subnet, const Subnet& before);

  Database& database_;
};

}  // namespace hypernat::control
