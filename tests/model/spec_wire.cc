#include "tests/model/spec_wire.h"

namespace hypernat::spec {
namespace {

unsigned get(const Bytes& bytes, std::size_t at, unsigned octets) {
  unsigned value = 0;
  for (unsigned i = 0; i < octets; ++i) value = value << 8 | bytes.at(at + i);
  return value;
}
void put(Bytes& bytes, std::size_t at, unsigned octets, unsigned value) {
  for (unsigned i = octets; i > 0; --i, value >>= 8) bytes.at(at + i - 1) = static_cast<std::uint8_t>(value);
}

std::size_t ip_header(const Bytes& packet) {
  return (packet.at(0) & 15U) * 4;
}

// RFC 1071: 16-bit words, an odd last octet followed by a zero, carries added at the end.
unsigned long words(const Bytes& bytes, std::size_t from, std::size_t to) {
  unsigned long sum = 0;
  for (std::size_t i = from; i < to; ++i) sum += (i - from) % 2 == 0 ? bytes[i] * 256UL : bytes[i];
  return sum;
}
unsigned complement(unsigned long sum) {
  while (sum > 0xffff) sum = sum % 0x10000 + sum / 0x10000;
  return static_cast<unsigned>(0xffff - sum);
}

// Of the transport header and what follows, with the pseudo header where there is one.
unsigned long transport_words(const Bytes& packet) {
  const std::size_t header = ip_header(packet);
  unsigned long sum = words(packet, header, packet.size());
  if (packet.at(9) != kIcmp) sum += words(packet, 12, 20) + packet.at(9) + (packet.size() - header);
  return sum;
}

std::size_t checksum_place(const Bytes& packet) {
  const std::size_t transport = ip_header(packet);
  if (packet.at(9) == kTcp) return transport + 16;
  return transport + (packet.at(9) == kUdp ? 6 : 2);
}

void sum_up_ip(Bytes& packet) {
  put(packet, 10, 2, 0);
  put(packet, 10, 2, complement(words(packet, 0, ip_header(packet))));
}

void sum_up_transport(Bytes& packet) {
  put(packet, checksum_place(packet), 2, 0);
  const unsigned sum = complement(transport_words(packet));
  put(packet, checksum_place(packet), 2, packet.at(9) == kUdp && sum == 0 ? 0xffff : sum);
}

}  // namespace

Header read(const Bytes& packet) {
  const std::size_t transport = ip_header(packet);
  Header header{.protocol = packet.at(9), .ttl = packet.at(8), .src = get(packet, 12, 4), .dst = get(packet, 16, 4)};
  if (header.protocol == kIcmp) {
    header.icmp_type = packet.at(transport);
    header.icmp_code = packet.at(transport + 1);
    header.src_port = header.dst_port = get(packet, transport + 4, 2);
    return header;
  }
  header.src_port = get(packet, transport, 2);
  header.dst_port = get(packet, transport + 2, 2);
  if (header.protocol == kTcp) {
    const unsigned flags = packet.at(transport + 13);
    header.fin = (flags & 1) != 0;
    header.syn = (flags & 2) != 0;
    header.rst = (flags & 4) != 0;
    header.ack = (flags & 16) != 0;
  }
  return header;
}

unsigned checksum_field(const Bytes& packet) {
  return get(packet, checksum_place(packet), 2);
}

bool checksum_is_right(const Bytes& packet) {
  if (packet.at(9) == kUdp && checksum_field(packet) == 0) return true;
  return complement(transport_words(packet)) == 0;
}

Bytes translated(Bytes packet, End end, Address address, unsigned port, unsigned wrong) {
  const std::size_t transport = ip_header(packet);
  const bool absent = packet.at(9) == kUdp && checksum_field(packet) == 0;
  const bool right = checksum_is_right(packet);
  const bool source = end == End::kSource;
  packet.at(8) = static_cast<std::uint8_t>(packet.at(8) - 1);
  put(packet, source ? 12 : 16, 4, address);
  put(packet, transport + (packet.at(9) == kIcmp ? 4 : (source ? 0 : 2)), 2, port);
  sum_up_ip(packet);
  if (absent) return packet;
  sum_up_transport(packet);
  if (!right) put(packet, checksum_place(packet), 2, wrong == checksum_field(packet) ? wrong ^ 0xffff : wrong);
  return packet;
}

Bytes reset_for(const Bytes& segment) {
  const std::size_t tcp = ip_header(segment);
  const Header header = read(segment);
  Bytes answer(40);
  answer[0] = 0x45;
  put(answer, 2, 2, 40);
  put(answer, 6, 2, 0x4000);  // DF
  answer[8] = 64;
  answer[9] = kTcp;
  put(answer, 12, 4, header.dst);
  put(answer, 16, 4, header.src);
  put(answer, 20, 2, header.dst_port);
  put(answer, 22, 2, header.src_port);
  answer[32] = 5 << 4;
  if (header.ack) {
    put(answer, 24, 4, get(segment, tcp + 8, 4));  // <SEQ=SEG.ACK><CTL=RST>
    answer[33] = 4;
  } else {
    const auto text = static_cast<unsigned>(segment.size() - tcp - (segment.at(tcp + 12) >> 4) * 4U);
    const unsigned length = text + (header.syn ? 1 : 0) + (header.fin ? 1 : 0);
    put(answer, 28, 4, get(segment, tcp + 4, 4) + length);  // <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
    answer[33] = 4 | 16;
  }
  sum_up_ip(answer);
  sum_up_transport(answer);
  return answer;
}

Bytes error_about(const Bytes& packet, const IcmpError& error, Address source) {
  const std::size_t quoted = packet.size() < 548 ? packet.size() : 548;
  Bytes answer(28);
  answer[0] = 0x45;
  answer[1] = 0xc0;  // internetwork control
  put(answer, 2, 2, static_cast<unsigned>(28 + quoted));
  put(answer, 6, 2, 0x4000);  // DF
  answer[8] = 64;
  answer[9] = kIcmp;
  put(answer, 12, 4, source);
  put(answer, 16, 4, get(packet, 12, 4));
  put(answer, 20, 1, error.type);
  put(answer, 21, 1, error.code);
  answer.insert(answer.end(), packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(quoted));
  sum_up_ip(answer);
  sum_up_transport(answer);
  return answer;
}

std::string text_of(Address address) {
  return std::to_string(address >> 24) + '.' + std::to_string(address >> 16 & 255) + '.' +
         std::to_string(address >> 8 & 255) + '.' + std::to_string(address & 255);
}

std::string text_of(const Bytes& packet) {
  if (packet.size() < 20) return "nothing";
  const Header header = read(packet);
  std::string text = header.protocol == kTcp ? "tcp " : (header.protocol == kUdp ? "udp" : "icmp");
  if (header.syn) text += 'S';
  if (header.fin) text += 'F';
  if (header.rst) text += 'R';
  if (header.ack) text += 'A';
  if (header.protocol == kIcmp) text += std::to_string(header.icmp_type) + '/' + std::to_string(header.icmp_code);
  text += ' ' + text_of(header.src) + ':' + std::to_string(header.src_port) + " > " + text_of(header.dst) + ':' +
          std::to_string(header.dst_port) + " ttl " + std::to_string(header.ttl) + ", " +
          std::to_string(packet.size()) + " bytes";
  if (!checksum_is_right(packet)) text += ", corrupt";
  return text;
}

}  // namespace hypernat::spec
