// What workers hand over to each other: openings that their home has no port for, the packets of flows that another one
// owns, and the reports about both, on rings that move, stall and lose as the input says.
//
// The ports of one worker are used up, by connections that never end; in the end there are these and no others, and
// none of the input's tuples ever has two flows. Steps of two bytes; one that is left over is ignored:
//
//   0  what happens (lower three bits); of a packet its flags (the other five)
//   1  the tuple of a packet, or two workers, or how long time passes
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "tests/packet/nat_world.h"
#include "tests/packet/require.h"

namespace hypernat::dataplane {
namespace {

using craft::Ip;
using craft::Tcp;

constexpr std::uint16_t kWorkers = 16;
constexpr std::uint16_t kFullHome = 3;
constexpr std::uint32_t kTuples = 16;
constexpr const char* kServer = "10.0.1.10";
constexpr const char* kInterface = "10.0.1.20";
constexpr Tick kForEver = 400'000'000;
constexpr Tick kClosing = 1'000;

constexpr std::array<const char*, 8> kFlags = {"S", "S", "A", "FA", "RA", "R", "SA", "PA"};

class Workers {
 public:
  Workers()
      : world_({.workers = kWorkers,
                .flows = kInterfacePorts / kWorkers + 64,
                .redirects = kTuples / 2,
                .carrying = NatWorld::Carrying::kByHand,
                .timeouts = {.tcp_opening = kForEver, .tcp_established = kForEver, .tcp_closing = kClosing}}) {
    std::uint32_t n = 0;
    while (world_.nat(kFullHome).open_flows() < kInterfacePorts / kWorkers) world_.outbound(at_home(n));
    for (Attempt& attempt : attempts_) attempt.request = at_home(n);
    standing_ = world_.open_flows();
  }

  void take_step(std::uint8_t what, std::uint8_t argument) {
    const auto from = static_cast<std::uint16_t>(argument % kWorkers);
    const auto to = static_cast<std::uint16_t>(argument / kWorkers % kWorkers);
    Attempt& attempt = attempts_[argument % kTuples];
    const char* flags = kFlags[(what >> 3U) % kFlags.size()];
    switch (what & 0x07U) {
      case 0:
      case 1:
        attempt.packet = world_.send({.from = {}, .datagram = with(attempt.request, flags)});
        attempt.sent = true;
        break;
      case 2:
        answer(attempt, flags);
        break;
      case 3:
        world_.carry(from, to);
        break;
      case 4:
        world_.tell(from, to, 1 + (what >> 3U));
        break;
      case 5:
        world_.lose(from, to);
        break;
      case 6:
        world_.pass(Tick{16} << (argument & 0x07U));
        break;
      default:
        go_on_a_little(argument);
        break;
    }
  }

  // Everything goes on to its end, and nothing of it is left.
  void settle() {
    world_.carry_all();
    require_one_flow_each();
    for (Attempt& attempt : attempts_) {
      world_.send({.from = {}, .datagram = with(attempt.request, "RA")});
      attempt.sent = false;
      world_.carry_all();
    }
    for (int turn = 0; turn < 3; ++turn) {
      world_.pass(2 * kClosing);
      world_.carry_all();
    }
    require(world_.open_flows() == standing_, "every flow ends with its time, and no other");
    require(world_.redirects() == 0, "no redirect outlives its flow");
    require(world_.flows_of_tenant(1) == standing_, "a tenant gets back what its flows took");
    for (std::uint16_t worker = 0; worker < kWorkers; ++worker)
      require(!world_.nat(worker).has_reports(), "everything is said in the end");
  }

 private:
  struct Attempt {
    craft::Datagram request;
    std::size_t packet = 0;
    bool sent = false;
  };

  static craft::Datagram with(craft::Datagram datagram, const char* flags) {
    std::get<Tcp>(datagram.l4).flags = flags;
    return datagram;
  }
  // The next tuple whose home is kFullHome.
  craft::Datagram at_home(std::uint32_t& n) const {
    for (;; ++n) {
      const Ipv4Address src = Ipv4Address::from_host(0x64400001 + n % 1000);
      const auto port = static_cast<std::uint16_t>(n / 1000);
      const HomeTuple tuple{src, Ipv4Address::of(10, 0, 1, 10), L4Port::from_host(port), L4Port::from_host(80)};
      if (world_.home().worker_of(world_.home().hash(tuple)) != kFullHome) continue;
      ++n;
      return Ip{.src = to_string(src), .dst = kServer} / Tcp{.src = port, .dst = 80, .flags = "S"};
    }
  }
  void answer(const Attempt& attempt, const char* flags) {
    if (!attempt.sent) return;
    const Outcome out = world_.outcome(attempt.packet);
    if (out.forwarded())
      world_.inbound(Ip{.src = kServer, .dst = kInterface} / Tcp{.src = 80, .dst = out.seen.src_port, .flags = flags});
  }
  // The rings near the home, where everything begins.
  void go_on_a_little(std::uint8_t argument) {
    for (std::uint16_t i = 0; i <= argument % 4; ++i) {
      const auto from = static_cast<std::uint16_t>((kFullHome + i) % kWorkers);
      world_.carry(from, static_cast<std::uint16_t>((from + 1) % kWorkers));
      if ((argument & 0x10U) != 0) world_.tell(from, kFullHome, 1);
    }
  }
  void require_one_flow_each() {
    std::array<unsigned, kTuples> found{};
    std::uint32_t elsewhere = 0;
    for (const FlowView& flow : world_.flows()) {
      const Home& home = world_.home();
      const auto asked = home.worker_of(home.hash({flow.inside, flow.remote, flow.inside_port, flow.remote_port}));
      const auto owner =
          home.worker_of(home.hash({flow.remote, flow.interface, flow.remote_port, flow.interface_port}));
      elsewhere += asked == owner ? 0 : 1;
      for (std::uint32_t i = 0; i < kTuples; ++i) {
        const auto& request = attempts_[i].request;
        found[i] += to_string(flow.inside) == request.ip.src && flow.inside_port.host() == std::get<Tcp>(request.l4).src
                        ? 1
                        : 0;
      }
    }
    require(*std::ranges::max_element(found) <= 1, "a tuple has one flow, whoever owns it");
    require(world_.redirects() == elsewhere, "a home knows of those flows that others own, and of no other");
  }

  NatWorld world_;
  std::array<Attempt, kTuples> attempts_;
  std::uint32_t standing_ = 0;
};

}  // namespace
}  // namespace hypernat::dataplane

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hypernat::dataplane::Workers workers;
  for (std::size_t at = 0; at + 1 < std::min<std::size_t>(size, 512); at += 2)
    workers.take_step(data[at], data[at + 1]);
  workers.settle();
  return 0;
}
