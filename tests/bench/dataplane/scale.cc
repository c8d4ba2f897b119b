#include "tests/bench/dataplane/scale.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "tests/bench/dataplane/journey.h"
#include "tests/bench/dataplane/physics.h"

namespace hypernat::bench {
namespace {

using std::chrono::steady_clock;

// What the process occupies, huge pages included.
std::uint64_t resident_bytes() {
  std::ifstream status("/proc/self/status");
  std::uint64_t kilobytes = 0;
  for (std::string line; std::getline(status, line);) {
    for (const char* name : {"VmRSS:", "HugetlbPages:"})
      if (line.starts_with(name)) kilobytes += std::stoull(line.substr(std::string(name).size()));
  }
  return kilobytes * 1024;
}

std::vector<unsigned> other_lcores() {
  std::vector<unsigned> lcores;
  unsigned lcore = 0;
  RTE_LCORE_FOREACH_WORKER(lcore) lcores.push_back(lcore);
  return lcores;
}

// Runs all at once, each on an lcore of its own, and waits for them.
void run_on_lcores(std::vector<std::function<void()>> jobs) {
  const std::vector<unsigned> lcores = other_lcores();
  if (lcores.size() < jobs.size())
    throw std::runtime_error(std::to_string(jobs.size()) + " lcores besides the main one are needed; see --eal");
  const auto launch = [](void* job) {
    (*static_cast<std::function<void()>*>(job))();
    return 0;
  };
  for (std::size_t i = 0; i < jobs.size(); ++i) rte_eal_remote_launch(launch, &jobs[i], lcores[i]);
  for (std::size_t i = 0; i < jobs.size(); ++i) rte_eal_wait_lcore(lcores[i]);
}

constexpr std::chrono::milliseconds kMeasured{1000};

// Packets a microsecond that the workers move in all.
double rate_of_workers(World& world) {
  std::atomic<std::uint64_t> packets{0};
  std::vector<std::function<void()>> jobs;
  for (std::uint16_t number = 0; number < world.workers(); ++number) {
    jobs.emplace_back([&world, &packets, number] {
      const auto end = steady_clock::now() + kMeasured;
      std::uint64_t moved = 0;
      while (steady_clock::now() < end)
        for (int round = 0; round < 256; ++round) moved += world.worker(number).step(world.now);
      packets += moved;
    });
  }
  run_on_lcores(std::move(jobs));
  return static_cast<double>(packets) / std::chrono::duration<double, std::micro>(kMeasured).count();
}

double rate_of_physics(std::vector<std::unique_ptr<Physics>>& tables) {
  std::vector<double> cycles(tables.size());
  std::vector<std::function<void()>> jobs;
  for (std::size_t i = 0; i < tables.size(); ++i)
    jobs.emplace_back([&, i] { cycles[i] = tables[i]->measure(0).value(); });
  run_on_lcores(std::move(jobs));
  double rate = 0;
  for (const double one : cycles) rate += cycles_per_us() / one;
  return rate;
}

}  // namespace

void measure_memory(const World::Options& options, Report& report) {
  const std::uint64_t before = resident_bytes();
  World world(options);
  constexpr std::uint32_t kPart = 50'000;  // whose frames the port keeps
  for (std::uint32_t first = 0; first < options.flows; first += kPart) {
    const auto draws = world.openings(first, std::min(options.flows, first + kPart));
    world.port(Side::kInside).offer_once(0, world.frame(Side::kInside), draws);
    world.settle();
    world.port(Side::kInside).pause(0);
  }
  world.check_accounts();
  if (world.worker().nat().open_flows() < options.flows) throw std::runtime_error("not every flow opened");
  report.add({.measure = "memory",
              .setting = std::to_string(world.options().remotes) + " remotes",
              .flows = options.flows,
              .unit = "bytes/flow",
              .samples = {static_cast<double>(resident_bytes() - before) / options.flows}});
}

void measure_workers(const World::Options& options, Report& report) {
  constexpr std::uint32_t kDraws = 2'000'000;
  for (const std::uint16_t workers : {std::uint16_t{1}, std::uint16_t{2}}) {
    World::Options of_workers = options;
    of_workers.workers = workers;
    of_workers.flows = options.flows * workers;
    World world(of_workers);
    world.open(0, of_workers.flows);
    std::vector<std::vector<Draw>> draws;
    const auto flows = world.uniform(kDraws * workers);
    std::vector<std::unique_ptr<Physics>> tables;
    for (std::uint16_t worker = 0; worker < workers; ++worker) {
      draws.push_back(workers == 1 ? world.draws(Side::kInside, flows) : world.draws(Side::kInside, flows, worker));
      tables.push_back(std::make_unique<Physics>(options.flows));
    }
    for (std::uint16_t worker = 0; worker < workers; ++worker)
      if (!draws[worker].empty()) world.port(Side::kInside).offer(worker, world.frame(Side::kInside), draws[worker]);
    const std::string setting = std::to_string(workers) + (workers == 1 ? " worker" : " workers") +
                                (options.spread == Spread::kByHash ? "" : ", one queue");
    std::uint64_t handed_over = 0;
    for (std::uint32_t run = 0; run < 3; ++run) {
      report.add({.measure = "physics rate",
                  .setting = setting,
                  .flows = options.flows,
                  .run = run,
                  .unit = "per us",
                  .samples = {rate_of_physics(tables)}});
      report.add({.measure = "rate",
                  .setting = setting,
                  .flows = options.flows,
                  .run = run,
                  .unit = "per us",
                  .samples = {rate_of_workers(world)}});
    }
    for (std::uint16_t worker = 0; worker < workers; ++worker) {
      world.port(Side::kInside).pause(worker);
      handed_over += world.worker(worker).account().read().handed_over;
    }
    world.settle();
    report.add({.measure = "handed over",
                .setting = setting,
                .flows = options.flows,
                .unit = "packets",
                .samples = {static_cast<double>(handed_over)}});
  }
}

void measure_reload(const World::Options& options, Report& report) {
  World world(options);
  world.open(0, options.flows);
  const auto draws = world.draws(Side::kInside, world.uniform(1'000'000));
  world.port(Side::kInside).offer(0, world.frame(Side::kInside), draws);
  std::atomic<bool> done{false};
  std::vector<double> quiet;
  std::vector<double> meanwhile;
  std::atomic<bool> reloading{false};
  const auto forward = [&] {
    std::uint64_t before = rte_rdtsc();
    while (!done) {
      std::vector<double>& lengths = reloading ? meanwhile : quiet;
      world.worker().step(world.now);
      const std::uint64_t after = rte_rdtsc();
      if (lengths.size() < 20'000'000) lengths.push_back(static_cast<double>(after - before) / cycles_per_us());
      before = after;
    }
  };
  std::function<void()> job = forward;
  const auto launch = [](void* argument) {
    (*static_cast<std::function<void()>*>(argument))();
    return 0;
  };
  const std::vector<unsigned> lcores = other_lcores();
  if (lcores.empty()) throw std::runtime_error("an lcore besides the main one is needed; see --eal");
  rte_eal_remote_launch(launch, &job, lcores[0]);
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(500)); };
  pause();
  std::vector<double> compiling;
  for (std::uint64_t generation = 2; generation < 5; ++generation) {
    const config::Table table = world.table(generation);
    reloading = true;
    const auto began = steady_clock::now();
    world.publish(table);
    compiling.push_back(std::chrono::duration<double, std::milli>(steady_clock::now() - began).count());
    pause();
    reloading = false;
    pause();
  }
  done = true;
  rte_eal_wait_lcore(lcores[0]);
  world.port(Side::kInside).pause(0);
  world.check_accounts();
  const std::uint64_t mappings = options.mappings;
  report.add({.measure = "reload", .setting = "compile", .flows = mappings, .unit = "ms", .samples = compiling});
  for (const auto& [name, lengths] : {std::pair{"quiet", &quiet}, std::pair{"reloading", &meanwhile}})
    report.add_quantiles({.measure = "reload", .setting = name, .flows = mappings, .unit = "us", .samples = {}},
                         *lengths, {{"p50", 0.5}, {"p99.99", 0.9999}, {"max", 1}});
}

}  // namespace hypernat::bench
