// hypernat-bench: measures the data plane on in-memory ports. scripts/bench runs it and makes tables of what it prints.
#include <rte_cycles.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/bench/dataplane/isolation.h"
#include "tests/bench/dataplane/journey.h"
#include "tests/bench/dataplane/latency.h"
#include "tests/bench/dataplane/opening.h"
#include "tests/bench/dataplane/scale.h"
#include "tests/bench/start_eal.h"

namespace hypernat::bench {
namespace {

const std::map<std::string, Encapsulation> kEncapsulations{
    {"plain", Encapsulation::kPlain}, {"vlan", Encapsulation::kVlan}, {"vxlan", Encapsulation::kVxlan}};
const std::map<std::string, Protocol> kProtocols{{"udp", Protocol::kUdp}, {"tcp", Protocol::kTcp}};
const std::map<std::string, Spread> kSpreads{{"hash", Spread::kByHash}, {"one-queue", Spread::kOneQueue}};

int run(int count, char** arguments) {
  CLI::App app("Measures the data plane on in-memory ports; cycles are TSC cycles.", "hypernat-bench");
  std::string eal = "--in-memory -m 1024 -l 0";
  app.add_option("--eal", eal, "EAL arguments")->capture_default_str();
  app.require_subcommand(1);

  World::Options world;
  std::uint32_t runs = 3;
  const auto command = [&](const char* name, const char* what) {
    auto* made = app.add_subcommand(name, what);
    made->add_option("--flows", world.flows, "open flows")->capture_default_str();
    made->add_option("--encapsulation", world.encapsulation, "plain, vlan or vxlan, on both sides")
        ->transform(CLI::CheckedTransformer(kEncapsulations));
    made->add_option("--mappings", world.mappings)->capture_default_str();
    made->add_option("--remotes", world.remotes, "remote endpoints; 0: one for 32,000 flows")->capture_default_str();
    return made;
  };
  std::map<std::string, std::function<void(Report&)>> measures;
  auto* journey = command("journey", "packets of open flows, both directions, beside the floor and the physics");
  journey->add_option("--runs", runs)->capture_default_str();
  std::uint32_t packets = JourneyPlan{}.packets;
  journey->add_option("--packets", packets, "of each figure; few for a profiler")->capture_default_str();
  measures["journey"] = [&](Report& report) {
    measure_journey({.world = world, .runs = runs, .packets = packets}, report);
  };

  auto* stages = command("stages", "where the cycles of the journey go");
  stages->add_option("--runs", runs)->capture_default_str();
  measures["stages"] = [&](Report& report) { measure_stages({.world = world, .runs = runs}, report); };

  std::vector<std::uint32_t> standing{0};
  auto* opening = command("opening", "new flows, at a table with flows");
  opening->add_option("--standing", standing, "flows that are there before, ascending")->capture_default_str();
  opening->add_option("--protocol", world.protocol)->transform(CLI::CheckedTransformer(kProtocols));
  measures["opening"] = [&](Report& report) { measure_opening({.world = world, .standing = standing}, report); };
  command("last-ports", "the first and the last ports towards one remote endpoint");
  measures["last-ports"] = measure_last_ports;
  command("connections", "TCP connections from SYN to the last FIN");
  measures["connections"] = [&](Report& report) { measure_connections(world, report); };
  command("expiry", "flows that expire while others are forwarded");
  measures["expiry"] = [&](Report& report) { measure_expiry(world, report); };
  command("closing", "flows that are closed with their mappings while others are forwarded");
  measures["closing"] = [&](Report& report) { measure_closing(world, report); };
  command("latency", "added latency at shares of the full rate");
  measures["latency"] = [&](Report& report) { measure_latency(world, report); };
  command("memory", "bytes for a flow");
  measures["memory"] = [&](Report& report) { measure_memory(world, report); };
  auto* workers = command("workers", "one worker and two");
  workers->add_option("--spread", world.spread)->transform(CLI::CheckedTransformer(kSpreads));
  measures["workers"] = [&](Report& report) { measure_workers(world, report); };
  auto* isolation = command("isolation", "what one tenant's flood takes of another's rate, in the NAT");
  isolation->add_option("--runs", runs)->capture_default_str();
  measures["isolation"] = [&](Report& report) { measure_isolation({.flows = world.flows, .runs = runs}, report); };
  command("reload", "a table that is replaced while packets are forwarded");
  measures["reload"] = [&](Report& report) { measure_reload(world, report); };
  CLI11_PARSE(app, count, arguments);

  start_eal("hypernat-bench --no-pci --file-prefix hypernat-bench " + eal);
  Report report;
  measures.at(app.get_subcommands().front()->get_name())(report);
  std::cout << nlohmann::json{{"tsc_hz", rte_get_tsc_hz()}, {"figures", report.json()}}.dump() << "\n";
  return 0;
}

}  // namespace
}  // namespace hypernat::bench

int main(int count, char** arguments) {
  try {
    return hypernat::bench::run(count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hypernat-bench: %s\n", error.what());
    return 1;
  }
}
