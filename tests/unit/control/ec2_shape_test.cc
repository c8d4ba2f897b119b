// EC2's wire format: what any call may have, its errors, filters and pages.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "control/api/ec2_error.h"
#include "control/api/query_form.h"
#include "control/api/xml_writer.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

std::string error_of(const std::string& body) {
  try {
    parse_form(body);
    return "none";
  } catch (const Ec2Error& error) {
    return error.code();
  }
}

TEST(Form, is_decoded_and_refused_when_it_is_none) {
  EXPECT_EQ(parse_form("a=1&b.1=x+y%26&c=&d&&e=%E2%82%ac"),
            (std::map<std::string, std::string>{{"a", "1"}, {"b.1", "x y&"}, {"c", ""}, {"d", ""}, {"e", "€"}}));
  for (const char* body :
       {"a=%", "a=%4", "a=%zz", "a=1&a=2", "=x", "a=%00", "a=%ff", "a=%ed%a0%80", "a=%c0%80", "%1b=1"})
    EXPECT_EQ(error_of(body), "MalformedQueryString") << body;
  std::string many;
  for (int i = 0; i < 5001; ++i) many += "&a." + std::to_string(i) + "=";
  EXPECT_EQ(error_of(many), "MalformedQueryString");
}

TEST(Form, has_lists_in_the_order_of_their_numbers) {
  QueryParameters parameters(parse_form("X.10=ten&X.2=two&X.a=no&X.1.Y=inner&X.000001=no&Z.1=z"));
  EXPECT_EQ(parameters.list("X"), (std::vector<std::string>{"two", "ten"}));
  EXPECT_EQ(parameters.structures("X"), (std::vector<std::string>{"X.1", "X.2", "X.10"}));
  EXPECT_THROW(parameters.finish(), Ec2Error);
}

TEST(Xml, is_well_formed_whatever_the_text) {
  XmlWriter xml;
  xml.text("a", "<&>\"' \x01\xff\xed\xa0\x80 €\r");
  EXPECT_EQ(xml.document("R", "urn:x"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R xmlns=\"urn:x\"><a>&lt;&amp;&gt;\"' ????? €&#13;</a></R>");
}

TEST(Ec2, answers_and_refuses_in_its_own_shape) {
  World world;
  world.declare();
  const auto good = world.ec2("DescribeVpcs");
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.text("requestId").size(), 36U);
  EXPECT_NE(good.xml.find("<DescribeVpcsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">"),
            std::string::npos);
  const auto bad = world.ec2("DescribeVpcs", {{"VpcId.1", "vpc-x"}});
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.error(), "InvalidVpcID.NotFound");
  EXPECT_EQ(bad.text("Message"), "The vpc ID 'vpc-x' does not exist");
  EXPECT_EQ(bad.xml.find("<Response><Errors><Error>"),
            std::string("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").size());
  EXPECT_EQ(bad.text("RequestID").size(), 36U);
}

TEST(Ec2, refuses_what_no_call_has) {
  World world;
  world.declare();
  EXPECT_EQ(world.ec2("RunInstances").error(), "InvalidAction");
  EXPECT_EQ(world.ec2("").error(), "MissingAction");
  EXPECT_EQ(world.ec2("DescribeVpcs", {{"VpcIds.1", "x"}}).error(), "UnknownParameter");
  EXPECT_EQ(world.ec2("DescribeVpcs", {{"DryRun", "maybe"}}).error(), "InvalidParameterValue");
  EXPECT_EQ(world.ec2("DescribeVpcs", {{"MaxResults", "4"}}).error(), "InvalidParameterValue");
  EXPECT_EQ(world.ec2("DescribeVpcs", {{"MaxResults", "5"}, {"VpcId.1", "vpc-1"}}).error(),
            "InvalidParameterCombination");
  EXPECT_EQ(world.ec2("DescribeVpcs", {{"NextToken", "x"}}).error(), "InvalidPaginationToken");
  EXPECT_EQ(world.ec2("DescribeVpcs", {{"Filter.1.Name", "color"}, {"Filter.1.Value.1", "x"}}).error(),
            "InvalidParameterValue");
  EXPECT_EQ(world.ec2("DescribeVpcs", {{"Filter.1.Name", "state"}}).error(), "InvalidParameterValue");
}

