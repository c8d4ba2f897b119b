#include "tests/bench/dataplane/memory_port.h"

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"

namespace hypernat::bench {
namespace {

using dataplane::adjust_checksum;
using dataplane::fold_sum;

constexpr std::uint32_t kBuffers = 1023;  // of a queue: those in flight stay in the core's own cache
constexpr std::uint32_t kCached = 256;
constexpr std::uint64_t kForEver = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kL4 = sizeof(dataplane::Ipv4Header);

void must(int result, const std::string& what) {
  if (result < 0) throw std::runtime_error(what + ": " + rte_strerror(-result));
}

std::uint64_t sum_of_draw(const Draw& draw) {
  return std::uint64_t{draw.src.network()} + draw.dst.network();
}

}  // namespace

struct MemoryPort::Queue {
  Delivery delivery = Delivery::kHashed;
  rte_mempool* pool = nullptr;
  std::vector<void*> held_back;
  const rte_eth_rxtx_callback* filling = nullptr;
  const rte_eth_rxtx_callback* looking = nullptr;

  // The template, with addresses, ports and what they add to the checksums taken out.
  std::array<std::uint8_t, 256> blank{};
  std::uint16_t length = 0;
  std::size_t ip_offset = 0;
  std::size_t vni_offset = 0;
  std::size_t vlan_offset = 0;
  std::size_t l4_checksum_offset = 0;
  std::uint64_t ip_sum = 0;
  std::uint64_t l4_sum = 0;

  std::span<const Draw> draws;
  std::size_t next = 0;
  std::uint64_t left = 0;
  bool is_paced = false;
  std::uint64_t paced_from = 0;
  std::uint64_t paced = 0;  // packets since then
  double interval = 0;

  std::vector<craft::Bytes> frames;  // as they are, before any draws

  Watcher watcher;

