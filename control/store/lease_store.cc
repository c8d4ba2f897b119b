#include "control/store/lease_store.h"

#include "control/store/encoding.h"

namespace hypernat::control {
namespace {

// The columns of the interface come last, so that they may be absent.
constexpr const char* kLeases =
    "SELECT leases.uid, leases.account, function, leases.mapping, mapping_number, requested_at, provisioned_at, "
    "published_at, active_at, expires_at, leases.reason_code, leases.reason FROM leases ";
constexpr const char* kLeasedInterfaces =
    "SELECT leases.uid, account, function, leases.mapping, mapping_number, requested_at, provisioned_at, "
    "published_at, active_at, expires_at, reason_code, reason, "
    "interfaces.uid, interfaces.address, interfaces.state, interfaces.generation "
    "FROM leases LEFT JOIN interfaces ON interfaces.mapping = leases.mapping ";
constexpr int kInterfaceColumn = 12;

std::optional<TimePoint> time_in(const Statement& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(from_milliseconds(row.integer(column)));
}

std::optional<std::int64_t> milliseconds_of(const std::optional<TimePoint>& time) {
  return time ? std::optional(to_milliseconds(*time)) : std::nullopt;
}

Lease read_lease(const Statement& row) {
  return {.uid = row.as<std::uint64_t>(0),
          .account = row.text(1),
          .function = row.text(2),
          .mapping = row.as<std::uint64_t>(3),
          .mapping_number = row.as<std::uint32_t>(4),
          .requested_at = from_milliseconds(row.integer(5)),
          .provisioned_at = time_in(row, 6),
          .published_at = time_in(row, 7),
          .active_at = time_in(row, 8),
          .expires_at = from_milliseconds(row.integer(9)),
          .reason_code = row.text(10),
          .reason = row.text(11)};
}

LeasedInterface read_leased_interface(const Statement& row) {
  LeasedInterface leased{.lease = read_lease(row), .interface = {}};
  if (row.is_null(kInterfaceColumn)) return leased;
  auto& interface = leased.interface.emplace();
  interface.uid = row.as<std::uint64_t>(kInterfaceColumn);
  interface.mapping = leased.lease.mapping;
  interface.address = Ipv4Address::from_host(row.as<std::uint32_t>(kInterfaceColumn + 1));
  interface.state = decode_interface_state(row.text(kInterfaceColumn + 2));
  if (!row.is_null(kInterfaceColumn + 3)) interface.generation = row.as<std::uint64_t>(kInterfaceColumn + 3);
  return leased;
}

std::vector<Lease> read_leases(Statement rows) {
  std::vector<Lease> leases;
  while (rows.step()) leases.push_back(read_lease(rows));
  return leases;
}

}  // namespace

std::optional<LeasedInterface> find_lease(Database& database, std::uint64_t uid) {
  auto row = database.query(std::string(kLeasedInterfaces) + "WHERE leases.uid = ?1", uid);
  return row.step() ? std::optional(read_leased_interface(row)) : std::nullopt;
}

std::vector<LeasedInterface> list_leases(Database& database) {
  auto rows = database.query(std::string(kLeasedInterfaces) + "ORDER BY leases.uid");
  std::vector<LeasedInterface> leases;
  while (rows.step()) leases.push_back(read_leased_interface(rows));
  return leases;
}

std::vector<Lease> list_leases_of(Database& database, const std::string& account, const std::string& function) {
  return read_leases(
      database.query(std::string(kLeases) + "WHERE account = ?1 AND function = ?2 ORDER BY uid", account, function));
}

std::vector<Lease> list_expired_leases(Database& database, TimePoint now) {
  return read_leases(
      database.query(std::string(kLeases) + "WHERE expires_at <= ?1 ORDER BY expires_at, uid", to_milliseconds(now)));
}

std::vector<Lease> list_leases_behind(Database& database) {
  return read_leases(database.query(
      std::string(kLeases) +
      "JOIN mappings ON mappings.uid = leases.mapping WHERE active_at IS NULL AND leases.reason_code = '' "
      "AND (state IN ('failed', 'active') OR (state = 'publishing' AND provisioned_at IS NULL)) ORDER BY leases.uid"));
}

std::vector<Lease> list_leases_in_table(Database& database) {
  return read_leases(database.query(
      std::string(kLeases) +
      "JOIN interfaces ON interfaces.mapping = leases.mapping WHERE active_at IS NULL AND leases.reason_code = '' "
      "AND published_at IS NULL AND interfaces.generation IS NOT NULL ORDER BY leases.uid"));
}

void put(Database& database, const Lease& lease) {
  database.run(
      "INSERT INTO leases VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0) "
      "ON CONFLICT (uid) DO UPDATE SET provisioned_at = excluded.provisioned_at, "
      "published_at = excluded.published_at, active_at = excluded.active_at, reason_code = excluded.reason_code, "
      "reason = excluded.reason",
      lease.uid, lease.account, lease.function, lease.mapping, lease.mapping_number,
      to_milliseconds(lease.requested_at), milliseconds_of(lease.provisioned_at), milliseconds_of(lease.published_at),
      milliseconds_of(lease.active_at), to_milliseconds(lease.expires_at), lease.reason_code, lease.reason);
}

void erase_lease(Database& database, std::uint64_t uid) {
  database.run("DELETE FROM leases WHERE uid = ?1", uid);
}

}  // namespace hypernat::control
