#include "tests/packet/craft.h"

#include <algorithm>
#include <stdexcept>

namespace hypernat::craft {
namespace {

void put16(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}
void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}
void put(Bytes& out, const Bytes& more) {
  out.insert(out.end(), more.begin(), more.end());
}
void set16(Bytes& out, std::size_t at, std::uint16_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}
std::uint16_t get16(const Bytes& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes.at(at) << 8 | bytes.at(at + 1));
}
std::uint32_t get32(const Bytes& bytes, std::size_t at) {
  return std::uint32_t{get16(bytes, at)} << 16 | get16(bytes, at + 2);
}

std::uint32_t address_of(const std::string& text) {
  const auto address = parse_ipv4_address(text);
  if (!address) throw std::invalid_argument("no address: " + text);
  return address->host();
}

// 16-bit words as the RFC has them, an odd last byte followed by a zero; carries still to be folded.
std::uint64_t sum_of_words(const std::uint8_t* bytes, std::size_t length) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < length; ++i) sum += i % 2 == 0 ? std::uint64_t{bytes[i]} << 8 : bytes[i];
  return sum;
}
std::uint64_t pseudo_header_words(std::uint32_t src, std::uint32_t dst, std::uint8_t protocol, std::size_t length) {
  return std::uint64_t{src >> 16} + (src & 0xffff) + (dst >> 16) + (dst & 0xffff) + protocol + length;
}
std::uint16_t complement_of(std::uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(0xffff - sum);
}
std::uint16_t l4_checksum(const Ip& ip, std::uint8_t protocol, const Bytes& l4) {
  return complement_of(pseudo_header_words(address_of(ip.src), address_of(ip.dst), protocol, l4.size()) +
                       sum_of_words(l4.data(), l4.size()));
}

Bytes l4_of(const Ip& ip, const Udp& udp, const Bytes& payload) {
  Bytes out;
  out.reserve(8 + payload.size());
  put16(out, udp.src);
  put16(out, udp.dst);
  put16(out, 8 + payload.size());
  put16(out, 0);
  put(out, payload);
  const std::uint16_t computed = l4_checksum(ip, 17, out);
  set16(out, 6, udp.checksum.value_or(computed == 0 ? 0xffff : computed));
  return out;
}

Bytes l4_of(const Ip& ip, const Tcp& tcp, const Bytes& payload) {
  Bytes out;
  out.reserve(20 + tcp.options.size() + payload.size());
  put16(out, tcp.src);
  put16(out, tcp.dst);
  put32(out, tcp.seq);
  put32(out, tcp.ack);
  out.push_back(static_cast<std::uint8_t>((20 + tcp.options.size()) / 4 << 4));
  out.push_back(tcp_flags_of(tcp.flags));
  put16(out, tcp.window);
  put32(out, 0);
  put(out, tcp.options);
  put(out, payload);
  set16(out, 16, tcp.checksum.value_or(l4_checksum(ip, 6, out)));
  return out;
}

Bytes l4_of(const Ip&, const Echo& echo, const Bytes& payload) {
  Bytes out{echo.type, echo.code, 0, 0};
  put16(out, echo.id);
  put16(out, echo.seq);
  put(out, payload);
  set16(out, 2, echo.checksum.value_or(checksum_of(out)));
  return out;
}

Bytes l4_of(const Ip&, const IcmpError& error, const Bytes& payload) {
  Bytes out{error.type, error.code, 0, 0, error.pointer, error.length};
  put16(out, error.mtu);
  put(out, payload);
  set16(out, 2, error.checksum.value_or(checksum_of(out)));
  return out;
}

constexpr std::uint8_t protocol_of(const Udp&) {
  return 17;
}
constexpr std::uint8_t protocol_of(const Tcp&) {
  return 6;
}
constexpr std::uint8_t protocol_of(const Echo&) {
  return 1;
}
constexpr std::uint8_t protocol_of(const IcmpError&) {
  return 1;
}

// A fragment may end anywhere: what is not there of its transport header reads as zero.
Bytes with_whole_header(Bytes packet) {
  const std::size_t least = (packet.at(0) & 0x0fU) * 4 + 20;
  packet.resize(std::max(packet.size(), least));
  return packet;
}

}  // namespace

std::uint16_t checksum_of(const Bytes& bytes) {
  return complement_of(sum_of_words(bytes.data(), bytes.size()));
}

