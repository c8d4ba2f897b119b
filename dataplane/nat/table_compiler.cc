#include "dataplane/nat/table_compiler.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "dataplane/nat/routes.h"
#include "dataplane/nat/rules.h"

namespace hypernat::dataplane {
namespace {

// Which slot each object has. Objects are known by an identity that no other object ever has; one whose identity
// changes is another object.
template <class Identity>
class Slots {
 public:
  Slots(std::string kind, std::uint32_t limit) : kind_(std::move(kind)), limit_(limit) {}

  // The slots of the next generation: kept where the object stands, lowest free ones for what is new.
  struct Assignment {
    std::map<Identity, std::uint32_t> slots;
    std::vector<std::uint32_t> added;
    std::vector<std::uint32_t> freed;
    std::vector<std::uint32_t> available;  // what stays of the free slots, highest first
    std::uint32_t used_up = 0;             // slots below it were given away at least once
  };

  Assignment assign(const std::vector<Identity>& identities) const {
    Assignment next{.slots = {}, .added = {}, .freed = {}, .available = available_, .used_up = used_up_};
    for (const Identity& identity : identities) {
      const auto known = slots_.find(identity);
      if (known != slots_.end()) {
        next.slots.emplace(identity, known->second);
        continue;
      }
      if (next.available.empty() && next.used_up == limit_) throw config::TableError(full());
      const std::uint32_t slot = next.available.empty() ? next.used_up++ : next.available.back();
      if (!next.available.empty()) next.available.pop_back();
      next.slots.emplace(identity, slot);
      next.added.push_back(slot);
    }
    for (const auto& [identity, slot] : slots_)
      if (!next.slots.contains(identity)) next.freed.push_back(slot);
    return next;
  }

  void adopt(Assignment&& next) {
    slots_ = std::move(next.slots);
    available_ = std::move(next.available);
    used_up_ = next.used_up;
    waiting_.insert(waiting_.end(), next.freed.begin(), next.freed.end());
  }

  void reclaim() {
    available_.insert(available_.end(), waiting_.begin(), waiting_.end());
    waiting_.clear();
    std::sort(available_.begin(), available_.end(), std::greater<>());
  }

  bool waiting() const { return !waiting_.empty(); }

 private:
  std::string full() const {
    std::string text = kind_ + ": no slot is left of " + std::to_string(limit_);
    if (!waiting_.empty()) text += ", of which " + std::to_string(waiting_.size()) + " are still being swept";
    return text + "; expected a higher limit in the data plane's configuration";
  }

  std::string kind_;
  std::uint32_t limit_;
  std::map<Identity, std::uint32_t> slots_;
  std::vector<std::uint32_t> available_;
  std::vector<std::uint32_t> waiting_;  // freed, but flows may still hold them
  std::uint32_t used_up_ = 0;
};

// Objects of equal content are one object, for as long as anybody holds it.
template <class Content, class Compiled>
class Shared {
 public:
  std::shared_ptr<const Compiled> get(const Content& content) {
    std::vector<std::uint64_t> key = words_of(content);
    auto& known = known_[std::move(key)];
    auto object = known.lock();
    if (!object) known = object = std::make_shared<const Compiled>(content);
    return object;
  }
  void forget_unused() {
    std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
  }

 private:
  static std::uint64_t word_of(const Ipv4Prefix& prefix) {
    return std::uint64_t{prefix.address.host()} << 8 | prefix.length;
  }
  static std::vector<std::uint64_t> words_of(const config::RouteSet& set) {
    std::vector<std::uint64_t> words;
    for (const config::Route& route : set.routes)
      words.push_back(word_of(route.prefix) << 8 | static_cast<std::uint8_t>(route.target));
    return words;
  }
  static std::vector<std::uint64_t> words_of(const config::RuleSet& set) {
    std::vector<std::uint64_t> words;
    for (const config::EgressRule& rule : set.rules) {
      words.push_back(word_of(rule.destination));
      words.push_back(std::uint64_t{static_cast<std::uint16_t>(rule.protocol)} << 32 |
                      std::uint64_t{rule.first_port} << 16 | rule.last_port);
    }
    return words;
  }

