#include "control/workerhost/steering.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "control/workerhost/unique_fd.h"

namespace hypernat::workerhost {

extern const unsigned char steering_object[];
extern const std::size_t steering_object_size;

namespace {

/// What libbpf has to say while loading; shown only when loading fails.
std::string load_log;

__attribute__((format(printf, 2, 0))) int keep_log(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  char line[4096];
  const int size = std::vsnprintf(line, sizeof(line), format, arguments);
  if (size > 0) load_log += line;
  return size;
}

[[noreturn]] void fail(const std::string& what, int error) {
  throw std::runtime_error("cannot " + what + ": " + std::strerror(error < 0 ? -error : errno) +
                           (load_log.empty() ? "" : "\n" + load_log));
}

bpf_map* find_map(bpf_object* object, const char* name) {
  bpf_map* map = bpf_object__find_map_by_name(object, name);
  if (map == nullptr) fail(std::string("find the BPF map ") + name, -ENOENT);
  return map;
}

int find_program(bpf_object* object, const char* name) {
  bpf_program* program = bpf_object__find_program_by_name(object, name);
  if (program == nullptr) fail(std::string("find the BPF program ") + name, -ENOENT);
  return bpf_program__fd(program);
}

steering_host host_constants(const SteeringConfig& config) {
  steering_host host{};
  host.dataplane = config.dataplane.host();
  host.underlay = config.underlay.host();
  host.vxlan_ifindex = config.vxlan_ifindex;
  std::memcpy(host.gateway_mac, config.gateway_mac.bytes.data(), sizeof(host.gateway_mac));
  host.tunnel_ttl = 64;
  return host;
}

/// The object file's read-only data holds one constant: steering_host.
void set_constants(bpf_object* object, const steering_host& host) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (std::string_view(bpf_map__name(map)).ends_with(".rodata")) {
      if (const int error = bpf_map__set_initial_value(map, &host, sizeof(host)))
        fail("set the BPF programs' constants", error);
      return;
    }
  }
  fail("find the BPF programs' constants", -ENOENT);
}

}  // namespace

std::string_view steering_count_name(std::size_t count) {
  static constexpr std::array<std::string_view, STEERING_COUNTS> kNames = {
      "outbound_sent",           "inbound_sent",
      "outbound_unattached",     "outbound_not_ipv4",
      "outbound_truncated",      "outbound_mac_address",
      "outbound_source_address", "outbound_destination_address",
      "outbound_tunnel",         "inbound_not_the_dataplane",
      "inbound_not_ipv4",        "inbound_truncated",
      "inbound_no_such_slot",    "inbound_other_mapping",
      "inbound_mac_address",
  };
  return kNames.at(count);
}

void Steering::Close::operator()(bpf_object* object) const {
  bpf_object__close(object);
}

Steering::Steering(const SteeringConfig& config) {
  load_log.clear();
  libbpf_set_print(keep_log);
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.object_name = "steering";
  object_.reset(bpf_object__open_mem(steering_object, steering_object_size, &options));
  if (!object_) fail("open the BPF programs", -errno);
  set_constants(object_.get(), host_constants(config));
  for (const char* name : {"slots_by_device", "slots_by_address"})
    if (const int error = bpf_map__set_max_entries(find_map(object_.get(), name), config.slots))
      fail(std::string("size the BPF map ") + name, error);
  if (const int error = bpf_object__load(object_.get())) fail("load the BPF programs", error);
  from_slot_ = find_program(object_.get(), "from_slot");
  from_tunnel_ = find_program(object_.get(), "from_tunnel");
  by_device_ = bpf_map__fd(find_map(object_.get(), "slots_by_device"));
  by_address_ = bpf_map__fd(find_map(object_.get(), "slots_by_address"));
  counters_ = bpf_map__fd(find_map(object_.get(), "counters"));
}

Steering::~Steering() = default;

void Steering::attach(const SteeringSlot& slot, MappingNumber mapping) {
  steering_slot entry{};
  entry.address = slot.address.network();
  entry.mapping = to_number(mapping);
  entry.ifindex = slot.ifindex;
  std::memcpy(entry.mac, slot.mac.bytes.data(), sizeof(entry.mac));
  const auto what = "attaching " + to_string(slot.address) + " to mapping " + std::to_string(to_number(mapping));
  checked(bpf_map_update_elem(by_address_, &entry.address, &entry, BPF_ANY), what);
  if (bpf_map_update_elem(by_device_, &entry.ifindex, &entry, BPF_ANY) < 0) {
    const int error = errno;
    bpf_map_delete_elem(by_address_, &entry.address);
    errno = error;
    throw_errno(what);
  }
}

void Steering::detach(const SteeringSlot& slot) {
  const std::uint32_t address = slot.address.network();
  for (const int result : {bpf_map_delete_elem(by_device_, &slot.ifindex), bpf_map_delete_elem(by_address_, &address)})
    if (result < 0 && errno != ENOENT) throw_errno("detaching " + to_string(slot.address));
}

std::size_t Steering::entries() const {
  std::size_t count = 0;
  for (const int map : {by_device_, by_address_}) {
    std::uint32_t key = 0;
    const std::uint32_t* previous = nullptr;
    for (; bpf_map_get_next_key(map, previous, &key) == 0; previous = &key) ++count;
    if (errno != ENOENT) throw_errno("counting the slots that are attached");
  }
  return count;
}

SteeringCounts Steering::counts() const {
  const int cpus = checked(libbpf_num_possible_cpus(), "counting the CPUs");
  std::vector<std::uint64_t> of_cpus(static_cast<std::size_t>(cpus));
  SteeringCounts counts{};
  for (std::uint32_t which = 0; which < counts.size(); ++which) {
    checked(bpf_map_lookup_elem(counters_, &which, of_cpus.data()), "reading the BPF programs' counters");
    for (const std::uint64_t count : of_cpus) counts[which] += count;
  }
  return counts;
}

}  // namespace hypernat::workerhost
