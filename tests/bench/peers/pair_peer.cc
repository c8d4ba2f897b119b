#include "tests/bench/peers/pair_peer.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <stdexcept>

namespace hypernat::bench {
namespace {

constexpr MacAddress kGatewayMac{{0x02, 0, 0, 0, 0, 0x01}};
constexpr MacAddress kEnvironmentMac{{0x02, 0, 0, 0, 0, 0x02}};
constexpr MacAddress kRouterMac{{0x02, 0, 0, 0, 0, 0x03}};
constexpr MacAddress kInterfaceMac{{0x02, 0, 0, 0, 0x01, 0x01}};  // as scripts/pktgen/table.yaml has it
constexpr std::uint16_t kDescriptors = 1024;
constexpr double kDrainSeconds = 0.3;
constexpr double kBehind = 1.02;  // sending may take so much longer than it should

double seconds_since(std::uint64_t began) {
  return static_cast<double>(rte_rdtsc() - began) / static_cast<double>(rte_get_tsc_hz());
}

}  // namespace

bool TrialResult::is_lossless(const Trial& trial) const {
  return sent == trial.packets && received == sent &&
         seconds <= kBehind * static_cast<double>(sent) / trial.rate + 0.001;
}

PairPeer::PairPeer(std::uint32_t flows)
    : replies_(flows),
      remotes_(remotes_of(flows)),
      outbound_(kGatewayMac, kEnvironmentMac),
      inbound_(kInterfaceMac, kRouterMac) {
  if (rte_eth_dev_count_avail() < 2) throw std::runtime_error("two devices are needed: inside, outside");
  pool_ = rte_pktmbuf_pool_create("peer", 16383, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool_ == nullptr) throw std::runtime_error("no memory for packet buffers");
  for (const std::uint16_t port : {kInside, kOutside}) configure(port);
}

PairPeer::~PairPeer() {
  for (const std::uint16_t port : {kInside, kOutside}) rte_eth_dev_stop(port);
}

void PairPeer::configure(std::uint16_t port) {
  rte_eth_conf conf{};
  if (rte_eth_dev_configure(port, 1, 1, &conf) < 0 ||
      rte_eth_rx_queue_setup(port, 0, kDescriptors, static_cast<unsigned>(SOCKET_ID_ANY), nullptr, pool_) < 0 ||
      rte_eth_tx_queue_setup(port, 0, kDescriptors, static_cast<unsigned>(SOCKET_ID_ANY), nullptr) < 0 ||
      rte_eth_dev_start(port) < 0)
    throw std::runtime_error("device " + std::to_string(port) + " does not start");
}

rte_mbuf* PairPeer::make(Side side, std::uint32_t number) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  if (mbuf == nullptr) return nullptr;
  NumberedFlow flow = numbered_flow(number, remotes_);
  if (side == kOutside) flow = {flow.dst, replies_[number].address, flow.dst_port, replies_[number].port};
  const FlowFrame& frame = side == kInside ? outbound_ : inbound_;
  frame.write(rte_pktmbuf_mtod(mbuf, std::uint8_t*), flow, number);
  mbuf->data_len = kFlowFrameBytes;
  mbuf->pkt_len = kFlowFrameBytes;
  return mbuf;
}

std::uint32_t PairPeer::send(Side side, std::span<const std::uint32_t> numbers) {
  std::array<rte_mbuf*, kBurst> mbufs{};
  std::uint16_t made = 0;
  for (const std::uint32_t number : numbers) {
    mbufs[made] = make(side, number);
    if (mbufs[made] == nullptr) break;
    ++made;
  }
  const std::uint16_t sent = rte_eth_tx_burst(side, 0, mbufs.data(), made);
  for (std::uint16_t i = sent; i < made; ++i) rte_pktmbuf_free(mbufs[i]);
  return sent;
}

