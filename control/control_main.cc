// hypernat-control: functions become mappings, mappings become interfaces, and the table of them is published.
//
// Three kinds of threads: HTTP's, the one that settles, and this one, which waits for a signal.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "config/control_config.h"
#include "config/store.h"
#include "control/api/api.h"
#include "control/api/http_server.h"
#include "control/lifecycle/controller.h"
#include "control/lifecycle/settler.h"
#include "control/provisioning/modelled_provisioner.h"
#include "control/store/clock_store.h"
#include "control/store/lock_file.h"
#include "control/store/schema.h"

namespace hypernat::control {
namespace {

// Blocked here, before any thread is made, so that they reach `sigwait` and nobody else.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

ApiSettings api_settings(const config::ControlConfig& config) {
  ApiSettings settings{.region = config.region,
                       .keys = {},
                       .requests_per_second = config.listen.requests_per_second,
                       .ec2 = config.ec2,
                       .environment_idle_after = config.environment_idle_after};
  for (const auto& key : config.access_keys)
    settings.keys.emplace(key.access_key_id, SigningKey{.account = key.account, .secret = key.secret_access_key});
  return settings;
}

void warn_of_readers(const std::string& file, const config::ControlConfig& config) {
  struct stat status {};
  if (config.access_keys.empty() || ::stat(file.c_str(), &status) != 0 || (status.st_mode & S_IROTH) == 0) return;
  spdlog::warn("{} holds the accounts' secret keys and everybody may read it: chmod o-r", file);
}

void run(const config::ControlConfig& config, std::int64_t time_scale) {
  const auto signals = block_signals();
  const LockFile database_lock(config.database.string() + ".lock", "The database " + config.database.string());
  const LockFile store_lock(config.store.directory / "publisher.lock", "The store " + config.store.directory.string());

  const auto mask = ::umask(0027);  // functions' environments are nobody else's business
  Database database(config.database);
  ::umask(mask);
  prepare_schema(database, SystemClock::wall_now());
  const SystemClock clock(resume_clock(database, SystemClock::wall_now(), time_scale));
  const auto store = config::open_directory_store(config.store.directory);
  ModelledProvisioner provisioner(
      database, {.time = config.provisioning_time, .slowest_percent = config.provisioning_slowest_percent});
  Controller controller({.database = database,
                         .store = *store,
                         .provisioner = provisioner,
                         .clock = clock,
                         .settings = {.lambda_vpc = config.lambda_vpc.prefix,
                                      .worker_host_block = config.lambda_vpc.worker_host_block,
                                      .mapping_reuse_after = config.mapping_reuse_after,
                                      .release_after = config.mapping_release_after,
                                      .environment_time = config.environment_time,
                                      .interfaces_per_vpc = config.interfaces_per_vpc,
                                      .idle_after = config.idle_after,
                                      .scaling = {.widen_percent = config.scaling.widen_percent,
                                                  .narrow_percent = config.scaling.narrow_percent,
                                                  .narrow_after = config.scaling.narrow_after,
                                                  .retry_after = config.scaling.retry_after}}});
  controller.beat();  // so that the first request finds everything as it is
  const Settler settler(controller, config.store.beat);
  Api api(controller, api_settings(config));
  HttpServer server(api, config.listen);
  spdlog::info("database {}, store {}", config.database.string(), config.store.directory.string());
  server.start();

  int received = 0;
  sigwait(&signals, &received);
  api.stop();
  controller.write_down();
  spdlog::info("stopping on {}", received == SIGTERM ? "SIGTERM" : "SIGINT");
}

}  // namespace
}  // namespace hypernat::control

int main(int argc, char** argv) {
  CLI::App app("The control plane of Hypernat: provisions an interface once per network configuration.",
               "hypernat-control");
  std::string file;
  app.add_option("--config", file, "control.yaml")->required();
  std::int64_t time_scale = 1;
  app.add_option(
         "--time-scale", time_scale,
         "How many times as fast as the wall clock the life cycle's time goes: making interfaces, falling idle, "
         "releasing. The database remembers what time it is.")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("control", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    const auto config = hypernat::config::load_control_config(file);
    hypernat::control::warn_of_readers(file, config);
    hypernat::control::run(config, time_scale);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hypernat-control: %s\n", error.what());
    return 1;
  }
  return 0;
}
