#include "tests/unit/dataplane/worker_world.h"

#include <gtest/gtest.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <stdexcept>

#include "tests/unit/dataplane/locked_pool.h"

namespace hypernat::dataplane {
namespace {

void must(bool done, const char* what) {
  if (!done) throw std::runtime_error(what);
}

config::DataplaneConfig configuration(const WorkerWorld::Options& options) {
  config::DataplaneConfig made = every_attachment();
  made.attachments[kBench].mapping = MappingNumber{options.bench_mapping};
  for (config::PortConfig& port : made.ports) port.mtu = options.mtu;
  for (config::AttachmentConfig& attachment : made.attachments) {
    attachment.mtu = static_cast<std::uint16_t>(options.mtu - (config::is_tunnel(attachment.encapsulation) ? 50 : 0));
  }
  return made;
}

// What refuse_frames_longer_than says, for the driver's function, which gets nothing of ours.
std::uint32_t longest_frame = 0;

std::uint16_t refuse_longer(void*, rte_mbuf** frames, std::uint16_t count) {
  for (std::uint16_t frame = 0; frame < count; ++frame) {
    if (rte_pktmbuf_pkt_len(frames[frame]) > longest_frame) return frame;
  }
  return count;
}

std::vector<rte_ring*> raw(const std::vector<Ring>& rings) {
  std::vector<rte_ring*> pointers;
  for (const Ring& ring : rings) pointers.push_back(ring.get());
  return pointers;
}

}  // namespace

WorkerWorld::WorkerWorld(const Options& options)
    : options_(options),
      attach_(configuration(options)),
      home_({.key = options.home_key, .buckets = 128, .workers = options.workers}),
      compiler_(compiler_options(attach_.config)) {
  static int worlds = 0;
  name_ = "w" + std::to_string(worlds++);
  pool_ = make_locked_pool(name_.c_str(), options.buffers, options.room);
  must(pool_ != nullptr, "pool");
  for (std::uint16_t port = 0; port < kPorts; ++port) make_port(port);
  generations_.push_back(compiler_.compile(every_segment(), "sha"));
  orders_.tables.store(generations_.back().get());
  make_workers();
}

WorkerWorld::~WorkerWorld() {
  workers_.clear();
  rings_->drain();
  for (Port& port : ports_) {
    rte_eth_dev_stop(port.device);
    rte_eth_dev_close(port.device);
    for (std::vector<Ring>* rings : {&port.rx, &port.tx}) {
      for (Ring& ring : *rings) {
        void* frame = nullptr;
        while (rte_ring_dequeue(ring.get(), &frame) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
      }
    }
  }
  EXPECT_EQ(rte_mempool_in_use_count(pool_), 0U) << "buffers leaked";
  rte_mempool_free(pool_);
}

void WorkerWorld::make_port(std::uint16_t number) {
  Port& port = ports_.emplace_back();
  const std::string name = name_ + "p" + std::to_string(number);
  const auto ring = [&](const char* side, unsigned queue, std::uint32_t size) {
    return Ring(rte_ring_create((name + side + std::to_string(queue)).c_str(), size, SOCKET_ID_ANY, RING_F_EXACT_SZ));
  };
  for (unsigned queue = 0; queue < options_.rx_queues; ++queue) port.rx.push_back(ring("r", queue, 4096));
  for (unsigned queue = 0; queue < options_.tx_queues; ++queue) port.tx.push_back(ring("t", queue, options_.tx_ring));
  const auto rx = raw(port.rx);
  const auto tx = raw(port.tx);
  const int device = rte_eth_from_rings(name.c_str(), rx.data(), options_.rx_queues, tx.data(), options_.tx_queues, 0);
  must(device >= 0, "rte_eth_from_rings");
  port.device = static_cast<std::uint16_t>(device);
  rte_eth_conf conf{};
  must(rte_eth_dev_configure(port.device, options_.rx_queues, options_.tx_queues, &conf) == 0, "configure");
  for (std::uint16_t queue = 0; queue < options_.rx_queues; ++queue) {
    must(rte_eth_rx_queue_setup(port.device, queue, 512, 0, nullptr, pool_) == 0, "receive queue");
  }
  for (std::uint16_t queue = 0; queue < options_.tx_queues; ++queue) {
    must(rte_eth_tx_queue_setup(port.device, queue, 512, 0, nullptr) == 0, "transmit queue");
  }
  must(rte_eth_dev_start(port.device) == 0, "start");
}

void WorkerWorld::make_workers() {
  rings_ = Rings::create({.name = name_,
                          .workers = options_.workers,
                          .ports = kPorts,
                          .size = options_.hand_over_ring,
                          .reports = options_.report_ring});
  must(rings_ != nullptr, "rings");
  const auto pass_mark = PassMark::reserve();
  const auto fragment_mark = FragmentMark::reserve();
  must(pass_mark.has_value() && fragment_mark.has_value(), "marks");
  for (std::uint16_t number = 0; number < options_.workers; ++number) {
    Worker::Options made;
    made.number = number;
    made.to_workers = rings_->from(number);
    made.from_workers = rings_->to(number);
    made.reports_to_workers = rings_->reports_from(number);
    made.reports_from_workers = rings_->reports_to(number);
    made.neighbours.capacity = 256;
    made.fragments = options_.fragments;
    made.identification_secret = {7, 8};
    made.sender.held_packets = options_.held_packets;
    made.sender.held_per_next_hop = options_.held_per_next_hop;
    made.sender.held_per_tenant = options_.held_per_tenant;
    for (std::uint16_t port = 0; port < kPorts; ++port) {
      const std::uint16_t device = ports_[port].device;
      if (made.port_of_device.size() <= device) made.port_of_device.resize(device + 1U);
      made.port_of_device[device] = port;
      made.device_hashes.push_back(options_.device_hashes);
      if (number < options_.rx_queues) made.queues.push_back({port, device, number});
      const bool has_queue = number < options_.tx_queues;
      made.sender.paths.push_back(
          {device, number, has_queue ? nullptr : rings_->finished(port), options_.device_writes});
      if (options_.tx_queues < options_.workers && number == options_.tx_queues - 1) {
        made.finished.push_back(rings_->finished(port));
      }
    }
    workers_.push_back(std::make_unique<Worker>(
        made, Worker::Surroundings{attach_.attachments, home_, orders_, pool_, *pass_mark, *fragment_mark}));
    nat_names_.push_back(name_ + "n" + std::to_string(number));
  }
  for (std::uint16_t number = 0; number < options_.workers; ++number) {
    Nat::Options nat;
    nat.name = nat_names_[number].c_str();
    nat.worker = number;
    nat.flows = options_.flows;
    nat.errors_per_second = options_.errors_per_second;
    for (const Attachment& attachment : attach_.attachments.all())
      nat.attachments[attachment.index] = {.mtu = attachment.mtu, .mss = attachment.mss};
    nat.lambda_vpc = attach_.attachments.lambda_vpc();
    nat.gateway = attach_.attachments.gateway();
    nat.secret = {.hash = {1, 2, 3, 4}, .random = {5, 6}};
    must(workers_[number]->create_nat(nat, usage_), "nat");
    must(workers_[number]->create_gathering(), "gathering");
  }
}

rte_mbuf* WorkerWorld::buffer_of(const craft::Bytes& frame) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  must(mbuf != nullptr, "a buffer for the test's frame");
  std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size());
  return mbuf;
}

