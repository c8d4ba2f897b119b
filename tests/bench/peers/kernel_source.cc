// hypernat-kernel-source: gives the kernel's stack, on one device of this network namespace, the packets of N flows.
//
// It stands where a NIC's driver would: BPF's test run with live frames hands buffers to the stack in batches, and a
// program writes each frame from a flow number. So one thread, on the CPU it is pinned to, does all that a packet costs
// the kernel, and the source little of it. Prints what it gave and how long it took; whoever stands behind the NAT
// counts what came out. First every flow is opened, in order, then flows are drawn at random.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/types.h"
#include "tests/bench/peers/numbered_flow.h"

namespace hypernat::bench {
namespace {

constexpr std::uint32_t kBatch = 64;

// As kernel_source.bpf.c has it.
struct SourceSettings {
  std::uint32_t flows;
  std::uint32_t remotes;
  std::uint32_t next;
  std::array<std::uint8_t, 6> destination;
};

struct Options {
  std::string object;
  std::string device;
  std::string mac;
  std::uint32_t flows = 1000;
  std::uint32_t packets = 1'000'000;
  std::uint32_t windows = 1;
};

using Object = std::unique_ptr<bpf_object, decltype(&bpf_object__close)>;

Object load(const Options& options) {
  Object object(bpf_object__open_file(options.object.c_str(), nullptr), bpf_object__close);
  if (!object) throw std::runtime_error("cannot open " + options.object);
  bpf_map* data = bpf_object__find_map_by_name(object.get(), ".bss");
  const auto mac = parse_mac_address(options.mac);
  if (data == nullptr || !mac)
    throw std::runtime_error("no settings in the object, or '" + options.mac + "' is no MAC");
  std::size_t size = 0;
  SourceSettings settings{
      .flows = options.flows, .remotes = remotes_of(options.flows), .next = 0, .destination = mac->bytes};
  if (bpf_map__initial_value(data, &size) == nullptr) size = 0;
  if (size < sizeof settings) throw std::runtime_error("the object's settings have another form");
  std::vector<std::uint8_t> initial(size);
  std::memcpy(initial.data(), &settings, sizeof settings);
  if (bpf_map__set_initial_value(data, initial.data(), size) != 0)
    throw std::runtime_error("the object takes no settings");
  if (bpf_object__load(object.get()) != 0) throw std::runtime_error("the kernel does not load " + options.object);
  return object;
}

// Seconds that so many packets took.
double give(int program, unsigned device, std::uint32_t packets) {
  std::array<std::uint8_t, kFlowFrameBytes> frame{};
  xdp_md context{};
  context.data_end = frame.size();
  context.ingress_ifindex = device;
  LIBBPF_OPTS(bpf_test_run_opts, run);
  run.data_in = frame.data();
  run.data_size_in = frame.size();
  run.ctx_in = &context;
  run.ctx_size_in = sizeof context;
  run.repeat = static_cast<int>(packets);
  run.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  run.batch_size = kBatch;
  const auto began = std::chrono::steady_clock::now();
  if (const int error = bpf_prog_test_run_opts(program, &run); error != 0)
    throw std::runtime_error(std::string("the kernel takes no frames: ") + std::strerror(-error));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

int run(const Options& options) {
  const unsigned device = if_nametoindex(options.device.c_str());
  if (device == 0) throw std::runtime_error("no device " + options.device);
  const Object object = load(options);
  const int program = bpf_program__fd(bpf_object__find_program_by_name(object.get(), "source"));
  std::printf("{\"flows\": %u, \"opening_seconds\": %.6f", options.flows, give(program, device, options.flows));
  give(program, device, options.packets / 4);  // warm
  std::printf(", \"packets\": %u, \"seconds\": [", options.packets);
  for (std::uint32_t window = 0; window < options.windows; ++window)
    std::printf("%s%.6f", window == 0 ? "" : ", ", give(program, device, options.packets));
  std::printf("]}\n");
  return 0;
}

}  // namespace
}  // namespace hypernat::bench

int main(int count, char** arguments) {
  CLI::App app("Gives the kernel's stack packets of numbered flows.", "hypernat-kernel-source");
  hypernat::bench::Options options;
  app.add_option("--object", options.object, "the BPF program")->required();
  app.add_option("--device", options.device, "where the packets come in")->required();
  app.add_option("--mac", options.mac, "that device's address")->required();
  app.add_option("--flows", options.flows)->capture_default_str();
  app.add_option("--packets", options.packets, "of each window")->capture_default_str();
  app.add_option("--windows", options.windows)->capture_default_str();
  CLI11_PARSE(app, count, arguments);
  try {
    return hypernat::bench::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hypernat-kernel-source: %s\n", error.what());
    return 1;
  }
}
