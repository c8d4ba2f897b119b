// Security groups as destinations: who is in one, what becomes of the rules in the table, and when it is published
// anew.
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

Json towards_group(const char* group) {
  return {{"Protocol", "tcp"}, {"FromPort", 5432}, {"ToPort", 5432}, {"DestinationGroupId", group}};
}

class Groups : public ::testing::Test {
 protected:
  Groups() {
    world.declare();
    world.put("/vpcs/vpc-2", {{"Cidr", "10.0.0.0/16"}});
    world.put("/security-groups/sg-elsewhere", {{"VpcId", "vpc-2"}, {"Egress", Json::array()}});
  }
  Reply put(const char* group, const std::vector<Json>& egress, const Json& members = Json::array()) {
    return world.put(std::string("/security-groups/") + group,
                     {{"VpcId", "vpc-1"}, {"Egress", Json(egress)}, {"Members", members}});
  }
  // Where the rules of the only mapping with these groups lead to.
  std::set<std::string> destinations(const char* function) {
    const auto table = world.table();
    std::set<std::string> prefixes;
    for (const auto& mapping : world.mappings()) {
      if (mapping["Functions"] != Json::array({function})) continue;
      for (const auto& row : table.mappings)
        if (to_number(row.number) == mapping["Number"].get<std::uint32_t>())
          for (const auto& rule : table.rule_sets[row.rule_set].rules) prefixes.insert(to_string(rule.destination));
    }
    return prefixes;
  }
  World world;
};

using Prefixes = std::set<std::string>;

TEST_F(Groups, are_shown_as_they_were_put) {
  const std::vector<Json> rules{towards_group("sg-2"),
                                {{"Protocol", "47"}, {"Destination", "10.0.0.0/16"}},
                                {{"Protocol", "-1"}, {"DestinationGroupId", "sg-1"}}};
  const Json members{"10.0.1.10", "10.0.7.7"};
  const auto shown = put("sg-1", rules, members);
  ASSERT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(shown.body["Egress"], Json(rules));
  EXPECT_EQ(shown.body["Members"], members);
  EXPECT_EQ(put("sg-1", rules, members).body["Changed"], false);
  EXPECT_EQ(put("sg-1", rules, {"10.0.1.10"}).body["Changed"], true);
  const auto named =
      put("sg-2", {Json{{"Protocol", "6"}, {"FromPort", 1}, {"ToPort", 2}, {"Destination", "0.0.0.0/0"}}});
  EXPECT_EQ(named.body["Egress"][0]["Protocol"], "tcp") << "by its number or by its name";
}

TEST_F(Groups, that_are_none_or_elsewhere_are_refused_as_destinations) {
  EXPECT_EQ(put("sg-1", {towards_group("sg-9")}).error, "ResourceNotFoundException");
  const auto other = put("sg-1", {towards_group("sg-elsewhere")});
  EXPECT_EQ(other.error, "InvalidParameterValueException");
  EXPECT_EQ(other.body["Message"], "Egress: found sg-elsewhere, which is of another VPC; expected one of vpc-1");
  auto both = towards_group("sg-2");
  both["Destination"] = "10.0.0.0/16";
  EXPECT_EQ(put("sg-1", {both}).error, "InvalidRequestContentException");
  EXPECT_EQ(put("sg-1", {Json{{"Protocol", "256"}, {"Destination", "10.0.0.0/16"}}}).error,
            "InvalidRequestContentException");
  EXPECT_EQ(put("sg-1", {}, {"10.1.0.1"}).error, "InvalidParameterValueException");
  EXPECT_EQ(put("sg-1", {}, {"10.0.0.9", "10.0.0.9"}).error, "InvalidParameterValueException");
  EXPECT_EQ(put("sg-1", {towards_group("sg-1")}).status, 200) << "its own members";
}

