// Fills a control plane's database with very many functions, before hypernat-control opens it.
//
//   fill_database DATABASE FUNCTIONS
#include <spdlog/spdlog.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include "config/store.h"
#include "control/provisioning/modelled_provisioner.h"
#include "control/store/schema.h"
#include "tests/tools/many_functions.h"

namespace hypernat::control {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

void fill(const std::filesystem::path& path, std::uint32_t functions) {
  const SystemClock clock;
  Database database(path);
  prepare_schema(database, clock.now());
  // Nothing is settled here, so nothing is published; but a controller wants a store.
  const auto scratch = path.parent_path() / (path.filename().string() + ".scratch");
  const auto store = config::open_directory_store(scratch);
  ModelledProvisioner provisioner(database, {.time = {}});
  {
    Controller controller({.database = database,
                           .store = *store,
                           .provisioner = provisioner,
                           .clock = clock,
                           .settings = {.interfaces_per_vpc = 100'000}});
    make_many_functions(controller, functions);
  }
  std::filesystem::remove_all(scratch);
}

}  // namespace
}  // namespace hypernat::control

int main(int count, char** words) {
  std::uint32_t functions = 0;
  if (count != 3 || std::from_chars(words[2], words[2] + std::strlen(words[2]), functions).ec != std::errc{}) {
    std::fprintf(stderr, "usage: fill_database DATABASE FUNCTIONS\n");
    return hypernat::control::kUsage;
  }
  spdlog::set_level(spdlog::level::warn);
  try {
    hypernat::control::fill(words[1], functions);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fill_database: %s\n", error.what());
    return hypernat::control::kFailed;
  }
  return 0;
}
