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
                       .runner = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "hypernat-runner",
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

void run(const config::ControlConfig& config) {
  const auto signals = block_signals();
  const LockFile database_lock(config.database.string() + ".lock", "The database " + config.database.string());
  const LockFile store_lock(config.store.directory / "publisher.lock", "The store " + config.store.directory.string());

  const SystemClock clock;
  const auto mask = ::umask(0027);  // functions' environments are nobody else's business
  Database database(config.database);
  ::umask(mask);
  prepare_schema(database, clock.now());
  const auto store = config::open_directory_store(config.store.directory);
  TimedProvisioner provisioner(config.provisioning_time);
  Controller controller({.database = database,
                         .store = *store,
                         .provisioner = provisioner,
                         .clock = clock,
                         .settings = {.lambda_vpc = config.lambda_vpc.prefix,
                                      .worker_host_block = config.lambda_vpc.worker_host_block,
                                      .mapping_reuse_after = config.mapping_reuse_after,
                                      .release_after = config.mapping_release_after,
                                      .environment_time = config.environment_time,
                                      .interfaces_per_vpc = config.interfaces_per_vpc}});
  controller.beat();  // so that the first request finds everything as it is
  const Settler settler(controller, config.store.beat);
  Api api(controller, api_settings(config));
  HttpServer server(api, config.listen);
  spdlog::info("database {}, store {}", config.database.string(), config.store.directory.string());
  server.start();

  int received = 0;
  sigwait(&signals, &received);
  api.stop();
  spdlog::info("stopping on {}", received == SIGTERM ? "SIGTERM" : "SIGINT");
}

}  // namespace
}  // namespace hypernat::control

int main(int argc, char** argv) {
  CLI::App app("The control plane of Hypernat: provisions an interface once per network configuration.",
               "hypernat-control");
  std::string file;
  app.add_option("--config", file, "control.yaml")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("control", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    const auto config = hypernat::config::load_control_config(file);
    hypernat::control::warn_of_readers(file, config);
    hypernat::control::run(config);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hypernat-control: %s\n", error.what());
    return 1;
  }
  return 0;
}
