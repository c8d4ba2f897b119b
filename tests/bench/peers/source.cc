// A source and a sink for somebody else's DPDK program, which loads this with EAL's `-d`: testpmd, Open vSwitch.
//
// They then get the packets that hypernat-bench gives its own worker: built in place from flow numbers, on the receive
// side of the device net_null0; what net_null1 transmits is counted, and in an unmeasured pass looked at. First every
// flow is opened, in order, then flows are drawn at random. A thread of its own reads the counters; it needs another
// CPU than the program under test. HYPERNAT_SOURCE holds the settings, e.g. "flows=65536 result=/run/x.json
// to=10.0.0.16".
#include <arpa/inet.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/peers/flow_frame.h"

namespace hypernat::bench {
namespace {

constexpr unsigned kWindowMicroseconds = 50'000;
constexpr unsigned kPauseMicroseconds = 300'000;
constexpr std::uint64_t kChecksForOneWrong = 1000;
constexpr double kPatienceSeconds = 120;
constexpr MacAddress kTheirMac{{0x02, 0, 0, 0, 0, 0x01}};
constexpr MacAddress kOurMac{{0x02, 0, 0, 0, 0x05, 0x05}};

enum class Phase : std::uint8_t { kOpening, kRandom, kChecking, kOver };

struct Settings {
  std::uint32_t flows = 65536;
  std::uint32_t windows = 40;
  std::uint32_t translated = 0;  // host order; 0: packets leave with the address they came with
  std::string result;
};

// Written by the thread that polls the devices, read by the one that measures; one of each.
struct Counters {
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> sent{0};
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<std::uint64_t> checked{0};
  std::atomic<std::uint32_t> next{0};  // of the opening pass
};

Settings settings;
Counters counters;
std::atomic<Phase> phase{Phase::kOpening};  // written by the thread that measures
FlowFrame frame{kTheirMac, kOurMac};
std::uint32_t remotes = 1;
std::uint64_t random_state = 0x9e3779b97f4a7c15;  // of the polling thread

void add(std::atomic<std::uint64_t>& counter, std::uint64_t count) {
  counter.store(counter.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

std::uint32_t draw() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return static_cast<std::uint32_t>(((random_state >> 32) * settings.flows) >> 32);
}

void build(rte_mbuf& mbuf, std::uint32_t number) {
  frame.write(rte_pktmbuf_mtod(&mbuf, std::uint8_t*), numbered_flow(number, remotes), number);
  mbuf.data_len = kFlowFrameBytes;
  mbuf.pkt_len = kFlowFrameBytes;
  // What a NIC tells with every packet.
  mbuf.hash.rss = number * 0x9e3779b1U;
  mbuf.packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_UDP;
  mbuf.ol_flags |= RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

std::uint16_t fill(std::uint16_t, std::uint16_t, rte_mbuf** mbufs, std::uint16_t count, std::uint16_t, void*) {
  switch (phase.load(std::memory_order_relaxed)) {
    case Phase::kOpening: {
      std::uint32_t next = counters.next.load(std::memory_order_relaxed);
      for (std::uint16_t i = 0; i < count; ++i) build(*mbufs[i], next < settings.flows ? next++ : draw());
      counters.next.store(next, std::memory_order_relaxed);
      break;
    }
    case Phase::kOver:
      rte_pktmbuf_free_bulk(mbufs, count);
      return 0;
    default:
      for (std::uint16_t i = 0; i < count; ++i) build(*mbufs[i], draw());
  }
  add(counters.received, count);
  return count;
}

bool is_right(const rte_mbuf& mbuf) {
  const std::span<const std::uint8_t> bytes(rte_pktmbuf_mtod(&mbuf, const std::uint8_t*), mbuf.data_len);
  if (!is_udp(bytes)) return false;
  const NumberedFlow flow = flow_in(bytes);
  const bool source_right =
      settings.translated != 0 ? flow.src == settings.translated : flow.src >> 22 == kFirstEnvironmentAddress >> 22;
  return source_right && flow.dst - kFirstRemoteAddress < remotes && flow.dst_port == kRemotePort &&
         has_right_checksums(bytes);
}

std::uint16_t look(std::uint16_t, std::uint16_t, rte_mbuf** mbufs, std::uint16_t count, void*) {
  add(counters.sent, count);
  if (phase.load(std::memory_order_relaxed) == Phase::kChecking) {
    std::uint64_t wrong = 0;
    for (std::uint16_t i = 0; i < count; ++i) wrong += is_right(*mbufs[i]) ? 0 : 1;
    add(counters.wrong, wrong);
    add(counters.checked, count);
  }
  return count;
}

void read_settings(const char* text) {
  std::map<std::string, std::string> words;
  std::istringstream input(text);
  for (std::string word; input >> word;) words[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  settings.flows = static_cast<std::uint32_t>(std::stoul(words.at("flows")));
  settings.result = words.at("result");
  if (words.contains("windows")) settings.windows = static_cast<std::uint32_t>(std::stoul(words.at("windows")));
  in_addr to{};
  if (words.contains("to") && inet_pton(AF_INET, words.at("to").c_str(), &to) != 1)
    throw std::runtime_error("bad address " + words.at("to"));
  settings.translated = dataplane::swap32(to.s_addr);
  remotes = remotes_of(settings.flows);
}

// A device is ready when its link is up: net_null's is from its start on.
std::uint16_t wait_for(const std::string& name) {
  for (double waited = 0; waited < kPatienceSeconds; waited += 0.05) {
    std::uint16_t port = 0;
    rte_eth_link link{};
    if (rte_eth_dev_get_port_by_name(name.c_str(), &port) == 0 && rte_eth_link_get_nowait(port, &link) == 0 &&
        link.link_status == RTE_ETH_LINK_UP)
      return port;
    usleep(50'000);
  }
  throw std::runtime_error("no device " + name + " was started");
}

double seconds_of(std::uint64_t cycles) {
  return static_cast<double>(cycles) / static_cast<double>(rte_get_tsc_hz());
}

// Cycles per packet of the opening pass: from its first packet until what left is as much as was to be opened.
double open_flows() {
  const std::uint64_t began = rte_rdtsc();
  while (counters.next.load() < settings.flows) {
    if (seconds_of(rte_rdtsc() - began) > kPatienceSeconds)
      throw std::runtime_error("the flows were not opened in time");
    usleep(200);
  }
  return static_cast<double>(rte_rdtsc() - began) / settings.flows;
}

std::vector<double> measure_windows() {
  std::vector<double> samples;
  std::uint64_t before = rte_rdtsc(), sent = counters.sent.load();
  for (std::uint32_t window = 0; window < settings.windows; ++window) {
    usleep(kWindowMicroseconds);
    const std::uint64_t now = rte_rdtsc(), count = counters.sent.load();
    if (count == sent) throw std::runtime_error("nothing came out");
    samples.push_back(static_cast<double>(now - before) / static_cast<double>(count - sent));
    before = now;
    sent = count;
  }
  return samples;
}

// Who has no connection for a packet may send it as it came: some of a million are told of, many are no measurement.
void check() {
  phase = Phase::kChecking;
  usleep(kPauseMicroseconds);
  phase = Phase::kOver;
  usleep(kPauseMicroseconds);
  if (counters.wrong.load() * kChecksForOneWrong >= counters.checked.load())
    throw std::runtime_error(std::to_string(counters.wrong.load()) + " of " + std::to_string(counters.checked.load()) +
                             " packets left otherwise than they were to");
}

std::string measure() {
  const std::uint16_t in = wait_for("net_null0"), out = wait_for("net_null1");
  usleep(kPauseMicroseconds);  // whoever starts devices may configure them once more
  rte_eth_dev_info info{};
  if (rte_eth_dev_info_get(out, &info) != 0) throw std::runtime_error("net_null1 tells nothing of itself");
  // Whoever has one core sends by one queue, but not every program by the first.
  for (std::uint16_t queue = 0; queue < info.nb_tx_queues; ++queue)
    if (rte_eth_add_tx_callback(out, queue, look, nullptr) == nullptr) throw std::runtime_error("no transmit callback");
  if (rte_eth_add_rx_callback(in, 0, fill, nullptr) == nullptr) throw std::runtime_error("no receive callback");
  const double opening = open_flows();
  phase = Phase::kRandom;
  usleep(2 * kPauseMicroseconds);
  const std::uint64_t received = counters.received.load(), sent = counters.sent.load();
  const std::vector<double> samples = measure_windows();
  const std::uint64_t taken = counters.received.load() - received, left = counters.sent.load() - sent;
  check();
  std::ostringstream text;
  text << "{\"tsc_hz\": " << rte_get_tsc_hz() << ", \"opening\": " << opening << ", \"received\": " << taken
       << ", \"sent\": " << left << ", \"checked\": " << counters.checked.load()
       << ", \"wrong\": " << counters.wrong.load() << ", \"samples\": [";
  for (std::size_t i = 0; i < samples.size(); ++i) text << (i ? ", " : "") << samples[i];
  text << "]}\n";
  return text.str();
}

void* run(void*) {
  std::string text;
  try {
    text = measure();
  } catch (const std::exception& error) {
    phase = Phase::kOver;
    text = std::string("{\"error\": \"") + error.what() + "\"}\n";
  }
  // Whoever waits for the file sees it whole.
  std::ofstream(settings.result + ".part") << text;
  std::rename((settings.result + ".part").c_str(), settings.result.c_str());
  return nullptr;
}

// Runs when the library is loaded, after everything above is there.
struct Beginning {
  Beginning() {
    const char* text = std::getenv("HYPERNAT_SOURCE");
    if (text == nullptr) return;
    try {
      read_settings(text);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "HYPERNAT_SOURCE '%s': %s\n", text, error.what());
      std::exit(2);
    }
    pthread_t thread;
    if (pthread_create(&thread, nullptr, run, nullptr) == 0) pthread_detach(thread);
  }
};
const Beginning beginning;

}  // namespace
}  // namespace hypernat::bench
