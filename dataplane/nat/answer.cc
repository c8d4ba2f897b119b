#include "dataplane/nat/answer.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/checksum.h"

namespace hypernat::dataplane {
namespace {

constexpr std::uint8_t kTtl = 64;
constexpr std::uint8_t kInternetworkControl = 0xc0;  // the precedence of ICMP errors, RFC 1812 4.3.2.5

using AnswerBytes = std::span<std::uint8_t, kMaxAnswerBytes>;

struct AnswerEnds {
  Ipv4Address src;
  Ipv4Address dst;
};

void put_checksum(std::span<std::uint8_t> bytes, std::size_t offset, std::uint16_t sum) {
  const auto checksum = static_cast<std::uint16_t>(~sum);
  std::memcpy(bytes.data() + offset, &checksum, sizeof checksum);
}

// With DF: small as it is, nobody has to cut it, and the identification means nothing (RFC 6864 4.1).
void put_ip(AnswerBytes out, const AnswerEnds& ends, Protocol protocol, std::size_t total_length) {
  Ipv4Header ip{};
  ip.version_ihl = kUsualVersionIhl;
  ip.dscp_ecn = protocol == Protocol::kIcmp ? kInternetworkControl : std::uint8_t{0};
  ip.total_length_be = swap16(static_cast<std::uint16_t>(total_length));
  ip.fragment_be = swap16(kIpv4DontFragment);
  ip.ttl = kTtl;
  ip.protocol = static_cast<std::uint8_t>(protocol);
  ip.src_be = ends.src.network();
  ip.dst_be = ends.dst.network();
  std::memcpy(out.data(), &ip, sizeof ip);
  put_checksum(out, offsetof(Ipv4Header, checksum), sum_of(out.first(sizeof ip)));
}

// What the segment occupies of the sequence space: its text, SYN and FIN (RFC 9293 3.4).
std::uint32_t segment_length(const Packet& packet, const TcpHeader& tcp) {
  std::uint32_t length = packet.l4_length - tcp.header_length();
  if ((tcp.flags & kTcpSyn) != 0) ++length;
  if ((tcp.flags & kTcpFin) != 0) ++length;
  return length;
}

// By the rules for a CLOSED connection, RFC 9293 3.10.7.1.
std::size_t build_reset(const Packet& packet, AnswerBytes out) {
  TcpHeader segment;
  std::memcpy(&segment, packet.l4, sizeof segment);

  TcpHeader tcp{};
  tcp.src_be = segment.dst_be;
  tcp.dst_be = segment.src_be;
  if ((segment.flags & kTcpAck) != 0) {
    tcp.sequence_be = segment.acknowledgment_be;
    tcp.flags = kTcpRst;
  } else {
    tcp.acknowledgment_be = swap32(swap32(segment.sequence_be) + segment_length(packet, segment));
    tcp.flags = kTcpRst | kTcpAck;
  }
  tcp.data_offset = sizeof tcp / 4 << 4;

  constexpr std::size_t kLength = sizeof(Ipv4Header) + sizeof tcp;
  put_ip(out, {.src = packet.dst, .dst = packet.src}, Protocol::kTcp, kLength);
  std::memcpy(out.data() + sizeof(Ipv4Header), &tcp, sizeof tcp);
  const auto tcp_bytes = out.subspan(sizeof(Ipv4Header), sizeof tcp);
  const std::uint16_t pseudo = pseudo_header_sum(packet.dst, packet.src, Protocol::kTcp, sizeof tcp);
  put_checksum(tcp_bytes, offsetof(TcpHeader, checksum), add_sums(pseudo, sum_of(tcp_bytes)));
  return kLength;
}

struct ErrorName {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
};

ErrorName error_name_of(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::kTimeExceeded:
      return {.type = kIcmpTimeExceeded, .code = kIcmpTtlExceeded};
    case AnswerKind::kNetUnreachable:
      return {.type = kIcmpUnreachable, .code = kIcmpNetUnreachable};
    case AnswerKind::kHostUnreachable:
      return {.type = kIcmpUnreachable, .code = kIcmpHostUnreachable};
    case AnswerKind::kTooBig:
      return {.type = kIcmpUnreachable, .code = kIcmpFragmentationNeeded};
    case AnswerKind::kReset:
      break;
  }
  return {};
}

std::size_t build_error(const Packet& packet, AnswerBytes out) {
  constexpr std::size_t kHeaders = sizeof(Ipv4Header) + sizeof(IcmpErrorHeader);
  const auto [type, code] = error_name_of(packet.answer.kind);
  const IcmpErrorHeader icmp{
      .type = type,
      .code = code,
      .checksum = 0,
      .pointer = 0,
      .length = 0,
      .mtu_be = swap16(packet.answer.kind == AnswerKind::kTooBig ? packet.answer.mtu : std::uint16_t{0})};
  const std::size_t quoted = std::min<std::size_t>(swap16(packet.ip->total_length_be), out.size() - kHeaders);
  put_ip(out, {.src = packet.answer.source, .dst = packet.src}, Protocol::kIcmp, kHeaders + quoted);
  std::memcpy(out.data() + sizeof(Ipv4Header), &icmp, sizeof icmp);
  std::memcpy(out.data() + kHeaders, packet.ip, quoted);
  const auto message = out.subspan(sizeof(Ipv4Header), sizeof icmp + quoted);
  put_checksum(message, offsetof(IcmpErrorHeader, checksum), sum_of(message));
  return kHeaders + quoted;
}

}  // namespace

std::size_t build_answer(const Packet& packet, AnswerBytes out) {
  return packet.answer.kind == AnswerKind::kReset ? build_reset(packet, out) : build_error(packet, out);
}

}  // namespace hypernat::dataplane
