#include "control/store/interface_store.h"

#include "control/store/encoding.h"
#include "control/store/mapping_store.h"

namespace hypernat::control {
namespace {

constexpr const char* kInterfaces =
    "SELECT uid, mapping, address, state, is_extra, generation, since, change FROM interfaces ";
constexpr const char* kWanted = "SELECT mapping, uid, since, reason_code, reason FROM wanted_interfaces ";

Interface read_interface(const Statement& row) {
  Interface interface {
    .uid = row.as<std::uint64_t>(0), .mapping = row.as<std::uint64_t>(1),
    .address = Ipv4Address::from_host(row.as<std::uint32_t>(2)), .state = decode_interface_state(row.text(3)),
    .is_extra = row.integer(4) != 0, .generation = {}, .since = from_milliseconds(row.integer(6)),
    .change = row.as<std::uint64_t>(7)
  };
  if (!row.is_null(5)) interface.generation = row.as<std::uint64_t>(5);
  return interface;
}

std::vector<Interface> read_interfaces(Statement rows) {
  std::vector<Interface> interfaces;
  while (rows.step()) interfaces.push_back(read_interface(rows));
  return interfaces;
}

WantedInterface read_wanted(const Statement& row) {
  return {.mapping = row.as<std::uint64_t>(0),
          .uid = row.as<std::uint64_t>(1),
          .since = from_milliseconds(row.integer(2)),
          .reason_code = row.text(3),
          .reason = row.text(4)};
}

}  // namespace

std::optional<Interface> find_interface(Database& database, std::uint64_t uid) {
  auto row = database.query(std::string(kInterfaces) + "WHERE uid = ?1", uid);
  return row.step() ? std::optional(read_interface(row)) : std::nullopt;
}

std::vector<Interface> list_interfaces(Database& database, std::uint64_t mapping) {
  return read_interfaces(database.query(std::string(kInterfaces) + "WHERE mapping = ?1 ORDER BY uid", mapping));
}

std::vector<Interface> list_interfaces(Database& database) {
  return read_interfaces(database.query(std::string(kInterfaces) + "ORDER BY mapping, uid"));
}

void insert_interface(Database& database, const Interface& interface, std::uint32_t subnet) {
  database.run("INSERT INTO interfaces VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", interface.uid, interface.mapping,
               subnet, interface.address.host(), to_string(interface.state), static_cast<int>(interface.is_extra),
               interface.generation, to_milliseconds(interface.since), interface.change);
}

void erase_interface(Database& database, std::uint64_t uid) {
  database.run("DELETE FROM interfaces WHERE uid = ?1", uid);
}

void update_state(Database& database, const Interface& interface) {
  database.run("UPDATE interfaces SET state = ?2, generation = ?3, since = ?4, change = ?5 WHERE uid = ?1",
               interface.uid, to_string(interface.state), interface.generation, to_milliseconds(interface.since),
               interface.change);
}

bool has_interfaces_to_publish(Database& database, std::uint64_t next_uid) {
  return database.query("SELECT 1 FROM interfaces WHERE generation IS NULL AND change < ?1", next_uid).step();
}

void set_first_generation(Database& database, std::uint64_t generation, std::uint64_t next_uid) {
  database.run("UPDATE interfaces SET generation = ?1 WHERE generation IS NULL AND change < ?2", generation, next_uid);
}

std::vector<Interface> list_interfaces_to_confirm(Database& database, std::uint64_t generation, std::uint32_t most) {
  return read_interfaces(
      database.query(std::string(kInterfaces) +
                         "WHERE state IN ('publishing', 'leaving') AND generation <= ?1 ORDER BY generation LIMIT ?2",
                     generation, most));
}

std::vector<Interface> list_draining_interfaces(Database& database) {
  return read_interfaces(database.query(std::string(kInterfaces) + "WHERE state = 'draining' ORDER BY since, uid"));
}

std::vector<std::uint64_t> list_widened_mappings(Database& database) {
  auto rows = database.query("SELECT DISTINCT mapping FROM interfaces WHERE is_extra = 1 ORDER BY mapping");
  std::vector<std::uint64_t> mappings;
  while (rows.step()) mappings.push_back(rows.as<std::uint64_t>(0));
  return mappings;
}

std::optional<WantedInterface> find_wanted_interface(Database& database, std::uint64_t mapping) {
  auto row = database.query(std::string(kWanted) + "WHERE mapping = ?1", mapping);
  return row.step() ? std::optional(read_wanted(row)) : std::nullopt;
}

std::vector<WantedInterface> list_wanted_interfaces(Database& database) {
  auto rows = database.query(std::string(kWanted) + "ORDER BY since, mapping");
  std::vector<WantedInterface> wanted;
  while (rows.step()) wanted.push_back(read_wanted(rows));
  return wanted;
}

void put(Database& database, const WantedInterface& wanted) {
  database.run("INSERT OR REPLACE INTO wanted_interfaces VALUES (?1, ?2, ?3, ?4, ?5)", wanted.mapping, wanted.uid,
               to_milliseconds(wanted.since), wanted.reason_code, wanted.reason);
}

void erase_wanted_interface(Database& database, std::uint64_t mapping) {
  database.run("DELETE FROM wanted_interfaces WHERE mapping = ?1", mapping);
}

std::vector<MappedInterfaces> list_mapped_interfaces(Database& database) {
  auto rows = database.query(
      "SELECT mappings.uid, number, account, mappings.subnet, group_set, interfaces.uid, address, interfaces.state "
      "FROM mappings JOIN interfaces ON interfaces.mapping = mappings.uid ORDER BY number, interfaces.uid");
  std::vector<MappedInterfaces> mappings;
  while (rows.step()) {
    const auto uid = rows.as<std::uint64_t>(0);
    if (mappings.empty() || mappings.back().uid != uid) {
      auto& mapping = mappings.emplace_back();
      mapping.uid = uid;
      mapping.number = rows.as<std::uint32_t>(1);
      mapping.account = rows.text(2);
      mapping.subnet = rows.as<std::uint32_t>(3);
      mapping.group_key = mapping.account + ',' + rows.text(4);
    }
    auto& interface = mappings.back().interfaces.emplace_back();
    interface.uid = rows.as<std::uint64_t>(5);
    interface.mapping = uid;
    interface.address = Ipv4Address::from_host(rows.as<std::uint32_t>(6));
    interface.state = decode_interface_state(rows.text(7));
  }
  return mappings;
}

std::vector<std::string> groups_of(const MappedInterfaces& mapping) {
  auto groups = split_group_set(mapping.group_key);
  groups.erase(groups.begin());
  return groups;
}

std::vector<Ipv4Address> used_addresses(Database& database, std::uint32_t subnet) {
  auto rows = database.query("SELECT address FROM interfaces WHERE subnet = ?1 ORDER BY address", subnet);
  std::vector<Ipv4Address> addresses;
  while (rows.step()) addresses.push_back(Ipv4Address::from_host(rows.as<std::uint32_t>(0)));
  return addresses;
}

bool is_address_used(Database& database, std::uint32_t subnet, Ipv4Address address) {
  return database.query("SELECT 1 FROM interfaces WHERE subnet = ?1 AND address = ?2", subnet, address.host()).step();
}

std::uint32_t count_interfaces(Database& database, const std::string& account, const std::string& vpc) {
  auto row = database.query(
      "SELECT total(interfaces) FROM subnets JOIN interface_counts ON interface_counts.subnet = subnets.number "
      "WHERE account = ?1 AND vpc = ?2",
      account, vpc);
  row.step();
  return row.as<std::uint32_t>(0);
}

}  // namespace hypernat::control
