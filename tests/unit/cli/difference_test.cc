#include "control/cli/difference.h"

#include <gtest/gtest.h>

namespace hypernat::cli {
namespace {

using nlohmann::json;

constexpr const char* kAcme = "111111111111";
constexpr const char* kGlobex = "222222222222";

ObjectKey key(ObjectKind kind, const char* id, const char* account = kAcme) {
  return {kind, account, id};
}

std::vector<std::string> lines(const std::vector<Step>& steps) {
  std::vector<std::string> texts;
  for (const auto& step : steps) texts.push_back(to_string(step));
  return texts;
}

using Lines = std::vector<std::string>;

ObjectSet whole_tenant() {
  return {{key(ObjectKind::kAccount, kAcme), {{"Name", "acme"}}},
          {key(ObjectKind::kVpc, "vpc-1"), {{"Cidr", "10.0.0.0/16"}}},
          {key(ObjectKind::kRouteTable, "rtb-1"), {{"VpcId", "vpc-1"}}},
          {key(ObjectKind::kSubnet, "subnet-1"), {{"VpcId", "vpc-1"}}},
          {key(ObjectKind::kSecurityGroup, "sg-1"), {{"VpcId", "vpc-1"}}},
          {key(ObjectKind::kFunction, "web"), {{"Timeout", 30}}}};
}

TEST(Difference, CreatesWhatOthersNeedBeforeThem) {
  EXPECT_EQ(
      lines(difference({}, whole_tenant(), Prune::kNo)),
      (Lines{"+ account 111111111111", "+ vpc 111111111111/vpc-1", "+ route table 111111111111/rtb-1",
             "+ subnet 111111111111/subnet-1", "+ security group 111111111111/sg-1", "+ function 111111111111/web"}));
}

TEST(Difference, IsEmptyWhenEverythingIsAsWished) {
  EXPECT_TRUE(difference(whole_tenant(), whole_tenant(), Prune::kYes).empty());
}

TEST(Difference, DoesNotMindMembersThatTheWishDoesNotName) {
  auto present = whole_tenant();
  present[key(ObjectKind::kFunction, "web")]["State"] = "Active";
  present[key(ObjectKind::kFunction, "web")]["VpcConfig"] = {{"VpcId", "vpc-1"}};
  EXPECT_TRUE(difference(present, whole_tenant(), Prune::kYes).empty());
}

TEST(Difference, ComparesInsideObjectsToo) {
  auto present = whole_tenant();
  auto wished = whole_tenant();
  present[key(ObjectKind::kFunction, "web")]["VpcConfig"] = {{"SubnetIds", {"a"}}, {"VpcId", "vpc-1"}};
  wished[key(ObjectKind::kFunction, "web")]["VpcConfig"] = {{"SubnetIds", {"a"}}};
  EXPECT_TRUE(difference(present, wished, Prune::kNo).empty());
  wished[key(ObjectKind::kFunction, "web")]["VpcConfig"] = {{"SubnetIds", {"a", "b"}}};
  EXPECT_EQ(difference(present, wished, Prune::kNo).size(), 1U);
}

TEST(Difference, NamesEveryMemberThatChanges) {
  auto wished = whole_tenant();
  wished[key(ObjectKind::kFunction, "web")]["Timeout"] = 60;
  EXPECT_EQ(lines(difference(whole_tenant(), wished, Prune::kNo)),
            (Lines{"~ function 111111111111/web: Timeout 30 -> 60"}));
}

TEST(Difference, DeletesOnlyWhenPruningAndUsersBeforeWhatTheyUse) {
  const ObjectSet wished{{key(ObjectKind::kAccount, kAcme), {{"Name", "acme"}}}};
  EXPECT_TRUE(difference(whole_tenant(), wished, Prune::kNo).empty());
  EXPECT_EQ(lines(difference(whole_tenant(), wished, Prune::kYes)),
            (Lines{"- function 111111111111/web", "- security group 111111111111/sg-1",
                   "- subnet 111111111111/subnet-1", "- route table 111111111111/rtb-1", "- vpc 111111111111/vpc-1"}));
}

ObjectSet groups(const json& first, const json& second) {
  return {
      {key(ObjectKind::kAccount, kAcme), {{"Name", "acme"}}},
      {key(ObjectKind::kSecurityGroup, "sg-1"), {{"VpcId", "vpc-1"}, {"Egress", first}, {"Members", {"10.0.0.9"}}}},
      {key(ObjectKind::kSecurityGroup, "sg-2"), {{"VpcId", "vpc-1"}, {"Egress", second}, {"Members", json::array()}}}};
}

json towards(const char* group) {
  return {{{"Protocol", "-1"}, {"Destination", "10.0.0.0/16"}}, {{"Protocol", "tcp"}, {"DestinationGroupId", group}}};
}

TEST(Difference, MakesGroupsThatLeadToEachOtherBeforeTheirRulesDo) {
  const auto wished = groups(towards("sg-2"), towards("sg-1"));
  const ObjectSet account{{key(ObjectKind::kAccount, kAcme), {{"Name", "acme"}}}};
  const auto steps = difference(account, wished, Prune::kNo);
  ASSERT_EQ(steps.size(), 4U);
  const json first_only = json::array({towards("sg-2")[0]});
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_EQ(steps[i].action, Action::kCreate);
    EXPECT_EQ(steps[i].body["Egress"], first_only);
    EXPECT_EQ(steps[i + 2].action, Action::kChange);
    EXPECT_EQ(steps[i + 2].key, steps[i].key);
    EXPECT_EQ(steps[i + 2].body, wished.at(steps[i].key));
  }
  EXPECT_TRUE(difference(wished, wished, Prune::kYes).empty());
}

TEST(Difference, ChangesAGroupOnlyWhenThoseItLeadsToAreThere) {
  const auto wished = groups(towards("sg-2"), json::array());
  auto present = wished;
  present.erase(key(ObjectKind::kSecurityGroup, "sg-2"));
  present[key(ObjectKind::kSecurityGroup, "sg-1")]["Egress"] = json::array();
  const auto steps = difference(present, wished, Prune::kNo);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(to_string(steps[0]), "+ security group 111111111111/sg-2");
  EXPECT_EQ(steps[1].key.id, "sg-1");
}

TEST(Difference, LetsGroupsGoOfEachOtherBeforeItDeletesThem) {
  const ObjectSet wished{{key(ObjectKind::kAccount, kAcme), {{"Name", "acme"}}}};
  const auto steps = difference(groups(towards("sg-2"), towards("sg-1")), wished, Prune::kYes);
  ASSERT_EQ(steps.size(), 4U);
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_EQ(steps[i].action, Action::kChange);
    EXPECT_EQ(steps[i].body["Egress"], json::array());
    EXPECT_EQ(steps[i].body["VpcId"], "vpc-1");
    EXPECT_EQ(steps[i + 2].action, Action::kDelete);
  }
}

TEST(Difference, PrunesNoAccountThatTheWishDoesNotName) {
  auto present = whole_tenant();
  present[key(ObjectKind::kAccount, kGlobex, kGlobex)] = {{"Name", "globex"}};
  present[key(ObjectKind::kFunction, "web", kGlobex)] = {{"Timeout", 30}};
  EXPECT_TRUE(difference(present, whole_tenant(), Prune::kYes).empty());
}

}  // namespace
}  // namespace hypernat::cli
