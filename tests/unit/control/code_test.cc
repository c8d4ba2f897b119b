// How functions get code, and how it is had back.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "control/api/base64.h"
#include "tests/unit/control/world.h"
#include "tests/unit/control/zips.h"

namespace hypernat::control::testing {
namespace code_test {

constexpr const char* kWeb = "/2015-03-31/functions/web";

class Code : public ::testing::Test {
 protected:
  Code() { world.declare(); }
  Reply create(const Json& change) {
    auto body = function_body("web", {}, {});
    body.erase("Environment");
    body.merge_patch(change);
    return world.call("POST", "/2015-03-31/functions", body);
  }
  Reply update(const Json& body) { return world.call("PUT", std::string(kWeb) + "/code", body); }
  const std::string newer = make_zip({{.name = "bootstrap", .content = "#!/bin/cat\n", .mode = S_IFREG | 0755}});
  const std::string zip = make_zip({{.name = "bootstrap", .content = "#!/bin/sh\n", .mode = S_IFREG | 0755}});
  World world;
};

TEST_F(Code, is_kept_as_long_as_any_function_has_it) {
  const auto count = [&] {
    auto row = world.database->query("SELECT count(*) FROM code");
    row.step();
    return row.integer(0);
  };
  const auto made = create({{"Code", {{"ZipFile", base64(zip)}}}});
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.body["CodeSize"], zip.size());
  EXPECT_EQ(made.body["CodeSha256"], sha256_base64(zip));
  EXPECT_EQ(create({{"FunctionName", "other"}, {"Code", {{"ZipFile", base64(zip)}}}}).status, 201);
  EXPECT_EQ(count(), 1);
  world.call("DELETE", "/2015-03-31/functions/web");
  EXPECT_EQ(count(), 1);
  const auto updated = world.call("PUT", "/2015-03-31/functions/other/code", {{"ZipFile", base64(newer)}});
  EXPECT_EQ(updated.body["CodeSha256"], sha256_base64(newer)) << updated.body;
  EXPECT_EQ(count(), 1);
  world.call("DELETE", "/2015-03-31/functions/other");
  EXPECT_EQ(count(), 0);
}

struct CodeRow {
  Json change;
  const char* message;
};

TEST_F(Code, is_refused_by_name) {
  for (const auto& row :
       std::vector<CodeRow>{{{{"Code", {{"S3Bucket", "b"}, {"S3Key", "k"}}}}, "S3 Error Code: NoSuchBucket"},
                            {{{"Code", {{"ImageUri", "x.dkr.ecr.us-east-1.amazonaws.com/y"}}}}, "Source image"},
                            {{{"PackageType", "Image"}}, "PackageType"},
                            {{{"Code", {{"ZipFile", ""}}}}, "Uploaded file must be a non-empty zip"},
                            {{{"Code", {{"ZipFile", "aGVsbG8="}}}}, "Could not unzip uploaded file"},
                            {{{"Code", {{"ZipFile", "?"}}}}, "base64"},
                            {{{"Role", "admin"}, {"Code", {{"ZipFile", base64(zip)}}}}, "Role: found \"admin\""}}) {
    auto change = row.change;
    if (change.contains("Code") && !change["Code"].contains("ZipFile")) change["Code"]["ZipFile"] = nullptr;
    const auto reply = create(change);
    EXPECT_EQ(reply.status, 400) << row.change;
    EXPECT_NE(reply.body.value("Message", "").find(row.message), std::string::npos) << reply.body;
  }
  EXPECT_EQ(world.call("PUT", "/2015-03-31/functions/nobody/code", {{"ZipFile", base64(zip)}}).status, 404);
  EXPECT_EQ(world.call("PUT", "/2015-03-31/functions/nobody/code", {{"S3Bucket", "b"}}).status, 400);
}

TEST_F(Code, is_published_with_the_update_that_brings_it) {
  create({{"Code", {{"ZipFile", base64(zip)}}}});
  const auto first = update({{"ZipFile", base64(newer)}, {"Publish", true}});
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body["Version"], "1");
  EXPECT_EQ(first.body["FunctionArn"], "arn:aws:lambda:us-east-1:111111111111:function:web:1");
  EXPECT_EQ(first.body["CodeSha256"], sha256_base64(newer));
  EXPECT_EQ(update({{"ZipFile", base64(newer)}, {"Publish", true}}).body["Version"], "1") << "nothing is new";
  EXPECT_EQ(update({{"ZipFile", base64(zip)}}).body["Version"], "$LATEST");
  EXPECT_EQ(update({{"ZipFile", base64(zip)}, {"Publish", true}}).body["Version"], "2");
  EXPECT_EQ(update({{"ZipFile", base64(zip)}, {"Publish", "yes"}}).error, "InvalidRequestContentException");
}

