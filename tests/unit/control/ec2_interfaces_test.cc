// Functions' interfaces as EC2 shows them, and what they stand in the way of.
#include <gtest/gtest.h>

#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

class Ec2Interfaces : public ::testing::Test {
 protected:
  Ec2Interfaces() {
    world.declare();
    world.declare(kGlobex);
    world.create("web", {"subnet-a", "subnet-b"}, {"sg-1"});
  }
  std::vector<std::string> found(const std::string& filter, const std::string& value,
                                 const std::string& account = kAcme) {
    return world.ec2("DescribeNetworkInterfaces", {{"Filter.1.Name", filter}, {"Filter.1.Value.1", value}}, account)
        .texts("networkInterfaceId");
  }
  World world;
};

TEST_F(Ec2Interfaces, look_as_those_of_lambda_do) {
  world.run();
  const auto shown =
      world.ec2("DescribeNetworkInterfaces", {{"Filter.1.Name", "subnet-id"}, {"Filter.1.Value.1", "subnet-a"}});
  const auto text = [&](const char* name) { return shown.text(name); };
  EXPECT_EQ(text("interfaceType"), "lambda");
  EXPECT_EQ(text("requesterManaged"), "false");
  EXPECT_EQ(text("status"), "in-use");
  EXPECT_EQ(text("privateIpAddress"), "10.0.1.4");
  EXPECT_EQ(text("vpcId"), "vpc-1");
  EXPECT_EQ(text("availabilityZone"), "us-east-1a");
  EXPECT_EQ(text("groupId"), "sg-1");
  EXPECT_EQ(text("instanceOwnerId"), "amazon-aws");
  EXPECT_EQ(text("deviceIndex"), "1");
  EXPECT_EQ(text("deleteOnTermination"), "false");
  EXPECT_TRUE(text("attachmentId").starts_with("ela-attach-"));
  EXPECT_EQ(shown.texts("primary"), std::vector<std::string>{"true"});
  EXPECT_TRUE(text("description").starts_with("AWS Lambda VPC ENI-web-")) << text("description");
  EXPECT_EQ(text("description").size(), std::string("AWS Lambda VPC ENI-web-").size() + 36);
}

TEST_F(Ec2Interfaces, keep_the_name_of_the_function_they_were_made_for) {
  world.create("other", {"subnet-a", "subnet-b"}, {"sg-1"});
  world.run();
  world.call("DELETE", "/2015-03-31/functions/web");
  world.run();
  EXPECT_EQ(found("description", "AWS Lambda VPC ENI-web-*").size(), 2U);
  EXPECT_EQ(found("description", "AWS Lambda VPC ENI-other-*").size(), 0U);
}

TEST_F(Ec2Interfaces, are_pending_until_every_data_plane_holds_them) {
  world.beat();
  EXPECT_EQ(found("status", "pending").size(), 2U);
  EXPECT_EQ(found("status", "in-use").size(), 0U);
  world.run();
  EXPECT_EQ(found("status", "in-use").size(), 2U);
}

TEST_F(Ec2Interfaces, are_found_by_what_people_filter_by) {
  world.create("batch", {"subnet-a"}, {"sg-2"});
  world.create("far", {"subnet-a"}, {"sg-1"}, kGlobex);
  world.run();
  const auto all = world.ec2("DescribeNetworkInterfaces").texts("networkInterfaceId");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(found("group-id", "sg-1").size(), 2U);
  EXPECT_EQ(found("group-name", "sg-2").size(), 1U);
  EXPECT_EQ(found("subnet-id", "subnet-a").size(), 2U);
  EXPECT_EQ(found("vpc-id", "vpc-1").size(), 3U);
  EXPECT_EQ(found("interface-type", "lambda").size(), 3U);
  EXPECT_EQ(found("interface-type", "interface").size(), 0U);
  EXPECT_EQ(found("requester-managed", "false").size(), 3U);
  EXPECT_EQ(found("attachment.instance-owner-id", "amazon-aws").size(), 3U);
  EXPECT_EQ(found("private-ip-address", "10.0.2.4").size(), 1U);
  EXPECT_EQ(found("network-interface-id", all[0]), std::vector<std::string>{all[0]});
  EXPECT_EQ(found("vpc-id", "vpc-1", kGlobex).size(), 1U);
  EXPECT_EQ(world.ec2("DescribeNetworkInterfaces", {{"NetworkInterfaceId.1", all[0]}}, kGlobex).error(),
            "InvalidNetworkInterfaceID.NotFound");
}

TEST_F(Ec2Interfaces, stand_in_the_way_of_their_subnet_group_and_vpc) {
  world.run();
  EXPECT_EQ(world.ec2("DeleteSubnet", {{"SubnetId", "subnet-a"}}).error(), "DependencyViolation");
  EXPECT_EQ(world.ec2("DeleteSecurityGroup", {{"GroupId", "sg-1"}}).error(), "DependencyViolation");
  EXPECT_EQ(world.ec2("DeleteVpc", {{"VpcId", "vpc-1"}}).error(), "DependencyViolation");
  world.call("DELETE", "/2015-03-31/functions/web");
  world.run();
  EXPECT_EQ(world.ec2("DeleteSubnet", {{"SubnetId", "subnet-a"}}).text("return"), "true");
  EXPECT_EQ(world.ec2("DeleteSecurityGroup", {{"GroupId", "sg-1"}}).text("return"), "true");
}

TEST_F(Ec2Interfaces, are_not_the_accounts_to_delete_or_detach) {
  world.run();
  const auto shown = world.ec2("DescribeNetworkInterfaces");
  EXPECT_EQ(world.ec2("DeleteNetworkInterface", {{"NetworkInterfaceId", shown.text("networkInterfaceId")}}).error(),
            "InvalidParameterValue");
  EXPECT_EQ(
      world.ec2("DetachNetworkInterface", {{"AttachmentId", shown.text("attachmentId")}, {"Force", "true"}}).error(),
      "OperationNotPermitted");
  EXPECT_EQ(world.ec2("DeleteNetworkInterface", {{"NetworkInterfaceId", "eni-x"}}).error(),
            "InvalidNetworkInterfaceID.NotFound");
}

TEST_F(Ec2Interfaces, of_a_lease_are_its_functions_too) {
  world.run();
  const Json lease{{"Account", kAcme}, {"FunctionName", "web"}, {"ProvisioningMilliseconds", 0}};
  ASSERT_EQ(world.call("POST", "/hypernat/v1/leases", lease).status, 201);
  world.run();
  EXPECT_EQ(found("description", "AWS Lambda VPC ENI-web-*").size(), 3U);
}

}  // namespace
}  // namespace hypernat::control::testing
