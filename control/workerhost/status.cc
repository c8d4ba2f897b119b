#include "control/workerhost/status.h"

#include "config/json.h"

namespace hypernat::workerhost {
namespace {

using Json = nlohmann::json;

/// AWS Lambda's own limit.
constexpr std::size_t kLongestFunctionName = 64;

Json environments(const HostStatus& status) {
  Json list = Json::array();
  for (const EnvironmentStatus& environment : status.environments) {
    if (list.size() == kMostEnvironmentsListed) break;
    list.push_back({{"Slot", environment.slot},
                    {"Address", to_string(environment.address)},
                    {"Function", environment.function.substr(0, kLongestFunctionName)},
                    {"Mapping", environment.mapping},
                    {"Pid", environment.pid},
                    {"Milliseconds", environment.age.count()}});
  }
  return list;
}

}  // namespace

std::string to_json(const HostStatus& status) {
  Json packets = Json::object();
  Json drops = Json::object();
  for (std::size_t which = 0; which < status.counts.size(); ++which) {
    Json& group = which <= STEERING_INBOUND_SENT ? packets : drops;
    group[std::string(steering_count_name(which))] = status.counts[which];
  }
  const Json object = {{"Event", "status"},
                       {"Name", status.name},
                       {"Block", to_string(status.block)},
                       {"Registered", status.heartbeat.is_answered},
                       {"RegistrationFailure", status.heartbeat.failure},
                       {"Slots",
                        {{"Total", status.slots.total},
                         {"Free", status.slots.free},
                         {"Used", status.slots.used},
                         {"Resting", status.slots.resting}}},
                       {"SlotsMade",
                        {{"Number", status.making.made},
                         {"Milliseconds", status.making.took.count()},
                         {"MemAvailableDropPerSlotBytes", status.making.drop_per_slot()}}},
                       {"Running", status.environments.size()},
                       {"Environments", environments(status)},
                       {"SteeringEntries", status.steering_entries},
                       {"Packets", packets},
                       {"Drops", drops}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hypernat::workerhost
