#include "tests/model/spec_wire.h"

#include <algorithm>

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

// RFC 1624: ~(~HC + ~m + m') over the words that the checksum covers and that changed.
void follow_changes(Bytes& after, const Bytes& before) {
  const std::size_t place = checksum_place(before);
  unsigned long sum = 0xffff - get(before, place, 2);
  for (std::size_t at = before.at(9) == kIcmp ? ip_header(before) : 12; at + 1 < before.size(); at += 2)
    if (get(before, at, 2) != get(after, at, 2)) sum += 0xffff - get(before, at, 2) + get(after, at, 2);
  const unsigned result = complement(sum);
  put(after, place, 2, before.at(9) == kUdp && result == 0 ? 0xffff : result);
}

// RFC 9293 3.1: options of one byte, and options that have their length in the second.
void lower_mss(Bytes& packet, unsigned most) {
  const std::size_t tcp = ip_header(packet);
  const std::size_t end = tcp + (packet.at(tcp + 12) >> 4) * 4U;
  for (std::size_t at = tcp + 20; at < end && packet.at(at) != 0;) {
    if (packet.at(at) == 2) put(packet, at + 2, 2, std::min(most, get(packet, at + 2, 2)));
    at += packet.at(at) == 1 ? 1U : packet.at(at + 1);
  }
}

}  // namespace

