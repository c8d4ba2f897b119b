// hypernat-dataplane: reads its configuration, starts, beats until told to stop. SIGHUP has it read the file again.
#include <fmt/format.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <set>
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

// Signals are taken by the main thread, at one place; every thread made later inherits the mask.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const sigset_t of_devices = device_signals();
  pthread_sigmask(SIG_BLOCK, &of_devices, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

// The signal that came before the beat did; 0: none.
int wait_for_beat(const sigset_t& signals, std::chrono::steady_clock::time_point beat) {
  for (;;) {
    const auto left =
        std::max<std::chrono::nanoseconds>(beat - std::chrono::steady_clock::now(), std::chrono::nanoseconds{0});
    const timespec patience{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
    const int signal = sigtimedwait(&signals, nullptr, &patience);
    if (signal > 0) return signal;
    if (errno != EINTR) return 0;
  }
}

void reload(Dataplane& dataplane, const std::string& config_file) {
  try {
    dataplane.reload(config::load_dataplane_config(config_file));
  } catch (const std::exception& error) {
    spdlog::error("configuration not taken, everything stays as it is: {}", error.what());
  }
}

// False when told to stop before the beat.
bool serve_until_beat(Dataplane& dataplane, const CommandLine& line, const sigset_t& signals,
                      std::chrono::steady_clock::time_point beat) {
  while (const int signal = wait_for_beat(signals, beat)) {
    if (signal != SIGHUP) {
      spdlog::info("stopping: signal {}", signal);
      return false;
    }
    reload(dataplane, line.config_file);
  }
  return true;
}

void run(const config::DataplaneConfig& config, const CommandLine& line) {
  const sigset_t signals = block_signals();
  std::vector<std::string> arguments = config.eal;
  arguments.insert(arguments.end(), line.eal.begin(), line.eal.end());
  const std::unique_ptr<config::Store> store = config::open_directory_store(config.store.directory);
  const Eal eal(config.file_prefix, arguments);
  Dataplane dataplane(config, *store);
  const Telemetry telemetry(dataplane);
  const std::set<unsigned> lcores(dataplane.crew().lcores().begin(), dataplane.crew().lcores().end());
  spdlog::info("node {}: running, {} workers on lcores {}", config.node, dataplane.workers().size(),
               fmt::join(lcores, ", "));
  auto beat = std::chrono::steady_clock::now();
  do {
    dataplane.beat();
    beat = std::max(beat + config.store.beat, std::chrono::steady_clock::now());
  } while (serve_until_beat(dataplane, line, signals, beat));
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
    run(config, line);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hypernat-dataplane: %s\n", error.what());
    return 1;
  }
  return 0;
}