TEST_F(Code, is_updated_of_the_revision_that_the_caller_knows) {
  const auto revision = create({{"Code", {{"ZipFile", base64(zip)}}}}).body["RevisionId"];
  EXPECT_EQ(update({{"ZipFile", base64(newer)}, {"RevisionId", "other"}}).error, "PreconditionFailedException");
  EXPECT_EQ(world.function("web")["CodeSha256"], sha256_base64(zip));
  const auto updated = update({{"ZipFile", base64(newer)}, {"RevisionId", revision}});
  EXPECT_EQ(updated.status, 200);
  EXPECT_NE(updated.body["RevisionId"], revision);
}

TEST_F(Code, stays_when_an_update_is_only_rehearsed) {
  const auto before = create({{"Code", {{"ZipFile", base64(zip)}}}}).body;
  const auto told = update({{"ZipFile", base64(newer)}, {"Publish", true}, {"DryRun", true}});
  EXPECT_EQ(told.status, 200);
  EXPECT_EQ(told.body["CodeSha256"], sha256_base64(newer));
  EXPECT_EQ(world.function("web")["RevisionId"], before["RevisionId"]);
  EXPECT_EQ(world.call("GET", std::string(kWeb) + "/versions").body["Versions"].size(), 1U);
  EXPECT_EQ(update({{"ZipFile", "aGVsbG8="}, {"DryRun", true}}).error, "InvalidParameterValueException");
  EXPECT_EQ(update({{"ZipFile", base64(newer)}, {"RevisionId", "other"}, {"DryRun", true}}).error,
            "PreconditionFailedException");
}

// A link as GetFunction tells it, followed by somebody who has nothing else.
class CodeLink : public Code {
 protected:
  std::string location() {
    const auto response = world.api->handle({.method = "GET",
                                             .path = kWeb,
                                             .query = {},
                                             .headers = {{"x-hypernat-account", kAcme}, {"host", "127.0.0.1:9040"}},
                                             .body = {}});
    const auto code = Json::parse(response.body).at("Code");
    EXPECT_EQ(code.value("RepositoryType", ""), "S3");
    return code.value("Location", "");
  }
  ApiResponse follow(const std::string& link) {
    const std::string host = "http://127.0.0.1:9040";
    EXPECT_EQ(link.substr(0, host.size()), host);
    const auto question = std::min(link.find('?'), link.size());
    return world.api->handle({.method = "GET",
                              .path = link.substr(host.size(), question - host.size()),
                              .query = query_of(link),
                              .headers = {},
                              .body = {},
                              .origin = Origin::kTcp});
  }
};

TEST_F(CodeLink, leads_to_the_archive_for_ten_minutes) {
  create({{"Code", {{"ZipFile", base64(zip)}}}});
  const auto link = location();
  const auto fetched = follow(link);
  EXPECT_EQ(fetched.status, 200);
  EXPECT_EQ(fetched.content_type, "application/zip");
  EXPECT_EQ(fetched.body, zip);
  update({{"ZipFile", base64(newer)}});
  EXPECT_EQ(follow(link).status, 404) << "no function has it any more";
  const auto next = location();
  world.clock.advance(10min);
  EXPECT_EQ(follow(next).body, newer);
  world.clock.advance(1ms);
  EXPECT_EQ(follow(next).status, 403);
}

TEST_F(CodeLink, that_was_altered_leads_nowhere) {
  create({{"Code", {{"ZipFile", base64(zip)}}}});
  const auto link = location();
  for (auto at = link.find("/code/") + 6; at < link.size(); ++at) {
    auto other = link;
    other[at] = other[at] == '0' ? '1' : '0';
    EXPECT_EQ(follow(other).status, 403) << other;
  }
  EXPECT_EQ(follow(link.substr(0, link.find('?'))).status, 403);
  world.restart();
  EXPECT_EQ(follow(link).status, 403) << "signed by a process that has ended";
}

TEST_F(CodeLink, is_not_told_of_a_function_that_runs_a_command) {
  world.create("command", {}, {});
  EXPECT_EQ(world.call("GET", "/2015-03-31/functions/command").body["Code"], Json::object());
}

}  // namespace code_test
}  // namespace hypernat::control::testing
