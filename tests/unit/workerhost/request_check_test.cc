#include "control/workerhost/request_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>

namespace hypernat::workerhost {
namespace {

using control::EnvironmentRequest;
using testing::HasSubstr;

EnvironmentRequest good_request() {
  EnvironmentRequest request;
  request.function = "acme-web";
  request.mapping = 100;
  request.resolver = "10.0.1.53";
  request.command = {"curl", "-sf", "http://web.internal/"};
  request.environment = {{"STAGE", "a=b"}};
  return request;
}

std::string refusal_of(const EnvironmentRequest& request, std::size_t descriptors = 3) {
  try {
    check_request(request, descriptors);
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(RequestCheck, AGoodRequestPasses) {
  EXPECT_EQ(refusal_of(good_request()), "");
  EnvironmentRequest bare = good_request();
  bare.resolver.clear();
  bare.mapping = 0;
  bare.environment.clear();
  EXPECT_EQ(refusal_of(bare), "");
}

TEST(RequestCheck, ExactlyThreeDescriptorsAreExpected) {
  for (const std::size_t descriptors : {0U, 1U, 2U, 4U, 16U})
    EXPECT_THAT(refusal_of(good_request(), descriptors),
                HasSubstr("found " + std::to_string(descriptors) + " descriptors; expected 3"));
}

struct Mistake {
  const char* refusal;
  std::function<void(EnvironmentRequest&)> make;
};

TEST(RequestCheck, EveryMistakeIsNamed) {
  using namespace std::string_literals;
  const Mistake mistakes[] = {
      {"Mapping: found 16777216", [](auto& request) { request.mapping = 0x1000000; }},
      {"Resolver: found \"resolver\"", [](auto& request) { request.resolver = "resolver"; }},
      {"Resolver: found \"10.0.1.53\nsearch x\"", [](auto& request) { request.resolver = "10.0.1.53\nsearch x"; }},
      {"Command: found",
       [](auto& request) {
         request.command = {"true", "\0"s};
       }},
      {"Environment: found \"\"",
       [](auto& request) {
         request.environment = {{"", "x"}};
       }},
      {"Environment: found \"A=B\"",
       [](auto& request) {
         request.environment = {{"A=B", "x"}};
       }},
      {"Environment: found \"A\"",
       [](auto& request) {
         request.environment = {{"A", "\0"s}};
       }},
  };
  for (const auto& [refusal, make] : mistakes) {
    EnvironmentRequest request = good_request();
    make(request);
    EXPECT_THAT(refusal_of(request), HasSubstr(refusal));
  }
}

}  // namespace
}  // namespace hypernat::workerhost
