// hypernat-dataplane: reads its configuration, starts, beats until told to stop.
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "config/dataplane_config.h"
#include "config/store.h"
#include "dataplane/port/eal.h"
#include "dataplane/process/dataplane.h"
#include "dataplane/telemetry/telemetry.h"

namespace {

using namespace hypernat;
using namespace hypernat::dataplane;

struct CommandLine {
  std::string config_file;
  bool check = false;
  std::vector<std::string> eal;
};

// Stop signals are taken by the main thread, at one place; every thread made later inherits the mask.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const sigset_t of_devices = device_signals();
  pthread_sigmask(SIG_BLOCK, &of_devices, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

// False when a stop signal came instead of the beat.
bool wait_for_beat(const sigset_t& stop_signals, std::chrono::steady_clock::time_point beat) {
  for (;;) {
    const auto left =
        std::max<std::chrono::nanoseconds>(beat - std::chrono::steady_clock::now(), std::chrono::nanoseconds{0});
    const timespec patience{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
    const int signal = sigtimedwait(&stop_signals, nullptr, &patience);
    if (signal > 0) spdlog::info("stopping: signal {}", signal);
    if (signal > 0) return false;
    if (errno != EINTR) return true;
  }
}

void run(const config::DataplaneConfig& config, const std::vector<std::string>& more_eal) {
  const sigset_t stop_signals = block_signals();
  std::vector<std::string> arguments = config.eal;
  arguments.insert(arguments.end(), more_eal.begin(), more_eal.end());
  const std::unique_ptr<config::Store> store = config::open_directory_store(config.store.directory);
  const Eal eal(config.file_prefix, arguments);
  Dataplane dataplane(config, *store);
  const Telemetry telemetry(dataplane);
  spdlog::info("node {}: running, {} workers", config.node, dataplane.workers().size());
  auto beat = std::chrono::steady_clock::now();
  do {
    dataplane.beat();
    beat = std::max(beat + config.store.beat, std::chrono::steady_clock::now());
  } while (wait_for_beat(stop_signals, beat));
}

CommandLine parse(int argc, char** argv) {
  CommandLine line;
  CLI::App app("The data plane of Hypernat: stateful NAT from a Lambda VPC to tenants' subnets.", "hypernat-dataplane");
  app.add_option("--config", line.config_file, "dataplane.yaml")->required();
  app.add_flag("--check", line.check, "only check the configuration");
  app.add_option("eal", line.eal, "behind --: EAL arguments, appended to those of the configuration");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return line;
}

}  // namespace

int main(int argc, char** argv) {
  const CommandLine line = parse(argc, argv);
  try {
    const config::DataplaneConfig config = config::load_dataplane_config(line.config_file);
    if (line.check) {
      std::printf("%s: good\n", line.config_file.c_str());
      return 0;
    }
    run(config, line.eal);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hypernat-dataplane: %s\n", error.what());
    return 1;
  }
  return 0;
}
