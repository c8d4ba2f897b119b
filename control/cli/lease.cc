#include "control/cli/lease.h"

#include <iostream>

#include "config/json.h"
#include "control/cli/errors.h"
#include "control/cli/text_table.h"

namespace hypernat::cli {
namespace {

using std::chrono::steady_clock;

constexpr const char* kLeasesPath = "/hypernat/v1/leases";
constexpr std::chrono::milliseconds kLeasePollInterval{20};

}  // namespace

HeldLease::HeldLease(const ControlConnection& control, const Wish& wish) : control_(control) {
  nlohmann::json body{{"Account", wish.function.account},
                      {"FunctionName", wish.function.name},
                      {"LifetimeSeconds", wish.lifetime.count()}};
  if (wish.provisioning_time) body["ProvisioningMilliseconds"] = wish.provisioning_time->count();
  id_ = control_.send("POST", kLeasesPath, body).at("Id").get<std::string>();
}

HeldLease::~HeldLease() {
  try {
    control_.send("DELETE", path(), nullptr);
  } catch (const std::exception& error) {
    std::cerr << "hypernat: " << id_ << " was not given back and stays until it expires: " << error.what() << "\n";
  }
}

std::string HeldLease::path() const {
  return std::string(kLeasesPath) + "/" + encode_segment(id_);
}

std::optional<int> HeldLease::wait_until_active(const CaughtSignals& signals, std::chrono::seconds patience) const {
  const auto limit = steady_clock::now() + patience;
  for (;;) {
    const auto lease = control_.get(path());
    const auto state = member_text(lease, "State");
    if (state == "Active") return std::nullopt;
    if (state == "Failed")
      throw CommandError(id_ + " failed: " + member_text(lease, "StateReason") + " (" +
                         member_text(lease, "StateReasonCode") + ")");
    if (steady_clock::now() > limit)
      throw CommandError("after " + std::to_string(patience.count()) + " s " + id_ + " is " + state + ": " +
                             member_text(lease, "StateReason"),
                         "`hypernat status` shows whether a data plane is live and which table it has");
    if (const auto signal = signals.wait_for(kLeasePollInterval)) return signal;
  }
}

}  // namespace hypernat::cli
