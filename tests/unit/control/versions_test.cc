// Published versions: copies with references of their own.
#include <gtest/gtest.h>

#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace versions_test {

constexpr const char* kWeb = "/2015-03-31/functions/web";

Reply publish(World& world, const Json& body = Json::object(), const std::string& name = "web") {
  return world.call("POST", "/2015-03-31/functions/" + name + "/versions", body);
}

Reply set_timeout(World& world, int seconds) {
  return world.call("PUT", std::string(kWeb) + "/configuration", {{"Timeout", seconds}});
}

std::vector<std::string> versions_of(World& world, const std::string& query = "") {
  std::vector<std::string> versions;
  const auto body = world.call("GET", kWeb + std::string("/versions") + query).body;
  for (const auto& each : body.at("Versions")) versions.push_back(each["Version"]);
  return versions;
}

class Versions : public ::testing::Test {
 protected:
  Versions() {
    world.declare();
    world.create("web", {"subnet-a"}, {"sg-1"});
    world.run();
  }
  World world;
};

TEST_F(Versions, are_copies_that_later_changes_do_not_reach) {
  const auto first = publish(world, {{"Description", "the first"}});
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(first.body["Version"], "1");
  EXPECT_EQ(first.body["FunctionArn"], "arn:aws:lambda:us-east-1:111111111111:function:web:1");
  EXPECT_EQ(first.body["State"], "Active");
  set_timeout(world, 30);
  EXPECT_EQ(publish(world).body["Version"], "2");
  EXPECT_EQ(world.call("GET", std::string(kWeb) + "?Qualifier=1").body["Configuration"]["Timeout"], 3);
  EXPECT_EQ(world.call("GET", std::string(kWeb) + ":1/configuration").body["Description"], "the first");
  EXPECT_EQ(world.call("GET", std::string(kWeb) + "/configuration?Qualifier=2").body["Timeout"], 30);
  EXPECT_EQ(world.call("GET", std::string(kWeb) + "/configuration?Qualifier=$LATEST").body["Version"], "$LATEST");
  EXPECT_EQ(world.call("GET", std::string(kWeb) + "?Qualifier=3").error, "ResourceNotFoundException");
  EXPECT_EQ(world.call("GET", std::string(kWeb) + "?Qualifier=live").error, "ResourceNotFoundException");
  EXPECT_EQ(world.call("GET", std::string(kWeb) + ":1?Qualifier=2").error, "InvalidParameterValueException");
  EXPECT_EQ(world.call("PUT", std::string(kWeb) + ":1/configuration", {{"Timeout", 4}}).error,
            "InvalidParameterValueException");
  EXPECT_EQ(versions_of(world), (std::vector<std::string>{"$LATEST", "1", "2"}));
}

TEST_F(Versions, are_not_made_of_what_has_not_changed_and_numbers_are_not_given_twice) {
  publish(world);
  EXPECT_EQ(publish(world, {{"Description", "again"}}).body["Version"], "1");
  set_timeout(world, 30);
  publish(world);
  EXPECT_EQ(world.call("DELETE", std::string(kWeb) + "?Qualifier=2").status, 204);
  EXPECT_EQ(publish(world).body["Version"], "3");
  EXPECT_EQ(versions_of(world), (std::vector<std::string>{"$LATEST", "1", "3"}));
}

TEST_F(Versions, are_published_of_the_code_and_revision_that_the_caller_knows) {
  const auto now = world.function("web");
  EXPECT_EQ(publish(world, {{"CodeSha256", "other"}}).error, "InvalidParameterValueException");
  EXPECT_EQ(publish(world, {{"RevisionId", "other"}}).error, "PreconditionFailedException");
  EXPECT_EQ(publish(world, {{"RevisionId", now["RevisionId"]}, {"CodeSha256", now["CodeSha256"]}}).status, 201);
}

TEST_F(Versions, hold_references_of_their_own) {
  publish(world);
  world.update("web", {"subnet-b"}, {"sg-2"});
  world.run();
  ASSERT_EQ(world.mappings().size(), 2U);
  EXPECT_EQ(world.mappings()[0]["SubnetId"], "subnet-a");
  EXPECT_EQ(world.call("GET", std::string(kWeb) + "/configuration?Qualifier=1").body["VpcConfig"]["SubnetIds"],
            Json({"subnet-a"}));
  EXPECT_EQ(world.call("DELETE", std::string(kWeb) + "?Qualifier=1").status, 204);
  ASSERT_EQ(world.mappings().size(), 1U);
  EXPECT_EQ(world.mappings()[0]["SubnetId"], "subnet-b");
}

