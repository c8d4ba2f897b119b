// VPCs, subnets, route tables and security groups, as EC2's clients make, see and delete them.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

// An account with one VPC, made through EC2.
class Ec2Networks : public ::testing::Test {
 protected:
  Ec2Networks() : world({.ec2 = {.attachment = "tenants", .first_segment = 7001, .last_segment = 7002, .vteps = {}}}) {
    vpc = world.ec2("CreateVpc", {{"CidrBlock", "10.0.0.0/16"}}).text("vpcId");
  }

  Ec2Reply subnet(const std::string& cidr, const Parameters& more = {}) {
    Parameters parameters{{"VpcId", vpc}, {"CidrBlock", cidr}};
    parameters.insert(parameters.end(), more.begin(), more.end());
    return world.ec2("CreateSubnet", parameters);
  }
  static Parameters tags(const std::string& type, const std::map<std::string, std::string>& wanted) {
    Parameters parameters{{"TagSpecification.1.ResourceType", type}};
    int number = 0;
    for (const auto& [key, value] : wanted) {
      const auto at = "TagSpecification.1.Tag." + std::to_string(++number);
      parameters.emplace_back(at + ".Key", key);
      parameters.emplace_back(at + ".Value", value);
    }
    return parameters;
  }
  Json managed(const std::string& path) {
    return world.call("GET", std::string("/hypernat/v1/accounts/") + kAcme + path).body;
  }
  std::string group(const std::string& name) {
    return world.ec2("CreateSecurityGroup", {{"GroupName", name}, {"GroupDescription", "d"}, {"VpcId", vpc}})
        .text("groupId");
  }
  Ec2Reply rules(const std::string& verb, const std::string& id, const Parameters& permission) {
    Parameters parameters{{"GroupId", id}};
    for (const auto& [name, value] : permission) parameters.emplace_back("IpPermissions.1." + name, value);
    return world.ec2(verb + "SecurityGroupEgress", parameters);
  }

  World world;
  std::string vpc;
};

TEST_F(Ec2Networks, a_vpc_comes_with_a_main_route_table_and_a_default_group_and_takes_them_along) {
  EXPECT_EQ(vpc.size(), std::string("vpc-").size() + 17);
  const auto tables =
      world.ec2("DescribeRouteTables", {{"Filter.1.Name", "association.main"}, {"Filter.1.Value.1", "true"}});
  EXPECT_EQ(tables.texts("vpcId"), std::vector<std::string>{vpc});
  const auto groups =
      world.ec2("DescribeSecurityGroups", {{"Filter.1.Name", "group-name"}, {"Filter.1.Value.1", "default"}});
  EXPECT_EQ(groups.text("groupDescription"), "default VPC security group");
  EXPECT_EQ(groups.texts("cidrIp"), std::vector<std::string>{"0.0.0.0/0"});
  EXPECT_EQ(world.ec2("DeleteSecurityGroup", {{"GroupId", groups.text("groupId")}}).error(), "CannotDelete");
  EXPECT_EQ(world.ec2("DeleteRouteTable", {{"RouteTableId", tables.text("routeTableId")}}).error(),
            "DependencyViolation");
  const auto made = subnet("10.0.1.0/24").text("subnetId");
  EXPECT_EQ(world.ec2("DeleteVpc", {{"VpcId", vpc}}).error(), "DependencyViolation");
  EXPECT_EQ(world.ec2("DescribeSecurityGroups").texts("groupId").size(), 1U) << "a refused call changes nothing";
  EXPECT_EQ(world.ec2("DeleteSubnet", {{"SubnetId", made}}).status, 200);
  EXPECT_EQ(world.ec2("DeleteVpc", {{"VpcId", vpc}}).text("return"), "true");
  for (const char* kind : {"Vpcs", "RouteTables", "SecurityGroups", "Subnets", "Tags"})
    EXPECT_EQ(world.ec2(std::string("Describe") + kind).texts("item").size(), 0U) << kind;
}

