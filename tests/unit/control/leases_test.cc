// Leases: an interface for one environment, through the life that shared mappings have.
#include <gtest/gtest.h>

#include "control/lifecycle/table_builder.h"
#include "control/store/mapping_store.h"
#include "control/store/schema.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

constexpr const char* kLeases = "/hypernat/v1/leases";

class Leasing : public ::testing::Test {
 protected:
  Leasing() { start({}); }

  void start(const WorldSettings& settings) {
    world = std::make_unique<World>(settings);
    world->declare();
    world->create("web", {"subnet-a"}, {"sg-1", "sg-2"});
    world->run();
  }

  Reply request(const std::string& function, const Json& more = Json::object()) {
    Json body{{"Account", kAcme}, {"FunctionName", function}};
    body.merge_patch(more);
    return world->call("POST", kLeases, body);
  }
  /// One whose interface takes no time to be made.
  Json quick(const std::string& function = "web") { return request(function, {{"ProvisioningMilliseconds", 0}}).body; }
  Reply get(const Json& id) { return world->call("GET", std::string(kLeases) + "/" + id.get<std::string>()); }
  Reply give_back(const Json& id) { return world->call("DELETE", std::string(kLeases) + "/" + id.get<std::string>()); }
  Json all() { return world->call("GET", kLeases).body.at("Leases"); }
  Json mapping(const Json& uid) {
    for (const auto& each : world->mappings())
      if (each["Uid"] == uid) return each;
    return nullptr;
  }
  std::int64_t now() const { return to_milliseconds(world->clock.now()); }
  void renew(const std::string& name, const std::string& zone, const std::string& address) {
    world->call("PUT", "/hypernat/v1/worker-hosts/" + name,
                {{"Address", address}, {"Zone", zone}, {"Socket", "/run/" + name + ".sock"}, {"Slots", 64}});
  }
  Reply place(const std::string& function, const Json& lease) {
    return world->call("POST", "/hypernat/v1/placements",
                       {{"Account", kAcme}, {"FunctionName", function}, {"Lease", lease}});
  }

  std::unique_ptr<World> world;
};

