#include "control/lifecycle/worker_hosts.h"

#include "control/lifecycle/addresses.h"
#include "control/lifecycle/refusal.h"
#include "control/store/host_store.h"

namespace hypernat::control {
namespace {

constexpr int kBeatsOfLiveHost = 3;

}  // namespace

WorkerHosts::WorkerHosts(const Parts& parts) : parts_(parts) {
  const auto now = parts_.clock.wall();
  for (const auto& host : list_worker_hosts(parts_.database)) last_seen_[host.name] = now;
}

WorkerHost WorkerHosts::renew(WorkerHost host) {
  std::vector<Ipv4Prefix> taken;
  for (const auto& other : list_worker_hosts(parts_.database)) {
    taken.push_back(other.block);
    if (other.name != host.name && other.address == host.address)
      throw conflict("Address: found " + to_string(host.address) + ", which is that of worker host " + other.name +
                     "; expected one of its own");
  }
  const auto before = find_worker_host(parts_.database, host.name);
  if (before) {
    host.block = before->block;
  } else {
    const auto block = lowest_free_block(parts_.settings.lambda_vpc, parts_.settings.worker_host_block, taken);
    if (!block)
      throw conflict("No block of " + std::to_string(parts_.settings.worker_host_block) + " bits is left in " +
                     to_string(parts_.settings.lambda_vpc) + " for worker host " + host.name);
    host.block = *block;
  }
  if (before != host) {
    put(parts_.database, host);
    parts_.journal.note("worker host " + host.name + " at " + to_string(host.address) + ", zone " + host.zone +
                        ", has " + to_string(host.block));
  }
  last_seen_[host.name] = parts_.clock.wall();
  return host;
}

bool WorkerHosts::is_live(const std::string& name) const {
  const auto seen = last_seen_.find(name);
  return seen != last_seen_.end() &&
         std::chrono::abs(parts_.clock.wall() - seen->second) < kBeatsOfLiveHost * parts_.settings.worker_host_beat;
}

std::vector<WorkerHost> WorkerHosts::live() const {
  std::vector<WorkerHost> hosts;
  for (auto& host : list_worker_hosts(parts_.database))
    if (is_live(host.name)) hosts.push_back(std::move(host));
  return hosts;
}

}  // namespace hypernat::control