TEST_F(Versions, go_with_their_function) {
  publish(world);
  world.update("web", {"subnet-b"}, {"sg-2"});
  world.run();
  publish(world);
  EXPECT_EQ(world.call("DELETE", std::string(kWeb) + "?Qualifier=$LATEST").error, "InvalidParameterValueException");
  EXPECT_EQ(world.call("DELETE", kWeb).status, 204);
  EXPECT_TRUE(world.mappings().empty());
  EXPECT_EQ(world.call("GET", std::string(kWeb) + "?Qualifier=1").status, 404);
  EXPECT_EQ(world.call("GET", kWeb + std::string("/versions")).status, 404);
  world.create("web", {}, {});
  EXPECT_EQ(publish(world).body["Version"], "1") << "another function of that name";
}

TEST_F(Versions, are_invoked_through_what_they_were_published_with) {
  publish(world);
  const auto old = world.mappings()[0]["Uid"];
  world.update("web", {"subnet-b"}, {"sg-2"});
  world.run();
  world.call("PUT", "/hypernat/v1/worker-hosts/wh1",
             {{"Address", "192.0.2.11"}, {"Zone", "a"}, {"Socket", "/run/wh1.sock"}, {"Slots", 4}});
  const auto place = [&](const std::string& name) {
    return world.call("POST", "/hypernat/v1/placements", {{"Account", kAcme}, {"FunctionName", name}}).body;
  };
  EXPECT_EQ(place("web:1")["MappingUid"], old);
  EXPECT_EQ(place("web:1")["Environment"]["AWS_LAMBDA_FUNCTION_VERSION"], "1");
  EXPECT_NE(place("web")["MappingUid"], old);
  EXPECT_EQ(place("web")["Environment"]["AWS_LAMBDA_FUNCTION_VERSION"], "$LATEST");
}

TEST_F(Versions, of_a_function_that_changes_wait_until_it_has) {
  world.store.reported.clear();
  world.update("web", {"subnet-b"}, {"sg-2"});
  EXPECT_EQ(publish(world).error, "ResourceConflictException");
}

TEST_F(Versions, published_with_a_new_function_become_active_with_it) {
  auto body = function_body("api", {"subnet-b"}, {"sg-2"});
  body["Publish"] = true;
  const auto made = world.call("POST", "/2015-03-31/functions", body).body;
  EXPECT_EQ(made["Version"], "1");
  EXPECT_EQ(made["State"], "Pending");
  world.run();
  EXPECT_EQ(world.call("GET", "/2015-03-31/functions/api:1/configuration").body["State"], "Active");
  body["FunctionName"] = "third";
  body["Publish"] = "yes";
  EXPECT_EQ(world.call("POST", "/2015-03-31/functions", body).error, "InvalidRequestContentException");
}

TEST_F(Versions, are_listed_in_pages_and_among_all_functions) {
  for (int seconds = 10; seconds < 13; ++seconds) {
    set_timeout(world, seconds);
    publish(world);
  }
  world.create("api", {}, {});
  std::vector<std::string> seen;
  std::string query = "?MaxItems=2";
  for (int pages = 0; pages < 5 && !query.empty(); ++pages) {
    const auto body = world.call("GET", kWeb + std::string("/versions") + query).body;
    EXPECT_LE(body["Versions"].size(), 2U);
    for (const auto& each : body.at("Versions")) seen.push_back(each["Version"]);
    query = body.contains("NextMarker") ? "?MaxItems=2&Marker=" + body["NextMarker"].get<std::string>() : "";
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"$LATEST", "1", "2", "3"}));

  seen.clear();
  query = "?FunctionVersion=ALL&MaxItems=2";
  for (int pages = 0; pages < 5 && !query.empty(); ++pages) {
    const auto body = world.call("GET", "/2015-03-31/functions" + query).body;
    for (const auto& each : body.at("Functions"))
      seen.push_back(each["FunctionName"].get<std::string>() + ":" + each["Version"].get<std::string>());
    query = body.contains("NextMarker")
                ? "?FunctionVersion=ALL&MaxItems=2&Marker=" + body["NextMarker"].get<std::string>()
                : "";
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"api:$LATEST", "web:$LATEST", "web:1", "web:2", "web:3"}));
  EXPECT_EQ(world.call("GET", "/2015-03-31/functions").body["Functions"].size(), 2U);
  EXPECT_EQ(world.call("GET", "/2015-03-31/functions?FunctionVersion=SOME").error, "InvalidParameterValueException");
  EXPECT_EQ(world.call("GET", kWeb + std::string("/versions?Marker=web:x")).error, "InvalidParameterValueException");
}

}  // namespace versions_test
}  // namespace hypernat::control::testing
