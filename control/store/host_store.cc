#include "control/store/host_store.h"

#include "control/store/encoding.h"

namespace hypernat::control {
namespace {

WorkerHost read_host(const Statement& row) {
  return {.name = row.text(0),
          .address = decode_address(row.text(1)),
          .block = decode_prefix(row.text(2)),
          .zone = row.text(3),
          .socket = row.text(4),
          .slots = row.as<std::uint32_t>(5)};
}

}  // namespace

std::optional<WorkerHost> find_worker_host(Database& database, const std::string& name) {
  auto row = database.query("SELECT * FROM worker_hosts WHERE name = ?1", name);
  return row.step() ? std::optional(read_host(row)) : std::nullopt;
}

std::vector<WorkerHost> list_worker_hosts(Database& database) {
  auto rows = database.query("SELECT * FROM worker_hosts ORDER BY name");
  std::vector<WorkerHost> hosts;
  while (rows.step()) hosts.push_back(read_host(rows));
  return hosts;
}

void put(Database& database, const WorkerHost& host) {
  database.run(
      "INSERT INTO worker_hosts VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (name) DO UPDATE SET "
      "address = excluded.address, zone = excluded.zone, socket = excluded.socket, slots = excluded.slots",
      host.name, to_string(host.address), to_string(host.block), host.zone, host.socket, host.slots);
}

}  // namespace hypernat::control
