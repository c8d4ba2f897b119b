// hypernat: the operator's command. One subcommand per question or deed; the help teaches by example.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>

#include "config/config_error.h"
#include "config/scalars.h"
#include "control/cli/commands.h"
#include "control/cli/errors.h"

namespace hypernat::cli {
namespace {

constexpr int kRefused = 1;
constexpr int kUsage = 2;

/// The options of every command, where they are parsed to, and what was chosen.
struct CommandLine {
  Options options;
  bool json = false;
  ApplyOptions apply;
  ValidateOptions validate;
  InvokeOptions invoke;
  TraceOptions trace;
  coldstart::Plan coldstart;
  std::string coldstart_target;
  std::string coldstart_mode = "both";
  std::function<int()> chosen;
};

void add_view(CLI::App& app, CommandLine& line, const char* name, const char* text, int (*show)(const Options&)) {
  app.add_subcommand(name, text)->callback([&line, show] {
    line.chosen = [&line, show] { return show(line.options); };
  });
}

void add_views(CLI::App& app, CommandLine& line) {
  add_view(app, line, "status", "The mapping table in use, live data planes and worker hosts", show_status);
  add_view(app, line, "functions", "Functions, and the interface each of them leaves through", show_functions);
  add_view(app, line, "interfaces", "Interfaces in the tenants' subnets", show_interfaces);
  add_view(app, line, "mappings", "Network configurations, and the functions that share them", show_mappings);
  add_view(app, line, "leases", "Interfaces of one environment each, made for `hypernat invoke --per-environment`",
           show_leases);
  add_view(app, line, "worker-hosts", "Worker hosts, the block of addresses each has, and what its slots cost",
           show_worker_hosts);
  add_view(app, line, "flows", "Flows that the data plane translates at this moment", show_flows);
  add_view(app, line, "drops", "Packets the data plane dropped, by reason", show_drops);
  add_view(app, line, "tenants", "Limits of tenants, and what the data plane refused them for it", show_tenants);
  add_view(app, line, "workers", "Which lcore runs each worker of the data plane", show_workers);
  add_view(app, line, "account", "The packet account of every worker; balance is 0 when it closes", show_account);
}

void add_trace(CLI::App& app, CommandLine& line) {
  auto* command = app.add_subcommand("trace", "What the data plane decides for the next packets that match");
  auto& trace = line.trace;
  command->add_option("mapping", trace.mapping, "Of this mapping (its number, see `hypernat mappings`)");
  command->add_option("--address", trace.address, "With this address on either end, before or after the translation");
  command->add_option("--port", trace.port, "With this port or ICMP identifier, likewise");
  command->add_option("--protocol", trace.protocol, "tcp, udp or icmp");
  command->add_flag("--openings", trace.openings_only, "Only packets that open a flow");
  command->add_option("--count", trace.count, "Stop after so many packets")->capture_default_str();
  command->add_option("--seconds", trace.patience, "Stop after so many seconds")->default_str("30");
  command->footer(
      "  hypernat trace 1                               the next two packets of mapping 1: a request and its reply\n"
      "  hypernat trace 1 --protocol tcp --count 20\n"
      "  hypernat trace --address 10.0.1.10 --port 80");
  command->callback([&line] { line.chosen = [&line] { return trace_packets(line.options, line.trace); }; });
}

void add_apply(CLI::App& app, CommandLine& line) {
  auto* command = app.add_subcommand("apply", "Make the control plane's state what a functions.yaml says");
  command->add_option("file", line.apply.file, "functions.yaml: tenants, their networks, their functions")->required();
  command->add_flag("--dry-run", line.apply.dry_run, "Only print what would change");
  command->add_flag("--prune", line.apply.prune, "Also delete what the file's accounts have and the file does not");
  command->add_flag("--wait", line.apply.wait, "Return when every function of the file is Active");
  command->add_option("--seconds", line.apply.patience, "How long to wait")->default_str("300");
  command->footer(
      "  hypernat apply config/functions.yaml --dry-run\n"
      "  hypernat apply config/functions.yaml --wait\n\n"
      "Prints + for what is created, ~ for what changes, - for what is deleted. Nothing is applied when the\n"
      "file has a mistake. Applying the same file again does nothing.");
  command->callback([&line] { line.chosen = [&line] { return apply(line.options, line.apply); }; });
}

void add_validate(CLI::App& app, CommandLine& line) {
  auto* command = app.add_subcommand("validate", "Say what is wrong with configuration files, and do nothing else");
  command->add_option("files", line.validate.files, "dataplane.yaml, control.yaml, workerhost.yaml or functions.yaml");
  command->add_flag("--reference", line.validate.reference,
                    "Print every key with its unit, default, range and meaning");
  command->footer(
      "  hypernat validate config/*.yaml\n"
      "  hypernat validate --reference\n\n"
      "The kind of a file is told by its keys, not by its name. With a data plane's file among them, the\n"
      "segments of a functions.yaml are held against its attachments.");
  command->callback([&line] {
    if (line.validate.files.empty() && !line.validate.reference) throw CLI::RequiredError("a file, or --reference");
    line.chosen = [&line] { return validate(line.options, line.validate); };
  });
}

/// `--provisioning DURATION`, up to the hour that the control plane takes.
CLI::Option* add_provisioning(CLI::App& command, std::function<void(std::chrono::milliseconds)> set,
                              const std::string& text) {
  const auto parse = [set = std::move(set)](const std::string& word) {
    const auto time = config::parse_duration(word);
    if (!time || *time > std::chrono::hours(1))
      throw CLI::ValidationError("--provisioning: found " + word +
                                 "; expected a duration of at most an hour, such as 0s or 10s");
    set(std::chrono::duration_cast<std::chrono::milliseconds>(*time));
  };
  return command.add_option_function<std::string>("--provisioning", parse, text)->type_name("DURATION");
}

void add_invoke(CLI::App& app, CommandLine& line) {
  auto* command = app.add_subcommand("invoke", "Run a function in a fresh execution environment on this machine");
  command->add_option("function", line.invoke.function, "NAME, ACCOUNT/NAME, or the function's ARN")->required();
  command->add_option("command", line.invoke.command, "Run this and not the function's own command")
      ->type_name("-- COMMAND...");
  command->add_option("--account", line.invoke.account, "Whose function, when several accounts have one of that name");
  command->add_flag("-v,--verbose", line.invoke.verbose, "Say which worker host and slot it runs in");
  auto* own = command->add_flag("--per-environment", line.invoke.per_environment,
                                "First have an interface made for this environment alone, as it was done before 2019");
  add_provisioning(
      *command, [&line](std::chrono::milliseconds time) { line.invoke.provisioning_time = time; },
      "How long making that interface takes; the control plane's setting unless given")
      ->needs(own);
  command->add_option("--seconds", line.invoke.patience, "How long to wait for that interface")
      ->default_str("300")
      ->needs(own);
  command->footer(
      "  hypernat invoke acme-web < event.json       standard input is the payload\n"
      "  hypernat invoke acme-web -- curl -s http://web.internal/\n"
      "  hypernat invoke acme-web -- sh              a shell in the environment\n"
      "  hypernat invoke --per-environment acme-web  the cold start of before 2019, for comparison\n\n"
      "The exit code is the command's. The environment ends with this command.");
  command->callback([&line] { line.chosen = [&line] { return invoke(line.options, line.invoke); }; });
}

/// What CLI11 does not check by itself; throws its errors.
void finish_coldstart(CommandLine& line) {
  auto& plan = line.coldstart;
  try {
    coldstart::set_target(plan, line.coldstart_target);
  } catch (const std::invalid_argument& error) {
    throw CLI::ValidationError(error.what());
  }
  if (line.coldstart_mode == "shared") plan.modes = {coldstart::Mode::kShared};
  if (line.coldstart_mode == "per-environment") plan.modes = {coldstart::Mode::kPerEnvironment};
}

void add_coldstart(CLI::App& app, CommandLine& line) {
  auto* command = app.add_subcommand("coldstart", "Measure fresh environments: shared interfaces, and one for each");
  auto& plan = line.coldstart;
  command->add_option("function", plan.function, "Whose environments: NAME, ACCOUNT/NAME, or the function's ARN")
      ->required();
  command->add_option("target", line.coldstart_target, "Its tenant's web server: ADDRESS[:PORT][/PATH]")->required();
  command->add_option("--account", plan.account, "Whose function, when several accounts have one of that name");
  command->add_option("--count", plan.count, "How many environments")
      ->check(CLI::Range(1U, coldstart::kMostInvocations))
      ->capture_default_str();
  command->add_option("--rate", plan.rate, "Arrivals per second (a Poisson process); 0: all at once")
      ->check(CLI::Range(0.0, 100'000.0))
      ->capture_default_str();
  command->add_option("--seed", plan.seed, "Of the arrivals")->capture_default_str();
  command->add_option("--mode", line.coldstart_mode, "shared, per-environment or both")
      ->check(CLI::IsMember({"shared", "per-environment", "both"}))
      ->capture_default_str();
  add_provisioning(
      *command, [&plan](std::chrono::milliseconds time) { plan.provisioning = time; },
      "How long making an interface takes in the model")
      ->default_str("10s");
  command->add_option("--write-json", plan.json_file, "Write parameters, percentiles and raw samples to this file");
  command->add_option("--write-csv", plan.csv_file, "Write raw samples to this file");
  command->footer(
      "  hypernat coldstart acme-web 10.0.1.10                      200 at once, in both modes\n"
      "  hypernat coldstart acme-web 10.0.1.10 --provisioning 0s    only what this system really does\n"
      "  hypernat coldstart acme-web 10.0.1.10 --mode shared --count 1000 --rate 100\n\n"
      "Every environment makes one HTTP request. In the mode shared they use the function's interface; in the mode\n"
      "per-environment each gets one of its own, made while it waits, and given back afterwards. Modelled time is\n"
      "waited for and told apart from what was measured.");
  command->callback([&line] {
    finish_coldstart(line);
    line.chosen = [&line] { return coldstart(line.options, line.coldstart); };
  });
}

void configure(CLI::App& app, CommandLine& line) {
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.set_help_all_flag("--help-all", "Help of all commands");
  app.add_option("--control", line.options.control, "The control plane: its socket, or http://127.0.0.1:PORT")
      ->envname("HYPERNAT_CONTROL")
      ->capture_default_str();
  app.add_option("--dataplane", line.options.dataplane,
                 "The data plane: its file prefix, runtime folder or telemetry socket; by default the one of this\n"
                 "machine that started last")
      ->envname("HYPERNAT_DATAPLANE");
  app.add_flag("--json", line.json, "Print JSON, for programs");
  app.footer(
      "Exit code 0: done. 1: refused or failed, and standard error says what. 2: the command line is wrong.\n"
      "`hypernat COMMAND --help` shows examples.");
  add_views(app, line);
  add_trace(app, line);
  add_apply(app, line);
  add_validate(app, line);
  add_invoke(app, line);
  add_coldstart(app, line);
}

int execute(CommandLine& line) {
  try {
    return line.chosen();
  } catch (const config::ConfigError& error) {
    std::cerr << error.what() << "\n";
  } catch (const CommandError& error) {
    std::cerr << "hypernat: " << error.what() << "\n";
    if (!error.remedy().empty()) std::cerr << "hypernat: " << error.remedy() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "hypernat: " << error.what() << "\n";
  }
  return kRefused;
}

}  // namespace
}  // namespace hypernat::cli

int main(int count, char** words) {
  using namespace hypernat::cli;
  CLI::App app("Stateful NAT from execution environments to tenants' subnets: what it does, and what it shall do.",
               "hypernat");
  CommandLine line;
  configure(app, line);
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (!line.chosen) {
    std::cerr << app.help();
    return kUsage;
  }
  if (line.json) line.options.output = Output::kJson;
  return execute(line);
}