  std::map<std::vector<std::uint64_t>, std::weak_ptr<const Compiled>> known_;
};

using MappingIdentity = std::tuple<std::uint64_t, std::uint32_t, std::uint32_t>;    // uid, number, subnet number
using InterfaceIdentity = std::tuple<std::uint64_t, std::uint64_t, std::uint32_t>;  // mapping uid, uid, address

MappingIdentity identity_of(const config::Table& table, const config::Mapping& mapping) {
  return {mapping.uid, to_number(mapping.number), to_number(table.subnets[mapping.subnet].number)};
}
InterfaceIdentity identity_of(const config::Mapping& mapping, const config::Interface& interface) {
  return {mapping.uid, interface.uid, interface.address.host()};
}

FlowTimeouts to_ticks(const config::TenantTimeouts& timeouts) {
  const auto ticks = [](std::chrono::milliseconds duration) { return static_cast<Tick>(duration.count()); };
  return {.tcp_opening = ticks(timeouts.tcp_opening),
          .tcp_established = ticks(timeouts.tcp_established),
          .tcp_closing = ticks(timeouts.tcp_closing),
          .udp = ticks(timeouts.udp),
          .icmp = ticks(timeouts.icmp)};
}

template <class Entries>
auto& entry_at(Entries& entries, std::uint32_t slot) {
  if (entries.size() <= slot) entries.resize(slot + 1);
  return entries[slot];
}

}  // namespace

struct TableCompiler::State {
  explicit State(Options given)
      : options(std::move(given)),
        tenants("tenants", options.tenants),
        subnets("subnets", options.subnets),
        mappings("mappings", options.mappings),
        interfaces("interfaces", options.interfaces) {}

  Options options;
  Slots<std::uint32_t> tenants;  // by number
  Slots<std::uint32_t> subnets;  // by number
  Slots<MappingIdentity> mappings;
  Slots<InterfaceIdentity> interfaces;
  Shared<config::RouteSet, CompiledRoutes> routes;
  Shared<config::RuleSet, CompiledRules> rules;

  // Slots of one generation, while it is compiled.
  struct Draft {
    Slots<std::uint32_t>::Assignment tenants;
    Slots<std::uint32_t>::Assignment subnets;
    Slots<MappingIdentity>::Assignment mappings;
    Slots<InterfaceIdentity>::Assignment interfaces;
  };

