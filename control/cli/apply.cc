// hypernat apply: functions.yaml held against the control plane, the difference printed and carried out.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "config/functions_config.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/desired_state.h"
#include "control/cli/errors.h"

namespace hypernat::cli {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPollInterval{100};

std::size_t count(const std::vector<Step>& steps, Action action) {
  return static_cast<std::size_t>(
      std::count_if(steps.begin(), steps.end(), [&](const Step& step) { return step.action == action; }));
}

json to_json(const std::vector<Step>& steps) {
  auto list = json::array();
  for (const auto& step : steps) {
    const char* action = step.action == Action::kCreate   ? "create"
                         : step.action == Action::kChange ? "change"
                                                          : "delete";
    list.push_back({{"Action", action},
                    {"Kind", to_string(step.key.kind)},
                    {"Account", step.key.account},
                    {"Id", step.key.id},
                    {"Detail", step.detail}});
  }
  return list;
}

/// The functions that are not in use yet, each with the reason that the control plane gives.
std::vector<std::string> unready(const ControlConnection& control, const ObjectSet& wished) {
  std::vector<std::string> waiting;
  for (const auto& [key, body] : wished) {
    if (key.kind != ObjectKind::kFunction) continue;
    const auto path = "/2015-03-31/functions/" + encode_segment(key.id) + "/configuration";
    const auto function = control.get(path, key.account);
    const auto state = function.value("State", "");
    const auto update = function.value("LastUpdateStatus", "");
    const auto text = [&](const char* name) {
      return function.contains(name) && function[name].is_string() ? function[name].get<std::string>() : std::string();
    };
    if (state == "Failed")
      throw CommandError("function " + key.account + "/" + key.id + " failed: " + text("StateReason"));
    if (update == "Failed")
      throw CommandError("the update of " + key.account + "/" + key.id + " failed: " + text("LastUpdateStatusReason"));
    if (state != "Active" || update == "InProgress")
      waiting.push_back(key.account + "/" + key.id + " is " + state + ": " + text("StateReason"));
  }
  return waiting;
}

void wait_until_active(const ControlConnection& control, const ObjectSet& wished, std::chrono::seconds patience) {
  const auto limit = steady_clock::now() + patience;
  for (;;) {
    const auto waiting = unready(control, wished);
    if (waiting.empty()) return;
    if (steady_clock::now() > limit)
      throw CommandError("after " + std::to_string(patience.count()) + " s " + waiting.front(),
                         "`hypernat status` shows whether a data plane is live and which table it has");
    std::this_thread::sleep_for(kPollInterval);
  }
}

}  // namespace

int apply(const Options& options, const ApplyOptions& apply) {
  const auto config = config::load_functions_config(apply.file);  // nothing is touched when the file has a mistake
  const auto wished = wished_objects(config);
  const ControlConnection control(options.control);
  ObjectSet present;
  for (const auto& tenant : config.tenants) add_present_objects(control, tenant.account, present);

  const auto steps = difference(present, wished, apply.prune ? Prune::kYes : Prune::kNo);
  const bool is_json = options.output == Output::kJson;
  for (const auto& step : steps) {
    if (!is_json) std::cout << to_string(step) << std::endl;
    if (!apply.dry_run) take(control, step);
  }
  if (apply.wait && !apply.dry_run) wait_until_active(control, wished, apply.patience);

  if (is_json) {
    std::cout << json{{"Applied", !apply.dry_run}, {"Steps", to_json(steps)}}.dump(2) << "\n";
    return 0;
  }
  if (steps.empty()) {
    std::cout << "nothing to do: " << wished.size() << " objects are as " << apply.file.string() << " says\n";
    return 0;
  }
  std::cout << (apply.dry_run ? "would apply: " : "applied: ") << count(steps, Action::kCreate) << " created, "
            << count(steps, Action::kChange) << " changed, " << count(steps, Action::kDelete) << " deleted\n";
  return 0;
}

}  // namespace hypernat::cli
