#include "control/workerhost/event_texts.h"

#include <array>
#include <cstring>

namespace hypernat::workerhost {
namespace {

/// Stand in for the numbers while JSON is made; no clock, process or exit code ever has such a one.
constexpr std::int64_t kPidMark = 7'000'000'000'000'000'001;
constexpr std::int64_t kLaunchedMark = 7'000'000'000'000'000'002;
constexpr int kCodeMark = 2'000'000'003;
constexpr const char* kFailureMark = "7000000000000000004";

/// What they are replaced by: control characters, which JSON's texts cannot hold.
constexpr char kPidHole = '\x01';
constexpr char kLaunchedHole = '\x02';
constexpr char kCodeHole = '\x03';
constexpr char kFailureHole = '\x04';

constexpr std::size_t kLongestProgram = 1000;

void make_holes(std::string& text, const std::string& mark, char hole) {
  for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) text.replace(at, mark.size(), 1, hole);
}

/// A text of fixed size that ends where its room ends.
class Line {
 public:
  explicit Line(std::span<char> room) : room_(room) {}
  void add(char letter) {
    if (size_ < room_.size()) room_[size_++] = letter;
  }
  void add(const char* text) {
    for (; *text != '\0'; ++text) add(*text);
  }
  void add(std::int64_t number) {
    std::array<char, 20> digits;
    std::size_t count = 0;
    auto left = static_cast<std::uint64_t>(number);
    do digits[count++] = static_cast<char>('0' + left % 10);
    while ((left /= 10) > 0);
    while (count > 0) add(digits[--count]);
  }
  std::size_t size() const { return size_; }

 private:
  std::span<char> room_;
  std::size_t size_ = 0;
};

}  // namespace

EventTexts make_event_texts(control::EnvironmentEvent started, const std::string& program) {
  using control::EnvironmentEvent;
  using control::EnvironmentEventKind;
  EventTexts texts;
  started.kind = EnvironmentEventKind::kStarted;
  started.pid = kPidMark;
  started.namespace_path = "/proc/" + std::to_string(kPidMark) + "/ns/net";
  started.launched_ns = kLaunchedMark;
  texts.started = control::to_json(started);
  make_holes(texts.started, std::to_string(kPidMark), kPidHole);
  make_holes(texts.started, std::to_string(kLaunchedMark), kLaunchedHole);

  EnvironmentEvent ended;
  ended.code = kCodeMark;
  ended.kind = EnvironmentEventKind::kExited;
  texts.exited = control::to_json(ended);
  make_holes(texts.exited, std::to_string(kCodeMark), kCodeHole);
  ended.kind = EnvironmentEventKind::kSignalled;
  texts.signalled = control::to_json(ended);
  make_holes(texts.signalled, std::to_string(kCodeMark), kCodeHole);

  EnvironmentEvent failed;
  failed.kind = EnvironmentEventKind::kError;
  failed.message = "cannot run " + program.substr(0, kLongestProgram) + ": " + kFailureMark;
  texts.failed = control::to_json(failed);
  // The last one: a program may be called anything.
  texts.failed.replace(texts.failed.rfind(kFailureMark), std::strlen(kFailureMark), 1, kFailureHole);
  return texts;
}

std::size_t fill_event(const char* text, const EventHoles& holes, std::span<char> into) {
  Line line(into);
  for (; *text != '\0'; ++text) {
    switch (*text) {
      case kPidHole:
        line.add(holes.pid);
        break;
      case kLaunchedHole:
        line.add(holes.launched_ns);
        break;
      case kCodeHole:
        line.add(holes.code);
        break;
      case kFailureHole:
        line.add(holes.step);
        line.add(": ");
        line.add(holes.reason);
        break;
      default:
        line.add(*text);
    }
  }
  return line.size();
}

}  // namespace hypernat::workerhost
