// Telemetry: the packet account, drops, ports, and the counters of interfaces, tenants and mappings.
#include <cerrno>

#include "dataplane/telemetry/telemetry.h"

namespace hypernat::dataplane {
namespace {

constexpr std::size_t kAllWorkers = ~std::size_t{0};

const char* name_of(HashTrust trust) {
  switch (trust) {
    case HashTrust::kUnused:
      return "unused";
    case HashTrust::kComparing:
      return "comparing";
    case HashTrust::kTrusted:
      return "trusted";
    case HashTrust::kDistrusted:
      return "distrusted";
  }
  return "";
}

// -1: on none, as a worker is while it moves.
int lcore_number(unsigned lcore) {
  return lcore == kNoLcore ? -1 : static_cast<int>(lcore);
}

// Entries of `all` that are in use, those of the page asked for.
template <typename Entries, typename InUse, typename Add>
void add_page(const char* parameter, Answer& answer, const Entries& all, InUse&& in_use, Add&& add) {
  std::size_t skip = number_in(parameter, 0) * Answer::kPage;
  for (std::size_t slot = 0; slot < all.size() && !answer.full(); ++slot) {
    if (!in_use(all[slot])) continue;
    if (skip > 0) {
      --skip;
      continue;
    }
    answer.entry([&](Answer& entry) { add(entry, slot); });
  }
}

}  // namespace

// Without asking the workers, so that one that is stuck is seen, too.
int Telemetry::workers(const char* parameter, Answer& answer) {
  add_page(
      parameter, answer, dataplane_.workers(), [](const auto&) { return true; },
      [&](Answer& entry, std::size_t number) {
        const Worker& worker = *dataplane_.workers()[number];
        const Tick round = worker.last_round();
        entry.add("worker", number)
            .add_signed("lcore", lcore_number(dataplane_.crew().lcore_of(worker.number())))
            .add_signed("wanted_lcore", lcore_number(dataplane_.crew().wanted_lcore_of(worker.number())))
            .add("milliseconds_since_round", dataplane_.clock().now() - round);
      });
  return 0;
}

int Telemetry::account(const char* parameter, Answer& answer) {
  const std::size_t wanted = number_in(parameter, kAllWorkers);
  if (wanted != kAllWorkers && wanted >= dataplane_.workers().size()) return -ENOENT;
  AccountView sum;
  for (const auto& worker : dataplane_.workers()) {
    if (wanted != kAllWorkers && wanted != worker->number()) continue;
    const Mailbox::Answer* part = ask(*worker, Mailbox::Question::kAccount, 0);
    if (part == nullptr) return -ETIMEDOUT;
    sum += part->account;
  }
  if (wanted == kAllWorkers) {
    answer.add_numbers("workers", dataplane_.workers().size());
  } else {
    answer.add_signed("lcore", lcore_number(dataplane_.crew().lcore_of(static_cast<std::uint16_t>(wanted))));
  }
  answer.add("received", sum.received)
      .add("taken_over", sum.taken_over)
      .add("originated", sum.originated)
      .add("sent", sum.sent)
      .add("handed_over", sum.handed_over)
      .add("dropped", sum.dropped_total())
      .add("consumed", sum.consumed)
      .add("held", sum.held)
      .add_signed("balance", sum.balance());
  return 0;
}

int Telemetry::drops(const char* parameter, Answer& answer) {
  const std::size_t wanted = number_in(parameter, kAllWorkers);
  if (wanted != kAllWorkers && wanted >= dataplane_.workers().size()) return -ENOENT;
  AccountView sum;
  for (const auto& worker : dataplane_.workers()) {
    if (wanted == kAllWorkers || wanted == worker->number()) sum += worker->account().read();
  }
  for (std::size_t reason = 0; reason < kDropReasons; ++reason) {
    answer.add(std::string(kDropTexts[reason].name).c_str(), sum.dropped[reason]);
  }
  return 0;
}

int Telemetry::ports(const char* parameter, Answer& answer) {
  add_page(
      parameter, answer, dataplane_.ports(), [](const auto&) { return true; },
      [&](Answer& entry, std::size_t index) {
        const Port& port = *dataplane_.ports()[index];
        HashTrust trust = HashTrust::kUnused;  // the worst of what the workers say
        for (const auto& worker : dataplane_.workers()) {
          const HashTrust one = worker->device_hash(static_cast<std::uint16_t>(index)).trust();
          if (static_cast<int>(one) > static_cast<int>(trust)) trust = one;
        }
        entry.add("name", port.name())
            .add("driver", port.driver())
            .add("mac", to_string(port.mac()))
            .add("link", port.link_up() ? "up" : "down")
            .add("rx_queues", port.rx_queues())
            .add("tx_queues", port.tx_queues())
            .add("device_hash", name_of(trust));
      });
  return 0;
}

int Telemetry::interfaces(const char* parameter, Answer& answer) {
  const auto tables = dataplane_.tables().current();
  const auto in_use = [](const InterfaceEntry& entry) { return entry.uid != 0; };
  add_page(parameter, answer, tables->interfaces, in_use, [&](Answer& entry, std::size_t slot) {
    const InterfaceEntry& interface = tables->interfaces[slot];
    const auto sum = [&](Counter InterfaceCounters::*counter) {
      std::uint64_t total = 0;
      for (const auto& worker : dataplane_.workers())
        total += (worker->nat().interface_counters()[slot].*counter).read();
      return total;
    };
    entry.add("id", interface.id)
        .add("address", to_string(interface.address))
        .add("mac", to_string(interface.mac))
        .add("mapping", to_number(tables->mapping_numbers[interface.mapping]))
        .add("subnet", tables->subnets[interface.subnet].id)
        .add("account", tables->tenants[interface.tenant].account)
        .add("outbound_packets", sum(&InterfaceCounters::outbound_packets))
        .add("outbound_bytes", sum(&InterfaceCounters::outbound_bytes))
        .add("inbound_packets", sum(&InterfaceCounters::inbound_packets))
        .add("inbound_bytes", sum(&InterfaceCounters::inbound_bytes))
        .add("flows_open", sum(&InterfaceCounters::flows_open))
        .add("flows_opened", sum(&InterfaceCounters::flows_opened))
        .add("fullest_remote", sum(&InterfaceCounters::fullest_remote))
        .add("ports_exhausted", sum(&InterfaceCounters::ports_exhausted));
  });
  return 0;
}

int Telemetry::tenants(const char* parameter, Answer& answer) {
  const auto tables = dataplane_.tables().current();
  const auto in_use = [](const TenantEntry& entry) { return entry.in_use; };
  add_page(parameter, answer, tables->tenants, in_use, [&](Answer& entry, std::size_t slot) {
    const auto sum = [&](Counter TenantCounters::*counter) {
      std::uint64_t total = 0;
      for (const auto& worker : dataplane_.workers()) total += (worker->nat().tenant_counters()[slot].*counter).read();
      return total;
    };
    entry.add("account", tables->tenants[slot].account)
        .add("flow_limit", tables->tenants[slot].limits.flows)
        .add("new_flow_limit", tables->tenants[slot].limits.new_flows_per_second)
        .add("packet_limit", tables->tenants[slot].limits.packets_per_second)
        .add("flows_open", sum(&TenantCounters::flows_open))
        .add("flows_opened", sum(&TenantCounters::flows_opened))
        .add("drops", sum(&TenantCounters::drops))
        .add("undelivered", sum(&TenantCounters::undelivered))
        .add("limit_reached", sum(&TenantCounters::limit_reached))
        .add("new_flow_limit_reached", sum(&TenantCounters::new_flow_limit_reached))
        .add("packet_limit_reached", sum(&TenantCounters::packet_limit_reached))
        .add("ports_exhausted", sum(&TenantCounters::ports_exhausted))
        .add("resets", sum(&TenantCounters::resets))
        .add("errors_sent", sum(&TenantCounters::errors_sent))
        .add("errors_withheld", sum(&TenantCounters::errors_withheld))
        .add("errors_carried", sum(&TenantCounters::errors_carried));
  });
  return 0;
}

int Telemetry::mappings(const char* parameter, Answer& answer) {
  const auto tables = dataplane_.tables().current();
  const auto in_use = [](const MappingEntry& entry) { return entry.uid != 0; };
  add_page(parameter, answer, tables->mappings, in_use, [&](Answer& entry, std::size_t slot) {
    const MappingEntry& mapping = tables->mappings[slot];
    entry.add("number", to_number(mapping.number))
        .add("uid", mapping.uid)
        .add("account", tables->tenants[mapping.tenant].account)
        .add("subnet", tables->subnets[mapping.subnet].id)
        .add("interfaces", mapping.interfaces.size());
  });
  return 0;
}

}  // namespace hypernat::dataplane