void PairPeer::answer(Side side, rte_mbuf& mbuf) {
  auto* frame = rte_pktmbuf_mtod(&mbuf, std::uint8_t*);
  dataplane::ArpPacket arp;
  std::memcpy(&arp, frame + kIpAt, sizeof arp);
  if (arp.operation_be != dataplane::swap16(dataplane::kArpRequest) || arp.sender_be == arp.target_be)
    return rte_pktmbuf_free(&mbuf);
  const MacAddress& own = side == kInside ? kEnvironmentMac : kRouterMac;
  arp.operation_be = dataplane::swap16(dataplane::kArpReply);
  arp.target_mac = arp.sender_mac;
  arp.sender_mac = own.bytes;
  const std::uint32_t asker = arp.sender_be;
  arp.sender_be = arp.target_be;
  arp.target_be = asker;
  std::memcpy(frame + kIpAt, &arp, sizeof arp);
  std::memcpy(frame, frame + 6, 6);
  std::memcpy(frame + 6, own.bytes.data(), 6);
  rte_mbuf* one = &mbuf;
  if (rte_eth_tx_burst(side, 0, &one, 1) == 0) rte_pktmbuf_free(one);
}

void PairPeer::take(Side side, rte_mbuf& mbuf) {
  const std::span<const std::uint8_t> frame(rte_pktmbuf_mtod(&mbuf, const std::uint8_t*), mbuf.data_len);
  if (frame.size() >= kIpAt + sizeof(dataplane::ArpPacket) && frame[12] == 0x08 && frame[13] == 0x06)
    return answer(side, mbuf);
  if (is_udp(frame) && number_in(frame) < replies_.size()) {
    ++received_;
    Reply& reply = replies_[number_in(frame)];
    if (side == kOutside && reply.address == 0) {
      const NumberedFlow flow = flow_in(frame);
      reply = {flow.src, flow.src_port};
      ++opened_;
    }
  }
  rte_pktmbuf_free(&mbuf);
}

void PairPeer::poll() {
  std::array<rte_mbuf*, kBurst> mbufs{};
  for (const Side side : {kInside, kOutside}) {
    const std::uint16_t count = rte_eth_rx_burst(side, 0, mbufs.data(), kBurst);
    for (std::uint16_t i = 0; i < count; ++i) take(side, *mbufs[i]);
  }
}

void PairPeer::listen(double seconds) {
  for (const std::uint64_t began = rte_rdtsc(); seconds_since(began) < seconds;) poll();
}

// `next` fills numbers and says by which side they go.
template <typename Next>
TrialResult PairPeer::run(const Trial& trial, Next&& next) {
  const std::uint64_t received = received_, opened = opened_;
  TrialResult result;
  std::array<std::uint32_t, kBurst> numbers{};
  const std::uint64_t began = rte_rdtsc();
  for (std::uint64_t tried = 0; tried < trial.packets;) {
    const auto due = std::min(trial.packets, static_cast<std::uint64_t>(seconds_since(began) * trial.rate) + 1);
    const auto count = static_cast<std::uint16_t>(std::min<std::uint64_t>(kBurst, due - std::min(due, tried)));
    if (count > 0) {
      const Side side = next(std::span(numbers).first(count));
      result.sent += send(side, std::span(numbers).first(count));
      tried += count;
    }
    poll();
  }
  result.seconds = seconds_since(began);
  listen(kDrainSeconds);
  result.received = received_ - received;
  result.opened = opened_ - opened;
  return result;
}

TrialResult PairPeer::open(const Trial& trial) {
  std::uint32_t number = trial.first;
  return run(trial, [&](std::span<std::uint32_t> numbers) {
    for (std::uint32_t& each : numbers) each = number++;
    return kInside;
  });
}

TrialResult PairPeer::exchange(const Trial& trial) {
  Side side = kOutside;
  std::uniform_int_distribution<std::uint32_t> draw(trial.first, trial.first + trial.flows - 1);
  return run(trial, [&](std::span<std::uint32_t> numbers) {
    side = side == kInside ? kOutside : kInside;
    for (std::uint32_t& each : numbers) each = draw(random_);
    return side;
  });
}

}  // namespace hypernat::bench
