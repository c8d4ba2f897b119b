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

TEST(Difference, PrunesNoAccountThatTheWishDoesNotName) {
  auto present = whole_tenant();
  present[key(ObjectKind::kAccount, kGlobex, kGlobex)] = {{"Name", "globex"}};
  present[key(ObjectKind::kFunction, "web", kGlobex)] = {{"Timeout", 30}};
  EXPECT_TRUE(difference(present, whole_tenant(), Prune::kYes).empty());
}

}  // namespace
}  // namespace hypernat::cli
