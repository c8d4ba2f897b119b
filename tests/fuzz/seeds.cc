// Writes the seeds that a program makes better than a person: tables, and frames for a data plane with flows open.
//
//   fuzz_seeds CORPUS            writes CORPUS/table/… and CORPUS/packets/…
//   fuzz_seeds --check CORPUS    fails when one is not there as it would be written
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>

#include "config/table.h"
#include "tests/fuzz/packet_steps.h"
#include "tests/packet/nat_world.h"

namespace hypernat {
namespace {

using craft::Bytes;
using craft::Echo;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

using Seeds = std::map<std::string, Bytes>;  // by file

void add_table(Seeds& seeds, const std::string& name, const config::Table& table) {
  for (const std::byte byte : config::write_table(table))
    seeds["table/" + name].push_back(static_cast<std::uint8_t>(byte));
}

void add_tables(Seeds& seeds) {
  config::Table empty;
  empty.epoch = empty.generation = 1;
  add_table(seeds, "empty", empty);
  add_table(seeds, "two_tenants", dataplane::two_tenants());
  add_table(seeds, "every_segment", dataplane::every_segment());
}

Bytes operator+(Bytes steps, const Bytes& more) {
  steps.insert(steps.end(), more.begin(), more.end());
  return steps;
}

// What is said on one way in, with the flows that a PacketWorld opens on it: TCP, UDP, echo, in this order.
class Talk {
 public:
  Talk(const dataplane::WayIn& way, std::size_t number)
      : way_(way), first_flow_(static_cast<std::uint16_t>(3 * number)) {}

  Bytes out(const craft::Datagram& datagram, std::uint8_t flags = fuzz::kStepRepair) const {
    return fuzz::frame_step(way_.inside_port, dataplane::outbound_frame(way_, datagram.bytes()), flags);
  }
  Bytes in(const craft::Datagram& datagram, std::uint8_t flags = fuzz::kStepRepair) const {
    return fuzz::frame_step(way_.outside_port, dataplane::inbound_frame(way_, datagram.bytes()), flags);
  }
  std::uint16_t port(std::uint16_t flow) const {
    return static_cast<std::uint16_t>(dataplane::kPortOfFlow + first_flow_ + flow);
  }

  Bytes connection() const {
    const Ip to{.src = "100.64.0.5", .dst = "10.0.1.10"};
    const Ip from{.src = "10.0.1.10", .dst = "10.0.1.20"};
    const auto said = [&](const char* flags) {
      return out(to / Tcp{.src = 4000, .dst = 80, .flags = flags} / "GET /");
    };
    const auto heard = [&](const char* flags) {
      return in(from / Tcp{.src = 80, .dst = port(0), .flags = flags} / "ok");
    };
    return heard("SA") + said("A") + heard("PA") + said("FA") + heard("FA") + said("A") + heard("R") + said("S");
  }
  Bytes datagrams() const {
    const Ip from{.src = "10.0.1.10", .dst = "10.0.1.20"};
    return in(from / Udp{.src = 53, .dst = port(1)} / "me") +
           in(from / Udp{.src = 53, .dst = port(1), .checksum = std::uint16_t{0}} / "odd") +
           in(from / Echo{.id = port(2), .type = craft::kReply} / "pong");
  }
  Bytes openings() const {
    const Ip to{.src = "100.64.0.6", .dst = "8.8.8.8", .options = {148, 4, 0, 0}};
    const std::uint8_t burst = fuzz::kStepRepair | fuzz::kStepMoreToCome;
    return out(to / Tcp{.src = 1, .dst = 443, .flags = "A"}) + out(to / Tcp{.src = 1, .dst = 443}, burst) +
           out(to / Tcp{.src = 1, .dst = 443}, burst) + out(to / Echo{.id = 9}, burst) +
           out(to / Udp{.src = 0, .dst = 53});
  }

 private:
  const dataplane::WayIn& way_;
  std::uint16_t first_flow_;
};

Bytes arp_on(std::uint16_t port, const craft::Ethernet& ethernet, const std::string& target) {
  return fuzz::frame_step(
      port, ethernet / craft::Arp{.sender_mac = dataplane::kServerMac, .sender = "10.0.1.10", .target = target});
}

void add_packets(Seeds& seeds) {
  for (std::size_t i = 0; i < dataplane::kWays.size(); ++i) {
    const Talk talk(dataplane::kWays[i], i);
    const std::string way = "packets/way" + std::to_string(i) + "_";
    seeds[way + "connection"] = talk.connection();
    seeds[way + "datagrams"] = talk.datagrams();
    seeds[way + "openings"] = talk.openings() + fuzz::time_step(14) + talk.openings();
  }
  seeds["packets/arp"] = arp_on(dataplane::kLan, dataplane::to_interface(3), "10.0.1.20") +
                         arp_on(dataplane::kBench, dataplane::to_gateway(), "169.254.100.1");
}

bool is_there(const std::filesystem::path& file, const Bytes& bytes) {
  std::ifstream stream(file, std::ios::binary);
  const Bytes found{std::istreambuf_iterator<char>(stream), {}};
  return stream.is_open() && found == bytes;
}

int check(const Seeds& seeds, const std::filesystem::path& corpus) {
  int stale = 0;
  for (const auto& [name, bytes] : seeds) {
    if (is_there(corpus / name, bytes)) continue;
    std::cerr << (corpus / name).string() << " is not what would be written now: run scripts/fuzz --seeds\n";
    ++stale;
  }
  return stale == 0 ? 0 : 1;
}

int write(const Seeds& seeds, const std::filesystem::path& corpus) {
  for (const auto& [name, bytes] : seeds) {
    std::filesystem::create_directories((corpus / name).parent_path());
    std::ofstream stream(corpus / name, std::ios::binary);
    stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!stream.flush()) throw std::runtime_error("cannot write " + (corpus / name).string());
  }
  std::cout << seeds.size() << " seeds written\n";
  return 0;
}

}  // namespace
}  // namespace hypernat

int main(int count, char** arguments) {
  using namespace hypernat;
  try {
    Seeds seeds;
    add_tables(seeds);
    add_packets(seeds);
    if (count == 2) return write(seeds, arguments[1]);
    if (count == 3 && std::string(arguments[1]) == "--check") return check(seeds, arguments[2]);
    std::cerr << "found other arguments; expected [--check] CORPUS\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
  }
  return 1;
}
