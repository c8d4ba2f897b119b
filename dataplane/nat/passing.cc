// Openings for which this worker lacks a port or a flow entry, and packets whose flow another worker owns: to whom they
// are passed on.
//
// An opening goes round from its home, each worker asked once, until one has both. When none has, one of a connection
// goes round once more, from the home on, for a port that rests (resting.cc). Whoever has both owns the flow wholly;
// the home keeps a redirect and sends it the outbound packets, while replies come to the owner by their hash. Whoever
// does not find the flow that he was sent a packet of sends it home, once: the home alone decides what becomes of it.
// Rings keep their order, so what follows an opening the same way round finds the flow that it opened.
#include <algorithm>

#include "dataplane/nat/nat_state.h"

namespace hypernat::dataplane {

void Nat::State::pass_to(Packet& packet, std::uint16_t worker) {
  packet.passed_to = static_cast<std::uint8_t>(worker);
  packet.verdict = Verdict::kHandedOver;
}

std::uint16_t Nat::State::next_worker() const {
  return static_cast<std::uint16_t>(options.worker + 1U == home.workers() ? 0 : options.worker + 1U);
}

// An opening has come to a worker that lacks something for it. Its name is the ports' only when that is all that
// anybody lacks. A home whose next hops are used up asks nobody: whoever floods it with some that do not answer would
// flood all.
void Nat::State::do_without(Packet& packet, const MappingEntry& mapping, Drop lacking) {
  const bool on_its_way = goes_round(packet.pass.kind);
  if (nobody_has(lacking, mapping.tenant) || (lacking == Drop::next_hop_table_full && !on_its_way)) {
    drop_packet(packet, lacking);
    return;
  }
  if (!on_its_way || lacking != Drop::ports_exhausted) packet.pass.lacking = lacking;
  ask_next(packet, mapping);
}

// The next worker is asked, until all were, of a connection twice.
void Nat::State::ask_next(Packet& packet, const MappingEntry& mapping) {
  const bool on_its_way = goes_round(packet.pass.kind);
  const std::uint16_t asked_first = on_its_way ? packet.pass.home : options.worker;
  const std::uint16_t next = next_worker();
  if (next == asked_first && packet.pass.kind == PassKind::kOpening && packet.protocol == Protocol::kTcp) {
    packet.pass.kind = PassKind::kReclaiming;
    pass_to(packet, next);
    return;
  }
  if (next == asked_first) {
    drop_packet(packet, packet.pass.lacking);
    if (packet.drop == Drop::ports_exhausted)
      for (const std::uint32_t slot : mapping.interfaces) interface_counters[slot].ports_exhausted.add();
    return;
  }
  if (on_its_way && packet.pass.home == options.worker) {
    if (Redirect* const known = redirects.find(packet.pass.ticket)) known->state = RedirectState::kReclaiming;
  }
  if (!on_its_way) {
    const RedirectTicket ticket = redirects.add({.key = packet.key,
                                                 .signature = packet.signature,
                                                 .mapping_slot = packet.slot,
                                                 .tenant_slot = mapping.tenant,
                                                 .asked_first = static_cast<std::uint8_t>(next)});
    if (ticket.is_none()) {
      drop_packet(packet, Drop::redirect_table_full);
      return;
    }
    packet.pass = {.kind = PassKind::kOpening,
                   .lacking = packet.pass.lacking,
                   .home = static_cast<std::uint8_t>(options.worker),
                   .ticket = ticket};
  }
  pass_to(packet, next);
}

// A packet from inside that has no flow here. True when it is on its way to another worker, or dead.
bool Nat::State::pass_on(Packet& packet) {
  switch (packet.pass.kind) {
    case PassKind::kOpening:
    case PassKind::kReclaiming:
      return false;
    case PassKind::kFollowing:
      if (next_worker() == packet.pass.home)
        send_home(packet);
      else
        pass_to(packet, next_worker());
      return true;
    case PassKind::kRedirected:
      send_home(packet);
      return true;
    case PassKind::kAtHome:
    case PassKind::kReturned:
      return redirect(packet);
  }
  return false;
}

void Nat::State::send_home(Packet& packet) {
  if (packet.pass.returned_before) {
    drop_packet(packet, Drop::redirect_stale);
    return;
  }
  packet.pass.kind = PassKind::kReturned;
  packet.pass.returned_before = true;
  pass_to(packet, packet.pass.home);
}

// At home.
bool Nat::State::redirect(Packet& packet) {
  Redirect* const known = redirects.find(packet.key, packet.signature);
  if (known == nullptr) return false;
  const RedirectTicket ticket = redirects.ticket_of(*known);
  // The packet itself tells that the flow is gone, before the report does, unless the opening has gone on before it; or
  // the mapping is another one by now.
  const bool went_there = packet.pass.kind == PassKind::kReturned && packet.pass.ticket == ticket &&
                          known->state != RedirectState::kReclaiming;
  if (went_there || known->mapping_slot != packet.slot) {
    redirects.remove(*known);
    return false;
  }
  packet.pass = {.kind = known->state == RedirectState::kOwned ? PassKind::kRedirected : PassKind::kFollowing,
                 .returned_before = packet.pass.returned_before,
                 .home = static_cast<std::uint8_t>(options.worker),
                 .ticket = ticket};
  pass_to(packet, known->worker);
  return true;
}

// The flow of a passed opening is here: opened just now, or left over from a redirect that the home has no more. At
// home it needs no redirect.
void Nat::State::own(Packet& packet) {
  if (packet.pass.home == options.worker) {
    if (Redirect* const known = redirects.find(packet.pass.ticket)) redirects.remove(*known);
    packet.pass.kind = PassKind::kAtHome;
    return;
  }
  FlowCold& cold = flows.cold(packet.flow);
  cold.home = packet.pass.home;
  cold.ticket = packet.pass.ticket;
  reports.add(packet.pass.home, {.ticket = packet.pass.ticket, .kind = RedirectReport::Kind::kOpened});
  packet.pass.kind = PassKind::kAtHome;
}

void Nat::State::lose(Pass& pass) {
  if (!goes_round(pass.kind)) return;
  pass.kind = PassKind::kAtHome;
  if (pass.home != options.worker)
    reports.add(pass.home, {.ticket = pass.ticket, .kind = RedirectReport::Kind::kReleased});
  else if (Redirect* const known = redirects.find(pass.ticket); known != nullptr)
    redirects.remove(*known);
}

void Nat::State::sweep_redirects(std::uint32_t steps) {
  const std::uint32_t end = std::min(redirect_sweep_cursor + steps, redirects.capacity());
  for (; redirect_sweep_cursor < end; ++redirect_sweep_cursor) {
    Redirect& known = redirects[redirect_sweep_cursor];
    if (known.state != RedirectState::kFree && !mapping_stands(known.mapping_slot)) redirects.remove(known);
  }
}

void Nat::lost(Pass pass) {
  state_->lose(pass);
}

bool Nat::has_reports() const {
  return !state_->reports.empty();
}

std::size_t Nat::reports_for(std::uint16_t worker, std::span<RedirectReport> out) const {
  return state_->reports.peek(worker, out);
}

void Nat::reported(std::uint16_t worker, std::size_t count) {
  state_->reports.told(worker, count);
}

void Nat::hear(std::uint16_t from, std::span<const RedirectReport> reports) {
  for (const RedirectReport& report : reports) {
    Redirect* const known = state_->redirects.find(report.ticket);
    if (known == nullptr) continue;
    if (report.kind == RedirectReport::Kind::kReleased) {
      state_->redirects.remove(*known);
    } else {
      known->state = RedirectState::kOwned;
      known->worker = static_cast<std::uint8_t>(from);
    }
  }
}

std::uint32_t Nat::redirects() const {
  return state_->redirects.in_use();
}

}  // namespace hypernat::dataplane