void WorkerWorld::deliver(std::uint16_t port, rte_mbuf* mbuf, std::uint16_t queue) {
  must(rte_ring_enqueue(ports_[port].rx[queue].get(), mbuf) == 0, "room in the device");
}

void WorkerWorld::arrive(std::uint16_t port, const craft::Bytes& frame, std::uint16_t queue) {
  deliver(port, buffer_of(frame), queue);
}

void WorkerWorld::arrive_in_pieces(std::uint16_t port, const craft::Bytes& frame, std::uint16_t piece) {
  rte_mbuf* first = nullptr;
  for (std::size_t at = 0; at < frame.size(); at += piece) {
    const auto end = frame.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(at + piece, frame.size()));
    rte_mbuf* next = buffer_of({frame.begin() + static_cast<std::ptrdiff_t>(at), end});
    if (first == nullptr) {
      first = next;
    } else {
      must(rte_pktmbuf_chain(first, next) == 0, "a chain of buffers");
    }
  }
  deliver(port, first);
}

void WorkerWorld::arrive_flagged(std::uint16_t port, const craft::Bytes& frame, std::uint64_t flags) {
  rte_mbuf* mbuf = buffer_of(frame);
  mbuf->ol_flags |= flags;
  deliver(port, mbuf);
}

void WorkerWorld::arrive_stripped(std::uint16_t port, const craft::Bytes& frame) {
  craft::Bytes bare = frame;
  bare.erase(bare.begin() + 12, bare.begin() + 16);
  rte_mbuf* mbuf = buffer_of(bare);
  mbuf->vlan_tci = static_cast<std::uint16_t>(frame[14] << 8 | frame[15]);
  mbuf->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  deliver(port, mbuf);
}

