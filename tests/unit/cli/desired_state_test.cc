#include "control/cli/desired_state.h"

#include <gtest/gtest.h>

namespace hypernat::cli {
namespace {

config::TenantConfig tenant() {
  return {
      .account = "111111111111",
      .name = "acme",
      .limits = {.flows = 10, .new_flows_per_second = 20, .packets_per_second = 30},
      .timeouts = {.udp = std::chrono::seconds(30)},
      .vpcs = {{.id = "vpc-1",
                .cidr = *parse_ipv4_prefix("10.0.0.0/16"),
                .resolver = Ipv4Address::of(10, 0, 1, 53),
                .subnets = {{.id = "subnet-1",
                             .cidr = *parse_ipv4_prefix("10.0.1.0/24"),
                             .zone = "a",
                             .router = Ipv4Address::of(10, 0, 1, 1),
                             .segment = {.attachment = "tenants", .id = 5001},
                             .vteps = {Ipv4Address::of(198, 51, 100, 11)},
                             .reserved = {Ipv4Address::of(10, 0, 1, 10)},
                             .route_table = "rtb-1"}},
                .route_tables = {{.id = "rtb-1",
                                  .routes = {{*parse_ipv4_prefix("0.0.0.0/0"), config::RouteTarget::kRouter},
                                             {*parse_ipv4_prefix("10.9.0.0/16"), config::RouteTarget::kBlackhole}}}},
                .security_groups = {{.id = "sg-1",
                                     .egress = {{{6, 80, 81, *parse_ipv4_prefix("10.0.0.0/16")}},
                                                {{1, config::kAnyIcmp, config::kAnyIcmp,
                                                  *parse_ipv4_prefix("0.0.0.0/0")}},
                                                {{-1, 0, 0, *parse_ipv4_prefix("10.1.0.0/16")}},
                                                {{47, 0, 0, {}}, "sg-2"}},
                                     .members = {Ipv4Address::of(10, 0, 1, 10)}}}}},
      .functions = {{.name = "web",
                     .subnets = {"subnet-2", "subnet-1"},
                     .security_groups = {"sg-1"},
                     .command = {"curl", "-s", "http://web.internal/"},
                     .timeout = std::chrono::seconds(30)}}};
}

nlohmann::json body_of(ObjectKind kind, const char* id) {
  return wished_objects({.tenants = {tenant()}}).at({kind, "111111111111", id});
}

TEST(WishedObjects, CarryEverythingThatTheFileSays) {
  using nlohmann::json;
  EXPECT_EQ(body_of(ObjectKind::kAccount, "111111111111"), json::parse(R"({"Name": "acme",
    "Limits": {"Flows": 10, "NewFlowsPerSecond": 20, "PacketsPerSecond": 30},
    "Timeouts": {"TcpOpeningMilliseconds": 0, "TcpEstablishedMilliseconds": 0, "TcpClosingMilliseconds": 0,
                 "UdpMilliseconds": 30000, "IcmpMilliseconds": 0}})"));
  EXPECT_EQ(body_of(ObjectKind::kVpc, "vpc-1"), json::parse(R"({"Cidr": "10.0.0.0/16", "Resolver": "10.0.1.53"})"));
  EXPECT_EQ(body_of(ObjectKind::kSubnet, "subnet-1"), json::parse(R"({
    "VpcId": "vpc-1", "Cidr": "10.0.1.0/24", "Zone": "a", "Router": "10.0.1.1", "RouteTableId": "rtb-1",
    "Segment": {"Attachment": "tenants", "Id": 5001}, "Vteps": ["198.51.100.11"], "Reserved": ["10.0.1.10"]})"));
  EXPECT_EQ(body_of(ObjectKind::kRouteTable, "rtb-1"), json::parse(R"({"VpcId": "vpc-1", "Routes": [
    {"Destination": "0.0.0.0/0", "Target": "router"}, {"Destination": "10.9.0.0/16", "Target": "blackhole"}]})"));
  EXPECT_EQ(body_of(ObjectKind::kSecurityGroup, "sg-1"), json::parse(R"({"VpcId": "vpc-1", "Egress": [
    {"Protocol": "tcp", "FromPort": 80, "ToPort": 81, "Destination": "10.0.0.0/16"},
    {"Protocol": "icmp", "FromPort": -1, "ToPort": -1, "Destination": "0.0.0.0/0"},
    {"Protocol": "-1", "Destination": "10.1.0.0/16"},
    {"Protocol": "47", "DestinationGroupId": "sg-2"}], "Members": ["10.0.1.10"]})"));
}

TEST(WishedObjects, SortWhatIsASet) {
  const auto function = body_of(ObjectKind::kFunction, "web");
  EXPECT_EQ(function["VpcConfig"]["SubnetIds"], nlohmann::json({"subnet-1", "subnet-2"}));
  EXPECT_EQ(function["Environment"]["Variables"]["HYPERNAT_COMMAND"], R"(["curl","-s","http://web.internal/"])");
}

}  // namespace
}  // namespace hypernat::cli
