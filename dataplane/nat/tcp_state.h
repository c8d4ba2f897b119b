// What a TCP segment does to the state of its flow, after RFC 6146 section 3.5.2.
//
// Windows and sequence numbers are not tracked. So that a blind RST kills nothing, a RST only shortens the flow's time,
// and the next segment that is no RST gives it back. Once both ends have sent FIN nothing prolongs the flow any more;
// it then keeps its port from others for the closing time, while its own environment may open it anew with a SYN.
#pragma once

#include <cstdint>

#include "dataplane/flow/flow.h"

namespace hypernat::dataplane {

/// Combinations of FIN, SYN, RST, ACK that a TCP sends (those that Linux's conntrack lets pass): SYN, SYN ACK, RST,
/// RST ACK, ACK, FIN ACK; with any of PSH and URG.
constexpr bool legal_tcp_flags(std::uint8_t flags) {
  switch (flags & (kTcpFin | kTcpSyn | kTcpRst | kTcpAck)) {
    case kTcpSyn:
    case kTcpSyn | kTcpAck:
    case kTcpRst:
    case kTcpRst | kTcpAck:
    case kTcpAck:
    case kTcpFin | kTcpAck:
      return true;
    default:
      return false;
  }
}

/// The only segment that opens a flow.
constexpr bool opens_tcp(std::uint8_t flags) {
  return (flags & (kTcpFin | kTcpSyn | kTcpRst | kTcpAck)) == kTcpSyn;
}

constexpr bool saw_both_fins(std::uint8_t saw) {
  constexpr std::uint8_t kBothFins = kSawInsideFin | kSawRemoteFin;
  return (saw & kBothFins) == kBothFins;
}

constexpr FlowState tcp_state_of(std::uint8_t saw) {
  if ((saw & kSawReset) != 0 || saw_both_fins(saw)) return FlowState::kClosing;
  return (saw & kSawRemoteSyn) != 0 ? FlowState::kEstablished : FlowState::kOpening;
}

/// True when another timeout holds from now on, perhaps a shorter one, so that the timer may have to come earlier.
inline bool advance_tcp(Flow& flow, Side from, std::uint8_t flags, Tick now) {
  const FlowState before = flow.state;
  std::uint8_t saw = flow.saw;
  if (before == FlowState::kClosing && from == Side::kInside && opens_tcp(flags)) saw = 0;
  if ((flags & kTcpRst) != 0)
    saw |= kSawReset;
  else
    saw &= static_cast<std::uint8_t>(~kSawReset);
  if ((flags & kTcpSyn) != 0 && from == Side::kOutside) saw |= kSawRemoteSyn;
  // Before the handshake a FIN means nothing.
  if ((flags & kTcpFin) != 0 && (saw & kSawRemoteSyn) != 0)
    saw |= from == Side::kInside ? kSawInsideFin : kSawRemoteFin;

  const FlowState after = tcp_state_of(saw);
  // A second FIN behind a RST, too, begins the closing time.
  const bool begins_closing = after == FlowState::kClosing &&
                              (before != FlowState::kClosing || (saw_both_fins(saw) && !saw_both_fins(flow.saw)));
  flow.saw = saw;
  flow.state = after;
  // Whoever undoes a RST gives the flow its time; else nothing from outside prolongs an opening.
  const bool refreshes = after == FlowState::kEstablished ||
                         (after == FlowState::kOpening && (from == Side::kInside || before == FlowState::kClosing));
  if (begins_closing || refreshes) flow.last_seen = now;
  return after != before;
}

}  // namespace hypernat::dataplane