void WorkerWorld::arrive_hashed(std::uint16_t port, const craft::Bytes& frame, std::uint32_t hash) {
  rte_mbuf* mbuf = buffer_of(frame);
  mbuf->hash.rss = hash;
  mbuf->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
  deliver(port, mbuf);
}

void WorkerWorld::run(Tick milliseconds) {
  now += milliseconds;
  // A round may give another worker something to do; a neighbour's table is looked at in slices.
  for (int idle = 0; idle < 8;) {
    std::uint32_t moved = 0;
    for (const auto& worker : workers_) {
      moved += worker->step(now);
      EXPECT_EQ(worker->account().read().balance(), 0) << "worker " << worker->number();
    }
    idle = moved == 0 ? idle + 1 : 0;
  }
}

std::vector<craft::Bytes> WorkerWorld::sent(std::uint16_t port) {
  std::vector<craft::Bytes> frames;
  for (std::uint16_t queue = 0; queue < options_.tx_queues; ++queue) {
    auto more = sent_by(port, queue);
    std::move(more.begin(), more.end(), std::back_inserter(frames));
  }
  return frames;
}

std::vector<craft::Bytes> WorkerWorld::sent_by(std::uint16_t port, std::uint16_t queue) {
  std::vector<craft::Bytes> frames;
  void* taken = nullptr;
  while (rte_ring_dequeue(ports_[port].tx[queue].get(), &taken) == 0) {
    auto* mbuf = static_cast<rte_mbuf*>(taken);
    frames.push_back(completed(*mbuf));
    rte_pktmbuf_free(mbuf);
  }
  return frames;
}

// What a device does that writes checksums and tags, by code that shares nothing with the data plane's.
craft::Bytes WorkerWorld::completed(const rte_mbuf& mbuf) {
  const auto* bytes = rte_pktmbuf_mtod(&mbuf, const std::uint8_t*);
  craft::Bytes frame(bytes, bytes + rte_pktmbuf_data_len(&mbuf));
  const std::uint64_t work = mbuf.ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK;
  if (work == 0) return frame;
  ++completed_;
  if (work == (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM)) {
    const auto header = frame.begin() + mbuf.l2_len;
    must(options_.device_writes.has(DeviceWrites::kOuterChecksum), "a checksum that no device was asked for");
    must(header[10] == 0 && header[11] == 0, "zero in the checksum's place");
    const std::uint16_t checksum = craft::checksum_of({header, header + mbuf.l3_len});
    header[10] = static_cast<std::uint8_t>(checksum >> 8);
    header[11] = static_cast<std::uint8_t>(checksum);
  } else {
    must(work == RTE_MBUF_F_TX_VLAN, "nothing else for a device to do");
    must(options_.device_writes.has(DeviceWrites::kVlanTag), "a tag that no device was asked for");
    const std::uint8_t tag[] = {0x81, 0, static_cast<std::uint8_t>(mbuf.vlan_tci >> 8),
                                static_cast<std::uint8_t>(mbuf.vlan_tci)};
    frame.insert(frame.begin() + 12, std::begin(tag), std::end(tag));
  }
  return frame;
}

void WorkerWorld::refuse_frames_longer_than(std::uint16_t port, std::uint32_t bytes) {
  longest_frame = bytes;
  rte_eth_fp_ops[ports_[port].device].tx_pkt_prepare = refuse_longer;
}

