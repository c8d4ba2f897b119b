// What the control plane knows, as tables: status, functions, mappings, interfaces, worker hosts.
#include <cstdio>
#include <exception>
#include <iostream>
#include <map>

#include "config/json.h"
#include "control/api/environment_client.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/print_json.h"
#include "control/cli/text_table.h"

namespace hypernat::cli {
namespace {

using nlohmann::json;

/// One row per object, one column per (heading, member).
std::string table_of(const json& objects, const std::vector<std::pair<std::string, std::string>>& columns) {
  std::vector<std::string> headings;
  for (const auto& column : columns) headings.push_back(column.first);
  TextTable table(headings);
  for (const auto& object : objects) {
    std::vector<std::string> cells;
    for (const auto& column : columns) cells.push_back(member_text(object, column.second));
    table.add(std::move(cells));
  }
  return table.to_string();
}

std::string members_of(const json& objects, const std::string& name) {
  std::string text;
  for (const auto& object : objects) text += (text.empty() ? "" : ", ") + member_text(object, name);
  return text;
}

/// The functions that share a mapping, or the lease that has it alone.
std::string users_of(const json& mapping) {
  const auto functions = member_text(mapping, "Functions");
  return functions.empty() ? member_text(mapping, "Lease") : functions;
}

/// "Pending (Creating)", or the state alone when there is nothing to add.
std::string state_of(const json& function) {
  const auto state = member_text(function, "State");
  const auto reason = member_text(function, "StateReasonCode");
  if (member_text(function, "LastUpdateStatus") == "InProgress" && state == "Active") return state + " (updating)";
  return state == "Active" || reason.empty() ? state : state + " (" + reason + ")";
}

/// What a worker host says of itself, when it runs on this machine; else an empty object.
json own_status(const json& host) {
  try {
    const auto status = json::parse(control::EnvironmentClient::query_status(member_text(host, "Socket")));
    // Worker hosts of other machines may have the same path.
    if (member_text(status, "Name") == member_text(host, "Name")) return status;
  } catch (const std::exception&) {
    // Nobody is there, or nobody that speaks the protocol: the control plane's part is all there is to show.
  }
  return json::object();
}

}  // namespace

int show_status(const Options& options) {
  const auto status = ControlConnection(options.control).get("/hypernat/v1/status");
  if (options.output == Output::kJson) return print_json(status);
  std::cout << "mapping table   generation " << member_text(status, "Generation") << " of epoch "
            << member_text(status, "Epoch") << ", SHA-256 " << member_text(status, "TableSha256") << "\n"
            << "objects         " << member_text(status, "Functions") << " functions, "
            << member_text(status, "Mappings") << " mappings, " << member_text(status, "Interfaces") << " interfaces, "
            << member_text(status, "Leases") << " leases\n";
  if (const auto problem = member_text(status, "StoreProblem"); !problem.empty())
    std::cout << "store           " << problem << "\n";
  std::cout << "\n";
  TextTable dataplanes({"DATA PLANE", "LIVE", "GENERATION", "TABLE", "REFUSED"});
  for (const auto& node : status.value("Dataplanes", json::array()))
    dataplanes.add({member_text(node, "Node"), member_text(node, "Live"), member_text(node, "Generation"),
                    member_text(node, "TableSha256").substr(0, 12), member_text(node, "Refusal")});
  std::cout << dataplanes.to_string();
  for (const auto& node : status.value("Dataplanes", json::array())) {
    for (const auto& worker : node.value("StalledWorkers", json::array()))
      std::cout << member_text(node, "Node") << ": worker " << worker << " does not poll; its log says since when\n";
  }
  if (dataplanes.size() == 0) std::cout << "none has reported: functions stay Pending until one does\n";
  std::cout
      << "\n"
      << table_of(
             status.value("WorkerHosts", json::array()),
             {{"WORKER HOST", "Name"}, {"LIVE", "Live"}, {"ADDRESS", "Address"}, {"BLOCK", "Block"}, {"ZONE", "Zone"}});
  return 0;
}

int show_functions(const Options& options) {
  const ControlConnection control(options.control);
  const auto mappings = control.get("/hypernat/v1/mappings").at("Mappings");
  std::map<std::pair<std::string, std::string>, std::vector<const json*>> mappings_of;  // by account and name
  for (const auto& mapping : mappings)
    for (const auto& name : mapping.at("Functions"))
      mappings_of[{member_text(mapping, "Account"), name.get<std::string>()}].push_back(&mapping);

  auto all = json::array();
  TextTable table({"ACCOUNT", "FUNCTION", "STATE", "MAPPING", "INTERFACE", "ADDRESS"});
  for (const auto& account : control.accounts()) {
    for (const auto& function : control.functions(account)) {
      all.push_back(function);
      const auto name = member_text(function, "FunctionName");
      const auto& own = mappings_of[{account, name}];
      for (const auto* mapping : own) {
        const auto& interfaces = mapping->at("Interfaces");
        table.add({account, name, state_of(function), member_text(*mapping, "Number"), members_of(interfaces, "Id"),
                   members_of(interfaces, "Address")});
      }
      if (own.empty()) table.add({account, name, state_of(function)});
    }
  }
  if (options.output == Output::kJson) return print_json({{"Functions", all}});
  std::cout << table.to_string();
  return 0;
}

int show_interfaces(const Options& options) {
  const auto answer = ControlConnection(options.control).get("/hypernat/v1/interfaces");
  if (options.output == Output::kJson) return print_json(answer);
  std::cout << table_of(answer.at("Interfaces"), {{"INTERFACE", "Id"},
                                                  {"ADDRESS", "Address"},
                                                  {"MAC", "Mac"},
                                                  {"STATE", "State"},
                                                  {"ACCOUNT", "Account"},
                                                  {"SUBNET", "SubnetId"},
                                                  {"MAPPING", "MappingNumber"},
                                                  {"LEASE", "Lease"}});
  return 0;
}

int show_mappings(const Options& options) {
  const auto answer = ControlConnection(options.control).get("/hypernat/v1/mappings");
  if (options.output == Output::kJson) return print_json(answer);
  TextTable table({"MAPPING", "ACCOUNT", "SUBNET", "SECURITY GROUPS", "STATE", "ADDRESSES", "FUNCTIONS"});
  for (const auto& mapping : answer.at("Mappings"))
    table.add({member_text(mapping, "Number"), member_text(mapping, "Account"), member_text(mapping, "SubnetId"),
               member_text(mapping, "SecurityGroupIds"), member_text(mapping, "State"),
               members_of(mapping.value("Interfaces", json::array()), "Address"), users_of(mapping)});
  std::cout << table.to_string();
  return 0;
}

int show_leases(const Options& options) {
  const auto answer = ControlConnection(options.control).get("/hypernat/v1/leases");
  if (options.output == Output::kJson) return print_json(answer);
  TextTable table({"LEASE", "ACCOUNT", "FUNCTION", "STATE", "MAPPING", "INTERFACE", "ADDRESS"});
  for (const auto& lease : answer.at("Leases"))
    table.add({member_text(lease, "Id"), member_text(lease, "Account"), member_text(lease, "FunctionName"),
               state_of(lease), member_text(lease, "Mapping"), member_text(lease, "InterfaceId"),
               member_text(lease, "Address")});
  std::cout << table.to_string();
  return 0;
}

int show_worker_hosts(const Options& options) {
  auto answer = ControlConnection(options.control).get("/hypernat/v1/worker-hosts");
  TextTable table(
      {"WORKER HOST", "LIVE", "ADDRESS", "BLOCK", "ZONE", "SLOTS", "FREE", "MADE IN", "MEMORY EACH", "SOCKET"});
  for (auto& host : answer.at("WorkerHosts")) {
    const auto own = own_status(host);
    const auto slots = own.value("Slots", json::object());
    const auto made = own.value("SlotsMade", json::object());
    table.add({member_text(host, "Name"), member_text(host, "Live"), member_text(host, "Address"),
               member_text(host, "Block"), member_text(host, "Zone"), member_text(host, "Slots"),
               member_text(slots, "Free"), made.empty() ? "" : member_text(made, "Milliseconds") + " ms",
               made.empty() ? "" : std::to_string(made.value("MemAvailableDropPerSlotBytes", 0LL) / 1024) + " KiB",
               member_text(host, "Socket")});
    if (!own.empty()) host["Status"] = own;
  }
  if (options.output == Output::kJson) return print_json(answer);
  std::cout << table.to_string();
  return 0;
}

}  // namespace hypernat::cli
