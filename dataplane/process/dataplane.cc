#include "dataplane/process/dataplane.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <stdexcept>
#include <system_error>

#include "dataplane/flow/memory_node.h"

namespace hypernat::dataplane {
namespace {

// Without a round, before a worker is reported; a worker that sleeps when idle goes thousands a second.
constexpr Tick kPatience = 1000;

Tick milliseconds(std::chrono::milliseconds duration) {
  return static_cast<Tick>(duration.count());
}

NatSecret random_secret() {
  NatSecret secret;
  if (getrandom(&secret, sizeof secret, 0) != static_cast<ssize_t>(sizeof secret)) {
    throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  return secret;
}

TableCompiler::Options compiler_options(const config::DataplaneConfig& config) {
  TableCompiler::Options options;
  for (std::size_t index = 0; index < config.attachments.size(); ++index) {
    if (config.attachments[index].side != config::Side::kOutside) continue;
    options.outside_attachments.push_back(config.attachments[index].name);
    options.attachment_indices.push_back(static_cast<std::uint8_t>(index));
  }
  options.subnets = config.limits.subnets;
  options.mappings = config.limits.mappings;
  options.interfaces = config.limits.interfaces;
  return options;
}

// A device that writes less may be faster, so it is asked for what the port's attachments need and no more.
DeviceWrites useful_offloads(const config::DataplaneConfig& config, const std::string& port) {
  DeviceWrites useful;
  for (const config::AttachmentConfig& attachment : config.attachments) {
    if (attachment.port != port) continue;
    if (config::is_tunnel(attachment.encapsulation)) useful.add(DeviceWrites::kOuterChecksum);
    if (attachment.encapsulation == config::Encapsulation::kVlan) useful.add(DeviceWrites::kVlanTag);
  }
  return useful;
}

config::DataplaneConfig with_count(config::DataplaneConfig config) {
  if (!config.workers.count) config.workers.count = static_cast<std::uint16_t>(worker_lcores(config.workers).size());
  return config;
}

std::vector<unsigned> first_lcores(const config::WorkersConfig& config) {
  return deal_workers(std::vector(*config.count, kNoLcore), worker_lcores(config));
}

}  // namespace

Dataplane::Dataplane(const config::DataplaneConfig& config, config::Store& store)
    : config_(with_count(config)),
      lcores_(first_lcores(config_.workers)),
      home_({.buckets = config.workers.home_buckets, .workers = *config_.workers.count}),
      tenants_(TableCompiler::Options{}.tenants),
      secret_(random_secret()) {
  open_ports();
  make_workers();
  const auto every_worker = [this](auto&& predicate) {
    return std::all_of(workers_.begin(), workers_.end(), [&](const auto& worker) { return predicate(*worker); });
  };
  keeper_ = std::make_unique<TableKeeper>(
      store, compiler_options(config),
      TableReaders{
          .publish = [this](const Tables* tables) { orders_.tables.store(tables, std::memory_order_release); },
          .all_adopted =
              [every_worker](const Tables* tables) {
                return every_worker([&](const Worker& worker) { return worker.adopted() == tables; });
              },
          .all_swept =
              [every_worker](const Tables* tables) {
                return every_worker([&](const Worker& worker) { return worker.swept() == tables; });
              },
      });
  watch_ = std::make_unique<WorkerWatch>(workers_.size(), kPatience);
  try {
    crew_ = std::make_unique<Crew>(
        workers_, lcores_, clock_,
        Crew::Options{.idle_sleep = config.workers.idle == config::IdleMode::kSleep ? config.workers.idle_sleep
                                                                                    : std::chrono::microseconds{0},
                      .scheduling = config.workers.scheduling});
  } catch (...) {
    stop();
    throw;
  }
}

Dataplane::~Dataplane() {
  stop();
}

void Dataplane::open_ports() {
  const std::uint16_t workers = workers_count();
  const int node = numa_node_of(find_device(config_.ports.front()));
  pool_ = std::make_unique<PacketPool>(config_, workers, node);
  std::vector<MacAddress> macs;
  for (const config::PortConfig& port : config_.ports) {
    ports_.push_back(std::make_unique<Port>(
        port,
        Port::Options{
            .workers = workers, .home = &home_, .pool = pool_->get(), .useful = useful_offloads(config_, port.name)}));
    macs.push_back(ports_.back()->mac());
  }
  attachments_ = std::make_unique<Attachments>(config_, macs);
}

void Dataplane::make_workers() {
  const std::uint16_t workers = workers_count();
  const auto ports = static_cast<std::uint16_t>(ports_.size());
  rings_ = Rings::create({.workers = workers, .ports = ports});
  if (!rings_) throw std::runtime_error("no memory for the rings between workers");
  const auto pass_mark = PassMark::reserve();
  const auto fragment_mark = FragmentMark::reserve();
  if (!pass_mark || !fragment_mark) {
    throw std::runtime_error("no room in packet buffers for the marks that workers pass on: dynamic fields of " +
                             std::to_string(sizeof(Pass)) + " and " + std::to_string(sizeof(DatagramMark)) +
                             " bytes and two flags (" + rte_strerror(rte_errno) + ")");
  }
  for (std::uint16_t number = 0; number < workers; ++number) {
    nat_names_.push_back("nat" + std::to_string(number));
    const MemoryNode node(static_cast<int>(rte_lcore_to_socket_id(lcores_[number])));
    workers_.push_back(std::make_unique<Worker>(
        worker_options(number),
        Worker::Surroundings{*attachments_, home_, orders_, pool_->get(), *pass_mark, *fragment_mark}));
  }
  for (std::uint16_t number = 0; number < workers; ++number) {
    if (!workers_[number]->create_nat(nat_options(number), tenants_)) {
      throw std::runtime_error("no memory for the " + std::to_string(config_.limits.flows) + " flows of worker " +
                               std::to_string(number));
    }
    if (!workers_[number]->create_gathering()) {
      throw std::runtime_error("no memory for the " + std::to_string(config_.limits.fragmented_datagrams) +
                               " datagrams in fragments of worker " + std::to_string(number));
    }
  }
}

// Queue n of a port is worker n's. Queues beyond the workers do not exist; workers beyond the queues get their packets
// on rings, and give theirs to the last worker that has a queue.
Worker::Options Dataplane::worker_options(std::uint16_t number) const {
  Worker::Options options;
  options.number = number;
  options.burst = config_.workers.burst;
  options.to_workers = rings_->from(number);
  options.from_workers = rings_->to(number);
  options.reports_to_workers = rings_->reports_from(number);
  options.reports_from_workers = rings_->reports_to(number);
  for (std::uint16_t port = 0; port < ports_.size(); ++port) {
    const Port& device = *ports_[port];
    if (options.port_of_device.size() <= device.device()) options.port_of_device.resize(device.device() + 1U);
    options.port_of_device[device.device()] = port;
    options.device_hashes.push_back(device.hashes());
    // A lone queue goes to another worker for each port, so that no worker has them all.
    const bool alone = device.rx_queues() == 1;
    if (alone ? port % workers_count() == number : number < device.rx_queues()) {
      options.queues.push_back({port, device.device(), static_cast<std::uint16_t>(alone ? 0 : number)});
    }
    const bool has_queue = number < device.tx_queues();
    options.sender.paths.push_back({.device = device.device(),
                                    .queue = number,
                                    .ring = has_queue ? nullptr : rings_->finished(port),
                                    .device_writes = device.device_writes()});
    if (device.tx_queues() < workers_count() && number == device.tx_queues() - 1) {
      options.finished.push_back(rings_->finished(port));
    }
  }
  options.sender.held_packets = config_.limits.held_packets;
  options.sender.held_per_next_hop = config_.limits.held_per_next_hop;
  options.sender.held_per_tenant = config_.limits.held_per_tenant;
  options.sender.tenants = tenants_.slots();
  options.neighbours.tenants = tenants_.slots();
  options.neighbours.capacity = config_.limits.next_hops;
  options.neighbours.reachable_for = milliseconds(config_.timeouts.neighbour);
  options.neighbours.secret = secret_.hash[0];
  options.interfaces = config_.limits.interfaces;
  options.fragments = fragment_options(number);
  options.identification_secret = secret_.random;
  options.trace_records = std::bit_ceil(config_.limits.trace_records);
  return options;
}

Gathering::Options Dataplane::fragment_options(std::uint16_t number) const {
  const config::LimitsConfig& limits = config_.limits;
  return {
      .protocols = config_.fragments == config::FragmentMode::kAll ? FragmentProtocols::kAll : FragmentProtocols::kUdp,
      .datagrams = limits.fragmented_datagrams,
      .datagrams_per_tenant = limits.fragmented_per_tenant,
      .held = limits.held_fragments,
      .held_per_tenant = limits.held_fragments_per_tenant,
      .held_per_datagram = limits.held_fragments_per_datagram,
      .timeout = milliseconds(config_.timeouts.fragments),
      .tenants = tenants_.slots(),
      .secret = secret_.hash,
      .numa_node = static_cast<int>(rte_lcore_to_socket_id(lcores_[number]))};
}

Nat::Options Dataplane::nat_options(std::uint16_t number) const {
  Nat::Options options;
  options.name = nat_names_[number].c_str();
  options.worker = number;
  options.flows = config_.limits.flows;
  options.flows_per_tenant = config_.limits.flows_per_tenant;
  options.port_bitmaps = config_.limits.port_bitmaps;
  options.redirects = config_.limits.redirects;
  options.redirects_per_tenant = config_.limits.redirects_per_tenant;
  options.tenant_slots = tenants_.slots();
  options.interface_slots = config_.limits.interfaces;
  options.resets_per_second = config_.limits.resets_per_second;
  options.errors_per_second = config_.limits.icmp_errors_per_second;
  for (const Attachment& attachment : attachments_->all())
    options.attachments[attachment.index] = {.mtu = attachment.mtu, .mss = attachment.mss};
  options.lambda_vpc = config_.lambda_vpc.prefix;
  options.gateway = config_.lambda_vpc.gateway.address;
  options.timeouts = {.tcp_opening = milliseconds(config_.timeouts.tcp_opening),
                      .tcp_established = milliseconds(config_.timeouts.tcp_established),
                      .tcp_closing = milliseconds(config_.timeouts.tcp_closing),
                      .udp = milliseconds(config_.timeouts.udp),
                      .icmp = milliseconds(config_.timeouts.icmp)};
  options.secret = secret_;
  options.numa_node = static_cast<int>(rte_lcore_to_socket_id(lcores_[number]));
  return options;
}

void Dataplane::stop() {
  crew_.reset();
  workers_.clear();
  if (rings_) rings_->drain();
  ports_.clear();
}

void Dataplane::beat() {
  keeper_->pull();
  watch_workers();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  config::DataplaneStatus status;
  status.node = config_.node;
  status.unix_milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  status.beat_milliseconds = static_cast<std::uint64_t>(config_.store.beat.count());
  status.port_use = port_use();
  status.stalled_workers = watch_->stalled();
  keeper_->report(std::move(status));
}

void Dataplane::reload(config::DataplaneConfig wanted) {
  const std::vector<std::string> differences = config::differences_for_good(config_, wanted);
  if (!differences.empty()) {
    throw std::runtime_error(fmt::format("{}: only workers.lcores can change while the data plane runs; start it again",
                                         fmt::join(differences, ", ")));
  }
  wanted.workers.count = config_.workers.count;
  const std::vector<unsigned> lcores = deal_workers(crew_->lcores(), worker_lcores(wanted.workers));
  if (lcores == crew_->lcores()) {
    spdlog::info("configuration read again: no worker has to move");
  } else {
    crew_->move(lcores);
  }
}

void Dataplane::watch_workers() {
  crew_->look();
  std::vector<Tick> rounds;
  for (const auto& worker : workers_) rounds.push_back(worker->last_round());
  for (const WorkerWatch::Change& change : watch_->look(rounds, clock_.now())) {
    if (change.is_stalled) {
      spdlog::error("worker {} ({}) has not polled for {} ms: its packets are lost at the devices", change.worker,
                    crew_->where(change.worker), change.silent_for);
    } else {
      spdlog::warn("worker {} ({}) polls again", change.worker, crew_->where(change.worker));
    }
  }
}

// A worker's fullest remote endpoint is as a rule every worker's; the sum is what the remote endpoint uses of the
// interface's ports, or a little more.
std::vector<config::PortUse> Dataplane::port_use() const {
  constexpr std::size_t kMost = 1024;
  const auto tables = keeper_->current();
  std::vector<config::PortUse> all;
  for (std::size_t slot = 0; slot < tables->interfaces.size(); ++slot) {
    if (tables->interfaces[slot].uid == 0) continue;
    config::PortUse use{.interface_id = tables->interfaces[slot].id};
    for (const auto& worker : workers_) {
      const InterfaceCounters& counters = worker->nat().interface_counters()[slot];
      use.ports_in_use += static_cast<std::uint32_t>(counters.fullest_remote.read());
      use.exhausted += counters.ports_exhausted.read();
    }
    if (use.ports_in_use > 0 || use.exhausted > 0) all.push_back(std::move(use));
  }
  std::sort(all.begin(), all.end(),
            [](const config::PortUse& a, const config::PortUse& b) { return a.ports_in_use > b.ports_in_use; });
  if (all.size() > kMost) all.resize(kMost);
  return all;
}

}  // namespace hypernat::dataplane
