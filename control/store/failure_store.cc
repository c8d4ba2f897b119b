#include "control/store/failure_store.h"

#include "control/store/counters.h"

namespace hypernat::control {

std::vector<FailureOrder> list_failure_orders(Database& database) {
  auto rows = database.query(
      "SELECT number, code, account, subnet, security_group, role, times_left FROM provisioning_failures "
      "ORDER BY number");
  const auto text = [&](int column) { return rows.is_null(column) ? std::nullopt : std::optional(rows.text(column)); };
  std::vector<FailureOrder> orders;
  while (rows.step()) {
    orders.push_back({.number = rows.as<std::uint64_t>(0),
                      .code = rows.text(1),
                      .account = text(2),
                      .subnet = text(3),
                      .group = text(4),
                      .role = text(5),
                      .times = {}});
    if (!rows.is_null(6)) orders.back().times = rows.as<std::uint32_t>(6);
  }
  return orders;
}

std::uint64_t insert(Database& database, const FailureOrder& order) {
  const auto number = take_uid(database);
  database.run("INSERT INTO provisioning_failures VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", number, order.code,
               order.account, order.subnet, order.group, order.role, order.times);
  return number;
}

void carry_out(Database& database, const FailureOrder& order) {
  if (!order.times) return;
  if (*order.times <= 1) {
    erase_failure_order(database, order.number);
  } else {
    database.run("UPDATE provisioning_failures SET times_left = times_left - 1 WHERE number = ?1", order.number);
  }
}

bool erase_failure_order(Database& database, std::uint64_t number) {
  auto row = database.query("DELETE FROM provisioning_failures WHERE number = ?1 RETURNING 1", number);
  const bool existed = row.step();
  while (existed && row.step()) {
  }
  return existed;
}

}  // namespace hypernat::control
