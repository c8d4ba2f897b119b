// AWS Lambda's wire format: its shapes, its errors.
#include <gtest/gtest.h>

#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

constexpr const char* kFunctions = "/2015-03-31/functions";

TEST(CreateFunction, answers_with_a_function_configuration) {
  World world;
  world.declare();
  auto body = function_body("web", {"subnet-a"}, {"sg-1"});
  body["Code"]["ZipFile"] = "aGVsbG8=";
  body["Layers"] = Json::array();  // AWS has it; nothing here uses it
  const auto reply = world.call("POST", kFunctions, body);
  ASSERT_EQ(reply.status, 201);
  const auto& created = reply.body;
  EXPECT_EQ(created["FunctionArn"], "arn:aws:lambda:us-east-1:111111111111:function:web");
  EXPECT_EQ(created["State"], "Pending");
  EXPECT_EQ(created["StateReasonCode"], "Creating");
  EXPECT_EQ(created["LastUpdateStatus"], "Successful");
  EXPECT_EQ(created["VpcConfig"],
            Json({{"SubnetIds", {"subnet-a"}}, {"SecurityGroupIds", {"sg-1"}}, {"VpcId", "vpc-1"}}));
  EXPECT_EQ(created["CodeSize"], 5);
  EXPECT_EQ(created["CodeSha256"], "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
  EXPECT_EQ(created["Version"], "$LATEST");
  EXPECT_EQ(created["Timeout"], 3);
  EXPECT_EQ(created["LastModified"], "2027-01-15T08:00:00.000+0000");
  EXPECT_EQ(world.call("POST", kFunctions, body).error, "ResourceConflictException");
}

struct FunctionMistake {
  Json change;
  const char* error;
  const char* message;
};

TEST(CreateFunction, refuses_each_mistake_by_name) {
  const Json command = {{"Variables", {{"HYPERNAT_COMMAND", "curl"}}}};
  const std::vector<FunctionMistake> mistakes{
      {{{"FunctionName", nullptr}}, "InvalidRequestContentException", "FunctionName: found nothing"},
      {{{"FunctionName", "a b"}}, "InvalidParameterValueException", "FunctionName: found \"a b\""},
      {{{"FunctionName", std::string(65, 'x')}}, "InvalidParameterValueException", "1 to 64"},
      {{{"FunctionName", "arn:aws:lambda:us-east-1:222222222222:function:web"}},
       "AccessDeniedException",
       "222222222222"},
      {{{"Role", nullptr}}, "InvalidRequestContentException", "Role: found nothing"},
      {{{"Code", nullptr}}, "InvalidRequestContentException", "Code: found nothing"},
      {{{"Code", {{"ZipFile", "?"}}}}, "InvalidRequestContentException", "Code.ZipFile"},
      {{{"Timeout", 0}}, "InvalidRequestContentException", "Timeout: found 0; expected a whole number from 1 to 900"},
      {{{"Timeout", "3"}}, "InvalidRequestContentException", "Timeout: found \"3\""},
      {{{"Environment", command}}, "InvalidParameterValueException", "HYPERNAT_COMMAND: found curl"},
      {{{"Environment", {{"Variables", {{"A", 1}}}}}}, "InvalidRequestContentException", "Environment.Variables.A"},
      {{{"Environment", {{"Variables", {{"A", std::string(4096, 'x')}}}}}}, "InvalidParameterValueException", "4120"},
      {{{"VpcConfig", {{"SubnetIds", Json::array()}}}}, "InvalidParameterValueException", "must coexist"},
      {{{"VpcConfig", {{"SubnetIds", {"subnet-x"}}}}}, "InvalidParameterValueException", "'subnet-x' does not exist"},
      {{{"VpcConfig", {{"SecurityGroupIds", {"sg-x"}}}}}, "InvalidParameterValueException", "'sg-x' does not exist"},
      {{{"VpcConfig", {{"SecurityGroupIds", {"1", "2", "3", "4", "5", "6"}}}}},
       "InvalidParameterValueException",
       "at most 5"},
      {{{"VpcConfig", {{"SubnetIds", std::vector<std::string>(17, "subnet-a")}}}},
       "InvalidParameterValueException",
       "at most 16"},
      {{{"VpcConfig", {{"SecurityGroupIds", {"sg-of-2"}}}}}, "InvalidParameterValueException", "all of one VPC"},
      {{{"VpcConfig", "x"}}, "InvalidRequestContentException", "VpcConfig: found \"x\""},
  };
  World world;
  world.declare();
  world.put("/vpcs/vpc-2", {{"Cidr", "10.0.0.0/16"}});
  world.put("/security-groups/sg-of-2", {{"VpcId", "vpc-2"}, {"Egress", Json::array()}});
  for (const auto& mistake : mistakes) {
    auto body = function_body("web", {"subnet-a"}, {"sg-1"});
    body.merge_patch(mistake.change);
    const auto reply = world.call("POST", kFunctions, body);
    EXPECT_EQ(reply.error, mistake.error) << body;
    EXPECT_NE(reply.body.value("Message", "").find(mistake.message), std::string::npos) << reply.body;
  }
  EXPECT_TRUE(world.mappings().empty()) << "a refused function holds nothing";
}

TEST(Bodies, that_are_not_a_json_object_are_refused) {
  World world;
  world.declare();
  const std::vector<std::string> bodies{
      "", "{", "[]", "7", "{\"a\":1}x", "\xff", "{\"a\":1e400}", std::string(100'000, '[')};
  for (const auto& body : bodies)
    EXPECT_EQ(world.call("POST", kFunctions, body).error, "InvalidRequestContentException") << body.substr(0, 10);
  EXPECT_EQ(world.call("PUT", std::string(kFunctions) + "/web/configuration", std::string(kMaxBody + 1, ' ')).error,
            "RequestTooLargeException");
  EXPECT_EQ(world.call("POST", kFunctions, std::string(Api::kLargestBody + 1, ' ')).error, "RequestTooLargeException");
}

TEST(Names, may_be_arns) {
  World world;
  world.declare();
  world.create("web", {}, {});
  const std::string path = std::string(kFunctions) + "/";
  for (const char* name : {"web", "111111111111:function:web", "arn:aws:lambda:us-east-1:111111111111:function:web",
                           "arn:aws:lambda:us-east-1:111111111111:function:web:$LATEST"})
    EXPECT_EQ(world.call("GET", path + name).body["Configuration"]["FunctionName"], "web") << name;
  EXPECT_EQ(world.call("GET", path + "arn:aws:lambda:us-east-1:222222222222:function:web").error,
            "AccessDeniedException");
  EXPECT_EQ(world.call("GET", path + "arn:aws:lambda:eu-west-1:111111111111:function:web").error,
            "ResourceNotFoundException");
  EXPECT_EQ(world.call("GET", path + "arn:aws:lambda:us-east-1:111111111111:function:web:7").error,
            "ResourceNotFoundException");
  EXPECT_EQ(world.call("GET", path + "other").error, "ResourceNotFoundException");
}

TEST(ListFunctions, comes_in_pages_by_name) {
  World world;
  world.declare();
  for (int i = 0; i < 5; ++i) world.create("f" + std::to_string(i), {}, {});
  const auto page = [&](const std::string& marker) {
    const auto response = world.api->handle({.method = "GET",
                                             .path = kFunctions,
                                             .query = {{"MaxItems", "2"}, {"Marker", marker}},
                                             .headers = {{"x-hypernat-account", kAcme}},
                                             .body = {}});
    return Json::parse(response.body);
  };
  std::vector<std::string> names;
  std::string marker;
  do {
    const auto body = page(marker);
    for (const auto& function : body["Functions"]) names.push_back(function["FunctionName"]);
    marker = body.value("NextMarker", "");
  } while (!marker.empty());
  EXPECT_EQ(names, (std::vector<std::string>{"f0", "f1", "f2", "f3", "f4"}));
}

TEST(Accounts, come_from_the_header_on_the_socket) {
  World world;
  world.declare();
  const auto list = [&](const std::map<std::string, std::string>& headers) {
    return world.api->handle({.method = "GET", .path = kFunctions, .query = {}, .headers = headers, .body = {}}).status;
  };
  EXPECT_EQ(list({{"x-hypernat-account", kAcme}}), 200);
  EXPECT_EQ(list({{"authorization", "AWS4-HMAC-SHA256 Credential=AKIAACME/20260101/us-east-1/lambda/aws4_request"}}),
            400);
  EXPECT_EQ(list({{"authorization", "Basic x"}}), 400);
  EXPECT_EQ(list({{"x-hypernat-account", "12"}}), 400);
  EXPECT_EQ(list({}), 403);
  EXPECT_EQ(world.create("web", {}, {}, "333333333333").error, "AccessDeniedException") << "an account nobody declared";
}

TEST(Invocation, is_refused_with_a_reason_while_nothing_can_run) {
  World world;
  world.declare();
  world.create("web", {"subnet-a"}, {"sg-1"});
  const std::string path = std::string(kFunctions) + "/web/invocations";
  const auto pending = world.call("POST", path);
  EXPECT_EQ(pending.status, 409);
  EXPECT_EQ(pending.error, "ResourceConflictException");
  EXPECT_NE(pending.body["Message"].get<std::string>().find("Pending"), std::string::npos);
  EXPECT_NE(pending.body["Message"].get<std::string>().find("no data plane is alive"), std::string::npos);
  EXPECT_EQ(world.call("POST", "/hypernat/v1/placements", {{"Account", kAcme}, {"FunctionName", "web"}}).status, 409);
  world.run();
  const auto nowhere = world.call("POST", path);
  EXPECT_EQ(nowhere.status, 503);
  EXPECT_EQ(nowhere.body["Type"], "Service");
  EXPECT_EQ(world.call("POST", std::string(kFunctions) + "/other/invocations").status, 404);
}

TEST(Paths, that_nobody_serves_are_unknown_operations) {
  World world;
  for (const char* path : {"", "/2015-03-31", "/2015-03-31/layers", "/hypernat/v1", "/hypernat/v1/nothing",
                           "/hypernat/v1/mappings/1", "/2015-03-31/functions/web/invocations/x"})
    EXPECT_EQ(world.call("GET", path).error, "UnknownOperationException") << path;
  for (const char* method : {"GET", "POST", "PUT", "DELETE"})
    EXPECT_EQ(world.call(method, std::string(kFunctions) + "/web/aliases/live").error, "UnknownOperationException");
  EXPECT_EQ(world.call("POST", std::string(kFunctions) + "/web/aliases").error, "UnknownOperationException");
  EXPECT_EQ(world.call("PATCH", kFunctions).error, "UnknownOperationException");
  EXPECT_EQ(world.call("PUT", "/hypernat/v1/status").error, "UnknownOperationException");
}

}  // namespace
}  // namespace hypernat::control::testing