TEST(Ec2, rehearses_a_call_when_it_is_a_dry_run) {
  World world;
  world.declare();
  const auto reply = world.ec2("CreateVpc", {{"CidrBlock", "10.1.0.0/16"}, {"DryRun", "true"}});
  EXPECT_EQ(reply.status, 412);
  EXPECT_EQ(reply.error(), "DryRunOperation");
  EXPECT_EQ(world.ec2("CreateVpc", {{"CidrBlock", "10.1.0.0/8"}, {"DryRun", "true"}}).error(), "InvalidVpc.Range");
  EXPECT_EQ(world.ec2("DescribeVpcs").texts("vpcId"), std::vector<std::string>{"vpc-1"});
}

TEST(Ec2, gives_a_list_by_pages_each_thing_once) {
  World world;
  world.declare();
  std::set<std::string> made{"sg-1", "sg-2"};
  for (int i = 0; i < 12; ++i)
    made.insert(world
                    .ec2("CreateSecurityGroup",
                         {{"GroupName", "g" + std::to_string(i)}, {"GroupDescription", "d"}, {"VpcId", "vpc-1"}})
                    .text("groupId"));
  ASSERT_EQ(made.size(), 14U);
  std::vector<std::string> seen;
  std::string token;
  int pages = 0;
  do {
    Parameters parameters{{"MaxResults", "5"}};
    if (!token.empty()) parameters.emplace_back("NextToken", token);
    const auto reply = world.ec2("DescribeSecurityGroups", parameters);
    const auto ids = reply.texts("groupId");
    seen.insert(seen.end(), ids.begin(), ids.end());
    token = reply.text("nextToken");
    ++pages;
  } while (!token.empty() && pages < 10);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(seen.size(), 14U);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), made);
}

struct FilterRow {
  const char* pattern;
  std::vector<std::string> found;
};

TEST(Ec2, filters_with_wildcards_and_escapes) {
  World world;
  world.declare();
  for (const char* name : {"web", "web-*", "wb", "batch"})
    world.ec2("CreateSecurityGroup", {{"GroupName", name}, {"GroupDescription", "d"}, {"VpcId", "vpc-1"}});
  const std::vector<FilterRow> rows{{"web", {"web"}},
                                    {"w?b", {"web"}},
                                    {"w*", {"wb", "web", "web-*"}},
                                    {"*b*", {"batch", "wb", "web", "web-*"}},
                                    {"web-\\*", {"web-*"}},
                                    {"\\*", {}},
                                    {"", {}},
                                    {"**h", {"batch"}},
                                    {"web?", {}}};
  for (const auto& row : rows) {
    auto names =
        world.ec2("DescribeSecurityGroups", {{"Filter.1.Name", "group-name"}, {"Filter.1.Value.1", row.pattern}})
            .texts("groupName");
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, row.found) << row.pattern;
  }
  EXPECT_EQ(world
                .ec2("DescribeSecurityGroups", {{"Filter.1.Name", "group-name"},
                                                {"Filter.1.Value.1", "web"},
                                                {"Filter.1.Value.2", "batch"},
                                                {"Filter.2.Name", "vpc-id"},
                                                {"Filter.2.Value.1", "vpc-1"}})
                .texts("groupName")
                .size(),
            2U);
}

TEST(Ec2, keeps_accounts_apart) {
  World world;
  world.declare();
  world.declare(kGlobex);
  const auto vpc = world.ec2("CreateVpc", {{"CidrBlock", "10.9.0.0/16"}}).text("vpcId");
  EXPECT_EQ(world.ec2("DescribeVpcs", {{"VpcId.1", vpc}}, kGlobex).error(), "InvalidVpcID.NotFound");
  EXPECT_EQ(world.ec2("DeleteVpc", {{"VpcId", vpc}}, kGlobex).error(), "InvalidVpcID.NotFound");
  EXPECT_EQ(world.ec2("DescribeVpcs", {}, kGlobex).texts("ownerId"), std::vector<std::string>{kGlobex});
}

TEST(Ec2, makes_the_account_of_a_configured_key_and_no_other) {
  World world;
  EXPECT_EQ(world.ec2("CreateVpc", {{"CidrBlock", "10.0.0.0/16"}}).status, 200);
  EXPECT_EQ(world.call("GET", std::string("/hypernat/v1/accounts/") + kAcme).body["Limits"]["Flows"], 50000);
  EXPECT_NE(world.ec2("CreateVpc", {{"CidrBlock", "10.0.0.0/16"}}, kGlobex).status, 200);
}

}  // namespace
}  // namespace hypernat::control::testing
