// An interface for one environment, asked of the control plane and given back however this command ends.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "control/cli/caught_signals.h"
#include "control/cli/control_connection.h"
#include "control/cli/function_name.h"

namespace hypernat::cli {

class HeldLease {
 public:
  struct Wish {
    FunctionName function;
    std::chrono::seconds lifetime{};                             ///< should this process not live to give it back
    std::optional<std::chrono::milliseconds> provisioning_time;  ///< the control plane's setting, unless given
  };
  /// Requests it. Throws CommandError.
  HeldLease(const ControlConnection& control, const Wish& wish);
  /// Gives it back; should that fail, says so and leaves it to its expiry.
  ~HeldLease();
  HeldLease(const HeldLease&) = delete;
  HeldLease& operator=(const HeldLease&) = delete;

  const std::string& id() const { return id_; }

  /// Returns once it is active; earlier, and the signal, when one came. Throws CommandError when the lease has failed
  /// or `patience` is over.
  std::optional<int> wait_until_active(const CaughtSignals& signals, std::chrono::seconds patience) const;

 private:
  std::string path() const;

  const ControlConnection& control_;
  std::string id_;
};

}  // namespace hypernat::cli
