// The worker host's protocol, and invocations over it.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <system_error>

#include "control/api/environment_client.h"
#include "control/api/invocation.h"
#include "control/api/message.h"
#include "tests/unit/control/fake_worker_host.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

EnvironmentRequest example() {
  return {.function = "web",
          .mapping = 3,
          .resolver = "10.0.1.53",
          .command = {"curl", "http://web.internal/"},
          .environment = {{"A", "1"}},
          .timeout = 30s};
}

TEST(Protocol, round_trips) {
  EXPECT_EQ(environment_request_from_json(to_json(example())), example());
  for (const auto& event : {started(), exited(0), exited(255), signalled(9), failed("no slot is free")})
    EXPECT_EQ(environment_event_from_json(to_json(event)), event);
  EXPECT_TRUE(is_environment_status_query(environment_status_query()));
  EXPECT_FALSE(is_environment_status_query(to_json(example())));
}

TEST(Protocol, refuses_what_is_no_request) {
  const auto good = Json::parse(to_json(example()));
  for (const auto& change :
       {Json{{"Mapping", -1}}, Json{{"Mapping", 16777216}}, Json{{"Mapping", "1"}}, Json{{"Command", Json::array()}},
        Json{{"Command", "curl"}}, Json{{"Command", {""}}}, Json{{"Environment", {{"A", 1}}}}, Json{{"Extra", 1}},
        Json{{"TimeoutSeconds", nullptr}}, Json{{"Resolver", 1}}, Json{{"Function", nullptr}}}) {
    auto body = good;
    body.merge_patch(change);
    EXPECT_THROW(environment_request_from_json(body.dump()), std::invalid_argument) << body;
  }
  for (const char* text : {"", "[]", "{", "{}"})
    EXPECT_THROW(environment_request_from_json(text), std::invalid_argument);
  for (const char* text :
       {"{}", R"({"Event":"ended"})", R"({"Event":"exited"})", R"({"Event":"exited","ExitCode":256})"})
    EXPECT_THROW(environment_event_from_json(text), std::invalid_argument) << text;
  for (const char* time : {"ReceivedNs", "AttachedNs", "BegunNs", "LaunchedNs"}) {
    auto event = Json::parse(to_json(started()));
    event[time] = -1;
    EXPECT_THROW(environment_event_from_json(event.dump()), std::invalid_argument) << event;
    event.erase(time);
    EXPECT_THROW(environment_event_from_json(event.dump()), std::invalid_argument) << event;
  }
}

// As deep as a message can be: what is said of it must not need a stack frame for each level.
TEST(Protocol, refuses_lists_without_end) {
  const std::size_t depth = kMaxEnvironmentMessage / 2 - 16;
  const std::string list = std::string(depth, '[') + std::string(depth, ']');
  for (const std::string& text : {R"({"Function":)" + list + "}", R"({"Function":"f","Mapping":)" + list + "}"}) {
    ASSERT_LE(text.size(), kMaxEnvironmentMessage);
    EXPECT_THROW(environment_request_from_json(text), std::invalid_argument);
  }
  for (const std::string& text : {R"({"Event":)" + list + "}", R"({"Event":"exited","ExitCode":)" + list + "}"})
    EXPECT_THROW(environment_event_from_json(text), std::invalid_argument);
}

TEST(Protocol, quotes_no_more_of_what_is_wrong_than_a_person_reads) {
  const std::string long_text(100'000, 'x');
  for (const std::string& text :
       {R"({"Event":"exited","ExitCode":")" + long_text + R"("})", R"({"Event":")" + long_text + R"("})"}) {
    try {
      environment_event_from_json(text);
      FAIL() << "not refused";
    } catch (const std::invalid_argument& refusal) {
      EXPECT_LT(std::string(refusal.what()).size(), 300U);
    }
  }
}

TEST(Client, hands_over_three_descriptors_and_hears_the_end) {
  TemporaryDirectory directory;
  FakeWorkerHost host(directory / "s", [](const Guest& guest) {
    EXPECT_EQ(environment_request_from_json(guest.message), example());
    guest.send(started());
    guest.write_output("hello");
    guest.send(exited(3));
  });
  std::ofstream(directory / "out").close();
  std::FILE* out = std::fopen((directory / "out").c_str(), "r+");
  EnvironmentClient client(directory / "s");
  EXPECT_FALSE(client.next(0ms));
  client.start(example(), {.in = ::fileno(out), .out = ::fileno(out), .err = ::fileno(out)});
  EXPECT_EQ(client.next(), started());
  EXPECT_EQ(client.next(), exited(3));
  EXPECT_THROW(client.next(), std::runtime_error) << "the worker host has hung up";
  std::fclose(out);
  std::string text;
  std::ifstream(directory / "out") >> text;
  EXPECT_EQ(text, "hello");
}

TEST(Client, asks_for_a_status_without_descriptors) {
  TemporaryDirectory directory;
  FakeWorkerHost host(directory / "s", [](const Guest& guest) {
    EXPECT_TRUE(is_environment_status_query(guest.message));
    EXPECT_EQ(guest.streams.in, -1);
    guest.send(R"({"SlotsFree":4})");
  });
  EXPECT_EQ(EnvironmentClient::query_status(directory / "s"), R"({"SlotsFree":4})");
}

TEST(Client, says_which_socket_nobody_listens_on) {
  TemporaryDirectory directory;
  try {
    EnvironmentClient client(directory / "s");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find((directory / "s").string()), std::string::npos);
  }
  EXPECT_THROW(EnvironmentClient(std::string(200, 'x')), std::system_error);
}