  Draft assign(const config::Table& table) const;
  std::uint8_t attachment_of(const config::Subnet& subnet) const;
  void fill_tenants(Tables& tables, const config::Table& table, const Draft& draft) const;
  void fill_subnets(Tables& tables, const config::Table& table, const Draft& draft);
  void fill_mappings(Tables& tables, const config::Table& table, const Draft& draft);
};

TableCompiler::State::Draft TableCompiler::State::assign(const config::Table& table) const {
  std::vector<std::uint32_t> tenant_numbers;
  std::vector<std::uint32_t> subnet_numbers;
  std::vector<MappingIdentity> mapping_identities;
  std::vector<InterfaceIdentity> interface_identities;
  for (const auto& tenant : table.tenants) tenant_numbers.push_back(tenant.number);
  for (const auto& subnet : table.subnets) subnet_numbers.push_back(to_number(subnet.number));
  for (const auto& mapping : table.mappings) {
    mapping_identities.push_back(identity_of(table, mapping));
    for (const auto& interface : mapping.interfaces) interface_identities.push_back(identity_of(mapping, interface));
  }
  return {.tenants = tenants.assign(tenant_numbers),
          .subnets = subnets.assign(subnet_numbers),
          .mappings = mappings.assign(mapping_identities),
          .interfaces = interfaces.assign(interface_identities)};
}

std::uint8_t TableCompiler::State::attachment_of(const config::Subnet& subnet) const {
  const auto& names = options.outside_attachments;
  const auto at = std::find(names.begin(), names.end(), subnet.segment.attachment);
  if (at == names.end()) {
    throw config::TableError("subnet " + subnet.id + ": attachment \"" + subnet.segment.attachment +
                             "\" is no outside attachment of this data plane");
  }
  return options.attachment_indices[static_cast<std::size_t>(at - names.begin())];
}

void TableCompiler::State::fill_tenants(Tables& tables, const config::Table& table, const Draft& draft) const {
  tables.several_tenants = table.tenants.size() > 1;
  for (const auto& tenant : table.tenants) {
    entry_at(tables.tenants, draft.tenants.slots.at(tenant.number)) = {.account = tenant.account,
                                                                       .number = tenant.number,
                                                                       .limits = tenant.limits,
                                                                       .timeouts = to_ticks(tenant.timeouts),
                                                                       .in_use = true};
    tables.any_packet_limit |= tenant.limits.packets_per_second != 0;
  }
}

void TableCompiler::State::fill_subnets(Tables& tables, const config::Table& table, const Draft& draft) {
  for (const auto& subnet : table.subnets) {
    const std::uint32_t slot = draft.subnets.slots.at(to_number(subnet.number));
    const std::uint8_t attachment = attachment_of(subnet);
    entry_at(tables.subnets, slot) = {
        .number = subnet.number,
        .tenant = draft.tenants.slots.at(table.tenants[subnet.tenant].number),
        .attachment = attachment,
        .in_use = true,
        .segment_id = subnet.segment.id,
        .prefix = subnet.prefix,
        .router = subnet.router,
        .vteps = subnet.vteps,
        .routes = routes.get(table.route_sets[subnet.route_set]),
        .id = subnet.id,
    };
    entry_at(tables.subnet_numbers, slot) = subnet.number;
    entry_at(tables.first_vteps, slot) = subnet.vteps.empty() ? Ipv4Address{} : subnet.vteps.front();
    tables.subnet_by_number.set(to_number(subnet.number), slot);
    if (tables.subnet_by_segment.size() <= attachment) tables.subnet_by_segment.resize(attachment + std::size_t{1});
    tables.subnet_by_segment[attachment].set(subnet.segment.id, slot);
  }
  tables.first_interfaces_.resize(tables.subnets.size(), Tables::kMissing);
}

void TableCompiler::State::fill_mappings(Tables& tables, const config::Table& table, const Draft& draft) {
  std::size_t count = 0;
  for (const auto& mapping : table.mappings) count += mapping.interfaces.size();
  tables.interface_by_address.reserve(count);
  for (const auto& mapping : table.mappings) {
    const std::uint32_t slot = draft.mappings.slots.at(identity_of(table, mapping));
    const std::uint32_t subnet_slot = draft.subnets.slots.at(to_number(table.subnets[mapping.subnet].number));
    const SubnetEntry& subnet = tables.subnets[subnet_slot];
    MappingEntry entry{.uid = mapping.uid,
                       .number = mapping.number,
                       .tenant = draft.tenants.slots.at(table.tenants[mapping.tenant].number),
                       .subnet = subnet_slot,
                       .interfaces = {},
                       .rules = rules.get(table.rule_sets[mapping.rule_set])};
    for (const auto& interface : mapping.interfaces) {
      const std::uint32_t interface_slot = draft.interfaces.slots.at(identity_of(mapping, interface));
      entry_at(tables.interfaces, interface_slot) = {.uid = interface.uid,
                                                     .mapping = slot,
                                                     .subnet = subnet_slot,
                                                     .tenant = entry.tenant,
                                                     .segment_id = subnet.segment_id,
                                                     .address = interface.address,
                                                     .mac = interface.mac,
                                                     .attachment = subnet.attachment,
                                                     .id = interface.id};
      entry_at(tables.interface_egress, interface_slot) = {.segment_id = subnet.segment_id,
                                                           .tenant = entry.tenant,
                                                           .mac = interface.mac,
                                                           .attachment = subnet.attachment};
      if (!interface.drains) entry.interfaces.push_back(interface_slot);
      tables.interface_by_address.add(subnet_slot, interface.address, interface_slot, interface.mac);
      std::uint32_t& first = tables.first_interfaces_[subnet_slot];
      if (first == Tables::kMissing || interface.address < tables.interfaces[first].address) first = interface_slot;
    }
    entry_at(tables.mapping_numbers, slot) = mapping.number;
    entry_at(tables.mapping_tenants, slot) = entry.tenant;
    tables.mapping_by_number.set(to_number(mapping.number), slot);
    entry_at(tables.mappings, slot) = std::move(entry);
  }
}

TableCompiler::TableCompiler(Options options) : state_(std::make_unique<State>(std::move(options))) {}
TableCompiler::~TableCompiler() = default;

std::shared_ptr<const Tables> TableCompiler::compile(const config::Table& table, std::string sha256) {
  State& state = *state_;
  State::Draft draft = state.assign(table);

  auto tables = std::make_shared<Tables>();
  tables->epoch = table.epoch;
  tables->generation = table.generation;
  tables->sha256 = std::move(sha256);
  tables->peers = table.peers;
  std::sort(tables->peers.begin(), tables->peers.end(),
            [](const config::TunnelPeer& a, const config::TunnelPeer& b) { return a.address < b.address; });
  state.fill_tenants(*tables, table, draft);
  state.fill_subnets(*tables, table, draft);
  state.fill_mappings(*tables, table, draft);
  tables->new_tenants = draft.tenants.added;
  tables->new_interfaces = draft.interfaces.added;

  // From here on nothing fails.
  state.tenants.adopt(std::move(draft.tenants));
  state.subnets.adopt(std::move(draft.subnets));
  state.mappings.adopt(std::move(draft.mappings));
  state.interfaces.adopt(std::move(draft.interfaces));
  tables->sweep_needed = state.mappings.waiting() || state.interfaces.waiting();
  state.routes.forget_unused();
  state.rules.forget_unused();
  return tables;
}

void TableCompiler::reclaim() {
  state_->tenants.reclaim();
  state_->subnets.reclaim();
  state_->mappings.reclaim();
  state_->interfaces.reclaim();
}

}  // namespace hypernat::dataplane
