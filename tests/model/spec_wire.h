// Packets as the specification reads and writes them: by the octets of the RFCs, in code of its own. Whatever it
// changes, it sums up anew from the first byte to the last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace hypernat::spec {

using Bytes = std::vector<std::uint8_t>;
using Address = std::uint32_t;  ///< as a number: 10.0.0.1 is 0x0a000001

inline constexpr unsigned kIcmp = 1;
inline constexpr unsigned kTcp = 6;
inline constexpr unsigned kUdp = 17;

/// What is read from a packet of TCP, UDP or ICMP echo, or of the start of one. Of a later fragment, and of one that
/// ends within eight bytes, only what IP says.
struct Header {
  unsigned protocol = 0;
  unsigned ttl = 0;
  bool may_be_cut = true;  ///< no DF
  Address src = 0;
  Address dst = 0;
  unsigned identification = 0;
  unsigned offset = 0;   ///< of a fragment in its datagram, in bytes
  bool more = false;     ///< fragments follow
  std::size_t data = 0;  ///< bytes behind the IP header
  bool is_fragment() const { return offset != 0 || more; }
  unsigned src_port = 0;  ///< echo: the identifier, in both
  unsigned dst_port = 0;
  unsigned icmp_type = 0;
  unsigned icmp_code = 0;
  // TCP
  bool fin = false;
  bool syn = false;
  bool rst = false;
  bool ack = false;
  unsigned tcp_header = 0;  ///< bytes
  // UDP
  unsigned udp_length = 0;
};
Header read(const Bytes& packet);

/// Whether the transport checksum is right; UDP's may be absent.
bool checksum_is_right(const Bytes& packet);
enum class End : std::uint8_t { kSource, kDestination };
/// The same packet one hop on, with another address and port at one end; an echo's identifier is its port. A checksum
/// that was wrong is not repaired: it becomes `wrong`, which the caller has found in what came out. A SYN announces no
/// larger MSS than `mss`, 0: any. A first fragment's checksum is that of the whole datagram and follows what changes;
/// of a later one nothing changes behind the IP header.
struct Translation {
  End end = End::kSource;
  Address address = 0;
  unsigned port = 0;
  unsigned mss = 0;
  unsigned wrong = 0;
};
Bytes translated(Bytes packet, const Translation& translation);
/// The transport checksum as it stands.
unsigned checksum_field(const Bytes& packet);
Bytes with_identification(Bytes packet, unsigned identification);
/// The datagram of which these are the fragments, all of them, by offset.
Bytes joined(const std::map<unsigned, Bytes>& fragments);
/// How a closed connection answers the segment (RFC 9293 3.10.7.1).
Bytes reset_for(const Bytes& segment);

/// What is said about a packet to its sender (RFC 792), by whom.
struct IcmpError {
  std::string reason = {};  ///< why the packet died
  unsigned type = 0;
  unsigned code = 0;
  unsigned mtu = 0;  ///< of fragmentation needed (RFC 1191)
};
/// The whole of it, quoting as much of the packet as fits into 576 bytes (RFC 1812 4.3.2.3).
Bytes error_about(const Bytes& packet, const IcmpError& error, Address source);

/// Unreachable, time exceeded, parameter problem: messages that quote a packet. No fragment is one.
bool is_error(const Bytes& packet);
/// As far as it is there, without what follows it.
Bytes quoted(const Bytes& error);
/// The error one hop on, with another address at one end, and the packet in it with that address and port at its other
/// end, as whoever gets the error knows it. The checksum in the quote follows what changes under it (RFC 1624), since
/// the quote may have been cut; all others are summed up anew. Out of an address of the NAT's own comes nothing but the
/// quote; what follows it stays inside.
Bytes translated_error(Bytes error, const Translation& translation);
/// The error as if it quoted a packet of that identification.
Bytes with_quoted_identification(Bytes error, unsigned identification);

std::string text_of(Address address);
/// "tcp S 100.64.0.1:7 > 10.0.1.10:80 ttl 64, 45 bytes".
std::string text_of(const Bytes& packet);

}  // namespace hypernat::spec
