#include "control/workerhost/event_texts.h"

#include <gtest/gtest.h>

#include <array>

namespace hypernat::workerhost {
namespace {

using control::EnvironmentEvent;
using control::EnvironmentEventKind;

std::string filled(const std::string& text, const EventHoles& holes) {
  std::array<char, kLongestEvent> line;
  return {line.data(), fill_event(text.c_str(), holes, line)};
}

EventTexts texts_of(const std::string& program) {
  EnvironmentEvent started;
  started.slot = 3;
  started.address = "100.64.0.4";
  started.received_ns = 1'000;
  started.attached_ns = 2'000;
  started.begun_ns = 2'500;
  return make_event_texts(started, program);
}

TEST(EventTexts, StartedIsTheEventWithWhatTheInitKnows) {
  const auto event =
      control::environment_event_from_json(filled(texts_of("sh").started, {.pid = 4711, .launched_ns = 3'000}));
  EnvironmentEvent expected;
  expected.kind = EnvironmentEventKind::kStarted;
  expected.slot = 3;
  expected.address = "100.64.0.4";
  expected.pid = 4711;
  expected.namespace_path = "/proc/4711/ns/net";
  expected.received_ns = 1'000;
  expected.attached_ns = 2'000;
  expected.begun_ns = 2'500;
  expected.launched_ns = 3'000;
  EXPECT_EQ(event, expected);
}

TEST(EventTexts, EndsAreEventsWithTheirCodes) {
  const EventTexts texts = texts_of("sh");
  for (const int code : {0, 1, 10, 255}) {
    auto event = control::environment_event_from_json(filled(texts.exited, {.code = code}));
    EXPECT_EQ(event.kind, EnvironmentEventKind::kExited);
    EXPECT_EQ(event.code, code);
    event = control::environment_event_from_json(filled(texts.signalled, {.code = code}));
    EXPECT_EQ(event.kind, EnvironmentEventKind::kSignalled);
    EXPECT_EQ(event.code, code);
  }
}

TEST(EventTexts, FailureNamesTheProgramWhateverItIsCalled) {
  const EventHoles holes{.step = "running the command", .reason = "No such file or directory"};
  for (const std::string program :
       {"no-such-program", "\"quoted\"\\", "\x01\x02\x03\x04\n", "7000000000000000004", "\xff\xfe", "straße"}) {
    const auto event = control::environment_event_from_json(filled(texts_of(program).failed, holes));
    EXPECT_EQ(event.kind, EnvironmentEventKind::kError);
    EXPECT_TRUE(event.message.starts_with("cannot run ")) << event.message;
    EXPECT_TRUE(event.message.ends_with(": running the command: No such file or directory")) << event.message;
    if (program != "\xff\xfe") {
      EXPECT_NE(event.message.find(program), std::string::npos) << event.message;
    }
  }
}

TEST(EventTexts, FailureOfTheLongestProgramIsStillAnEvent) {
  const auto event = control::environment_event_from_json(
      filled(texts_of(std::string(100'000, '\x01')).failed, {.step = "running the command", .reason = "No such file"}));
  EXPECT_TRUE(event.message.ends_with("No such file"));
}

TEST(EventTexts, TextsEndWhereTheirRoomEnds) {
  std::array<char, 10> room;
  EXPECT_EQ(fill_event(texts_of("sh").exited.c_str(), {}, room), room.size());
}

}  // namespace
}  // namespace hypernat::workerhost
