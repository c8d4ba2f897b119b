// Whole requests to the control plane, one after another, with its database behind them: each has an answer, a mistake
// gets AWS's error shape and is never the server's own, and whatever was changed can be published.
#include <spdlog/spdlog.h>

#include <string>
#include <string_view>

#include "tests/fuzz/fuzz_target.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

constexpr std::string_view kBetweenRequests = "\n---\n";
constexpr int kMostRequests = 16;

std::string_view take(std::string_view& text, std::string_view end) {
  const auto at = std::min(text.find(end), text.size());
  const auto part = text.substr(0, at);
  text.remove_prefix(std::min(at + end.size(), text.size()));
  return part;
}

// "METHOD TARGET" in a line, and the body behind it.
ApiRequest request_of(std::string_view text) {
  auto line = take(text, "\n");
  const std::string method(take(line, " "));
  const std::string target(line);
  return {.method = method,
          .path = target.substr(0, target.find('?')),
          .query = query_of(target),
          .headers = {{"x-hypernat-account", kAcme}, {"host", "localhost"}},
          .body = std::string(text)};
}

// Worker hosts have sockets, and what listens there is none of a fuzzer's business.
bool leads_elsewhere(const ApiRequest& request) {
  return request.path.find("worker-hosts") != std::string::npos;
}

void check_answer(const ApiRequest& request, const ApiResponse& response) {
  require(response.status >= 200 && response.status < 600, "an answer has a status");
  require(response.status != 500, "a mistake is not the server's");
  require(response.headers.contains("x-amzn-RequestId"), "an answer has an id");
  if (response.status < 400) return;
  if (Ec2Api::is_for(request)) {
    require(response.body.find("<Code>") != std::string::npos, "an error of EC2's has a code");
  } else {
    require(!response.headers.at("x-amzn-ErrorType").empty(), "an error has a name");
    require(Json::parse(response.body).at("Message").is_string(), "an error says what is wrong");
  }
}

void check(std::string_view text) {
  World world;
  world.controller->on_change([] {});  // settled below, once for each request
  world.declare();
  for (int i = 0; i < kMostRequests && !text.empty(); ++i) {
    const auto request = request_of(take(text, kBetweenRequests));
    if (leads_elsewhere(request)) continue;
    check_answer(request, world.api->handle(request));
    if (request.method != "GET") world.run();
  }
  world.table();  // or it is none
}

}  // namespace
}  // namespace hypernat::control::testing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  spdlog::set_level(spdlog::level::off);
  hypernat::control::testing::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
