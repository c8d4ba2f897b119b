// Orders to fail, for whoever wants to see what becomes of a failure: rows in, values out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/store/sqlite.h"

namespace hypernat::control {

/// What to fail with, and what for; whatever is absent fits anything.
struct FailureOrder {
  std::uint64_t number = 0;  ///< given once
  std::string code;          ///< one of AWS's reason codes
  std::optional<std::string> account;
  std::optional<std::string> subnet;
  std::optional<std::string> group;
  std::optional<std::string> role;
  std::optional<std::uint32_t> times;  ///< that are left; nothing: until it is taken back
};

/// By number.
std::vector<FailureOrder> list_failure_orders(Database& database);
/// Gives it a number and returns that.
std::uint64_t insert(Database& database, const FailureOrder& order);
/// One time less; with the last one it goes.
void carry_out(Database& database, const FailureOrder& order);
/// False: there was none.
bool erase_failure_order(Database& database, std::uint64_t number);

}  // namespace hypernat::control
