// How long the control plane takes for one more change when it has very many mappings already.
//
//   control_bench [MAPPINGS]
//
// Makes a database of functions with a network configuration each, on the real store, with a data plane that reports
// what it finds there at once; then changes a little and tells how long it took until that was published and active.
#include <spdlog/spdlog.h>
#include <stdlib.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/store.h"
#include "config/table.h"
#include "control/lifecycle/controller.h"
#include "control/lifecycle/journal.h"
#include "control/lifecycle/table_builder.h"
#include "control/provisioning/modelled_provisioner.h"
#include "control/store/counters.h"
#include "control/store/schema.h"
#include "tests/tools/many_functions.h"

namespace hypernat::control {
namespace {

using std::chrono::steady_clock;

double seconds_since(steady_clock::time_point begun) {
  return std::chrono::duration<double>(steady_clock::now() - begun).count();
}

template <class Work>
void measure(const char* what, Work work) {
  const auto begun = steady_clock::now();
  work();
  std::printf("%-52s %9.1f ms\n", what, 1000 * seconds_since(begun));
}

class Bench {
 public:
  explicit Bench(const std::filesystem::path& folder)
      : database_(folder / "control.db"),
        store_(config::open_directory_store(folder / "store")),
        provisioner_(database_, {.time = {}}) {
    prepare_schema(database_, clock_.now());
    controller_.emplace(Controller::Parts{.database = database_,
                                          .store = *store_,
                                          .provisioner = provisioner_,
                                          .clock = clock_,
                                          .settings = {.interfaces_per_vpc = 100'000}});
  }

  void fill(std::uint32_t mappings) { make_many_functions(*controller_, mappings); }

  void settle() { controller_->settle(); }
  void beat() { controller_->beat(); }

  void report() {
    const auto bytes = store_->fetch();
    const auto table = config::read_table(*bytes);
    store_->report({.node = "dp1",
                    .epoch = table.epoch,
                    .generation = table.generation,
                    .table_sha256 = config::sha256_hex(*bytes),
                    .unix_milliseconds = to_milliseconds(clock_.wall()),
                    .beat_milliseconds = 60'000,
                    .refusal = {},
                    .port_use = {}});
  }

  void change_one(std::uint32_t index) {
    measure("one more function: committed", [&] {
      controller_->change(
          [&](Controller::Lifecycle& lifecycle) { lifecycle.functions.create(many_function(index), lifecycle.now); });
    });
    measure("  its table published", [&] { controller_->settle_once(); });
    measure("  a round in which nothing moves", [&] { settle(); });
    measure("  (the data plane reads and reports it)", [&] { report(); });
    measure("  and it is active", [&] { controller_->beat(); });
    const auto state = controller_->read([&](Controller::Lifecycle& lifecycle) {
      const auto wanted = many_function(index);
      return lifecycle.functions.function(wanted.account, wanted.name).state;
    });
    if (state != FunctionState::kActive) std::printf("it is NOT active\n");
  }

  void take_apart() {
    TableContent content;
    config::Table table;
    std::vector<std::byte> bytes;
    measure("reading the table's content, with the lock", [&] { content = read_table_content(database_); });
    measure("making the table", [&] { table = make_table(content); });
    measure("writing it", [&] { bytes = config::write_table(table); });
    measure("its SHA-256", [&] { config::sha256_hex(bytes); });
    measure("publishing it in a directory", [&] { store_->publish(bytes); });
    std::printf("%zu mappings, %.1f MB\n", table.mappings.size(), static_cast<double>(bytes.size()) / 1e6);
  }

 private:
  SystemClock clock_;
  Database database_;
  std::unique_ptr<config::Store> store_;
  ModelledProvisioner provisioner_;
  std::optional<Controller> controller_;
};

int run(std::uint32_t mappings) {
  spdlog::set_level(spdlog::level::warn);
  std::string folder = (std::filesystem::temp_directory_path() / "control-bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  {
    Bench bench(folder);
    measure("functions with a mapping each: committed", [&] { bench.fill(mappings); });
    measure("all of them published", [&] { bench.settle(); });
    bench.report();
    measure("all of them active", [&] { bench.beat(); });
    bench.take_apart();
    bench.change_one(mappings);
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace hypernat::control

int main(int count, char** words) {
  return hypernat::control::run(count > 1 ? static_cast<std::uint32_t>(std::strtoul(words[1], nullptr, 10)) : 100'000);
}