TEST_F(Ec2Networks, a_subnet_gets_what_the_underlay_needs_from_its_tags) {
  const auto made = subnet("10.0.1.0/24", tags("subnet", {{"Name", "front & back"},
                                                          {"hypernat:segment", "tenants/5001"},
                                                          {"hypernat:vteps", "198.51.100.11 198.51.100.12"},
                                                          {"hypernat:router", "10.0.1.254"},
                                                          {"hypernat:reserved", "10.0.1.10"}}));
  ASSERT_EQ(made.status, 200) << made.xml;
  EXPECT_EQ(made.text("availableIpAddressCount"), "249");
  EXPECT_EQ(made.text("availabilityZone"), "us-east-1a");
  const auto kept = managed("/subnets/" + made.text("subnetId"));
  EXPECT_EQ(kept["Segment"], (Json{{"Attachment", "tenants"}, {"Id", 5001}}));
  EXPECT_EQ(kept["Vteps"], Json({"198.51.100.11", "198.51.100.12"}));
  EXPECT_EQ(kept["Router"], "10.0.1.254");
  EXPECT_EQ(kept["Reserved"], Json({"10.0.1.10"}));
  const auto found = world.ec2("DescribeSubnets", {{"Filter.1.Name", "tag:Name"}, {"Filter.1.Value.1", "front*"}});
  EXPECT_EQ(found.text("subnetId"), made.text("subnetId"));
  EXPECT_NE(found.xml.find("front &amp; back"), std::string::npos);
}

TEST_F(Ec2Networks, a_subnet_gets_the_rest_from_the_configuration) {
  const auto first = managed("/subnets/" + subnet("10.0.1.0/24").text("subnetId"));
  EXPECT_EQ(first["Segment"], (Json{{"Attachment", "tenants"}, {"Id", 7001}}));
  EXPECT_EQ(first["Router"], "10.0.1.1");
  const auto second =
      managed("/subnets/" + subnet("10.0.2.0/24", {{"AvailabilityZone", "us-east-1b"}}).text("subnetId"));
  EXPECT_EQ(second["Segment"]["Id"], 7002);
  EXPECT_EQ(second["Zone"], "b");
  EXPECT_EQ(subnet("10.0.3.0/24").error(), "SubnetLimitExceeded");
}

TEST(Ec2Subnet, without_a_segment_is_refused_with_what_to_do) {
  World world;
  const auto vpc = world.ec2("CreateVpc", {{"CidrBlock", "10.0.0.0/16"}}).text("vpcId");
  const auto reply = world.ec2("CreateSubnet", {{"VpcId", vpc}, {"CidrBlock", "10.0.1.0/24"}});
  EXPECT_EQ(reply.error(), "MissingParameter");
  EXPECT_NE(reply.text("Message").find("hypernat:segment"), std::string::npos);
  EXPECT_NE(reply.text("Message").find("ec2.attachment"), std::string::npos);
}

struct TagRow {
  const char* key;
  const char* value;
};

TEST_F(Ec2Networks, refuses_tags_of_the_underlay_that_say_nothing_it_can_use) {
  for (const TagRow row : {TagRow{"hypernat:segment", "tenants"},
                           {"hypernat:segment", "/1"},
                           {"hypernat:segment", "a/16777216"},
                           {"hypernat:vteps", "198.51.100.11,198.51.100.12"},
                           {"hypernat:vteps", "192.0.2.1 192.0.2.1"},
                           {"hypernat:router", "10.0.9.1"},
                           {"hypernat:router", ""},
                           {"hypernat:reserved", "10.1.0.1"},
                           {"hypernat:vtep", "192.0.2.1"},
                           {"hypernat:members", "10.0.1.9"},
                           {"aws:x", "y"}})
    EXPECT_EQ(subnet("10.0.1.0/24", tags("subnet", {{row.key, row.value}})).error(), "InvalidParameterValue")
        << row.key << "=" << row.value;
  EXPECT_EQ(subnet("10.0.1.0/24", tags("vpc", {{"Name", "x"}})).error(), "InvalidParameterValue");
  EXPECT_EQ(world.ec2("DescribeSubnets").texts("item").size(), 0U);
}

