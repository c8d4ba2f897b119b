// Registered worker hosts and their blocks: rows in, values out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/store/records.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

std::optional<WorkerHost> find_worker_host(Database& database, const std::string& name);
/// All, by name.
std::vector<WorkerHost> list_worker_hosts(Database& database);
void put(Database& database, const WorkerHost& host);

}  // namespace hypernat::control