Bytes with_ip_checksum(Bytes bytes, std::size_t ip) {
  if (bytes.size() < ip + 20) return bytes;
  const std::size_t header = std::min<std::size_t>((bytes[ip] & 15U) * 4U, bytes.size() - ip);
  set16(bytes, ip + 10, 0);
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(ip);
  set16(bytes, ip + 10, checksum_of(Bytes(begin, begin + static_cast<std::ptrdiff_t>(header))));
  return bytes;
}

std::uint8_t tcp_flags_of(std::string_view letters) {
  constexpr std::string_view kLetters = "FSRPAUEC";
  unsigned flags = 0;
  for (const char letter : letters) {
    const auto bit = kLetters.find(letter);
    if (bit == std::string_view::npos) throw std::invalid_argument("no TCP flag: " + std::string(letters));
    flags |= 1U << bit;
  }
  return static_cast<std::uint8_t>(flags);
}

Bytes Datagram::bytes() const {
  const Bytes upper = std::visit([&](const auto& header) { return l4_of(ip, header, payload); }, l4);
  const std::size_t header_length = 20 + ip.options.size();
  Bytes out{static_cast<std::uint8_t>(0x40 | header_length / 4), ip.dscp_ecn};
  put16(out, header_length + upper.size());
  put16(out, ip.identification);
  put16(out, ip.fragment);
  out.push_back(ip.ttl);
  out.push_back(std::visit([](const auto& header) { return protocol_of(header); }, l4));
  put16(out, 0);
  put32(out, address_of(ip.src));
  put32(out, address_of(ip.dst));
  put(out, ip.options);
  set16(out, 10, ip.checksum.value_or(checksum_of(out)));
  put(out, upper);
  return out;
}

Seen look_at(const Bytes& given) {
  const Bytes packet = with_whole_header(given);
  const std::size_t header_length = (packet.at(0) & 0x0fU) * 4;
  const std::uint32_t src = get32(packet, 12);
  const std::uint32_t dst = get32(packet, 16);
  const std::size_t l4_length = given.size() - header_length;
  const std::uint64_t l4_words = sum_of_words(packet.data() + header_length, l4_length);
  Seen seen{.src = to_string(Ipv4Address::from_host(src)),
            .dst = to_string(Ipv4Address::from_host(dst)),
            .ttl = packet[8],
            .protocol = packet[9],
            .ip_checksum_right = complement_of(sum_of_words(packet.data(), header_length)) == 0};
  if (seen.protocol == 1) {
    seen.icmp_type = packet.at(header_length);
    seen.icmp_code = packet.at(header_length + 1);
    if (!quote_in(packet)) seen.src_port = seen.dst_port = get16(packet, header_length + 4);
    seen.l4_checksum_right = complement_of(l4_words) == 0;
    return seen;
  }
  seen.src_port = get16(packet, header_length);
  seen.dst_port = get16(packet, header_length + 2);
  seen.l4_checksum_right = complement_of(l4_words + pseudo_header_words(src, dst, seen.protocol, l4_length)) == 0;
  if (seen.protocol == 17 && get16(packet, header_length + 6) == 0) seen.l4_checksum_right = true;
  if (seen.protocol == 6) {
    seen.seq = get32(packet, header_length + 4);
    seen.ack = get32(packet, header_length + 8);
    seen.tcp_flags = packet.at(header_length + 13);
  }
  return seen;
}

std::optional<Bytes> quote_in(const Bytes& packet) {
  const std::size_t header_length = (packet.at(0) & 0x0fU) * 4;
  const std::uint8_t type = packet.at(header_length);
  if (packet.at(9) != 1 || (type != 3 && type != 11 && type != 12)) return std::nullopt;
  return Bytes(packet.begin() + static_cast<std::ptrdiff_t>(header_length + 8), packet.end());
}

Seen look_at_start(const Bytes& given) {
  const Bytes packet = with_whole_header(given);
  const std::size_t header_length = (packet.at(0) & 0x0fU) * 4;
  Seen seen{.src = to_string(Ipv4Address::from_host(get32(packet, 12))),
            .dst = to_string(Ipv4Address::from_host(get32(packet, 16))),
            .ttl = packet[8],
            .protocol = packet[9]};
  if (seen.protocol == 1) {
    seen.src_port = seen.dst_port = get16(packet, header_length + 4);
  } else {
    seen.src_port = get16(packet, header_length);
    seen.dst_port = get16(packet, header_length + 2);
  }
  return seen;
}

}  // namespace hypernat::craft
