// hypernat invoke: one function, in a fresh execution environment, its streams those of this command.
//
// The control plane says where (a placement); the rest is between this process and the worker host, whose connection
// is the environment's life line: when this process ends, for whatever reason, the environment ends.
#include <fcntl.h>
#include <unistd.h>

#include <iostream>
#include <optional>
#include <system_error>

#include "config/json.h"
#include "control/api/environment_client.h"
#include "control/cli/caught_signals.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/errors.h"
#include "control/cli/function_name.h"
#include "control/cli/lease.h"

namespace hypernat::cli {
namespace {

using nlohmann::json;

constexpr int kSignalBase = 128;
/// A function's longest timeout, and a minute to begin.
constexpr std::chrono::seconds kLongestInvocation{960};

enum class Detail { kQuiet, kVerbose };

/// A descriptor that was closed by the caller would be taken by the next socket; /dev/null holds its place.
void hold_standard_streams() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor)
    if (::fcntl(descriptor, F_GETFD) < 0) ::open("/dev/null", O_RDWR);
}

control::EnvironmentRequest request_of(const std::string& function, const json& placement,
                                       const std::vector<std::string>& command) {
  control::EnvironmentRequest request{
      .function = function,
      .mapping = placement.value("Mapping", 0U),
      .resolver = placement.contains("Resolver") && placement["Resolver"].is_string()
                      ? placement["Resolver"].get<std::string>()
                      : std::string(),
      .command = command.empty() ? placement.at("Command").get<std::vector<std::string>>() : command,
      .environment = placement.value("Environment", std::map<std::string, std::string>()),
      .timeout = std::chrono::seconds(placement.value("TimeoutSeconds", 0)),
  };
  if (request.command.empty())
    throw CommandError("function " + function + " has no command of its own",
                       "give one: hypernat invoke " + function + " -- COMMAND…");
  return request;
}

std::string microseconds(std::int64_t nanoseconds) {
  return std::to_string(nanoseconds / 1000) + " us";
}

/// What an event means for the command: its exit code, once there is one.
std::optional<int> exit_code(const control::EnvironmentEvent& event, const std::string& host, Detail detail) {
  switch (event.kind) {
    case control::EnvironmentEventKind::kStarted:
      if (detail == Detail::kVerbose)
        std::cerr << "hypernat: environment " << event.address << " in slot " << event.slot << " of " << host
                  << ", network namespace " << event.namespace_path << "\n"
                  << "hypernat: attached " << microseconds(event.attached_ns - event.received_ns)
                  << " after the request was read, command launched "
                  << microseconds(event.launched_ns - event.attached_ns) << " later\n";
      return std::nullopt;
    case control::EnvironmentEventKind::kExited:
      return event.code;
    case control::EnvironmentEventKind::kSignalled:
      return kSignalBase + event.code;
    case control::EnvironmentEventKind::kError:
      throw CommandError("worker host " + host + ": " + event.message);
  }
  return std::nullopt;
}

/// Runs the command where the placement says; its exit code. `signals`, when there are any, end it.
int run(const InvokeOptions& invoke, const json& placement, const CaughtSignals* signals) {
  const auto host = placement.at("WorkerHost").get<std::string>();
  const auto detail = invoke.verbose ? Detail::kVerbose : Detail::kQuiet;
  try {
    control::EnvironmentClient environment(placement.at("Socket").get<std::string>());
    environment.start(request_of(placement.at("FunctionName").get<std::string>(), placement, invoke.command), {});
    for (;;) {
      if (signals != nullptr)
        if (const auto signal = signals->wait_or_readable(environment.descriptor())) return kSignalBase + *signal;
      if (const auto code = exit_code(environment.next(), host, detail)) return *code;
    }
  } catch (const std::system_error& error) {
    throw CommandError("worker host " + host + ": " + error.what(),
                       "is hypernat-workerhost running on this machine? `hypernat worker-hosts` lists them");
  }
}

json place(const ControlConnection& control, const FunctionName& function, json wish) {
  wish["FunctionName"] = function.name;
  wish["Account"] = function.account;
  auto placement = control.send("POST", "/hypernat/v1/placements", wish, function.account);
  placement["FunctionName"] = function.name;
  return placement;
}

/// The cold start of before 2019: an interface is made on the way, and gone afterwards.
int invoke_with_lease(const ControlConnection& control, const FunctionName& function, const InvokeOptions& invoke) {
  const CaughtSignals signals;
  const HeldLease lease(control, {.function = function,
                                  .lifetime = invoke.patience + kLongestInvocation,
                                  .provisioning_time = invoke.provisioning_time});
  if (const auto signal = lease.wait_until_active(signals, invoke.patience)) return kSignalBase + *signal;
  return run(invoke, place(control, function, {{"Lease", lease.id()}}), &signals);
}

}  // namespace

int invoke(const Options& options, const InvokeOptions& invoke) {
  hold_standard_streams();
  const ControlConnection control(options.control);
  auto wanted = parse_function_name(invoke.function);
  if (wanted.account.empty()) wanted.account = invoke.account;
  const auto function = resolve(control, wanted);
  if (invoke.per_environment) return invoke_with_lease(control, function, invoke);
  return run(invoke, place(control, function, json::object()), nullptr);
}

}  // namespace hypernat::cli
