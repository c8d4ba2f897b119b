// hypernat coldstart: a burst of fresh environments, with shared interfaces and with one for each environment.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iostream>
#include <thread>

#include "config/json.h"
#include "control/cli/caught_signals.h"
#include "control/cli/coldstart/invoker.h"
#include "control/cli/coldstart/report.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/errors.h"
#include "control/cli/function_name.h"
#include "control/cli/text_table.h"

namespace hypernat::coldstart {
namespace {

using cli::CommandError;
using nlohmann::json;

constexpr const char* kProbe = "hypernat-coldstart-probe";
constexpr int kInterrupted = 130;

/// The program that environments run, which lies beside this one or, in a build folder, in a folder there.
int open_probe() {
  const auto own = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const auto& path : {own / kProbe, own / "coldstart" / kProbe})
    if (const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC); file >= 0) return file;
  throw CommandError(fmt::format("{} is not in {}", kProbe, own.string()),
                     "it is built and installed together with hypernat");
}

/// An invocation in flight holds a few descriptors.
void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Notes a signal while invocations run, so that what was begun is given back. Made before any other thread.
class Interruption {
 public:
  Interruption()
      : thread_([this](const std::stop_token& over) {
          constexpr std::chrono::milliseconds kLook{100};
          while (!over.stop_requested() && !happened) happened = signals_.wait_for(kLook).has_value();
        }) {}

  std::atomic<bool> happened{false};

 private:
  cli::CaughtSignals signals_;
  std::jthread thread_;
};

Publications publications(const cli::ControlConnection& control) {
  const auto status = control.get("/hypernat/v1/status");
  return {.epoch = status.at("Epoch").get<std::uint64_t>(),
          .generation = status.at("Generation").get<std::uint64_t>(),
          .table_sha256 = status.at("TableSha256").get<std::string>(),
          .count = status.at("Publications").get<std::uint64_t>(),
          .bytes = status.at("PublishedBytes").get<std::uint64_t>()};
}

InterfaceWatch::Subnets subnets_of(const cli::ControlConnection& control, const Plan& plan) {
  const auto function =
      control.get("/2015-03-31/functions/" + cli::encode_segment(plan.function) + "/configuration", plan.account);
  InterfaceWatch::Subnets subnets{.account = plan.account, .ids = {}};
  const auto network = function.value("VpcConfig", json::object());
  for (const auto& id : network.value("SubnetIds", json::array())) subnets.ids.push_back(id.get<std::string>());
  if (subnets.ids.empty())
    throw CommandError("function " + plan.function + " has no network", "choose one with a VpcConfig");
  return subnets;
}

ModeResult run_mode(const cli::Options& options, const Invoker::Parts& parts, Mode mode) {
  ModeResult result;
  result.mode = mode;
  OpeningWatch openings(options.dataplane, parts.plan);
  InterfaceWatch interfaces(parts.control, subnets_of(parts.control, parts.plan));
  result.before = publications(parts.control);
  result.samples = Invoker(parts, mode).run();
  result.after = publications(parts.control);
  result.interfaces = interfaces.finish();
  openings.finish(result.samples);
  return result;
}

std::string dpdk_version(const std::string& dataplane) {
  return cli::member_text(cli::TelemetryClient(dataplane).ask("/hypernat/info"), "dpdk");
}

}  // namespace
}  // namespace hypernat::coldstart

namespace hypernat::cli {

int coldstart(const Options& options, const coldstart::Plan& wanted) {
  using namespace hypernat::coldstart;
  const int probe = open_probe();
  raise_descriptor_limit();
  const ControlConnection control(options.control);
  Plan plan = wanted;
  auto name = parse_function_name(plan.function);
  if (name.account.empty()) name.account = plan.account;
  const auto function = resolve(control, name);
  plan.function = function.name;
  plan.account = function.account;

  Report report{.plan = plan, .machine = describe_machine(), .modes = {}};
  report.machine["DPDK"] = dpdk_version(options.dataplane);
  Interruption interruption;
  for (const auto mode : plan.modes) {
    if (interruption.happened) break;
    report.modes.push_back(run_mode(
        options, {.control = control, .plan = plan, .probe = probe, .interrupted = interruption.happened}, mode));
  }
  ::close(probe);
  if (plan.json_file) write_file(*plan.json_file, to_json(report).dump(1) + "\n");
  if (plan.csv_file) write_file(*plan.csv_file, to_csv(report));
  std::cout << (options.output == Output::kJson ? to_json(report).dump(2) + "\n" : to_text(report));
  for (const auto& result : report.modes)
    if (const auto work = shared_work(result); result.mode == Mode::kShared && !work.empty())
      throw CommandError("shared environments caused work, or something else did meanwhile: " + work,
                         "measure while nobody changes functions");
  return interruption.happened ? kInterrupted : 0;
}

}  // namespace hypernat::cli