TEST_F(Ec2Networks, a_tag_of_the_underlay_takes_effect_when_it_is_set) {
  const auto id = subnet("10.0.1.0/24").text("subnetId");
  const auto tag = [&](const std::string& resource, const std::string& key, const std::string& value) {
    return world.ec2("CreateTags", {{"ResourceId.1", resource}, {"Tag.1.Key", key}, {"Tag.1.Value", value}});
  };
  EXPECT_EQ(tag(id, "hypernat:vteps", "198.51.100.13").status, 200);
  EXPECT_EQ(managed("/subnets/" + id)["Vteps"], Json({"198.51.100.13"}));
  EXPECT_EQ(tag(vpc, "hypernat:resolver", "10.0.1.53").status, 200);
  EXPECT_EQ(managed("/vpcs/" + vpc)["Resolver"], "10.0.1.53");
  const auto servers = group("servers");
  EXPECT_EQ(tag(servers, "hypernat:members", "10.0.1.10 10.0.1.11").status, 200);
  EXPECT_EQ(managed("/security-groups/" + servers)["Members"].size(), 2U);
  EXPECT_EQ(tag(servers, "hypernat:members", "10.9.1.10").error(), "InvalidParameterValue");
  EXPECT_EQ(world.ec2("DeleteTags", {{"ResourceId.1", id}, {"Tag.1.Key", "hypernat:vteps"}}).error(),
            "InvalidParameterValue");
}

TEST_F(Ec2Networks, tags_come_and_go) {
  world.ec2("CreateTags",
            {{"ResourceId.1", vpc}, {"Tag.1.Key", "Name"}, {"Tag.1.Value", "main"}, {"Tag.2.Key", "team"}});
  EXPECT_EQ(world.ec2("DescribeTags").texts("key"), (std::vector<std::string>{"Name", "team"}));
  EXPECT_EQ(world.ec2("CreateTags", {{"ResourceId.1", "vpc-x"}, {"Tag.1.Key", "a"}}).error(), "InvalidID");
  world.ec2("DeleteTags", {{"ResourceId.1", vpc}, {"Tag.1.Key", "Name"}, {"Tag.1.Value", "other"}});
  EXPECT_EQ(world.ec2("DescribeTags", {{"Filter.1.Name", "key"}, {"Filter.1.Value.1", "Name"}}).text("value"), "main");
  world.ec2("DeleteTags", {{"ResourceId.1", vpc}, {"Tag.1.Key", "Name"}});
  EXPECT_EQ(world.ec2("DescribeVpcs").texts("key"), std::vector<std::string>{"team"});
}

TEST_F(Ec2Networks, subnets_lie_in_their_vpc_and_apart) {
  EXPECT_EQ(subnet("10.0.1.7/24").text("cidrBlock"), "10.0.1.0/24");
  EXPECT_EQ(subnet("10.0.1.128/25").error(), "InvalidSubnet.Conflict");
  EXPECT_EQ(subnet("10.1.0.0/24").error(), "InvalidSubnet.Range");
  EXPECT_EQ(subnet("10.0.2.0/29").error(), "InvalidSubnet.Range");
  for (const char* text : {"10.0.2.0", "10.0.2.0/33", "10.0.2/24", "x/24", ""})
    EXPECT_NE(subnet(text).status, 200) << text;
  EXPECT_EQ(world.ec2("CreateVpc", {{"CidrBlock", "10.0.0.0/15"}}).error(), "InvalidVpc.Range");
}

