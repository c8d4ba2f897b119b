// hypernat-runner: what runs in a warm environment. It unpacks a function's code once and then runs its `bootstrap` for
// one event after the other, as long as somebody at the other end of its standard input has any.
//
// The worker host starts it like any command; see frames.h for what it is told. Not for people.
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "control/runner/archive.h"
#include "control/runner/frames.h"
#include "control/runner/process.h"

namespace hypernat::runner {
namespace {

constexpr std::size_t kMostOutput = 6U << 20;  // AWS's, of a response

void write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) std::exit(0);  // nobody is there to be answered
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void write_frame(FrameKind kind, std::string_view content) {
  write_all(frame_header(kind, content.size()));
  write_all(content);
}

// Ends the process when there is no more.
Frame read_frame(FrameReader& reader) {
  while (true) {
    if (auto frame = reader.next()) return std::move(*frame);
    std::array<char, 65536> buffer;
    const auto length = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) std::exit(0);
    reader.append({buffer.data(), static_cast<std::size_t>(length)});
  }
}

int catch_children() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const int children = ::signalfd(-1, &signals, SFD_CLOEXEC);
  if (children < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  return children;
}

// The code's directory; nothing when it cannot be had, and the other end knows why.
std::filesystem::path unpack(const Frame& code) {
  std::string name = "/tmp/task-XXXXXX";
  try {
    if (code.kind != FrameKind::kCode) throw std::runtime_error("expected the code first");
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
    unpack_archive(code.content, name);
    write_frame(FrameKind::kReady, {});
    return name;
  } catch (const std::exception& error) {
    write_frame(FrameKind::kFailed, error.what());
    return {};
  }
}

int serve() {
  // Whatever a function leaves behind becomes a child of this process, to be ended with the run that it is of.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  FrameReader reader;
  const Program program{
      .directory = unpack(read_frame(reader)), .most_output = kMostOutput, .child_signals = catch_children()};
  if (program.directory.empty()) return 1;
  ::setenv("LAMBDA_TASK_ROOT", program.directory.c_str(), 1);
  while (true) {
    const auto frame = read_frame(reader);
    if (frame.kind != FrameKind::kEvent || frame.content.size() < 4) return 1;
    const std::string_view content = frame.content;
    const auto run = run_program(program, content.substr(4), std::chrono::milliseconds(read_four_bytes(content)));
    write_frame(FrameKind::kOutput, run.output);
    write_frame(FrameKind::kLog, run.log);
    write_frame(FrameKind::kEnd, run.end);
  }
}

}  // namespace
}  // namespace hypernat::runner

int main() {
  // What a run leaves behind is ended by ending everything: only an environment's own first process may start this.
  if (::geteuid() == 0 || ::getppid() != 1) {
    std::fprintf(stderr, "hypernat-runner: found itself outside an execution environment; worker hosts start it\n");
    return 1;
  }
  try {
    return hypernat::runner::serve();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hypernat-runner: %s\n", error.what());
    return 1;
  }
}
