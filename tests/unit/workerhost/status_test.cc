#include "control/workerhost/status.h"
#include "config/json.h"

#include <gtest/gtest.h>

#include <set>

#include "control/api/environment_protocol.h"

namespace hypernat::workerhost {
namespace {

TEST(Status, HoldsSlotsEnvironmentsAndEveryCounterByName) {
  HostStatus status{.name = "wh1", .block = *parse_ipv4_prefix("100.64.0.0/20")};
  status.heartbeat.is_answered = true;
  status.slots = {.total = 8, .free = 5, .used = 2, .resting = 1};
  status.environments.push_back({.slot = 3,
                                 .address = *parse_ipv4_address("100.64.0.4"),
                                 .function = "acme-web",
                                 .mapping = 100,
                                 .pid = 4711,
                                 .age = std::chrono::milliseconds(1500)});
  status.making = {.made = 8, .took = std::chrono::milliseconds(20), .available_memory_drop = 8 * 300'000};
  status.steering_entries = 4;
  status.counts[STEERING_OUTBOUND_SENT] = 7;
  status.counts[STEERING_OUTBOUND_SOURCE] = 9;
  const auto json = nlohmann::json::parse(to_json(status));
  EXPECT_EQ(json["Event"], "status");
  EXPECT_EQ(json["Block"], "100.64.0.0/20");
  EXPECT_EQ(json["Registered"], true);
  EXPECT_EQ(json["Slots"], (nlohmann::json{{"Total", 8}, {"Free", 5}, {"Used", 2}, {"Resting", 1}}));
  EXPECT_EQ(json["Environments"][0]["Address"], "100.64.0.4");
  EXPECT_EQ(json["Environments"][0]["Milliseconds"], 1500);
  EXPECT_EQ(json["SlotsMade"],
            (nlohmann::json{{"Number", 8}, {"Milliseconds", 20}, {"MemAvailableDropPerSlotBytes", 300'000}}));
  EXPECT_EQ(json["SteeringEntries"], 4);
  EXPECT_EQ(json["Packets"], (nlohmann::json{{"inbound_sent", 0}, {"outbound_sent", 7}}));
  EXPECT_EQ(json["Drops"]["outbound_source_address"], 9);
  EXPECT_EQ(json["Drops"].size(), STEERING_COUNTS - 2U);
}

TEST(Status, FitsOnePacketHoweverManyEnvironmentsRun) {
  HostStatus status{.name = "wh1", .block = *parse_ipv4_prefix("100.64.0.0/20")};
  EnvironmentStatus environment{.slot = 4'000,
                                .address = *parse_ipv4_address("100.64.15.254"),
                                .function = std::string(10'000, '\xff'),
                                .mapping = kMaxNumber24,
                                .pid = 4'194'304,
                                .age = std::chrono::hours(24)};
  for (int count = 0; count < 4'000; ++count) status.environments.push_back(environment);
  const std::string text = to_json(status);
  EXPECT_LE(text.size(), control::kMaxEnvironmentMessage);
  EXPECT_EQ(nlohmann::json::parse(text)["Running"], 4'000);
}

TEST(SteeringCount, EveryCounterHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t count = 0; count < STEERING_COUNTS; ++count) names.insert(steering_count_name(count));
  EXPECT_EQ(names.size(), std::size_t{STEERING_COUNTS});
  EXPECT_FALSE(names.contains(""));
  EXPECT_EQ(steering_count_name(STEERING_OUTBOUND_SOURCE), "outbound_source_address");
  EXPECT_EQ(steering_count_name(STEERING_INBOUND_MAC), "inbound_mac_address");
}

}  // namespace
}  // namespace hypernat::workerhost
