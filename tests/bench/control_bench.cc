// How long the control plane takes for one more change when it has very many mappings already.
//
//   control_bench [MAPPINGS]
//
// Makes a database of functions with a network configuration each, on the real store, with a data plane that reports
// what it finds there at once; then changes a little and tells how long it took until that was published and active.
#include <spdlog/spdlog.h>
#include <stdlib.h>

#include <algorithm>
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
#include "control/store/counters.h"
#include "control/store/schema.h"

namespace hypernat::control {
namespace {

using std::chrono::steady_clock;

constexpr std::uint32_t kGroups = 100;
constexpr std::uint32_t kSubnets = 10;  // of each account's VPC
constexpr std::uint32_t kFunctionsPerChange = 1000;

double seconds_since(steady_clock::time_point begun) {
  return std::chrono::duration<double>(steady_clock::now() - begun).count();
}

template <class Work>
void measure(const char* what, Work work) {
  const auto begun = steady_clock::now();
  work();
  std::printf("%-52s %9.1f ms\n", what, 1000 * seconds_since(begun));
}

std::string numbered(const char* prefix, std::uint32_t number) {
  return prefix + std::to_string(number);
}

std::string account_id(std::uint32_t account) {
  return std::to_string(100'000'000'000ULL + account);
}

void declare(Controller::Lifecycle& lifecycle, std::uint32_t account) {
  auto& networks = lifecycle.networks;
  const auto id = account_id(account);
  networks.put_account({.account = id, .number = 0, .name = numbered("tenant-", account), .flow_limit = 1000});
  networks.put_vpc({.account = id, .id = "vpc-1", .cidr = parse_ipv4_prefix("10.0.0.0/16").value(), .resolver = {}});
  for (std::uint32_t subnet = 0; subnet < kSubnets; ++subnet) {
    const auto first = Ipv4Address::of(10, 0, static_cast<std::uint8_t>(subnet), 0);
    networks.put_subnet({.number = 0,
                         .account = id,
                         .id = numbered("subnet-", subnet),
                         .vpc = "vpc-1",
                         .cidr = {first, 24},
                         .zone = "a",
                         .router = Ipv4Address::from_host(first.host() + 1),
                         .segment = {.attachment = "tenants", .id = account * kSubnets + subnet + 1},
                         .vteps = {Ipv4Address::of(198, 51, 100, 11)},
                         .reserved = {},
                         .route_table = {}});
  }
  for (std::uint32_t group = 0; group < kGroups; ++group)
    networks.put_security_group({.account = id, .id = numbered("sg-", group), .vpc = "vpc-1", .egress = {}});
}

Function function_of(std::uint32_t index) {
  const auto account = index / (kSubnets * kGroups);
  Function function;
  function.account = account_id(account);
  function.name = numbered("f-", index);
  function.network = {.subnets = {numbered("subnet-", index / kGroups % kSubnets)},
                      .groups = {numbered("sg-", index % kGroups)}};
  return function;
}

class Bench {
 public:
  explicit Bench(const std::filesystem::path& folder)
      : database_(folder / "control.db"), store_(config::open_directory_store(folder / "store")), provisioner_({}) {
    prepare_schema(database_, clock_.now());
    controller_.emplace(Controller::Parts{.database = database_,
                                          .store = *store_,
                                          .provisioner = provisioner_,
                                          .clock = clock_,
                                          .settings = {.interfaces_per_vpc = 100'000}});
  }

  void fill(std::uint32_t mappings) {
    for (std::uint32_t account = 0; account * kSubnets * kGroups < mappings + 1; ++account)
      controller_->change([&](Controller::Lifecycle& lifecycle) { declare(lifecycle, account); });
    for (std::uint32_t next = 0; next < mappings; next += kFunctionsPerChange)
      controller_->change([&](Controller::Lifecycle& lifecycle) {
        for (std::uint32_t i = next; i < std::min(next + kFunctionsPerChange, mappings); ++i)
          lifecycle.functions.create(function_of(i), lifecycle.now);
      });
  }

  void settle() { controller_->settle(); }
  void beat() { controller_->beat(); }

  void report() {
    const auto bytes = store_->fetch();
    const auto table = config::read_table(*bytes);
    store_->report({.node = "dp1",
                    .epoch = table.epoch,
                    .generation = table.generation,
                    .table_sha256 = config::sha256_hex(*bytes),
                    .unix_milliseconds = to_milliseconds(clock_.now()),
                    .beat_milliseconds = 60'000,
                    .refusal = {},
                    .port_use = {}});
  }

  void change_one(std::uint32_t index) {
    measure("one more function: committed", [&] {
      controller_->change(
          [&](Controller::Lifecycle& lifecycle) { lifecycle.functions.create(function_of(index), lifecycle.now); });
    });
    measure("  its table published", [&] { controller_->settle_once(); });
    measure("  a round in which nothing moves", [&] { settle(); });
    measure("  (the data plane reads and reports it)", [&] { report(); });
    measure("  and it is active", [&] { controller_->beat(); });
    const auto state = controller_->read([&](Controller::Lifecycle& lifecycle) {
      const auto wanted = function_of(index);
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
  TimedProvisioner provisioner_;
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
