// What a data plane counts, as tables: flows, drops, tenants, workers, the packet account.
#include <iostream>

#include "config/json.h"
#include "control/cli/commands.h"
#include "control/cli/print_json.h"
#include "control/cli/telemetry_client.h"
#include "control/cli/text_table.h"

namespace hypernat::cli {
namespace {

using nlohmann::json;

constexpr const char* kAccountMembers[] = {"received", "taken_over", "originated", "sent",   "handed_over",
                                           "dropped",  "consumed",   "held",       "balance"};

std::string lcore_text(const json& object, const char* name) {
  return object.value(name, -1) < 0 ? "none" : member_text(object, name);
}

}  // namespace

int show_flows(const Options& options) {
  const auto flows = TelemetryClient(options.dataplane).ask_pages("/hypernat/flows");
  if (options.output == Output::kJson) return print_json(flows);
  TextTable table({"MAPPING", "PROTOCOL", "STATE", "INSIDE", "INTERFACE", "REMOTE", "OUT", "IN", "IDLE", "WORKER"});
  const auto endpoint = [](const json& flow, const std::string& name, const std::string& port) {
    return member_text(flow, name) + ":" + member_text(flow, port);
  };
  for (const auto& flow : flows)
    table.add({member_text(flow, "mapping"), member_text(flow, "protocol"), member_text(flow, "state"),
               endpoint(flow, "inside", "inside_port"), endpoint(flow, "interface_address", "interface_port"),
               endpoint(flow, "remote", "remote_port"), member_text(flow, "outbound_packets"),
               member_text(flow, "inbound_packets"), member_text(flow, "idle_ms") + " ms",
               member_text(flow, "worker")});
  std::cout << (flows.empty() ? "no flows\n" : table.to_string());
  return 0;
}

int show_drops(const Options& options) {
  const auto drops = TelemetryClient(options.dataplane).ask("/hypernat/drops");
  if (options.output == Output::kJson) return print_json(drops);
  TextTable table({"REASON", "PACKETS"});
  for (const auto& [reason, packets] : drops.items())
    if (packets != 0) table.add({reason, plain_text(packets)});
  std::cout << (table.size() == 0 ? "nothing dropped\n" : table.to_string());
  return 0;
}

int show_tenants(const Options& options) {
  const auto tenants = TelemetryClient(options.dataplane).ask_pages("/hypernat/tenants");
  if (options.output == Output::kJson) return print_json(tenants);
  const auto of_limit = [](const json& tenant, const char* used, const char* limit) {
    return member_text(tenant, used) + (tenant.value(limit, 0U) == 0 ? "" : " of " + member_text(tenant, limit));
  };
  const auto rate = [](const json& tenant, const char* limit) {
    return tenant.value(limit, 0U) == 0 ? "no limit" : member_text(tenant, limit);
  };
  TextTable table({"ACCOUNT", "FLOWS", "OPENED", "NEW/S", "PACKETS/S", "DROPPED", "AT ITS FLOWS", "AT ITS NEW/S",
                   "AT ITS PACKETS/S", "WITHOUT PORT", "RESETS"});
  for (const auto& tenant : tenants)
    table.add({member_text(tenant, "account"), of_limit(tenant, "flows_open", "flow_limit"),
               member_text(tenant, "flows_opened"), rate(tenant, "new_flow_limit"), rate(tenant, "packet_limit"),
               member_text(tenant, "drops"), member_text(tenant, "limit_reached"),
               member_text(tenant, "new_flow_limit_reached"), member_text(tenant, "packet_limit_reached"),
               member_text(tenant, "ports_exhausted"), member_text(tenant, "resets")});
  std::cout << (tenants.empty() ? "no tenants\n" : table.to_string());
  return 0;
}

int show_workers(const Options& options) {
  const auto workers = TelemetryClient(options.dataplane).ask_pages("/hypernat/workers");
  if (options.output == Output::kJson) return print_json(workers);
  TextTable table({"WORKER", "LCORE", "GOES TO", "LAST ROUND"});
  for (const auto& worker : workers) {
    const bool moves = worker.value("lcore", -1) != worker.value("wanted_lcore", -1);
    table.add({member_text(worker, "worker"), lcore_text(worker, "lcore"),
               moves ? lcore_text(worker, "wanted_lcore") : "-",
               member_text(worker, "milliseconds_since_round") + " ms ago"});
  }
  std::cout << table.to_string();
  return 0;
}

int show_account(const Options& options) {
  const TelemetryClient dataplane(options.dataplane);
  auto workers = json::array();
  const auto sum = dataplane.ask("/hypernat/account");
  for (const auto& worker : sum.at("workers")) {
    auto account = dataplane.ask("/hypernat/account", plain_text(worker));
    account["worker"] = worker;
    workers.push_back(std::move(account));
  }
  if (options.output == Output::kJson) return print_json(workers);
  std::vector<std::string> headings{"WORKER", "LCORE"};
  headings.insert(headings.end(), std::begin(kAccountMembers), std::end(kAccountMembers));
  TextTable table(headings);
  for (const auto& account : workers) {
    std::vector<std::string> cells{member_text(account, "worker"), lcore_text(account, "lcore")};
    for (const auto* name : kAccountMembers) cells.push_back(member_text(account, name));
    table.add(std::move(cells));
  }
  std::cout << table.to_string();
  return 0;
}

}  // namespace hypernat::cli
