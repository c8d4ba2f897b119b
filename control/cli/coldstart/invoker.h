// Carries out invocations, each on a thread of its own, as many callers at once would.
//
// Both modes take the same way: placement, worker host, slot, command. The per-environment mode asks for a lease first
// and gives it back afterwards; that is all the difference there is.
#pragma once

#include <atomic>
#include <memory>
#include <semaphore>
#include <string>
#include <vector>

#include "control/cli/coldstart/plan.h"
#include "control/cli/coldstart/watches.h"
#include "control/cli/control_connection.h"

namespace hypernat::coldstart {

class Invoker {
 public:
  struct Parts {
    const cli::ControlConnection& control;
    const Plan& plan;
    int probe = -1;                        ///< descriptor of the program that environments run
    const std::atomic<bool>& interrupted;  ///< set: no invocation begins, and those that wait give up
  };
  Invoker(const Parts& parts, Mode mode);

  /// All invocations of the plan, each when it is due; returns when the last has ended.
  std::vector<Sample> run();

 private:
  void invoke(Sample& sample);
  void attempt(Sample& sample);
  void await_lease(const std::string& lease, Sample& sample);
  void run_environment(Sample& sample, const std::string& lease);

  Parts parts_;
  Mode mode_;
  std::unique_ptr<LeaseWatch> leases_;  ///< per environment only
  std::counting_semaphore<> calls_;     ///< calls of the control plane's API at a time
};

}  // namespace hypernat::coldstart