TEST_F(Ec2Networks, a_subnet_has_the_main_route_table_until_it_is_associated_with_another) {
  const auto id = subnet("10.0.1.0/24").text("subnetId");
  const auto main = world.ec2("DescribeRouteTables").text("routeTableId");
  EXPECT_EQ(managed("/subnets/" + id)["RouteTableId"], main);
  const auto table = world.ec2("CreateRouteTable", {{"VpcId", vpc}}).text("routeTableId");
  const auto first =
      world.ec2("AssociateRouteTable", {{"RouteTableId", table}, {"SubnetId", id}}).text("associationId");
  EXPECT_TRUE(first.starts_with("rtbassoc-")) << first;
  EXPECT_EQ(managed("/subnets/" + id)["RouteTableId"], table);
  EXPECT_EQ(world.ec2("AssociateRouteTable", {{"RouteTableId", table}, {"SubnetId", id}}).error(),
            "Resource.AlreadyAssociated");
  EXPECT_EQ(world.ec2("DeleteRouteTable", {{"RouteTableId", table}}).error(), "DependencyViolation");
  const auto shown =
      world.ec2("DescribeRouteTables", {{"Filter.1.Name", "association.subnet-id"}, {"Filter.1.Value.1", id}});
  EXPECT_EQ(shown.texts("routeTableAssociationId"), std::vector<std::string>{first});
  const auto second = world.ec2("ReplaceRouteTableAssociation", {{"AssociationId", first}, {"RouteTableId", main}})
                          .text("newAssociationId");
  EXPECT_NE(second, first);
  EXPECT_EQ(world.ec2("DisassociateRouteTable", {{"AssociationId", first}}).error(), "InvalidAssociationID.NotFound");
  EXPECT_EQ(world.ec2("DisassociateRouteTable", {{"AssociationId", second}}).text("return"), "true");
  EXPECT_EQ(world.ec2("DeleteRouteTable", {{"RouteTableId", table}}).text("return"), "true");
}

TEST_F(Ec2Networks, a_route_table_is_made_once_for_a_client_token) {
  const auto make = [&](const std::string& in, const std::string& token) {
    return world.ec2("CreateRouteTable", {{"VpcId", in}, {"ClientToken", token}});
  };
  const auto first = make(vpc, "a").text("routeTableId");
  EXPECT_EQ(make(vpc, "a").text("routeTableId"), first);
  EXPECT_NE(make(vpc, "b").text("routeTableId"), first);
  const auto other = world.ec2("CreateVpc", {{"CidrBlock", "10.0.0.0/16"}}).text("vpcId");
  EXPECT_EQ(make(other, "a").error(), "IdempotentParameterMismatch");
}

TEST_F(Ec2Networks, routes_lead_to_the_router_and_keep_the_gateway_they_were_given) {
  const auto table = world.ec2("CreateRouteTable", {{"VpcId", vpc}}).text("routeTableId");
  const auto route = [&](const char* action, const Parameters& more) {
    Parameters parameters{{"RouteTableId", table}};
    parameters.insert(parameters.end(), more.begin(), more.end());
    return world.ec2(action, parameters);
  };
  const Parameters internet{{"DestinationCidrBlock", "0.0.0.0/0"}, {"GatewayId", "igw-0123456789abcdef0"}};
  EXPECT_EQ(route("CreateRoute", internet).text("return"), "true");
  EXPECT_EQ(route("CreateRoute", internet).error(), "RouteAlreadyExists");
  EXPECT_EQ(managed("/route-tables/" + table)["Routes"], Json({{{"Destination", "0.0.0.0/0"}, {"Target", "router"}}}));
  EXPECT_EQ(world.ec2("DescribeRouteTables", {{"RouteTableId.1", table}}).texts("gatewayId"),
            (std::vector<std::string>{"local", "igw-0123456789abcdef0"}));
  EXPECT_EQ(route("ReplaceRoute", {{"DestinationCidrBlock", "0.0.0.0/0"}, {"NatGatewayId", "nat-1"}}).status, 200);
  EXPECT_EQ(world.ec2("DescribeRouteTables", {{"Filter.1.Name", "route.nat-gateway-id"}, {"Filter.1.Value.1", "nat-1"}})
                .text("routeTableId"),
            table);
  EXPECT_EQ(route("CreateRoute", {{"DestinationCidrBlock", "10.0.9.0/24"}, {"NatGatewayId", "nat-1"}}).error(),
            "InvalidParameterValue");
  EXPECT_EQ(route("CreateRoute", {{"DestinationCidrBlock", "10.9.0.0/24"}}).error(), "InvalidParameterCombination");
  EXPECT_EQ(route("CreateRoute", {{"DestinationCidrBlock", "10.9.0.0/24"}, {"GatewayId", "x"}}).error(),
            "InvalidParameterValue");
  EXPECT_EQ(route("DeleteRoute", {{"DestinationCidrBlock", "0.0.0.0/0"}}).status, 200);
  EXPECT_EQ(route("DeleteRoute", {{"DestinationCidrBlock", "0.0.0.0/0"}}).error(), "InvalidRoute.NotFound");
}

