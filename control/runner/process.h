// One run of a function's program: the event on its standard input, its answer from its standard output.
//
// When it has ended, everything it started and left behind is ended, too: the next run finds no processes of this one,
// only its files.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

namespace hypernat::runner {

struct Run {
  std::string output;  ///< at most `most_output` bytes and one
  std::string log;     ///< the last 4 KiB of standard error
  std::string end;     ///< as frames.h says
};

struct Program {
  std::filesystem::path directory;  ///< where it runs
  std::size_t most_output = 0;
  int child_signals = -1;  ///< signalfd of SIGCHLD, which is blocked
};

Run run_program(const Program& program, std::string_view event, std::chrono::milliseconds time);

}  // namespace hypernat::runner
