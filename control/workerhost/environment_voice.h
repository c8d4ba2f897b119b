// What an environment's init tells: its record how far it has come, the worker host that it is empty, its client what
// became of the command. Like all of the init it makes system calls only.
#pragma once

#include "control/workerhost/environment_init.h"
#include "control/workerhost/environment_life.h"
#include "control/workerhost/event_texts.h"

namespace hypernat::workerhost {

class EnvironmentVoice {
 public:
  explicit EnvironmentVoice(const EnvironmentInit& init) : init_(init) {}

  /// While /proc is still the host's, and once the kept descriptors are in their places.
  void born();
  void inside() { reach(EnvironmentPhase::kInside); }
  void started(std::int64_t launched_ns);

  /// The last words, when nothing else runs in the environment.
  [[noreturn]] void ended(EnvironmentEnding ending, int wait_status);
  [[noreturn]] void failed(const char* step, int error);
  /// Goes on when the result of a system call is none below 0.
  void need(long result, const char* step);

 private:
  void reach(EnvironmentPhase phase);
  void ring();
  void say(const char* text);
  [[noreturn]] void finish(EnvironmentEnding ending, const char* text);

  const EnvironmentInit& init_;
  EnvironmentLife life_;
  EventHoles holes_;
};

}  // namespace hypernat::workerhost