TEST_F(Ec2Networks, a_group_has_a_name_of_its_own_in_the_vpc) {
  EXPECT_TRUE(group("web").starts_with("sg-"));
  const auto again = [&](const Parameters& parameters) { return world.ec2("CreateSecurityGroup", parameters).error(); };
  EXPECT_EQ(again({{"GroupName", "web"}, {"GroupDescription", "d"}, {"VpcId", vpc}}), "InvalidGroup.Duplicate");
  EXPECT_EQ(again({{"GroupName", "default"}, {"GroupDescription", "d"}, {"VpcId", vpc}}), "InvalidGroup.Duplicate");
  EXPECT_EQ(again({{"GroupName", "sg-x"}, {"GroupDescription", "d"}, {"VpcId", vpc}}), "InvalidParameterValue");
  EXPECT_EQ(again({{"GroupName", "x"}, {"VpcId", vpc}}), "MissingParameter");
  EXPECT_EQ(again({{"GroupName", "x"}, {"GroupDescription", "d"}}), "VPCIdNotSpecified");
  const auto other = world.ec2("CreateVpc", {{"CidrBlock", "10.0.0.0/16"}}).text("vpcId");
  EXPECT_EQ(again({{"GroupName", "web"}, {"GroupDescription", "d"}, {"VpcId", other}}), "");
}

TEST_F(Ec2Networks, rules_are_authorized_shown_and_revoked) {
  const auto web = group("web");
  const auto servers = group("servers");
  const Parameters everything{{"IpProtocol", "-1"}, {"IpRanges.1.CidrIp", "0.0.0.0/0"}};
  EXPECT_EQ(rules("Revoke", web, everything).text("return"), "true");
  EXPECT_EQ(rules("Revoke", web, everything).error(), "InvalidPermission.NotFound");
  const auto made = rules("Authorize", web,
                          {{"IpProtocol", "tcp"},
                           {"FromPort", "80"},
                           {"ToPort", "81"},
                           {"IpRanges.1.CidrIp", "10.0.1.0/24"},
                           {"IpRanges.1.Description", "pages"},
                           {"IpRanges.2.CidrIp", "10.0.2.0/24"},
                           {"Groups.1.GroupId", servers}});
  ASSERT_EQ(made.status, 200) << made.xml;
  EXPECT_EQ(made.texts("securityGroupRuleId").size(), 3U);
  const auto shown = world.ec2("DescribeSecurityGroups", {{"GroupId.1", web}});
  EXPECT_EQ(shown.texts("ipProtocol"), std::vector<std::string>{"tcp"}) << "one permission";
  EXPECT_EQ(shown.texts("cidrIp"), (std::vector<std::string>{"10.0.1.0/24", "10.0.2.0/24"}));
  EXPECT_EQ(shown.text("description"), "pages");
  EXPECT_EQ(managed("/security-groups/" + web)["Egress"][2],
            (Json{{"Protocol", "tcp"}, {"FromPort", 80}, {"ToPort", 81}, {"DestinationGroupId", servers}}));
  EXPECT_EQ(world.ec2("DeleteSecurityGroup", {{"GroupId", servers}}).error(), "DependencyViolation");
  EXPECT_EQ(rules("Authorize", web,
                  {{"IpProtocol", "6"}, {"FromPort", "80"}, {"ToPort", "81"}, {"Groups.1.GroupId", servers}})
                .error(),
            "InvalidPermission.Duplicate");
  const auto listed =
      world.ec2("DescribeSecurityGroupRules", {{"Filter.1.Name", "group-id"}, {"Filter.1.Value.1", web}});
  EXPECT_EQ(listed.texts("securityGroupRuleId").size(), 3U);
  EXPECT_EQ(world
                .ec2("RevokeSecurityGroupEgress",
                     {{"GroupId", web}, {"SecurityGroupRuleId.1", made.texts("securityGroupRuleId")[2]}})
                .status,
            200);
  EXPECT_EQ(world.ec2("DeleteSecurityGroup", {{"GroupId", servers}}).text("return"), "true");
}