TEST_F(Groups, that_rules_lead_to_stay) {
  put("sg-1", {towards_group("sg-2")});
  put("sg-2", {}, {"10.0.9.9"});
  const auto reply = world.erase("/security-groups/sg-2");
  EXPECT_EQ(reply.error, "ResourceConflictException");
  EXPECT_NE(reply.body["Message"].get<std::string>().find("a rule of security group sg-1"), std::string::npos);
  EXPECT_EQ(world.put("/security-groups/sg-2", {{"VpcId", "vpc-2"}, {"Egress", Json::array()}}).error,
            "ResourceConflictException");
  EXPECT_EQ(world.put("/vpcs/vpc-1", {{"Cidr", "10.0.0.0/21"}}).error, "ResourceConflictException")
      << "10.0.9.9 would lie outside";
  put("sg-1", {});
  EXPECT_EQ(world.erase("/security-groups/sg-2").status, 204);
}

TEST_F(Groups, stand_for_listed_addresses_and_for_interfaces_that_carry_them) {
  put("sg-1", {towards_group("sg-2")});
  put("sg-2", {}, {"10.0.1.10"});
  world.create("web", {"subnet-a"}, {"sg-1"});  // 10.0.1.4
  world.run();
  auto generation = world.generation();
  EXPECT_EQ(destinations("web"), (Prefixes{"10.0.1.10/32"}));

  world.create("db", {"subnet-a", "subnet-b"}, {"sg-2"});  // 10.0.1.5 and 10.0.2.4
  world.run();
  EXPECT_EQ(destinations("web"), (Prefixes{"10.0.1.5/32", "10.0.1.10/32", "10.0.2.4/32"}));
  EXPECT_GT(world.generation(), generation);

  generation = world.generation();
  put("sg-2", {}, {"10.0.1.10", "10.0.1.11"});
  EXPECT_EQ(world.generation(), generation + 1) << "membership changed";
  EXPECT_EQ(destinations("web"), (Prefixes{"10.0.1.5/32", "10.0.1.10/31", "10.0.2.4/32"}));

  world.call("DELETE", "/2015-03-31/functions/db");
  world.run();
  EXPECT_EQ(destinations("web"), (Prefixes{"10.0.1.10/31"}));
  put("sg-2", {});
  EXPECT_EQ(destinations("web"), Prefixes{}) << "nobody is in it";
}

TEST_F(Groups, of_another_account_are_other_groups) {
  world.declare(kGlobex);
  put("sg-1", {towards_group("sg-2")});
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.create("theirs", {"subnet-a"}, {"sg-2"}, kGlobex);
  world.run();
  EXPECT_EQ(destinations("web"), Prefixes{});
}

TEST_F(Groups, of_one_mapping_may_lead_to_each_other) {
  put("sg-2", {});
  put("sg-1", {towards_group("sg-2")});
  put("sg-2", {towards_group("sg-1")});
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.create("db", {"subnet-b"}, {"sg-2"});
  world.run();
  EXPECT_EQ(destinations("web"), (Prefixes{"10.0.2.4/32"}));
  EXPECT_EQ(destinations("db"), (Prefixes{"10.0.1.4/32"}));
}

// Every rule once for each of many scattered members: more than a table takes.
TEST_F(Groups, that_come_to_too_many_rules_leave_the_table_valid) {
  Json members = Json::array();
  for (int i = 0; i < 600; ++i)
    members.push_back("10.0." + std::to_string(64 + i / 100) + "." + std::to_string(2 * (i % 100)));
  std::vector<Json> rules;
  for (int port = 1; port <= 30; ++port) {
    auto rule = towards_group("sg-2");
    rule["FromPort"] = rule["ToPort"] = port;
    rules.push_back(rule);
  }
  put("sg-2", {}, members);
  put("sg-1", rules);
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.run();
  EXPECT_EQ(world.state("web"), "Active");
  EXPECT_EQ(world.table().rule_sets.at(0).rules.size(), config::kMostRules);
}

}  // namespace
}  // namespace hypernat::control::testing
