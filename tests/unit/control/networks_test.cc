// What accounts may declare: accepted, unchanged, or refused with what was found and what was expected.
#include <gtest/gtest.h>

#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

TEST(Put, is_idempotent_and_says_whether_anything_changed) {
  World world;
  world.declare();
  const auto generation = world.generation();
  const auto subnet = subnet_body();
  EXPECT_EQ(world.put("/subnets/subnet-a", subnet).body["Changed"], false);
  EXPECT_EQ(world.put("", {{"Name", "tenant"}, {"Limits", {{"Flows", 1000}}}}).body["Changed"], false);
  EXPECT_EQ(world.put("", {{"Name", "tenant"}, {"Limits", {{"Flows", 1001}}}}).body["Changed"], true);
  auto elsewhere = subnet;
  elsewhere["Zone"] = "c";
  EXPECT_EQ(world.put("/subnets/subnet-a", elsewhere).body["Changed"], true);
  EXPECT_EQ(world.generation(), generation) << "no mapping uses any of it";
}

TEST(Put, shows_what_was_put) {
  World world;
  world.declare();
  auto shown = world.call("GET", "/hypernat/v1/accounts/111111111111/subnets/subnet-a").body;
  const auto wished = subnet_body();
  for (const auto& [name, value] : wished.items()) EXPECT_EQ(shown[name], value) << name;
  const Json rules{{{"Protocol", "tcp"}, {"FromPort", 80}, {"ToPort", 443}, {"Destination", "10.0.0.0/8"}},
                   {{"Protocol", "icmp"}, {"FromPort", 8}, {"ToPort", -1}, {"Destination", "0.0.0.0/0"}},
                   {{"Protocol", "icmp"}, {"FromPort", -1}, {"ToPort", -1}, {"Destination", "0.0.0.0/0"}},
                   {{"Protocol", "-1"}, {"Destination", "0.0.0.0/0"}}};
  EXPECT_EQ(world.put("/security-groups/sg-3", {{"VpcId", "vpc-1"}, {"Egress", rules}}).body["Egress"], rules);
  const Json routes{{{"Destination", "192.168.0.0/16"}, {"Target", "blackhole"}},
                    {{"Destination", "0.0.0.0/0"}, {"Target", "router"}}};
  EXPECT_EQ(world.put("/route-tables/rtb-2", {{"VpcId", "vpc-1"}, {"Routes", routes}}).body["Routes"], routes);
  EXPECT_EQ(world.call("GET", "/hypernat/v1/accounts/111111111111/route-tables").body["RouteTables"].size(), 2U);
  EXPECT_EQ(world.call("GET", "/hypernat/v1/accounts").body["Accounts"][0]["Id"], kAcme);
}

