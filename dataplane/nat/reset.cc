#include "dataplane/nat/reset.h"

#include <cstring>

#include "dataplane/packet/checksum.h"

namespace hypernat::dataplane {
namespace {

constexpr std::uint8_t kTtl = 64;

// What the segment occupies of the sequence space: its text, SYN and FIN (RFC 9293 3.4).
std::uint32_t segment_length(const Packet& packet, const TcpHeader& tcp) {
  std::uint32_t length = packet.l4_length - tcp.header_length();
  if ((tcp.flags & kTcpSyn) != 0) ++length;
  if ((tcp.flags & kTcpFin) != 0) ++length;
  return length;
}

}  // namespace

void build_reset(const Packet& packet, std::span<std::uint8_t, kResetBytes> out) {
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

  Ipv4Header ip{};
  ip.version_ihl = 0x45;
  ip.total_length_be = swap16(kResetBytes);
  ip.fragment_be = swap16(kIpv4DontFragment);
  ip.ttl = kTtl;
  ip.protocol = static_cast<std::uint8_t>(Protocol::kTcp);
  ip.src_be = packet.dst.network();
  ip.dst_be = packet.src.network();

  std::memcpy(out.data(), &ip, sizeof ip);
  std::memcpy(out.data() + sizeof ip, &tcp, sizeof tcp);
  const auto ip_bytes = out.first(sizeof ip);
  const auto tcp_bytes = out.subspan(sizeof ip);
  const auto ip_checksum = static_cast<std::uint16_t>(~sum_of(ip_bytes));
  const std::uint16_t pseudo = pseudo_header_sum(packet.dst, packet.src, Protocol::kTcp, sizeof tcp);
  const auto tcp_checksum = static_cast<std::uint16_t>(~add_sums(pseudo, sum_of(tcp_bytes)));
  std::memcpy(out.data() + offsetof(Ipv4Header, checksum), &ip_checksum, sizeof ip_checksum);
  std::memcpy(out.data() + sizeof ip + offsetof(TcpHeader, checksum), &tcp_checksum, sizeof tcp_checksum);
}

}  // namespace hypernat::dataplane
