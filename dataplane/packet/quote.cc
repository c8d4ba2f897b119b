#include "dataplane/packet/quote.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/checksum.h"

namespace hypernat::dataplane {
namespace {

// RFC 792: the quote goes at least as far as 64 bits behind the IPv4 header.
constexpr std::size_t kLeastL4 = 8;

// RFC 4884 7 and 8: a header, and objects that fill the rest, each with its length. Nothing is sound, too.
bool extensions_are_sound(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kHeader = 4;
  constexpr std::size_t kObjectHeader = 4;
  constexpr std::uint8_t kVersion = 2;
  if (bytes.empty()) return true;
  if (bytes.size() < kHeader || bytes[0] >> 4 != kVersion) return false;
  const bool has_checksum = (bytes[2] | bytes[3]) != 0;
  if (has_checksum && sum_of(bytes) != 0xffff) return false;
  for (auto rest = bytes.subspan(kHeader); !rest.empty();) {
    if (rest.size() < kObjectHeader) return false;
    const std::size_t length = std::size_t{rest[0]} << 8 | rest[1];
    if (length < kObjectHeader || length % 4 != 0 || length > rest.size()) return false;
    rest = rest.subspan(length);
  }
  return true;
}

// The bytes that may belong to the quoted packet: all, or up to the extensions that follow it (RFC 4884). None when the
// message announces more than it has, or what follows is no extension.
std::size_t quoted_bytes(std::span<const std::uint8_t> message) {
  const auto present = message.subspan(sizeof(IcmpErrorHeader));
  const std::size_t announced = std::size_t{message[offsetof(IcmpErrorHeader, length)]} * 4;
  if (announced == 0) return present.size();
  return announced <= present.size() && extensions_are_sound(present.subspan(announced)) ? announced : 0;
}

// Of an IPv4 packet of which `present` bytes are there: the header whole and right, and enough behind it.
bool header_is_sound(const Ipv4Header& ip, std::size_t present) {
  const std::size_t header = ip.header_length();
  if (ip.version_ihl >> 4 != 4 || header < sizeof(Ipv4Header) || present < header + kLeastL4) return false;
  return sum_of({reinterpret_cast<const std::uint8_t*>(&ip), header}) == 0xffff;
}

// What the transport header says of its length, where the quote has it. The length of a datagram that was cut into
// fragments is not that of its first one.
bool lengths_agree(const Quote& quote, std::size_t l4_total) {
  if ((swap16(quote.ip->fragment_be) & kIpv4MoreFragments) != 0) return true;
  switch (quote.protocol) {
    case Protocol::kTcp: {
      const bool has_offset = quote.l4_length > offsetof(TcpHeader, data_offset);
      const std::size_t header =
          has_offset ? (quote.l4[offsetof(TcpHeader, data_offset)] >> 4U) * 4U : sizeof(TcpHeader);
      return header >= sizeof(TcpHeader) && header <= l4_total;
    }
    case Protocol::kUdp: {
      UdpHeader udp;
      std::memcpy(&udp, quote.l4, sizeof udp);
      const std::size_t length = swap16(udp.length_be);
      return length >= sizeof udp && length <= l4_total;
    }
    case Protocol::kIcmp:
      return true;
  }
  return false;
}

bool read_ports(Quote& quote) {
  std::uint16_t words[4];
  std::memcpy(words, quote.l4, sizeof words);
  switch (quote.protocol) {
    case Protocol::kTcp:
    case Protocol::kUdp:
      quote.src_port = L4Port::from_network(words[0]);
      quote.dst_port = L4Port::from_network(words[1]);
      return true;
    case Protocol::kIcmp:
      quote.src_port = quote.dst_port = L4Port::from_network(words[2]);
      return quote.l4[0] == kIcmpEchoRequest || quote.l4[0] == kIcmpEchoReply;
  }
  return false;
}

}  // namespace

QuoteFault read_quote(std::span<std::uint8_t> message, Quote& quote) {
  if (message.size() < sizeof(IcmpErrorHeader) + sizeof(Ipv4Header) + kLeastL4) return QuoteFault::kBad;
  const std::size_t present = quoted_bytes(message);
  auto* ip = reinterpret_cast<Ipv4Header*>(message.data() + sizeof(IcmpErrorHeader));
  if (present < sizeof(Ipv4Header) || !header_is_sound(*ip, present)) return QuoteFault::kBad;
  const std::size_t header = ip->header_length();
  const std::size_t total = swap16(ip->total_length_be);
  if (total < header + kLeastL4) return QuoteFault::kBad;
  if ((swap16(ip->fragment_be) & kIpv4FragmentOffset) != 0) return QuoteFault::kFragment;
  quote.ip = ip;
  quote.l4 = message.data() + sizeof(IcmpErrorHeader) + header;
  quote.l4_length = static_cast<std::uint16_t>(std::min(present, total) - header);
  quote.protocol = static_cast<Protocol>(ip->protocol);
  if (!read_ports(quote)) return QuoteFault::kUnsupported;
  return lengths_agree(quote, total - header) ? QuoteFault::kSound : QuoteFault::kBad;
}

Drop drop_of(QuoteFault fault) {
  switch (fault) {
    case QuoteFault::kFragment:
      return Drop::quoted_fragment;
    case QuoteFault::kUnsupported:
      return Drop::unsupported_quote;
    case QuoteFault::kSound:
    case QuoteFault::kBad:
      break;
  }
  return Drop::bad_quote;
}

}  // namespace hypernat::dataplane
