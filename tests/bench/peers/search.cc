// hypernat-search: what RFC 9693 asks of a stateful NAT, by packets from outside of its process.
//
// It holds the other ends of the data plane's two devices (vhost/virtio-user or memif) and finds, each by a search that
// halves: the highest rate without loss, packets of open flows in both directions; the highest rate at which every new
// flow is opened; and how many flows there is room for. Prints JSON. scripts/measure/search.py starts both sides.
#include <rte_cycles.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/bench/peers/pair_peer.h"
#include "tests/bench/start_eal.h"

namespace hypernat::bench {
namespace {

struct Options {
  std::uint32_t flows = 10'000;
  std::uint32_t steps = 10;
  double highest = 8e6;   // packets a second; what the search begins with
  double safe = 200'000;  // at which nothing is lost, for what is not measured
  double seconds = 1;     // of a trial
};

constexpr double kSettleSeconds = 0.3;
constexpr int kTries = 30;  // of a device to come up, and of the router to be found
constexpr int kPasses = 4;  // at the safe rate, for what a ring lost all the same

// The highest rate at which `trial` says that nothing was lost; 0: at none.
double search(const Options& options, const std::function<bool(double rate)>& trial) {
  double low = 0, high = options.highest;
  for (std::uint32_t step = 0; step < options.steps; ++step) {
    const double rate = (low + high) / 2;
    const bool good = trial(rate);
    std::fprintf(stderr, "  %.0f a second: %s\n", rate, good ? "all of it" : "lost some");
    (good ? low : high) = rate;
  }
  return low;
}

// Until the devices are connected and the data plane knows the router.
void find_router(PairPeer& peer, std::uint32_t flow) {
  for (int tries = 0; tries < kTries; ++tries) {
    if (peer.open({.rate = 1000, .packets = 1, .first = flow, .flows = 1}).received > 0) return;
    peer.listen(kSettleSeconds);
  }
  throw std::runtime_error("no packet comes through");
}

void open_all(PairPeer& peer, const Options& options) {
  find_router(peer, 0);
  for (int pass = 0; pass < kPasses && peer.opened() < options.flows; ++pass)
    peer.open({.rate = options.safe, .packets = options.flows, .first = 0, .flows = options.flows});
}

void must_be_open(const PairPeer& peer, const Options& options) {
  if (peer.opened() < options.flows)
    throw std::runtime_error("only " + std::to_string(peer.opened()) + " of " + std::to_string(options.flows) +
                             " flows opened at the rate that was to be safe");
}

std::string throughput(const Options& options) {
  PairPeer peer(options.flows);
  open_all(peer, options);
  must_be_open(peer, options);
  const double rate = search(options, [&](double each) {
    const Trial trial{.rate = each,
                      .packets = static_cast<std::uint64_t>(each * options.seconds),
                      .first = 0,
                      .flows = options.flows};
    return peer.exchange(trial).is_lossless(trial);
  });
  return "\"packets_per_second\": " + std::to_string(rate);
}

std::string establishment(const Options& options) {
  PairPeer peer(options.flows * (options.steps + 1));
  find_router(peer, options.flows * options.steps);
  std::uint32_t first = 0;
  const double rate = search(options, [&](double each) {
    const Trial trial{.rate = each, .packets = options.flows, .first = first, .flows = options.flows};
    first += options.flows;  // a trial opens flows that no other has opened
    const TrialResult result = peer.open(trial);
    return result.is_lossless(trial) && result.opened == options.flows;
  });
  return "\"flows_per_second\": " + std::to_string(rate);
}

std::string capacity(const Options& options) {
  PairPeer peer(options.flows);
  open_all(peer, options);  // more than there is room for: a full table refuses each time
  return "\"tried\": " + std::to_string(options.flows) + ", \"opened\": " + std::to_string(peer.opened());
}

// Opens flows and leaves them there, for whoever takes them down.
std::string fill(const Options& options) {
  PairPeer peer(options.flows);
  open_all(peer, options);
  must_be_open(peer, options);
  return "\"opened\": " + std::to_string(options.flows);
}

int run(int count, char** arguments) {
  CLI::App app("Searches for the limits of a NAT at the other ends of two devices.", "hypernat-search");
  Options options;
  std::string eal;
  app.add_option("--eal", eal, "EAL arguments")->required();
  app.require_subcommand(1);
  const std::vector<std::pair<const char*, std::string (*)(const Options&)>> commands{
      {"throughput", throughput}, {"establishment", establishment}, {"capacity", capacity}, {"fill", fill}};
  for (const auto& command : commands) {
    auto* made = app.add_subcommand(command.first);
    made->add_option("--flows", options.flows)->capture_default_str();
    made->add_option("--steps", options.steps)->capture_default_str();
    made->add_option("--highest", options.highest, "packets a second that the search begins with")
        ->capture_default_str();
    made->add_option("--safe", options.safe, "packets a second at which nothing is lost")->capture_default_str();
    made->add_option("--seconds", options.seconds, "of a trial")->capture_default_str();
  }
  CLI11_PARSE(app, count, arguments);
  start_eal("hypernat-search " + eal);
  for (const auto& command : commands)
    if (app.got_subcommand(command.first))
      std::printf("{\"tsc_hz\": %lu, %s}\n", rte_get_tsc_hz(), command.second(options).c_str());
  return 0;
}

}  // namespace
}  // namespace hypernat::bench

int main(int count, char** arguments) {
  try {
    return hypernat::bench::run(count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hypernat-search: %s\n", error.what());
    return 1;
  }
}
