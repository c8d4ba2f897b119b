// hypernat invoke: one function, in a fresh execution environment, its streams those of this command.
//
// The control plane says where (a placement); the rest is between this process and the worker host, whose connection
// is the environment's life line: when this process ends, for whatever reason, the environment ends.
#include <fcntl.h>
#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "control/api/environment_client.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/errors.h"
#include "control/cli/function_name.h"

namespace hypernat::cli {
namespace {

using nlohmann::json;

constexpr int kSignalBase = 128;

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

int follow(control::EnvironmentClient& environment, const std::string& host, bool verbose) {
  for (;;) {
    const auto event = environment.next();
    switch (event.kind) {
      case control::EnvironmentEventKind::kStarted:
        if (verbose)
          std::cerr << "hypernat: environment " << event.address << " in slot " << event.slot << " of " << host
                    << ", network namespace " << event.namespace_path << "\n";
        break;
      case control::EnvironmentEventKind::kExited:
        return event.code;
      case control::EnvironmentEventKind::kSignalled:
        return kSignalBase + event.code;
      case control::EnvironmentEventKind::kError:
        throw CommandError("worker host " + host + ": " + event.message);
    }
  }
}

}  // namespace

int invoke(const Options& options, const InvokeOptions& invoke) {
  hold_standard_streams();
  const ControlConnection control(options.control);
  auto wanted = parse_function_name(invoke.function);
  if (wanted.account.empty()) wanted.account = invoke.account;
  const auto function = resolve(control, wanted);
  const auto placement =
      control.send("POST", "/hypernat/v1/placements", {{"FunctionName", function.name}, {"Account", function.account}},
                   function.account);
  const auto host = placement.at("WorkerHost").get<std::string>();
  try {
    control::EnvironmentClient environment(placement.at("Socket").get<std::string>());
    environment.start(request_of(function.name, placement, invoke.command), {});
    return follow(environment, host, invoke.verbose);
  } catch (const std::system_error& error) {
    throw CommandError("worker host " + host + ": " + error.what(),
                       "is hypernat-workerhost running on this machine? `hypernat worker-hosts` lists them");
  }
}

}  // namespace hypernat::cli
