// Signatures: AWS's published test vectors, and what a request is refused for.
#include "control/api/sigv4.h"

#include <gtest/gtest.h>

#include "control/api/request_rate.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

using Headers = std::map<std::string, std::string>;

// Of the test suite that AWS publishes.
constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr const char* kTime = "20150830T123600Z";
constexpr std::int64_t kTimeMilliseconds = 1'440'938'160'000;

struct Vector {
  const char* name;
  const char* method;
  const char* target;
  Headers headers;  ///< beside host and x-amz-date
  const char* body;
  const char* signature;
};

const std::vector<Vector>& vectors() {
  static const std::vector<Vector> kVectors{
      {"get-vanilla", "GET", "/", {}, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-vanilla-query", "GET", "/?", {}, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-vanilla-empty-query-key",
       "GET",
       "/?Param1=value1",
       {},
       "",
       "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/?Param2=value2&Param1=value1",
       {},
       "",
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-query-unreserved",
       "GET",
       "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz="
       "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
       {},
       "",
       "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
      {"get-vanilla-utf8-query",
       "GET",
       "/?\u1234=bar",
       {},
       "",
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"get-unreserved",
       "GET",
       "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
       {},
       "",
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"get-utf8", "GET", "/\u1234", {}, "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-space",
       "GET",
       "/example space/",
       {},
       "",
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
      {"get-relative",
       "GET",
       "/example/..",
       {},
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-relative-relative",
       "GET",
       "/example1/example2/../..",
       {},
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-slash", "GET", "//", {}, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-slash-dot-slash", "GET", "/./", {}, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-slash-pointless-dot",
       "GET",
       "/./example",
       {},
       "",
       "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
      {"get-slashes", "GET", "//example//", {}, "", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
      {"get-header-key-duplicate",
       "GET",
       "/",
       {{"my-header1", "value2,value2,value1"}},
       "",
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {"get-header-value-order",
       "GET",
       "/",
       {{"my-header1", "value4,value1,value3,value2"}},
       "",
       "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
      {"get-header-value-trim",
       "GET",
       "/",
       {{"my-header1", " value1"}, {"my-header2", " \"a   b   c\""}},
       "",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"post-vanilla", "POST", "/", {}, "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"post-header-value-case",
       "POST",
       "/",
       {{"my-header1", "VALUE1"}},
       "",
       "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
      {"post-header-key-sort",
       "POST",
       "/",
       {{"my-header1", "value1"}},
       "",
       "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
      {"post-x-www-form-urlencoded",
       "POST",
       "/",
       {{"content-type", "application/x-www-form-urlencoded"}},
       "Param1=value1",
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"}};
  return kVectors;
}

ApiRequest request_of(const Vector& vector) {
  ApiRequest request{.method = vector.method,
                     .path = "/",
                     .query = {},
                     .headers = vector.headers,
                     .body = vector.body,
                     .target = vector.target,
                     .origin = Origin::kTcp};
  request.headers["host"] = "example.amazonaws.com";
  request.headers["x-amz-date"] = kTime;
  std::string names;
  for (const auto& [name, value] : request.headers) names += (names.empty() ? "" : ";") + name;
  request.headers["authorization"] =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
      "SignedHeaders=" +
      names + ", Signature=" + vector.signature;
  return request;
}

const SigningKeys kKeys{{"AKIDEXAMPLE", {.account = kAcme, .secret = kSecret}}};
const SigningScope kScope{.region = "us-east-1", .service = "service"};

std::string outcome(const ApiRequest& request, std::int64_t now = kTimeMilliseconds,
                    const SigningScope& scope = kScope) {
  try {
    return verify_signature(request, kKeys, scope, from_milliseconds(now));
  } catch (const SignatureError& error) {
    switch (error.fault()) {
      case SignatureFault::kMissing:
        return "missing";
      case SignatureFault::kIncomplete:
        return "incomplete";
      case SignatureFault::kUnknownKey:
        return "unknown key";
      case SignatureFault::kExpired:
        return "expired";
      case SignatureFault::kMismatch:
        return "mismatch";
    }
    return "?";
  }
}

TEST(Sigv4, verifies_every_vector_that_aws_publishes) {
  for (const auto& vector : vectors()) EXPECT_EQ(outcome(request_of(vector)), kAcme) << vector.name;
}

TEST(Sigv4, refuses_each_vector_once_any_part_of_it_is_altered) {
  for (const auto& vector : vectors()) {
    const auto altered = [&](const auto& alter) {
      auto request = request_of(vector);
      alter(request);
      return outcome(request);
    };
    EXPECT_EQ(altered([](auto& request) { request.method += "X"; }), "mismatch") << vector.name;
    EXPECT_EQ(altered([](auto& request) { request.target += "x"; }), "mismatch") << vector.name;
    EXPECT_EQ(altered([](auto& request) { request.body += " "; }), "mismatch") << vector.name;
    EXPECT_EQ(altered([](auto& request) { request.headers["host"] += "x"; }), "mismatch") << vector.name;
    EXPECT_EQ(altered([](auto& request) { request.headers["x-amz-date"] = "20150830T123601Z"; }), "mismatch");
    EXPECT_EQ(altered([](auto& request) { request.headers["authorization"].back() ^= 1; }), "mismatch");
    EXPECT_EQ(altered([](auto& request) { request.headers["authorization"].pop_back(); }), "mismatch");
    EXPECT_EQ(altered([](auto& request) { request.headers["x-amz-target"] = "x"; }), "incomplete");
    EXPECT_EQ(altered([](auto& request) { request.headers["x-amz-security-token"] = "x"; }), "unknown key");
    for (const auto& header : vector.headers)
      EXPECT_EQ(altered([&](auto& request) { request.headers[header.first] += "x"; }), "mismatch");
  }
}

TEST(Sigv4, holds_for_five_minutes_either_way) {
  const auto request = request_of(vectors().front());
  EXPECT_EQ(outcome(request, kTimeMilliseconds + 300'000), kAcme);
  EXPECT_EQ(outcome(request, kTimeMilliseconds - 300'000), kAcme);
  EXPECT_EQ(outcome(request, kTimeMilliseconds + 300'001), "expired");
  EXPECT_EQ(outcome(request, kTimeMilliseconds - 300'001), "expired");
}

TEST(Sigv4, is_for_one_region_and_service) {
  const auto request = request_of(vectors().front());
  EXPECT_EQ(outcome(request, kTimeMilliseconds, {.region = "us-east-2", .service = "service"}), "mismatch");
  EXPECT_EQ(outcome(request, kTimeMilliseconds, {.region = "us-east-1", .service = "lambda"}), "mismatch");
}

struct HeaderRow {
  const char* authorization;
  const char* outcome;
};

TEST(Sigv4, says_what_is_wrong_with_a_header_that_cannot_be_read) {
  const std::string good = request_of(vectors().front()).headers["authorization"];
  for (const auto& row : std::vector<HeaderRow>{
           {"", "missing"},
           {"   ", "missing"},
           {"Basic dXNlcjpwYXNz", "incomplete"},
           {"AWS4-HMAC-SHA256", "incomplete"},
           {"AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/service/aws4_request, SignedHeaders=host", "incomplete"},
           {"AWS4-HMAC-SHA256 Credential=A/b/c, SignedHeaders=host, Signature=0", "incomplete"},
           {"AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/service/aws4, SignedHeaders=host, Signature=0",
            "incomplete"},
           {"AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=", "incomplete"},
           {"AWS4-HMAC-SHA256 Signature=0, Signature=0", "incomplete"},
           {"AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/service/aws4_request, SignedHeaders=host, Signature=0, "
            "X=y",
            "incomplete"},
           {"AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/service/aws4_request, SignedHeaders=host, Signature=0",
            "unknown key"}}) {
    auto request = request_of(vectors().front());
    request.headers["authorization"] = row.authorization;
    EXPECT_EQ(outcome(request), row.outcome) << row.authorization;
  }
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"host;x-amz-date", "x-amz-date;host"},
                                                        {"host;x-amz-date", "host;host;x-amz-date"},
                                                        {"host;x-amz-date", "host;missing;x-amz-date"},
                                                        {"host;x-amz-date", "host"},
                                                        {"host;x-amz-date", "x-amz-date"}}) {
    auto request = request_of(vectors().front());
    auto text = good;
    request.headers["authorization"] = text.replace(text.find(from), from.size(), to);
    EXPECT_EQ(outcome(request), "incomplete") << to;
  }
  for (const char* time : {"", "20150830", "20150830T123600", "20151330T123600Z", "20150230T123600Z",
                           "20150830T243600Z", "-0150830T123600Z", "2015-08-30T12:36Z"}) {
    auto request = request_of(vectors().front());
    request.headers["x-amz-date"] = time;
    EXPECT_EQ(outcome(request), "incomplete") << time;
  }
}

// A request of acme's for a service, signed for the world's time.
ApiRequest signed_request(World& world, const std::string& target, const std::string& service,
                          const std::string& body = {}) {
  ApiRequest request{.method = body.empty() ? "GET" : "POST",
                     .path = target,
                     .query = {},
                     .headers = {{"host", "localhost"}, {"x-amz-date", "20270115T080000Z"}},
                     .body = body,
                     .target = target,
                     .origin = Origin::kTcp};
  const SigningScope scope{.region = "us-east-1", .service = service};
  request.headers["authorization"] = "AWS4-HMAC-SHA256 Credential=AKIAACME/20270115/us-east-1/" + service +
                                     "/aws4_request, SignedHeaders=host;x-amz-date, Signature=" +
                                     sigv4_signature(canonical_request(request, "host;x-amz-date"), scope,
                                                     "20270115T080000Z", world.settings.keys.at("AKIAACME").secret);
  return request;
}

constexpr const char* kFunctions = "/2015-03-31/functions";

TEST(Keys, once_there_are_any_requests_over_tcp_must_be_signed) {
  World world;
  world.declare();
  EXPECT_EQ(world.api->handle(signed_request(world, kFunctions, "lambda")).status, 200);
  EXPECT_EQ(world.api->handle(signed_request(world, "/", "ec2", "Action=DescribeVpcs")).status, 200);
  auto named = signed_request(world, kFunctions, "lambda");
  named.headers.erase("authorization");
  named.headers["x-hypernat-account"] = kAcme;
  const auto refused = world.api->handle(named);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.headers.at("x-amzn-ErrorType"), "MissingAuthenticationTokenException");
  named.path = named.target = "/";
  EXPECT_NE(world.api->handle(named).body.find("<Code>MissingAuthenticationToken</Code>"), std::string::npos);
  named.origin = Origin::kSocket;
  EXPECT_NE(world.api->handle(named).body.find("<Code>MissingAction</Code>"), std::string::npos);
}

TEST(Keys, keep_the_operators_paths_off_tcp) {
  World world;
  auto request = signed_request(world, "/hypernat/v1/status", "lambda");
  EXPECT_EQ(world.api->handle(request).status, 403);
  request.origin = Origin::kSocket;
  EXPECT_EQ(world.api->handle(request).status, 200);
}

TEST(Keys, give_lambda_and_ec2_each_its_own_errors) {
  World world;
  world.declare();
  world.clock.advance(6min);
  const auto lambda = world.api->handle(signed_request(world, kFunctions, "lambda"));
  EXPECT_EQ(lambda.headers.at("x-amzn-ErrorType"), "InvalidSignatureException");
  EXPECT_NE(lambda.body.find("Signature expired"), std::string::npos);
  EXPECT_NE(world.api->handle(signed_request(world, "/", "ec2", "Action=DescribeVpcs"))
                .body.find("<Code>RequestExpired</Code>"),
            std::string::npos);
  auto unknown = signed_request(world, "/", "ec2", "Action=DescribeVpcs");
  auto& header = unknown.headers["authorization"];
  header.replace(header.find("AKIAACME"), 8, "AKIANONE");
  const auto refused = world.api->handle(unknown);
  EXPECT_EQ(refused.status, 401);
  EXPECT_NE(refused.body.find("<Code>AuthFailure</Code>"), std::string::npos);
}

TEST(Keys, limit_an_account_to_its_rate_over_tcp) {
  World world({.requests_per_second = 3});
  world.declare();
  const auto ask = [&] { return world.api->handle(signed_request(world, kFunctions, "lambda")).status; };
  EXPECT_EQ((std::vector<int>{ask(), ask(), ask(), ask()}), (std::vector<int>{200, 200, 200, 429}));
  EXPECT_NE(
      world.api->handle(signed_request(world, "/", "ec2", "Action=DescribeVpcs")).body.find("RequestLimitExceeded"),
      std::string::npos);
  world.clock.advance(1s);
  EXPECT_EQ(ask(), 200);
}

TEST(RequestRate, gives_each_account_its_own_and_nothing_for_a_clock_set_back) {
  RequestRate rate(2);
  const auto now = from_milliseconds(1'000'000);
  EXPECT_TRUE(rate.admit("a", now) && rate.admit("a", now) && rate.admit("b", now));
  EXPECT_FALSE(rate.admit("a", now));
  EXPECT_FALSE(rate.admit("a", now - 1h));
  EXPECT_TRUE(rate.admit("a", now - 1h + 500ms));
  EXPECT_TRUE(RequestRate(0).admit("a", now));
}

}  // namespace
}  // namespace hypernat::control::testing