std::vector<craft::Bytes> WorkerWorld::sent_packets(std::uint16_t port) {
  const auto is_arp = [](const craft::Bytes& frame) {
    const auto at = [&](std::size_t offset) {
      return frame.size() > offset + 1 && frame[offset] == 8 && frame[offset + 1] == 6;
    };
    return at(12) || at(16) || at(50 + 12);
  };
  std::vector<craft::Bytes> frames = sent(port);
  frames.erase(std::remove_if(frames.begin(), frames.end(), is_arp), frames.end());
  return frames;
}

void WorkerWorld::answer_underlay(std::uint16_t port, const char* address, const MacAddress& mac) {
  const Attachment& attachment = attach_.attachments[static_cast<std::uint8_t>(port)];
  arrive(port,
         craft::Ethernet{.dst = port_mac(port), .src = mac} / craft::Arp{.operation = 2,
                                                                         .sender_mac = mac,
                                                                         .sender = address,
                                                                         .target_mac = port_mac(port),
                                                                         .target = to_string(attachment.address)});
}

void WorkerWorld::answer_segment(const craft::Vxlan& tunnel, const char* address) {
  arrive(kTenants, tunnel / (to_interface(1) / craft::Arp{.operation = 2,
                                                          .sender_mac = kServerMac,
                                                          .sender = address,
                                                          .target_mac = interface_mac(1),
                                                          .target = "10.0.1.20"}));
}

// Announcements have made the workers want the underlay's neighbours; a packet makes its home want the others.
void WorkerWorld::know_neighbours() {
  run();
  for (int worker = 0; worker < 64; ++worker) {
    arrive(kHosts,
           from_host() / (to_gateway() / (craft::Ip{.src = "100.64.0.250", .dst = "10.0.1.53"} /
                                          craft::Udp{.src = static_cast<std::uint16_t>(50'000 + worker), .dst = 9})));
  }
  run();
  answer_underlay(kTenants, "198.51.100.11");
  answer_underlay(kTenants, "198.51.100.12");
  run();
  answer_segment(from_vtep(), "10.0.1.53");
  run();
  answer_underlay(kCloud, "198.51.101.11");  // announced to by now, when the others had answered
  run();
  for (std::uint16_t port = 0; port < kPorts; ++port) sent(port);
}

craft::Bytes WorkerWorld::request_at_home(std::uint16_t worker, std::uint32_t& n) const {
  for (;; ++n) {
    const Ipv4Address src = Ipv4Address::from_host(0x64400100 + n % 1000);  // 100.64.1.0
    const auto port = static_cast<std::uint16_t>(1 + n / 1000);
    const HomeTuple tuple{src, Ipv4Address::of(10, 0, 1, 53), L4Port::from_host(port), L4Port::from_host(53)};
    if (home_.worker_of(home_.hash(tuple)) != worker) continue;
    ++n;
    return from_host() /
           (to_gateway() / (craft::Ip{.src = to_string(src), .dst = "10.0.1.53"} / craft::Udp{.src = port, .dst = 53}));
  }
}

void WorkerWorld::use_up_ports(std::uint16_t worker, std::uint32_t& n) {
  constexpr std::uint32_t kBatch = 56;
  const PortSpace& ports = home_.reply_ports(Protocol::kUdp);
  const auto share =
      static_cast<std::uint32_t>(home_.port_buckets_of(worker).size()) * (ports.class_size() - ports.unused_in(0));
  const std::uint32_t full = workers_[worker]->nat().open_flows() + share;
  for (std::uint32_t open = full - share; open < full; open = workers_[worker]->nat().open_flows()) {
    for (std::uint32_t i = 0; i < std::min(kBatch, full - open); ++i) arrive(kHosts, request_at_home(worker, n));
    run();
    sent(kTenants);
  }
}

void WorkerWorld::publish(const config::Table& table) {
  generations_.push_back(compiler_.compile(table, "sha" + std::to_string(table.generation)));
  orders_.tables.store(generations_.back().get(), std::memory_order_release);
}

AccountView WorkerWorld::total() const {
  AccountView sum;
  for (const auto& worker : workers_) sum += worker->account().read();
  return sum;
}

std::uint32_t WorkerWorld::buffers_out() const {
  return rte_mempool_in_use_count(pool_);
}

}  // namespace hypernat::dataplane
