// The compiled rewrite of a flow, applied to an ICMP error about one of its packets: the error's own address, and in
// the quote the packet as whoever gets the error knows it.
//
// Everything by difference, so that it does not matter how much of the packet the quote has; what it does not have is
// not made up. The error's checksum follows from what was changed under it. To the outside goes the quote and nothing
// behind it: in padding and extensions (RFC 4884, RFC 5837) an environment could name addresses that nobody outside is
// to see. What a tenant's routers add for an environment crosses as it is.
#pragma once

#include <cstring>
#include <span>

#include "dataplane/nat/rewrite.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/quote.h"

namespace hypernat::dataplane {

inline std::uint16_t read_word(const std::uint8_t* at) {
  std::uint16_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// What the flow changes in a quote, by the side that the error comes from.
struct QuoteRewrite {
  Ipv4Address address;
  L4Port port;
  std::uint16_t ip_delta = 0;
  std::uint16_t l4_delta = 0;
  std::size_t address_offset = 0;  ///< in the IPv4 header
  std::size_t port_offset = 0;     ///< in the transport header
};

/// From outside comes what left as the interface's and is to be the environment's again; from inside, what was
/// delivered to the environment and is to have been the interface's.
inline QuoteRewrite quote_rewrite_of(const Flow& flow, Side from) {
  const bool echo = flow.protocol == Protocol::kIcmp;
  if (from == Side::kOutside) {
    return {.address = flow.inside,
            .port = flow.inside_port,
            .ip_delta = reverse_delta(flow.ip_delta),
            .l4_delta = reverse_delta(flow.l4_delta),
            .address_offset = offsetof(Ipv4Header, src_be),
            .port_offset = echo ? kIdentifierOffset : kSrcPortOffset};
  }
  return {.address = flow.interface,
          .port = flow.interface_port,
          .ip_delta = flow.ip_delta,
          .l4_delta = flow.l4_delta,
          .address_offset = offsetof(Ipv4Header, dst_be),
          .port_offset = echo ? kIdentifierOffset : kDstPortOffset};
}

/// Returns what this adds to the sum of the message around the quote.
inline std::uint16_t rewrite_quote(const QuoteRewrite& rewrite, Protocol protocol, const Quote& quote) {
  const std::uint32_t address = rewrite.address.network();
  std::memcpy(reinterpret_cast<std::uint8_t*>(quote.ip) + rewrite.address_offset, &address, sizeof address);
  const std::uint16_t ip_checksum = quote.ip->checksum;
  quote.ip->checksum = adjust_checksum(ip_checksum, rewrite.ip_delta);
  std::uint16_t change = add_sums(rewrite.ip_delta, delta_of(ip_checksum, quote.ip->checksum));

  std::uint8_t* const port = quote.l4 + rewrite.port_offset;
  change = add_sums(change, delta_of(read_word(port), rewrite.port.network()));
  write_port(port, rewrite.port);
  if (quote.l4_length < checksum_offset(protocol) + sizeof(std::uint16_t)) return change;
  const std::uint8_t* const checksum = quote.l4 + checksum_offset(protocol);
  const std::uint16_t before = read_word(checksum);
  adjust_l4(quote.l4, protocol, rewrite.l4_delta);
  return add_sums(change, delta_of(before, read_word(checksum)));
}

/// The error ends with its quote. `ip` and `message`, which ends with the packet and whose checksum holds, are the
/// error.
inline void end_with_quote(Ipv4Header& ip, std::span<std::uint8_t> message, const Quote& quote) {
  const auto kept = static_cast<std::size_t>(quote.end() - message.data());
  if (kept == message.size()) return;
  const auto length = static_cast<std::uint16_t>(swap16(ip.total_length_be) - (message.size() - kept));
  const std::uint16_t length_be = swap16(length);
  ip.checksum = adjust_checksum(ip.checksum, delta_of(ip.total_length_be, length_be));
  ip.total_length_be = length_be;
  message[offsetof(IcmpErrorHeader, length)] = 0;
  message[offsetof(IcmpErrorHeader, checksum)] = message[offsetof(IcmpErrorHeader, checksum) + 1] = 0;
  const auto checksum = static_cast<std::uint16_t>(~sum_of(message.first(kept)));
  std::memcpy(&message[offsetof(IcmpErrorHeader, checksum)], &checksum, sizeof checksum);
}

/// `ip` and the message behind it are the error, `quote` is its own.
inline void rewrite_error(const Flow& flow, Side from, Ipv4Header& ip, std::uint8_t* message, const Quote& quote) {
  const QuoteRewrite rewrite = quote_rewrite_of(flow, from);
  adjust_l4(message, Protocol::kIcmp, rewrite_quote(rewrite, flow.protocol, quote));
  // The error goes to whom the quoted packet came from and, from inside, comes from whom that went to: the address that
  // changes is the quoted one, so the delta is the same.
  if (from == Side::kOutside)
    ip.dst_be = rewrite.address.network();
  else
    ip.src_be = rewrite.address.network();
  --ip.ttl;
  ip.checksum = adjust_checksum(ip.checksum, add_sums(rewrite.ip_delta, kTtlDelta));
}

}  // namespace hypernat::dataplane
