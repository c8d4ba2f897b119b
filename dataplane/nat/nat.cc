#include "dataplane/nat/nat.h"

#include <algorithm>
#include <bitset>
#include <cassert>
#include <new>
#include <string>

#include "dataplane/flow/memory_node.h"
#include "dataplane/nat/nat_state.h"
#include "dataplane/nat/tcp_state.h"

namespace hypernat::dataplane {
namespace {

// Bounds of what one call of `maintain` does.
constexpr std::uint32_t kTimerSteps = 128;  // two for each packet of a full burst, were they all to open flows
constexpr std::uint32_t kSweepSteps = 256;
constexpr std::uint32_t kSweepClosings = 32;  // each takes as long as some packets
constexpr std::uint32_t kRemoteSteps = 1024;  // once a tick

std::uint16_t smallest_of(std::span<const AttachmentSize> attachments) {
  std::uint16_t smallest = 0xffff;
  for (const AttachmentSize& attachment : attachments) smallest = std::min(smallest, attachment.mtu);
  return smallest;
}

}  // namespace

Nat::State::State(const Options& given, const Home& its_home, Neighbours& its_neighbours, TenantUsage& its_usage)
    : options(given),
      home(its_home),
      neighbours(its_neighbours),
      usage(its_usage),
      smallest_mtu(smallest_of(given.attachments)),
      hash(given.secret.hash),
      remote_use(hash),
      redirects(hash) {
  // A worker that is alone has nobody to pass anything to.
  options.redirects = its_home.workers() == 1 ? 0 : std::min(given.redirects, RedirectTicket::kMostNumbers);
}

bool Nat::State::allocate() {
  const std::string name_of_redirects = std::string(options.name) + "r";
  if (!flows.allocate(options.flows) || !table.allocate({.name = options.name, .numa_node = options.numa_node}) ||
      !wheel.allocate() || !interface_counters.allocate(options.interface_slots) ||
      !tenant_counters.allocate(options.tenant_slots) || !allowances.allocate(options.tenant_slots) ||
      !under_flow_limit.allocate(options.tenant_slots) || !packet_allowances.allocate(options.tenant_slots) ||
      !bitmaps.allocate(std::max(1U, options.port_bitmaps)) ||
      !remote_use.allocate(options.flows, {interface_counters.data(), interface_counters.size()}) ||
      !redirects.allocate({.name = name_of_redirects.c_str(),
                           .capacity = options.redirects,
                           .tenants = options.tenant_slots,
                           .numa_node = options.numa_node}) ||
      !reports.allocate(home.workers(), options.redirects)) {
    return false;
  }
  ports.reset(new (std::nothrow) PortChoice({.home = home,
                                             .table = table,
                                             .use = remote_use,
                                             .bitmaps = bitmaps,
                                             .hash = hash,
                                             .random = SecretRandom(options.secret.random, options.worker),
                                             .worker = options.worker}));
  for (std::size_t slot = 0; slot < allowances.size(); ++slot) allowances[slot] = full_allowances();
  sweep_cursor = flows.capacity();
  redirect_sweep_cursor = redirects.capacity();
  return ports != nullptr;
}

Nat::Nat(std::unique_ptr<State> state) : state_(std::move(state)) {}
Nat::~Nat() = default;

std::unique_ptr<Nat> Nat::create(const Options& options, const Home& home, Neighbours& neighbours,
                                 TenantUsage& tenants) {
  const MemoryNode node(options.numa_node);
  std::unique_ptr<State> state(new (std::nothrow) State(options, home, neighbours, tenants));
  if (!state || !state->allocate()) return nullptr;
  return std::unique_ptr<Nat>(new (std::nothrow) Nat(std::move(state)));
}

void Nat::switch_tables(const Tables& tables) {
  State& state = *state_;
  state.tables = &tables;
  state.redirects.limit_tenants_to(tables.several_tenants ? state.options.redirects_per_tenant : 0);
  for (std::uint32_t slot = 0; slot < state.options.tenant_slots; ++slot) state.follow_flow_limit(slot);
  for (const std::uint32_t slot : tables.new_tenants) {
    state.tenant_counters[slot].reset();
    state.allowances[slot] = state.full_allowances();
  }
  for (const std::uint32_t slot : tables.new_interfaces) {
    state.interface_counters[slot].reset();
    state.remote_use.forget(slot);
  }
  if (tables.sweep_needed) state.sweep_cursor = state.redirect_sweep_cursor = 0;
}

bool Nat::swept() const {
  return state_->sweep_cursor == state_->flows.capacity() &&
         state_->redirect_sweep_cursor == state_->redirects.capacity();
}

void Nat::translate(std::span<Packet* const> packets, Tick now) {
  assert(packets.size() <= kMaxBurst);
  State::Burst burst;
  burst.now = now;
  state_->in_hand = packets;
  // While some are forwarded, memory brings the flows of the next.
  std::array<State::Group, 2> groups;
  std::size_t turn = 0;
  for (std::size_t from = 0; from < packets.size() + State::kGroup; from += State::kGroup) {
    state_->take_in(groups[turn], packets.subspan(std::min(from, packets.size())), burst);
    turn ^= 1;
    state_->forward_hinted(groups[turn], burst);
  }
  if (burst.forwarded == packets.size()) return;
  state_->find_flows(burst);
  if (!swept()) state_->forget_stale_flows(burst);
  if (burst.found < burst.size || burst.any_passed_on) state_->open_flows(burst);
  // An opening may have come before an error about its flow: behind the openings nothing is missed.
  for (std::size_t i = 0; i < burst.error_count; ++i) state_->carry_error(*burst.errors[i]);
  state_->rewrite(burst);
  state_->settle_drops(packets);
}

// What no flow may carry, and no packet may do whether it has one or not.
bool Nat::State::judge_segment(Packet& packet, Tick now) {
  if (packet.ip->ttl <= 1) {
    expire(packet, now);
    return false;
  }
  if (packet.fragment == Fragment::kLater) return true;  // its first fragment was judged
  if (packet.protocol == Protocol::kTcp && !legal_tcp_flags(packet.tcp_flags)) {
    drop_packet(packet, Drop::bad_tcp_flags);
    return false;
  }
  if (packet.protocol == Protocol::kIcmp &&
      packet.l4[0] != (packet.side == Side::kInside ? kIcmpEchoRequest : kIcmpEchoReply)) {
    drop_packet(packet, Drop::no_flow);
    return false;
  }
  return true;
}

FlowKey Nat::State::key_of(const Packet& packet) const {
  const bool echo = packet.protocol == Protocol::kIcmp;
  return packet.side == Side::kInside
             ? outbound_key(tables->mapping_numbers[packet.slot], {.protocol = packet.protocol,
                                                                   .local = packet.src,
                                                                   .local_port = packet.src_port,
                                                                   .remote = packet.dst,
                                                                   .remote_port = echo ? L4Port{} : packet.dst_port})
             : inbound_key(tables->subnet_numbers[packet.slot], {.protocol = packet.protocol,
                                                                 .local = packet.dst,
                                                                 .local_port = packet.dst_port,
                                                                 .remote = packet.src,
                                                                 .remote_port = echo ? L4Port{} : packet.src_port});
}

inline void Nat::State::set_key(Packet& packet) const {
  const FlowKey key = key_of(packet);
  const std::uint32_t signature = hash(key);
  table.fetch(signature);
  packet.key = key;
  packet.signature = signature;
}

[[gnu::flatten]] void Nat::expect(std::span<Packet> packets) const {
  for (Packet& packet : packets) {
    if (packet.verdict == Verdict::kPending) state_->set_key(packet);
  }
}

// The first of `packets`, and what their hints name is asked for.
[[gnu::flatten]] void Nat::State::take_in(Group& group, std::span<Packet* const> packets, Burst& burst) {
  std::size_t size = 0;
  bool any_passed_on = burst.any_passed_on;
  for (Packet* const packet : packets.first(std::min(packets.size(), kGroup))) {
    if (packet->content == Content::kError) {
      burst.errors[burst.error_count++] = packet;
      continue;
    }
    if (!judge_segment(*packet, burst.now)) continue;
    if (packet->signature == 0) set_key(*packet);  // none yet, or one that is made again
    any_passed_on |= packet->pass.kind != PassKind::kAtHome;
    const std::uint32_t number = table.hint(packet->signature);
    if (number != kNone) flows.fetch(number);
    group.hints[size] = number;
    group.packets[size++] = packet;
  }
  group.size = size;
  burst.any_passed_on = any_passed_on;
}

void Nat::State::find_flows(Burst& burst) const {
  const std::size_t size = burst.size;
  std::array<const FlowKey*, kMaxBurst> keys;
  std::array<std::uint32_t, kMaxBurst> signatures;
  std::array<std::uint32_t, kMaxBurst> numbers;
  for (std::size_t i = 0; i < size; ++i) {
    keys[i] = &burst.packets[i]->key;
    signatures[i] = burst.packets[i]->signature;
  }
  table.lookup_bulk({keys.data(), size}, {signatures.data(), size}, {numbers.data(), size});
  for (std::size_t i = 0; i < size; ++i) {
    burst.packets[i]->flow = numbers[i];
    burst.found += numbers[i] != kNone ? 1 : 0;
  }
}

// While flows of what was removed are being swept, those that packets come upon are closed at once.
void Nat::State::forget_stale_flows(Burst& burst) {
  for (std::size_t i = 0; i < burst.size; ++i) {
    const std::uint32_t number = burst.packets[i]->flow;
    if (number == kNone) continue;
    // A flow that two packets of the burst belong to is free when the second asks; nothing was opened since.
    const bool closed = flows[number].state == FlowState::kFree;
    if (!closed && stands(flows[number])) continue;
    if (!closed) close(number);
    burst.packets[i]->flow = kNone;
    --burst.found;
  }
}

void Nat::State::open_flows(Burst& burst) {
  propose_ports(burst);
  // What may have been opened by an earlier packet of the burst: a signature's bit says no, or perhaps.
  std::bitset<16 * kMaxBurst> opened;
  for (std::size_t i = 0; i < burst.size; ++i) {
    Packet& packet = *burst.packets[i];
    const std::size_t bit = packet.signature % opened.size();
    if (packet.flow == kNone && opened.test(bit)) packet.flow = table.lookup(packet.key, packet.signature);
    if (packet.flow == kNone) {
      if (packet.side == Side::kOutside)
        refuse_inbound(packet);
      else if (!pass_on(packet))
        packet.fragment == Fragment::kLater ? drop_packet(packet, Drop::no_flow)
                                            : open(packet, burst.proposals[i], burst.now);
      if (packet.opened) opened.set(bit);
    }
    if (goes_round(packet.pass.kind) && packet.flow != kNone) own(packet);
  }
}

void Nat::State::settle_drops(std::span<Packet* const> packets) {
  for (Packet* packet : packets) {
    if (packet->verdict != Verdict::kDrop && packet->verdict != Verdict::kAnswered) continue;
    lose(packet->pass);
    count_drop(*packet);
  }
}

void Nat::maintain(Tick now) {
  State& state = *state_;
  std::uint32_t steps = kTimerSteps;
  for (;;) {
    const std::uint32_t number = state.wheel.next_due(state.flows, now, steps);
    if (number == kNone) break;
    const Flow& flow = state.flows[number];
    if (now - flow.last_seen >= state.timeout_of(flow, state.flows.cold(number)))
      state.free_flow(number);
    else
      state.arm(number, now);
  }
  const std::uint32_t sweep_end = std::min(state.sweep_cursor + kSweepSteps, state.flows.capacity());
  for (std::uint32_t closings = kSweepClosings; state.sweep_cursor < sweep_end && closings > 0; ++state.sweep_cursor) {
    const Flow& flow = state.flows[state.sweep_cursor];
    if (flow.state == FlowState::kFree || state.stands(flow)) continue;
    state.close(state.sweep_cursor);
    --closings;
  }
  state.sweep_redirects(kSweepSteps);
  if (now != state.remotes_looked_at) {
    state.remote_use.refresh(kRemoteSteps);
    state.remotes_looked_at = now;
  }
}

std::uint32_t Nat::open_flows() const {
  return state_->flows.in_use();
}

std::uint32_t Nat::remotes() const {
  return state_->remote_use.size();
}

std::uint32_t Nat::port_bitmaps() const {
  return state_->bitmaps.in_use();
}

std::span<const InterfaceCounters> Nat::interface_counters() const {
  return {state_->interface_counters.data(), state_->interface_counters.size()};
}

std::span<const TenantCounters> Nat::tenant_counters() const {
  return {state_->tenant_counters.data(), state_->tenant_counters.size()};
}

}  // namespace hypernat::dataplane