TEST(Account, has_limits_and_timeouts_and_defaults_for_what_is_left_out) {
  World world;
  world.declare();
  const Json none{{"TcpOpeningMilliseconds", 0},
                  {"TcpEstablishedMilliseconds", 0},
                  {"TcpClosingMilliseconds", 0},
                  {"UdpMilliseconds", 0},
                  {"IcmpMilliseconds", 0}};
  const auto plain = world.put("", Json::object()).body;
  EXPECT_EQ(plain["Limits"], (Json{{"Flows", 50'000}, {"NewFlowsPerSecond", 0}, {"PacketsPerSecond", 0}}));
  EXPECT_EQ(plain["Timeouts"], none);
  const auto put = world.put("", {{"Limits", {{"NewFlowsPerSecond", 9}}}, {"Timeouts", {{"UdpMilliseconds", 100}}}});
  EXPECT_EQ(put.body["Limits"], (Json{{"Flows", 50'000}, {"NewFlowsPerSecond", 9}, {"PacketsPerSecond", 0}}));
  EXPECT_EQ(put.body["Timeouts"]["UdpMilliseconds"], 100);
  EXPECT_EQ(put.body["Timeouts"]["IcmpMilliseconds"], 0);
  EXPECT_EQ(world.put("", put.body).error, "InvalidRequestContentException") << "Id and Changed are not to be put";
  for (const auto& mistake :
       {Json{{"Limits", {{"Flows", -1}}}}, Json{{"Limits", {{"Flows", 4294967296}}}}, Json{{"Limits", {{"Flow", 1}}}},
        Json{{"Limits", 5}}, Json{{"FlowLimit", 5}}, Json{{"Timeouts", {{"UdpMilliseconds", 99}}}},
        Json{{"Timeouts", {{"UdpMilliseconds", 86'400'001}}}}, Json{{"Timeouts", {{"Udp", 1000}}}}})
    EXPECT_EQ(world.put("", mistake).error, "InvalidRequestContentException") << mistake;
}

TEST(Subnet, tells_how_many_addresses_it_has_left) {
  World world;
  world.declare();
  const auto left = [&world] {
    return world.call("GET", "/hypernat/v1/accounts/111111111111/subnets/subnet-a").body.at("AvailableIpAddressCount");
  };
  // Of 256: AWS's five, the router among them, and the VPC's resolver.
  EXPECT_EQ(left(), 250);
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.create("api", {"subnet-a"}, {"sg-1"});
  world.run();
  EXPECT_EQ(left(), 249) << "one interface for both";
  auto subnet = subnet_body();
  subnet["Reserved"] = {"10.0.1.5", "10.0.1.255", "10.0.1.200"};
  world.put("/subnets/subnet-a", subnet);
  EXPECT_EQ(left(), 247) << "the last address could not be had before either";
}

struct NetworkMistake {
  const char* path;
  Json change;  // merged into the body that is accepted; a null removes the member
  const char* error;
  const char* message;  // some part of it
};

TEST(Put, refuses_each_mistake_by_name) {
  const std::vector<NetworkMistake> mistakes{
      {"/subnets/s", {{"Cidr", "10.0.3.1/24"}}, "InvalidRequestContentException", "Cidr: found \"10.0.3.1/24\""},
      {"/subnets/s", {{"Cidr", 7}}, "InvalidRequestContentException", "Cidr: found 7; expected a string"},
      {"/subnets/s", {{"Cidr", nullptr}}, "InvalidRequestContentException", "Cidr"},
      {"/subnets/s", {{"Cidr", "10.1.3.0/24"}}, "InvalidParameterValueException", "part of the VPC's 10.0.0.0/16"},
      {"/subnets/s", {{"Cidr", "10.0.1.128/25"}}, "InvalidParameterValueException", "overlaps subnet-a"},
      {"/subnets/s", {{"Cidr", "10.0.3.0/30"}}, "InvalidParameterValueException", "five addresses"},
      {"/subnets/s", {{"Router", "10.0.4.1"}}, "InvalidParameterValueException", "Router: found 10.0.4.1"},
      {"/subnets/s", {{"Router", "10.0.3.255"}}, "InvalidParameterValueException", "Router: found 10.0.3.255"},
      {"/subnets/s", {{"Reserved", {"10.0.4.1"}}}, "InvalidParameterValueException", "Reserved: found 10.0.4.1"},
      {"/subnets/s", {{"Vteps", {"224.0.0.1"}}}, "InvalidRequestContentException", "Vteps: found 224.0.0.1"},
      {"/subnets/s", {{"Vteps", {"198.51.100.1", "198.51.100.1"}}}, "InvalidRequestContentException", "each once"},
      {"/subnets/s", {{"Vteps", {1}}}, "InvalidRequestContentException", "Vteps: found 1"},
      {"/subnets/s", {{"Segment", {{"Id", 5001}}}}, "ResourceConflictException", "Segment: found tenants 5001"},
      {"/subnets/s", {{"Segment", {{"Id", 16777216}}}}, "InvalidRequestContentException", "Segment.Id: found 16777216"},
      {"/subnets/s", {{"Segment", {{"Id", -1}}}}, "InvalidRequestContentException", "Segment.Id: found -1"},
      {"/subnets/s", {{"Segment", {{"Id", 18446744073709551615U}}}}, "InvalidRequestContentException", "Segment.Id"},
      {"/subnets/s", {{"Segment", {{"Id", 1.5}}}}, "InvalidRequestContentException", "Segment.Id: found 1.5"},
      {"/subnets/s", {{"Segment", {{"Vni", 1}}}}, "InvalidRequestContentException", "Segment.Vni"},
      {"/subnets/s", {{"Vpc", "vpc-1"}}, "InvalidRequestContentException", "Vpc: found an unknown member"},
      {"/subnets/s", {{"VpcId", "vpc-9"}}, "ResourceNotFoundException", "'vpc-9' does not exist"},
      {"/subnets/s", {{"RouteTableId", "rtb-9"}}, "ResourceNotFoundException", "'rtb-9' does not exist"},
      {"/subnets/s", {{"Zone", "a b"}}, "InvalidRequestContentException", "Zone: found \"a b\""},
      {"/subnets/a%20b", {}, "InvalidParameterValueException", "Id: found \"a%20b\""},
      {"/vpcs/v", {{"VpcId", nullptr}, {"Cidr", "10.0.0.0/33"}}, "InvalidRequestContentException", "10.0.0.0/33"},
      {"/nothing/x", {}, "UnknownOperationException", "/nothing/x"},
  };
  World world;
  world.declare();
  for (const auto& mistake : mistakes) {
    auto body = subnet_body();
    body["Cidr"] = "10.0.3.0/24";
    body["Router"] = "10.0.3.1";
    body["Segment"]["Id"] = 5003;
    body.merge_patch(mistake.change);
    const auto reply = world.put(mistake.path, body);
    EXPECT_EQ(reply.error, mistake.error) << body;
    EXPECT_NE(reply.body.value("Message", "").find(mistake.message), std::string::npos) << reply.body;
    EXPECT_EQ(reply.body.value("Type", ""), "User");
  }
  EXPECT_EQ(world.call("GET", "/hypernat/v1/accounts/111111111111/subnets").body["Subnets"].size(), 2U);
}

TEST(Put, refuses_mistakes_in_rules_and_routes) {
  World world;
  world.declare();
  const auto rule = [&](const Json& change) {
    Json body{{"Protocol", "tcp"}, {"FromPort", 1}, {"ToPort", 2}, {"Destination", "10.0.0.0/8"}};
    body.merge_patch(change);
    return world.put("/security-groups/sg-1", {{"VpcId", "vpc-1"}, {"Egress", Json::array({body})}});
  };
  EXPECT_EQ(rule(Json::object()).status, 200);
  for (const auto& change : {Json{{"Protocol", "sctp"}}, Json{{"Protocol", 6}}, Json{{"FromPort", 3}},
                             Json{{"ToPort", 65536}}, Json{{"Destination", "10.0.0.1/8"}}, Json{{"Port", 80}},
                             Json{{"Protocol", "icmp"}, {"FromPort", -1}, {"ToPort", 0}}}) {
    const auto reply = rule(change);
    EXPECT_EQ(reply.error, "InvalidRequestContentException") << change;
    EXPECT_NE(reply.body["Message"].get<std::string>().find("Egress[0]."), std::string::npos) << reply.body;
  }
  const auto routes = [&](const Json& list) {
    return world.put("/route-tables/rtb-1", {{"VpcId", "vpc-1"}, {"Routes", list}});
  };
  const Json route{{"Destination", "0.0.0.0/0"}, {"Target", "router"}};
  EXPECT_EQ(routes({route, route}).error, "InvalidParameterValueException");
  for (const char* inside : {"10.0.0.0/16", "10.0.7.0/24", "10.0.1.9/32"}) {
    const auto reply = routes({route, {{"Destination", inside}, {"Target", "blackhole"}}});
    EXPECT_EQ(reply.error, "InvalidParameterValueException");
    EXPECT_EQ(reply.body["Message"],
              std::string("Routes: found ") + inside +
                  "; expected destinations beyond 10.0.0.0/16 of vpc-1, whose routes are implied");
  }
  EXPECT_EQ(routes({{{"Destination", "10.0.0.0/15"}, {"Target", "router"}}}).status, 200) << "it reaches beyond";
  EXPECT_EQ(routes({{{"Destination", "0.0.0.0/0"}, {"Target", "local"}}}).error, "InvalidRequestContentException");
  EXPECT_EQ(routes(route).error, "InvalidRequestContentException");
}

TEST(Put, refuses_what_would_pull_the_ground_from_under_a_mapping) {
  World world;
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  world.run();
  auto subnet = subnet_body();
  subnet["Cidr"] = "10.0.1.0/25";
  EXPECT_EQ(world.put("/subnets/subnet-a", subnet).error, "ResourceConflictException");
  subnet = subnet_body();
  subnet["Router"] = "10.0.1.4";  // the interface's
  EXPECT_EQ(world.put("/subnets/subnet-a", subnet).error, "ResourceConflictException");
  EXPECT_EQ(world.put("/vpcs/vpc-1", {{"Cidr", "10.0.0.0/24"}}).error, "ResourceConflictException");
  world.put("/vpcs/vpc-2", {{"Cidr", "10.0.0.0/16"}});
  EXPECT_EQ(world.put("/security-groups/sg-1", {{"VpcId", "vpc-2"}, {"Egress", Json::array()}}).error,
            "ResourceConflictException");
  EXPECT_EQ(world.put("/route-tables/rtb-1", {{"VpcId", "vpc-2"}, {"Routes", Json::array()}}).error,
            "ResourceConflictException");
  subnet = subnet_body();
  subnet["Vteps"] = {"198.51.100.99"};  // a tunnel may move
  const auto generation = world.generation();
  EXPECT_EQ(world.put("/subnets/subnet-a", subnet).status, 200);
  EXPECT_EQ(world.generation(), generation + 1);
  EXPECT_EQ(world.state("web"), "Active");
}

TEST(Put, refuses_a_vpc_that_would_swallow_a_route) {
  World world;
  world.declare();
  ASSERT_EQ(world
                .put("/route-tables/rtb-2",
                     {{"VpcId", "vpc-1"}, {"Routes", {{{"Destination", "10.1.2.0/24"}, {"Target", "router"}}}}})
                .status,
            200);
  const auto reply = world.put("/vpcs/vpc-1", {{"Cidr", "10.0.0.0/8"}});
  EXPECT_EQ(reply.error, "ResourceConflictException");
  EXPECT_EQ(reply.body["Message"],
            "Cidr: found 10.0.0.0/8; expected a prefix that does not hold 10.1.2.0/24, to which rtb-2 has a route");
  EXPECT_EQ(world.put("/vpcs/vpc-2", {{"Cidr", "10.0.0.0/8"}}).status, 200) << "another VPC has other routes";
  EXPECT_EQ(world.erase("/route-tables/rtb-2").status, 204);
  EXPECT_EQ(world.put("/vpcs/vpc-1", {{"Cidr", "10.0.0.0/8"}}).status, 200);
}

TEST(Delete, refuses_what_is_in_use_and_says_by_what) {
  World world;
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  for (const char* path : {"/subnets/subnet-a", "/security-groups/sg-1", "/route-tables/rtb-1", "/vpcs/vpc-1", ""}) {
    const auto reply = world.erase(path);
    EXPECT_EQ(reply.status, 409) << path;
    EXPECT_NE(reply.body["Message"].get<std::string>().find("is in use by"), std::string::npos);
  }
  world.call("DELETE", "/2015-03-31/functions/web");
  for (const char* path : {"/subnets/subnet-a", "/subnets/subnet-b", "/security-groups/sg-1", "/security-groups/sg-2",
                           "/route-tables/rtb-1", "/vpcs/vpc-1", ""}) {
    EXPECT_EQ(world.erase(path).status, 204) << path;
    EXPECT_EQ(world.erase(path).status, 404) << path;
  }
}

TEST(Tenants, may_use_the_same_ids_and_see_only_their_own) {
  World world;
  world.declare(kAcme);
  world.declare(kGlobex);
  EXPECT_EQ(world.create("web", {"subnet-a"}, {"sg-1"}, kGlobex).status, 201);
  EXPECT_EQ(world.function("web", kAcme)["Type"], "User");
  EXPECT_EQ(world.erase("/subnets/subnet-a", kAcme).status, 204);
  EXPECT_EQ(world.erase("/subnets/subnet-a", kGlobex).status, 409);
  EXPECT_EQ(world.create("web", {"subnet-a"}, {"sg-1"}, kAcme).error, "InvalidParameterValueException");
}

}  // namespace
}  // namespace hypernat::control::testing
