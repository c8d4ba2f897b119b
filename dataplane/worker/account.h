// The packet account of one worker: what came in is what went out, was dropped by name, consumed, or is held.
//
//   received + taken over + originated = sent + handed over + dropped + consumed + held
//
// Written by the worker alone, read by anyone. It closes exactly between bursts; a reader in the middle of one may see
// it open by what is in flight, which is why telemetry asks the worker for a copy (mailbox.h).
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/packet/counter.h"
#include "dataplane/packet/drop.h"

namespace hypernat::dataplane {

/// A copy at one moment.
struct AccountView {
  std::uint64_t received = 0;
  std::uint64_t taken_over = 0;
  std::uint64_t originated = 0;
  std::uint64_t sent = 0;
  std::uint64_t handed_over = 0;
  std::uint64_t consumed = 0;
  std::uint64_t held = 0;
  std::array<std::uint64_t, kDropReasons> dropped{};

  std::uint64_t dropped_total() const {
    std::uint64_t total = 0;
    for (const std::uint64_t count : dropped) total += count;
    return total;
  }
  /// Zero when the account closes.
  std::int64_t balance() const {
    return static_cast<std::int64_t>(received + taken_over + originated - sent - handed_over - dropped_total() -
                                     consumed - held);
  }
  AccountView& operator+=(const AccountView& other) {
    received += other.received;
    taken_over += other.taken_over;
    originated += other.originated;
    sent += other.sent;
    handed_over += other.handed_over;
    consumed += other.consumed;
    held += other.held;
    for (std::size_t reason = 0; reason < kDropReasons; ++reason) dropped[reason] += other.dropped[reason];
    return *this;
  }
};

struct alignas(64) Account {
  Counter received;        ///< from devices
  Counter taken_over;      ///< from other workers
  Counter originated;      ///< ARP, answers of the NAT, copies for other workers, what a packet is cut into but for one
  Counter sent;            ///< to devices
  Counter handed_over;     ///< to other workers
  Counter consumed;        ///< ARP, once answered or learned from
  Counter held;            ///< at this moment, for a next hop to answer
  Counter held_fragments;  ///< at this moment, for the first one of their datagram
  std::array<Counter, kDropReasons> dropped;

  void drop(Drop reason) { dropped[static_cast<std::size_t>(reason)].add(); }

  AccountView read() const {
    AccountView view{.received = received.read(),
                     .taken_over = taken_over.read(),
                     .originated = originated.read(),
                     .sent = sent.read(),
                     .handed_over = handed_over.read(),
                     .consumed = consumed.read(),
                     .held = held.read() + held_fragments.read()};
    for (std::size_t reason = 0; reason < kDropReasons; ++reason) view.dropped[reason] = dropped[reason].read();
    return view;
  }
};

}  // namespace hypernat::dataplane
