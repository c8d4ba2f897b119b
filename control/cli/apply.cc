// hypernat apply: functions.yaml held against the control plane, the difference printed and carried out.
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "config/functions_config.h"
#include "config/json.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/desired_state.h"
#include "control/cli/errors.h"
#include "control/cli/step_runner.h"
#include "control/cli/text_table.h"

namespace hypernat::cli {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kApplyPollInterval{100};

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

/// The functions that a file names, by account.
std::map<std::string, std::set<std::string>> functions_of(const ObjectSet& wished) {
  std::map<std::string, std::set<std::string>> functions;
  for (const auto& [key, body] : wished)
    if (key.kind == ObjectKind::kFunction) functions[key.account].insert(key.id);
  return functions;
}

/// What a function still waits for; empty when it is in use. Throws CommandError when it will not be.
std::string waits_for(const std::string& account, const json& function) {
  const auto name = account + "/" + member_text(function, "FunctionName");
  const auto state = member_text(function, "State");
  const auto update = member_text(function, "LastUpdateStatus");
  if (state == "Failed") throw CommandError("function " + name + " failed: " + member_text(function, "StateReason"));
  if (update == "Failed")
    throw CommandError("the update of " + name + " failed: " + member_text(function, "LastUpdateStatusReason"));
  // One that nobody uses has no interfaces and needs none: an invocation brings them back.
  if ((state == "Active" && update != "InProgress") || state == "Inactive") return {};
  return name + " is " + state + ": " + member_text(function, "StateReason");
}

/// Takes those that are in use out of `waiting`; what the first of the others waits for.
std::string remove_ready(const ControlConnection& control, std::map<std::string, std::set<std::string>>& waiting) {
  std::string first;
  for (auto& [account, names] : waiting) {
    if (names.empty()) continue;
    std::set<std::string> left;
    for (const auto& function : control.functions(account)) {
      const auto name = member_text(function, "FunctionName");
      if (!names.contains(name)) continue;
      const auto reason = waits_for(account, function);
      if (reason.empty()) continue;
      left.insert(name);
      if (first.empty()) first = reason;
    }
    names = std::move(left);
  }
  return first;
}

void wait_until_active(const ControlConnection& control, const ObjectSet& wished, std::chrono::seconds patience) {
  const auto limit = steady_clock::now() + patience;
  auto waiting = functions_of(wished);
  for (;;) {
    const auto begun = steady_clock::now();
    const auto reason = remove_ready(control, waiting);
    if (reason.empty()) return;
    const auto ended = steady_clock::now();
    if (ended > limit)
      throw CommandError("after " + std::to_string(patience.count()) + " s " + reason,
                         "`hypernat status` shows whether a data plane is live and which table it has");
    // Asking takes the control plane's time, which has the functions to see to.
    std::this_thread::sleep_for(std::max<steady_clock::duration>(kApplyPollInterval, ended - begun));
  }
}

/// Carries the steps out, and says so.
void take_all(const Options& options, const std::vector<Step>& steps) {
  std::vector<std::unique_ptr<ControlConnection>> connections(kStepTakers);
  run_steps(steps, {.take =
                        [&](std::size_t taker, const Step& step) {
                          auto& connection = connections[taker];
                          if (!connection)
                            connection = std::make_unique<ControlConnection>(options.control, Connecting::kOnce);
                          take(*connection, step);
                        },
                    .taken =
                        [&](const Step& step) {
                          if (options.output != Output::kJson) std::cout << to_string(step) << std::endl;
                        }});
}

}  // namespace

int apply(const Options& options, const ApplyOptions& apply) {
  const auto config = config::load_functions_config(apply.file);  // nothing is touched when the file has a mistake
  const auto wished = wished_objects(config);
  const ControlConnection control(options.control, Connecting::kOnce);
  ObjectSet present;
  for (const auto& tenant : config.tenants) add_present_objects(control, tenant.account, present);

  const auto steps = difference(present, wished, apply.prune ? Prune::kYes : Prune::kNo);
  const bool is_json = options.output == Output::kJson;
  if (!apply.dry_run) take_all(options, steps);
  if (apply.dry_run && !is_json)
    for (const auto& step : steps) std::cout << to_string(step) << "\n";
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