Header read(const Bytes& packet) {
  const std::size_t transport = ip_header(packet);
  Header header{.protocol = packet.at(9),
                .ttl = packet.at(8),
                .may_be_cut = (packet.at(6) & 0x40) == 0,
                .src = get(packet, 12, 4),
                .dst = get(packet, 16, 4),
                .identification = get(packet, 4, 2),
                .offset = get(packet, 6, 2) % 0x2000 * 8,
                .more = (packet.at(6) & 0x20) != 0,
                .data = packet.size() - transport};
  if (header.offset != 0 || header.data < 8) return header;
  if (header.protocol == kIcmp) {
    header.icmp_type = packet.at(transport);
    header.icmp_code = packet.at(transport + 1);
    header.src_port = header.dst_port = get(packet, transport + 4, 2);
    return header;
  }
  header.src_port = get(packet, transport, 2);
  header.dst_port = get(packet, transport + 2, 2);
  if (header.protocol == kUdp) header.udp_length = get(packet, transport + 4, 2);
  if (header.protocol == kTcp && packet.size() > transport + 13) {
    header.tcp_header = (packet.at(transport + 12) >> 4) * 4U;
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

Bytes translated(Bytes packet, const Translation& to) {
  const std::size_t transport = ip_header(packet);
  const Header header = read(packet);
  const Bytes before = packet;
  const bool source = to.end == End::kSource;
  packet.at(8) = static_cast<std::uint8_t>(packet.at(8) - 1);
  put(packet, source ? 12 : 16, 4, to.address);
  sum_up_ip(packet);
  if (header.offset != 0) return packet;
  put(packet, transport + (packet.at(9) == kIcmp ? 4 : (source ? 0 : 2)), 2, to.port);
  if (header.syn && to.mss != 0) lower_mss(packet, to.mss);
  if (header.protocol == kUdp && checksum_field(packet) == 0) return packet;
  if (header.more) {
    follow_changes(packet, before);
    return packet;
  }
  sum_up_transport(packet);
  if (!checksum_is_right(before)) {
    const unsigned now_right = checksum_field(packet);
    put(packet, checksum_place(packet), 2, to.wrong == now_right ? to.wrong ^ 0xffff : to.wrong);
  }
  return packet;
}

Bytes with_identification(Bytes packet, unsigned identification) {
  put(packet, 4, 2, identification);
  sum_up_ip(packet);
  return packet;
}

Bytes joined(const std::map<unsigned, Bytes>& fragments) {
  Bytes whole = fragments.at(0);
  for (const auto& [offset, fragment] : fragments)
    if (offset != 0)
      whole.insert(whole.end(), fragment.begin() + static_cast<std::ptrdiff_t>(ip_header(fragment)), fragment.end());
  put(whole, 2, 2, static_cast<unsigned>(whole.size()));
  put(whole, 6, 2, get(whole, 6, 2) & 0x4000);
  sum_up_ip(whole);
  return whole;
}

Bytes with_quoted_identification(Bytes error, unsigned identification) {
  const auto begin = error.begin() + static_cast<std::ptrdiff_t>(ip_header(error) + 8);
  const Bytes quote = with_identification({begin, error.end()}, identification);
  std::ranges::copy(quote, begin);
  return error;
}

bool is_error(const Bytes& packet) {
  const bool whole_icmp = packet.at(9) == kIcmp && !read(packet).is_fragment();
  const unsigned type = whole_icmp ? packet.at(ip_header(packet)) : 0;
  return type == 3 || type == 11 || type == 12;
}

// Extensions begin where the message says (RFC 4884), and no packet is longer than it says.
Bytes quoted(const Bytes& error) {
  const std::size_t begin = ip_header(error) + 8;
  const std::size_t announced = error.at(begin - 3) * std::size_t{4};
  const std::size_t there = announced == 0 ? error.size() - begin : announced;
  const std::size_t length = std::min<std::size_t>(there, get(error, begin + 2, 2));
  return {error.begin() + static_cast<std::ptrdiff_t>(begin),
          error.begin() + static_cast<std::ptrdiff_t>(begin + length)};
}

Bytes translated_error(Bytes error, const Translation& to) {
  const bool source = to.end == End::kSource;
  const Bytes before = quoted(error);
  Bytes after = before;
  const std::size_t transport = ip_header(before);
  put(after, source ? 16 : 12, 4, to.address);
  put(after, transport + (before.at(9) == kIcmp ? 4 : (source ? 2 : 0)), 2, to.port);
  const std::size_t sum = checksum_place(before);
  const bool there = sum + 2 <= before.size() && !(before.at(9) == kUdp && get(before, sum, 2) == 0);
  if (there) follow_changes(after, before);
  sum_up_ip(after);
  const std::size_t begin = ip_header(error) + 8;
  std::ranges::copy(after, error.begin() + static_cast<std::ptrdiff_t>(begin));
  if (source && error.size() > begin + after.size()) {
    error.resize(begin + after.size());
    put(error, 2, 2, static_cast<unsigned>(error.size()));
    put(error, begin - 3, 1, 0);
  }
  error.at(8) = static_cast<std::uint8_t>(error.at(8) - 1);
  put(error, source ? 12 : 16, 4, to.address);
  sum_up_ip(error);
  sum_up_transport(error);
  return error;
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
  put(answer, 26, 2, error.mtu);
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
  const std::string part = !header.is_fragment()
                               ? ""
                               : ", fragment of " + std::to_string(header.identification) + " at " +
                                     std::to_string(header.offset) + (header.more ? "" : ", the last");
  std::string text = header.protocol == kTcp ? "tcp " : (header.protocol == kUdp ? "udp" : "icmp");
  if (header.syn) text += 'S';
  if (header.fin) text += 'F';
  if (header.rst) text += 'R';
  if (header.ack) text += 'A';
  if (header.protocol == kIcmp && header.offset == 0)
    text += std::to_string(header.icmp_type) + '/' + std::to_string(header.icmp_code);
  text += ' ' + text_of(header.src) + ':' + std::to_string(header.src_port) + " > " + text_of(header.dst) + ':' +
          std::to_string(header.dst_port) + " ttl " + std::to_string(header.ttl) + ", " +
          std::to_string(packet.size()) + " bytes" + part;
  if (!header.is_fragment() && !checksum_is_right(packet)) text += ", corrupt";
  return text;
}

}  // namespace hypernat::spec