TEST_F(Leasing, tells_when_each_step_happened_and_nothing_before_it_did) {
  const auto requested = now();
  const auto reply = request("web", {{"ProvisioningMilliseconds", 1000}, {"LifetimeSeconds", 60}});
  ASSERT_EQ(reply.status, 201) << reply.body;
  const auto& id = reply.body["Id"];
  EXPECT_TRUE(id.get<std::string>().starts_with("lease-"));
  EXPECT_EQ(reply.body, (Json{{"Id", id},
                              {"Account", kAcme},
                              {"FunctionName", "web"},
                              {"State", "Pending"},
                              {"StateReasonCode", "Creating"},
                              {"StateReason", "its interface is being made"},
                              {"Mapping", 2},
                              {"MappingUid", reply.body["MappingUid"]},
                              {"RequestedAt", requested},
                              {"ExpiresAt", requested + 60'000}}));
  world->clock.advance(999ms);
  world->beat();
  EXPECT_FALSE(get(id).body.contains("ProvisionedAt"));

  world->clock.advance(1ms);
  world->store.is_failing = true;
  world->beat();
  auto lease = get(id).body;
  EXPECT_EQ(lease["ProvisionedAt"], requested + 1000);
  EXPECT_EQ(lease["Address"], "10.0.1.5");
  EXPECT_EQ(lease["InterfaceId"], mapping(lease["MappingUid"])["Interfaces"][0]["Id"]);
  EXPECT_FALSE(lease.contains("PublishedAt")) << "the store did not take it";

  world->clock.advance(10ms);
  world->store.is_failing = false;
  world->beat();
  lease = get(id).body;
  EXPECT_EQ(lease["PublishedAt"], requested + 1010);
  EXPECT_EQ(lease["State"], "Pending");
  EXPECT_NE(lease["StateReason"].get<std::string>().find("dp1 is at generation"), std::string::npos);
  EXPECT_FALSE(lease.contains("ActiveAt"));

  world->clock.advance(20ms);
  world->report("dp1");
  world->beat();
  lease = get(id).body;
  EXPECT_EQ(lease["State"], "Active");
  EXPECT_EQ(lease["StateReason"], "");
  EXPECT_EQ(lease["StateReasonCode"], "");
  EXPECT_EQ(lease["ActiveAt"], requested + 1030);
  EXPECT_EQ(all(), Json::array({lease}));
}

TEST_F(Leasing, takes_as_long_as_an_environments_interface_unless_told_otherwise) {
  const auto id = request("web").body["Id"];
  world->clock.advance(9'999ms);
  world->run();
  EXPECT_EQ(get(id).body["State"], "Pending");
  world->clock.advance(1ms);
  world->run();
  EXPECT_EQ(get(id).body["State"], "Active");
  EXPECT_EQ(get(id).body["ExpiresAt"].get<std::int64_t>() - get(id).body["RequestedAt"].get<std::int64_t>(), 900'000);
}

TEST_F(Leasing, waits_for_every_live_data_plane) {
  world->report("dp2");  // does not follow
  const auto id = quick()["Id"];
  world->report("dp1");
  world->beat();
  EXPECT_EQ(get(id).body["State"], "Pending");
  EXPECT_NE(get(id).body["StateReason"].get<std::string>().find("dp2"), std::string::npos);
  world->report("dp2");
  world->beat();
  EXPECT_EQ(get(id).body["State"], "Active");
}

TEST_F(Leasing, shares_its_mapping_with_nobody) {
  const auto first = quick();
  const auto second = quick();
  world->create("api", {"subnet-a"}, {"sg-2", "sg-1"});
  world->run();
  const auto mappings = world->mappings();
  ASSERT_EQ(mappings.size(), 3U);
  EXPECT_EQ(mappings[0]["Functions"], Json({"api", "web"}));
  EXPECT_FALSE(mappings[0].contains("Lease"));
  for (const auto& lease : {first, second}) {
    const auto own = mapping(lease["MappingUid"]);
    EXPECT_EQ(own["Lease"], lease["Id"]);
    EXPECT_EQ(own["Number"], lease["Mapping"]);
    EXPECT_EQ(own["Functions"], Json::array());
    EXPECT_EQ(own["SubnetId"], "subnet-a");
    EXPECT_EQ(own["SecurityGroupIds"], mappings[0]["SecurityGroupIds"]);
  }
  const auto table = world->table();
  ASSERT_EQ(table.mappings.size(), 3U);
  EXPECT_EQ(table.mappings[1].rule_set, table.mappings[0].rule_set);
  EXPECT_NE(table.mappings[1].interfaces[0].address, table.mappings[2].interfaces[0].address);
  const auto interfaces = world->call("GET", "/hypernat/v1/interfaces").body["Interfaces"];
  EXPECT_FALSE(interfaces[0].contains("Lease"));
  EXPECT_EQ(interfaces[2]["Lease"], second["Id"]);
  EXPECT_EQ(world->call("GET", "/hypernat/v1/status").body["Leases"], 2);
}

TEST_F(Leasing, ends_at_once_with_its_address_while_its_number_rests) {
  WorldSettings settings;
  settings.control.release_after = 20min;
  start(settings);
  const auto lease = quick();
  world->run();
  EXPECT_EQ(give_back(lease["Id"]).status, 204);
  EXPECT_EQ(world->mappings().size(), 1U);
  EXPECT_EQ(world->table().mappings.size(), 1U);
  EXPECT_EQ(get(lease["Id"]).error, "ResourceNotFoundException");
  EXPECT_EQ(give_back(lease["Id"]).status, 204) << "asked again by somebody who got no answer";
  const auto next = quick();
  EXPECT_EQ(next["Mapping"], 3);
  world->run();
  EXPECT_EQ(get(next["Id"]).body["Address"], "10.0.1.5");
}

TEST_F(Leasing, expires_whatever_state_it_is_in) {
  const auto active = request("web", {{"ProvisioningMilliseconds", 0}, {"LifetimeSeconds", 5}}).body["Id"];
  const auto pending = request("web", {{"ProvisioningMilliseconds", 9000}, {"LifetimeSeconds", 6}}).body["Id"];
  world->run();
  world->clock.advance(4'999ms);
  world->beat();
  EXPECT_EQ(get(active).body["State"], "Active");
  world->clock.advance(1ms);
  world->beat();
  EXPECT_EQ(get(active).status, 404);
  EXPECT_EQ(get(pending).body["State"], "Pending");
  world->clock.advance(1s);
  world->beat();
  EXPECT_EQ(all(), Json::array());
  EXPECT_EQ(world->mappings().size(), 1U);
}

TEST_F(Leasing, that_fails_says_so_in_awss_words_and_holds_nothing) {
  WorldSettings settings;
  settings.control.interfaces_per_vpc = 2;
  start(settings);
  const auto good = quick()["Id"];
  const auto failed = quick();
  auto lease = get(failed["Id"]).body;
  EXPECT_EQ(lease["State"], "Failed");
  EXPECT_EQ(lease["StateReasonCode"], "EniLimitExceeded");
  EXPECT_NE(lease["StateReason"].get<std::string>().find("vpc-1 has 2 interfaces"), std::string::npos);
  EXPECT_EQ(lease["Mapping"], failed["Mapping"]);
  EXPECT_FALSE(lease.contains("Address"));
  EXPECT_EQ(mapping(failed["MappingUid"]), nullptr);
  world->run();
  EXPECT_EQ(get(failed["Id"]).body["State"], "Failed") << "and stays so";
  give_back(good);
  EXPECT_EQ(give_back(failed["Id"]).status, 204);
  EXPECT_EQ(all(), Json::array());
}

TEST_F(Leasing, fails_when_the_subnet_is_full) {
  auto subnet = subnet_body();  // 10.0.9.0/29: .4 and .5 can be given
  subnet["Cidr"] = "10.0.9.0/29";
  subnet["Router"] = "10.0.9.6";
  subnet["Segment"]["Id"] = 7000;
  ASSERT_EQ(world->put("/subnets/small", subnet).status, 200);
  world->create("tight", {"small"}, {"sg-1"});
  const auto first = quick("tight")["Id"];
  EXPECT_EQ(get(quick("tight")["Id"]).body["StateReasonCode"], "SubnetOutOfIPAddresses");
  give_back(first);
  EXPECT_EQ(get(quick("tight")["Id"]).body["Address"], "10.0.9.5");
}

TEST_F(Leasing, goes_with_its_function) {
  quick();
  request("web");
  world->create("api", {"subnet-a"}, {"sg-1"});
  const auto other = quick("api")["Id"];
  EXPECT_EQ(world->call("DELETE", "/2015-03-31/functions/web").status, 204);
  ASSERT_EQ(all().size(), 1U);
  EXPECT_EQ(all()[0]["Id"], other);
  EXPECT_EQ(world->mappings().size(), 2U);
  EXPECT_EQ(world->erase("/security-groups/sg-2").status, 204) << "nothing of web is left";
}

TEST_F(Leasing, keeps_its_subnet_and_groups_in_use) {
  const auto id = quick()["Id"];
  world->update("web", {"subnet-b"}, {"sg-2"});
  world->run();
  EXPECT_EQ(world->function("web")["LastUpdateStatus"], "Successful");
  EXPECT_EQ(world->erase("/security-groups/sg-1").error, "ResourceConflictException");
  EXPECT_EQ(world->erase("/subnets/subnet-a").error, "ResourceConflictException");
  give_back(id);
  EXPECT_EQ(world->erase("/subnets/subnet-a").status, 204);
}

TEST_F(Leasing, of_several_subnets_takes_those_with_a_live_worker_host_in_turn) {
  world->create("wide", {"subnet-a", "subnet-b"}, {"sg-1"});
  const auto subnets = [&] {
    std::vector<std::string> ids;
    for (int i = 0; i < 4; ++i) ids.push_back(mapping(quick("wide")["MappingUid"])["SubnetId"]);
    std::sort(ids.begin(), ids.end());
    return ids;
  };
  EXPECT_EQ(subnets(), (std::vector<std::string>{"subnet-a", "subnet-a", "subnet-b", "subnet-b"})) << "no host at all";
  renew("wh1", "b", "192.0.2.11");
  EXPECT_EQ(subnets(), (std::vector<std::string>(4, "subnet-b")));
  renew("wh2", "a", "192.0.2.12");
  EXPECT_EQ(subnets(), (std::vector<std::string>{"subnet-a", "subnet-a", "subnet-b", "subnet-b"}));
}

TEST_F(Leasing, is_what_a_placement_leads_through) {
  renew("wh1", "a", "192.0.2.11");
  const auto lease = quick();
  const auto early = place("web", lease["Id"]);
  EXPECT_EQ(early.error, "ResourceConflictException");
  EXPECT_NE(early.body["Message"].get<std::string>().find("is Pending; expected one that is Active"),
            std::string::npos);
  world->run();
  const auto placed = place("web", lease["Id"]).body;
  EXPECT_EQ(placed["Mapping"], lease["Mapping"]);
  EXPECT_EQ(placed["MappingUid"], lease["MappingUid"]);
  EXPECT_EQ(placed["Resolver"], "10.0.1.53");
  EXPECT_EQ(placed["WorkerHost"], "wh1");
  EXPECT_EQ(placed["Command"], Json({"cat"}));
  world->create("api", {"subnet-a"}, {"sg-1"});
  EXPECT_EQ(place("api", lease["Id"]).error, "ResourceConflictException") << "another function's";
  give_back(lease["Id"]);
  EXPECT_EQ(place("web", lease["Id"]).error, "ResourceNotFoundException");
  EXPECT_EQ(place("web", "lease-1").error, "InvalidRequestContentException");
}

TEST_F(Leasing, refuses_each_mistake_by_name) {
  world->create("plain", {}, {});
  const struct {
    const char* function;
    Json change;
    const char* error;
    const char* message;
  } mistakes[] = {
      {"nobody", Json::object(), "ResourceNotFoundException", "nobody"},
      {"plain", Json::object(), "InvalidParameterValueException", "found plain, which has no network"},
      {"web", {{"LifetimeSeconds", 0}}, "InvalidRequestContentException", "a whole number from 1 to 86400"},
      {"web", {{"LifetimeSeconds", 86401}}, "InvalidRequestContentException", "LifetimeSeconds: found 86401"},
      {"web", {{"ProvisioningMilliseconds", -1}}, "InvalidRequestContentException", "from 0 to 3600000"},
      {"web", {{"Account", "1"}}, "InvalidRequestContentException", "12 decimal digits"},
      {"web", {{"Subnet", "a"}}, "InvalidRequestContentException", "Subnet: found an unknown member"},
  };
  for (const auto& mistake : mistakes) {
    const auto reply = request(mistake.function, mistake.change);
    EXPECT_EQ(reply.error, mistake.error) << reply.body;
    EXPECT_NE(reply.body["Message"].get<std::string>().find(mistake.message), std::string::npos) << reply.body;
  }
  EXPECT_EQ(get("lease-1").error, "InvalidParameterValueException");
  EXPECT_EQ(get("lease-0000000000000000z").error, "InvalidParameterValueException");
  EXPECT_EQ(get("lease-00000000000000009").error, "ResourceNotFoundException");
  EXPECT_EQ(world->call("PUT", std::string(kLeases) + "/lease-00000000000000009").status, 404);
  EXPECT_EQ(all(), Json::array());
  EXPECT_EQ(world->mappings().size(), 1U);
}

TEST_F(Leasing, survives_a_restart_in_any_state) {
  TemporaryDirectory directory;
  WorldSettings settings;
  settings.database = directory / "control.db";
  settings.control.interfaces_per_vpc = 2;
  start(settings);
  const auto pending = request("web", {{"ProvisioningMilliseconds", 60'000}, {"LifetimeSeconds", 3600}}).body["Id"];
  quick();
  quick();  // fails
  world->run();
  const auto before = all();
  world->restart();
  EXPECT_EQ(all(), before);
  world->clock.advance(15min);
  world->run();
  EXPECT_EQ(all().size(), 1U) << "two have expired";
  EXPECT_EQ(get(pending).body["State"], "Active");
}

TEST(LeaseId, is_read_back_as_it_was_written_and_nothing_else_is) {
  EXPECT_EQ(lease_id(0x2a), "lease-0000000000000002a");
  EXPECT_EQ(parse_lease_id(lease_id(0x1234567890abcdefULL)), 0x1234567890abcdefULL);
  for (const char* text : {"", "lease-", "lease-2a", "eni-0000000000000002a", "lease-0000000000000002A",
                           "lease-+000000000000002a", "lease-0000000000000002a0", "lease-fffffffffffffffff"})
    EXPECT_EQ(parse_lease_id(text), std::nullopt) << text;
}

}  // namespace
}  // namespace hypernat::control::testing
