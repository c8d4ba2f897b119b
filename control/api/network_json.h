// Networks, worker hosts and mappings as the management paths read and write them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "control/api/json_fields.h"
#include "control/store/records.h"

namespace hypernat::control {

/// What a path names beside the body.
struct ObjectName {
  std::string account;
  std::string id;
};

Account read_account(const ObjectName& name, Fields& body);
Vpc read_vpc(const ObjectName& name, Fields& body);
RouteTable read_route_table(const ObjectName& name, Fields& body);
SecurityGroup read_security_group(const ObjectName& name, Fields& body);
Subnet read_subnet(const ObjectName& name, Fields& body);
WorkerHost read_worker_host(const std::string& name, Fields& body);

nlohmann::json to_json(const Account& account);
nlohmann::json to_json(const Vpc& vpc);
nlohmann::json to_json(const RouteTable& table);
nlohmann::json to_json(const SecurityGroup& group);
nlohmann::json to_json(const Subnet& subnet);
nlohmann::json to_json(const WorkerHost& host);
nlohmann::json to_json(const Interface& interface);

}  // namespace hypernat::control