  std::uint16_t copy_frames(rte_mbuf** mbufs, std::uint16_t count);
  void take(const FrameTemplate& frame);
  void build(rte_mbuf& mbuf, const Draw& draw) const;
  std::uint16_t due_by_now(std::uint16_t most) const;
  void hold_back();
  void let_go();
};

void MemoryPort::Queue::take(const FrameTemplate& frame) {
  if (frame.bytes.size() > blank.size()) throw std::runtime_error("the template's frame is too long");
  std::copy(frame.bytes.begin(), frame.bytes.end(), blank.begin());
  length = static_cast<std::uint16_t>(frame.bytes.size());
  ip_offset = frame.ip_offset;
  vni_offset = frame.vni_offset;
  vlan_offset = frame.vlan_offset;
  std::uint8_t* ip = blank.data() + ip_offset;
  const bool tcp = ip[offsetof(dataplane::Ipv4Header, protocol)] == 6;
  l4_checksum_offset = ip_offset + kL4 + (tcp ? 16 : 6);
  dataplane::Ipv4Header header;
  std::memcpy(&header, ip, sizeof header);
  const std::uint16_t l4_length = static_cast<std::uint16_t>(dataplane::swap16(header.total_length_be) - kL4);
  header.src_be = header.dst_be = 0;
  header.checksum = 0;
  std::memcpy(ip, &header, sizeof header);
  std::memset(ip + kL4, 0, 4);
  std::memset(blank.data() + l4_checksum_offset, 0, 2);
  ip_sum = dataplane::sum_of({ip, kL4});
  l4_sum = std::uint64_t{dataplane::sum_of({ip + kL4, l4_length})} +
           dataplane::pseudo_header_sum({}, {}, static_cast<Protocol>(header.protocol), l4_length);
}

void MemoryPort::Queue::build(rte_mbuf& mbuf, const Draw& draw) const {
  auto* frame = rte_pktmbuf_mtod(&mbuf, std::uint8_t*);
  std::memcpy(frame, blank.data(), 64);
  if (length > 64) std::memcpy(frame + 64, blank.data() + 64, length - 64U);
  mbuf.data_len = length;
  mbuf.pkt_len = length;
  if (delivery == Delivery::kHashed) {
    mbuf.hash.rss = draw.rss;
    mbuf.ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
  }
  const std::uint64_t addresses = sum_of_draw(draw);
  const auto ip_checksum = static_cast<std::uint16_t>(~fold_sum(ip_sum + addresses));
  const auto l4_checksum =
      static_cast<std::uint16_t>(~fold_sum(l4_sum + addresses + draw.src_port.network() + draw.dst_port.network()));
  std::uint8_t* ip = frame + ip_offset;
  std::memcpy(ip + offsetof(dataplane::Ipv4Header, checksum), &ip_checksum, 2);
  std::memcpy(ip + offsetof(dataplane::Ipv4Header, src_be), &draw.src, 4);
  std::memcpy(ip + offsetof(dataplane::Ipv4Header, dst_be), &draw.dst, 4);
  std::memcpy(ip + kL4, &draw.src_port, 2);
  std::memcpy(ip + kL4 + 2, &draw.dst_port, 2);
  std::memcpy(frame + l4_checksum_offset, &l4_checksum, 2);
  if (vni_offset != 0) {
    const std::uint32_t vni = dataplane::swap32(draw.segment << 8);
    std::memcpy(frame + vni_offset, &vni, 3);
  }
  if (vlan_offset != 0) {
    const std::uint16_t id = dataplane::swap16(static_cast<std::uint16_t>(draw.segment));
    std::memcpy(frame + vlan_offset, &id, 2);
  }
}

std::uint16_t MemoryPort::Queue::due_by_now(std::uint16_t most) const {
  if (!is_paced) return most;
  const auto since = static_cast<std::int64_t>(rte_rdtsc() - paced_from);
  // From the beginning each time: what is lost in adding up so many intervals would be microseconds.
  const double late = static_cast<double>(since) - static_cast<double>(paced) * interval;
  if (late < 0) return 0;
  return static_cast<std::uint16_t>(std::min<double>(most, late / interval + 1));
}

std::uint16_t MemoryPort::Queue::copy_frames(rte_mbuf** mbufs, std::uint16_t count) {
  const auto taken = static_cast<std::uint16_t>(std::min<std::size_t>(count, frames.size()));
  for (std::uint16_t i = 0; i < taken; ++i) {
    const craft::Bytes& frame = frames[i];
    std::copy(frame.begin(), frame.end(), rte_pktmbuf_mtod(mbufs[i], std::uint8_t*));
    mbufs[i]->data_len = static_cast<std::uint16_t>(frame.size());
    mbufs[i]->pkt_len = mbufs[i]->data_len;
  }
  frames.erase(frames.begin(), frames.begin() + taken);
  return taken;
}

void MemoryPort::Queue::hold_back() {
  void* buffer = nullptr;
  while (rte_mempool_get(pool, &buffer) == 0) held_back.push_back(buffer);
}

void MemoryPort::Queue::let_go() {
  for (void* buffer : held_back) rte_mempool_put(pool, buffer);
  held_back.clear();
}

MemoryPort::MemoryPort(const Options& options) : options_(options) {
  const std::string device = "net_null_" + options.name;
  must(rte_vdev_init(device.c_str(), "size=64,copy=0"), device);
  must(rte_eth_dev_get_port_by_name(device.c_str(), &device_), device);
  rte_eth_conf conf{};
  must(rte_eth_dev_configure(device_, options.queues, options.queues, &conf), device + ": configure");
  for (std::uint16_t number = 0; number < options.queues; ++number) {
    Queue& queue = *queues_.emplace_back(std::make_unique<Queue>());
    queue.delivery = options.delivery;
    queue.pool = rte_pktmbuf_pool_create((options.name + std::to_string(number)).c_str(), kBuffers, kCached, 0,
                                         RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    if (queue.pool == nullptr) throw std::runtime_error("no memory for the buffers of " + device);
    queue.held_back.reserve(kBuffers);
    must(rte_eth_rx_queue_setup(device_, number, 512, 0, nullptr, queue.pool), device + ": receive queue");
    must(rte_eth_tx_queue_setup(device_, number, 512, 0, nullptr), device + ": transmit queue");
    queue.filling = rte_eth_add_rx_callback(device_, number, fill, &queue);
    queue.looking = rte_eth_add_tx_callback(device_, number, look, &queue);
    if (queue.filling == nullptr || queue.looking == nullptr) throw std::runtime_error(device + ": no callbacks");
    queue.hold_back();
  }
  must(rte_eth_dev_start(device_), device + ": start");
}

MemoryPort::~MemoryPort() {
  rte_eth_dev_stop(device_);
  // They would outlive the device, and be called for the next one that gets its number.
  for (std::uint16_t number = 0; number < queues_.size(); ++number) {
    rte_eth_remove_rx_callback(device_, number, queues_[number]->filling);
    rte_eth_remove_tx_callback(device_, number, queues_[number]->looking);
  }
  rte_eth_dev_close(device_);
  for (const auto& queue : queues_) {
    queue->let_go();
    rte_mempool_free(queue->pool);
  }
}

void MemoryPort::offer(std::uint16_t queue, const FrameTemplate& frame, std::span<const Draw> draws) {
  offer_once(queue, frame, draws);
  queues_[queue]->left = kForEver;
}

void MemoryPort::offer_once(std::uint16_t number, const FrameTemplate& frame, std::span<const Draw> draws) {
  Queue& queue = *queues_[number];
  queue.take(frame);
  queue.draws = draws;
  queue.next = 0;
  queue.left = draws.size();
  queue.is_paced = false;
  queue.let_go();
}

std::uint64_t MemoryPort::left(std::uint16_t queue) const {
  return queues_[queue]->left;
}

void MemoryPort::offer_frames(std::uint16_t queue, std::vector<craft::Bytes> frames) {
  queues_[queue]->frames = std::move(frames);
  queues_[queue]->left = 0;
  queues_[queue]->let_go();
}

void MemoryPort::pace(std::uint16_t number, std::uint64_t start, double interval) {
  Queue& queue = *queues_[number];
  queue.is_paced = true;
  queue.paced_from = start;
  queue.paced = 0;
  queue.interval = interval;
}

void MemoryPort::pause(std::uint16_t number) {
  Queue& queue = *queues_[number];
  queue.left = 0;
  queue.hold_back();
}

void MemoryPort::watch(std::uint16_t queue, Watcher watcher) {
  queues_[queue]->watcher = std::move(watcher);
}

void MemoryPort::unwatch(std::uint16_t queue) {
  queues_[queue]->watcher = nullptr;
}

std::uint16_t MemoryPort::fill(std::uint16_t, std::uint16_t, rte_mbuf** mbufs, std::uint16_t count, std::uint16_t,
                               void* argument) {
  Queue& queue = *static_cast<Queue*>(argument);
  if (!queue.frames.empty()) {
    const std::uint16_t copied = queue.copy_frames(mbufs, count);
    if (copied < count) rte_pktmbuf_free_bulk(mbufs + copied, count - copied);
    return copied;
  }
  const auto wanted = static_cast<std::uint16_t>(std::min<std::uint64_t>(queue.left, queue.due_by_now(count)));
  for (std::uint16_t i = 0; i < wanted; ++i) {
    queue.build(*mbufs[i], queue.draws[queue.next]);
    if (++queue.next == queue.draws.size()) queue.next = 0;
  }
  if (queue.left != kForEver) queue.left -= wanted;
  queue.paced += wanted;
  if (wanted < count) rte_pktmbuf_free_bulk(mbufs + wanted, count - wanted);
  return wanted;
}

std::uint16_t MemoryPort::look(std::uint16_t, std::uint16_t, rte_mbuf** mbufs, std::uint16_t count, void* argument) {
  Queue& queue = *static_cast<Queue*>(argument);
  if (!queue.watcher) return count;
  for (std::uint16_t i = 0; i < count; ++i) {
    queue.watcher({rte_pktmbuf_mtod(mbufs[i], const std::uint8_t*), rte_pktmbuf_data_len(mbufs[i])});
  }
  return count;
}

}  // namespace hypernat::bench