// A function that is active, on a worker host of which `serve` is the inside.
class Invoke : public ::testing::Test {
 protected:
  void begin(std::function<void(const Guest&)> serve) {
    host = std::make_unique<FakeWorkerHost>(directory / "s", std::move(serve));
    world.declare();
    world.create("web", {"subnet-a"}, {"sg-1"});
    world.run();
    world.call("PUT", "/hypernat/v1/worker-hosts/wh1",
               {{"Address", "192.0.2.11"}, {"Zone", "a"}, {"Socket", (directory / "s").string()}, {"Slots", 4}});
  }

  ApiResponse invoke(const std::string& payload, const std::map<std::string, std::string>& more = {}) {
    std::map<std::string, std::string> headers{{"x-hypernat-account", kAcme}};
    headers.insert(more.begin(), more.end());
    return world.api->handle({.method = "POST",
                              .path = "/2015-03-31/functions/web/invocations",
                              .query = {},
                              .headers = headers,
                              .body = payload});
  }

  TemporaryDirectory directory;
  World world;
  std::unique_ptr<FakeWorkerHost> host;
};

TEST_F(Invoke, gives_the_event_and_takes_the_answer) {
  begin([](const Guest& guest) {
    const auto request = environment_request_from_json(guest.message);
    EXPECT_EQ(request.mapping, 1U);
    EXPECT_EQ(request.resolver, "10.0.1.53");
    EXPECT_EQ(request.command, std::vector<std::string>{"cat"});
    guest.send(started());
    guest.write_output(guest.read_input());
    guest.write_error("some log");
    guest.send(exited(0));
  });
  const std::string payload(3'000'000, 'x');
  const auto response = invoke(payload, {{"x-amz-log-type", "Tail"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, payload);
  EXPECT_EQ(response.headers.at("X-Amz-Executed-Version"), "$LATEST");
  EXPECT_EQ(response.headers.at("X-Amz-Log-Result"), "c29tZSBsb2c=");
  EXPECT_FALSE(response.headers.contains("X-Amz-Function-Error"));
}

TEST_F(Invoke, marks_a_command_that_failed) {
  begin([](const Guest& guest) {
    const auto input = guest.read_input();
    guest.send(started());
    if (input == "exit") guest.send(exited(7));
    if (input == "say") guest.write_output("own words"), guest.send(exited(7));
    if (input == "die") guest.send(signalled(9));
    if (input == "no slot") guest.send(failed("every slot is in use"));
    if (input == "hang up") return;
    if (input == "nonsense") guest.send("nonsense");
  });
  const auto error = [&](const std::string& payload) {
    const auto response = invoke(payload);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.headers.at("X-Amz-Function-Error"), "Unhandled");
    return response.body;
  };
  EXPECT_NE(error("exit").find("status 7"), std::string::npos);
  EXPECT_EQ(error("say"), "own words");
  EXPECT_NE(error("die").find("signal 9"), std::string::npos);
  EXPECT_NE(error("no slot").find("every slot is in use"), std::string::npos);
  EXPECT_NE(error("hang up").find("hung up"), std::string::npos);
  EXPECT_NE(error("nonsense").find("expected one JSON object"), std::string::npos);
}

TEST_F(Invoke, ends_an_answer_that_is_too_large) {
  std::atomic<bool> has_hung_up = false;
  begin([&](const Guest& guest) {
    guest.send(started());
    guest.write_output(std::string(kMaxPayload + 65536, 'x'));
    has_hung_up = guest.waits_for_hang_up();
  });
  const auto response = invoke("");
  EXPECT_NE(response.body.find("ResponseSizeTooLarge"), std::string::npos);
  host.reset();
  EXPECT_TRUE(has_hung_up) << "so that the worker host ends the command";
}

TEST_F(Invoke, does_not_keep_the_state_machine_waiting) {
  std::atomic<bool> may_end = false;
  begin([&](const Guest& guest) {
    guest.send(started());
    while (!may_end) std::this_thread::yield();
    guest.send(exited(0));
  });
  std::thread invoking([&] { EXPECT_EQ(invoke("").status, 200); });
  EXPECT_EQ(world.call("GET", "/hypernat/v1/status").status, 200);
  world.beat();
  may_end = true;
  invoking.join();
}

TEST_F(Invoke, ends_when_the_control_plane_stops) {
  begin([&](const Guest& guest) {
    guest.send(started());
    world.api->stop();
    EXPECT_TRUE(guest.waits_for_hang_up());
  });
  EXPECT_EQ(invoke("").status, 503);
}

TEST_F(Invoke, knows_a_dry_run_and_refuses_events) {
  begin([](const Guest&) { ADD_FAILURE() << "nothing is run"; });
  EXPECT_EQ(invoke("", {{"x-amz-invocation-type", "DryRun"}}).status, 204);
  EXPECT_EQ(invoke("", {{"x-amz-invocation-type", "Event"}}).status, 400);
}

TEST_F(Invoke, says_that_the_worker_host_cannot_be_reached) {
  begin([](const Guest&) {});
  host.reset();
  const auto response = invoke("");
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(response.body.find((directory / "s").string()), std::string::npos);
}

}  // namespace
}  // namespace hypernat::control::testing