TEST_F(Ec2Networks, refuses_rules_that_say_nothing_it_can_carry) {
  const auto web = group("web");
  const std::vector<std::pair<Parameters, std::string>> rows{
      {{}, "MissingParameter"},
      {{{"IpProtocol", "tcp"}, {"IpRanges.1.CidrIp", "10.0.0.0/8"}}, "InvalidParameterValue"},
      {{{"IpProtocol", "tcp"}, {"FromPort", "2"}, {"ToPort", "1"}, {"IpRanges.1.CidrIp", "10.0.0.0/8"}},
       "InvalidParameterValue"},
      {{{"IpProtocol", "tcp"}, {"FromPort", "1"}, {"ToPort", "65536"}, {"IpRanges.1.CidrIp", "10.0.0.0/8"}},
       "InvalidParameterValue"},
      {{{"IpProtocol", "ip"}, {"IpRanges.1.CidrIp", "10.0.0.0/8"}}, "InvalidPermission.Malformed"},
      {{{"IpProtocol", "256"}, {"IpRanges.1.CidrIp", "10.0.0.0/8"}}, "InvalidPermission.Malformed"},
      {{{"IpProtocol", "icmp"}, {"FromPort", "-1"}, {"ToPort", "3"}, {"IpRanges.1.CidrIp", "10.0.0.0/8"}},
       "InvalidParameterValue"},
      {{{"IpProtocol", "-1"}}, "MissingParameter"},
      {{{"IpProtocol", "-1"}, {"Groups.1.GroupId", "sg-x"}}, "InvalidGroup.NotFound"},
      {{{"IpProtocol", "-1"}, {"Ipv6Ranges.1.CidrIpv6", "::/0"}}, "UnsupportedOperation"},
      {{{"IpProtocol", "-1"}, {"IpRanges.1.CidrIp", "10.0.0.0/8"}, {"Port", "1"}}, "UnknownParameter"}};
  for (const auto& [permission, error] : rows) EXPECT_EQ(rules("Authorize", web, permission).error(), error);
  EXPECT_EQ(world.ec2("AuthorizeSecurityGroupIngress", {{"GroupId", web}}).error(), "UnsupportedOperation");
  EXPECT_EQ(managed("/security-groups/" + web)["Egress"].size(), 1U);
}

TEST_F(Ec2Networks, icmp_and_other_protocols_come_back_as_they_went_in) {
  const auto web = group("web");
  rules("Authorize", web,
        {{"IpProtocol", "icmp"}, {"FromPort", "8"}, {"ToPort", "-1"}, {"IpRanges.1.CidrIp", "10.0.0.0/8"}});
  rules("Authorize", web, {{"IpProtocol", "50"}, {"IpRanges.1.CidrIp", "10.0.0.0/8"}});
  const auto shown = world.ec2("DescribeSecurityGroups", {{"GroupId.1", web}});
  EXPECT_EQ(shown.texts("ipProtocol"), (std::vector<std::string>{"-1", "icmp", "50"}));
  EXPECT_EQ(shown.texts("fromPort"), std::vector<std::string>{"8"});
  EXPECT_EQ(shown.texts("toPort"), std::vector<std::string>{"-1"});
}

}  // namespace
}  // namespace hypernat::control::testing
