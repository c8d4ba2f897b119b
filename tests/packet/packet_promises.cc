#include "tests/packet/packet_promises.h"

#include <algorithm>

#include "tests/packet/require.h"

namespace hypernat::dataplane {
namespace {

using craft::Bytes;

constexpr std::uint16_t kLowestInterfacePort = 1024;
constexpr std::size_t kErrorHeader = 8;
constexpr std::size_t kErrorHeaders = 20 + kErrorHeader;
constexpr std::uint8_t kSyn = 0x02;

std::uint16_t get16(const Bytes& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes.at(at) << 8 | bytes.at(at + 1));
}
Ipv4Address address_at(const Bytes& bytes, std::size_t at) {
  return Ipv4Address::from_host(std::uint32_t{get16(bytes, at)} << 16 | get16(bytes, at + 2));
}

std::uint64_t sum_of_words(const Bytes& bytes, std::size_t begin, std::size_t end) {
  std::uint64_t sum = 0;
  for (std::size_t i = begin; i < end; ++i) sum += (i - begin) % 2 == 0 ? std::uint64_t{bytes.at(i)} << 8 : bytes.at(i);
  return sum;
}

// An IPv4 packet cut out of its frame, and where in it the fields are that translation may change.
struct View {
  Bytes bytes;
  Side side;  ///< that it comes from
  Fragment fragment = Fragment::kWhole;

  std::size_t l4() const { return (bytes.at(0) & 15U) * 4U; }
  std::uint8_t protocol() const { return bytes.at(9); }
  std::size_t checksum() const { return l4() + (protocol() == 6 ? 16U : protocol() == 17 ? 6U : 2U); }
  /// Source outbound, destination inbound.
  std::size_t address() const { return side == Side::kInside ? 12 : 16; }
  std::size_t port() const { return l4() + (protocol() == 1 ? 4U : side == Side::kInside ? 0U : 2U); }

  /// Zero or 65535 when the checksum is right; the same before and after, however wrong it is.
  std::uint64_t checksum_error() const {
    std::uint64_t sum = sum_of_words(bytes, l4(), bytes.size());
    if (protocol() != 1) sum += sum_of_words(bytes, 12, 20) + protocol() + (bytes.size() - l4());
    return sum % 0xffff;
  }
  /// The packet with zeros where translation may change it.
  Bytes constant_part() const {
    Bytes masked = bytes;
    masked.at(8) = 0;
    const auto mask = [&](std::size_t at) { masked.at(at) = masked.at(at + 1) = 0; };
    for (const std::size_t at : {std::size_t{10}, address(), address() + 2}) mask(at);
    if (fragment != Fragment::kWhole && side == Side::kInside) mask(4);  // the identification is the NAT's own
    if (fragment == Fragment::kLater) return masked;
    mask(port());
    mask(checksum());
    // The MSS of a SYN is among its options.
    if (protocol() == 6 && (masked.at(l4() + 13) & kSyn) != 0)
      for (std::size_t at = l4() + 20; at < l4() + (masked.at(l4() + 12) >> 4U) * 4U; ++at) masked.at(at) = 0;
    return masked;
  }
};

Bytes cut(const std::uint8_t* begin, std::size_t length) {
  return Bytes(begin, begin + length);
}

std::uint64_t ip_checksum_error(const View& view) {
  return sum_of_words(view.bytes, 0, view.l4()) % 0xffff;
}
bool ip_checksum_is_right(const View& view) {
  return ip_checksum_error(view) == 0;
}

void check_checksums(const View& before, const View& after) {
  require(ip_checksum_is_right(after), "a forwarded packet's IPv4 checksum is right");
  if (after.fragment == Fragment::kLater) return;
  const bool none = before.protocol() == 17 && get16(before.bytes, before.checksum()) == 0;
  require(none == (after.protocol() == 17 && get16(after.bytes, after.checksum()) == 0),
          "a datagram has a checksum exactly when it had one");
  if (!none) require(before.checksum_error() == after.checksum_error(), "no checksum is broken or repaired");
}

void check_outbound(const View& after, const Packet& packet, const Tables& tables) {
  const auto& interface = tables.interfaces[packet.egress.interface];
  require(interface.mapping == packet.slot, "a packet leaves by an interface of its own mapping");
  require(address_at(after.bytes, after.address()) == interface.address,
          "a packet leaves with the interface's address");
  if (after.fragment == Fragment::kLater) return;
  require(get16(after.bytes, after.port()) >= kLowestInterfacePort, "a packet leaves with an interface's port");
}

void check_inbound(const View& after, const Packet& packet, const Tables& tables) {
  require(tables.mappings[packet.egress.mapping].subnet == packet.slot, "a reply stays with its tenant");
  const Ipv4Prefix lambda_vpc{Ipv4Address::of(100, 64, 0, 0), 10};
  require(lambda_vpc.contains(address_at(after.bytes, after.address())), "a reply goes to an environment");
}

// Where the quote of an error ends: with the quoted packet, the message, or where it says that extensions begin (RFC
// 4884).
std::size_t end_of_quote(const View& error) {
  const std::size_t begin = error.l4() + kErrorHeader;
  const std::size_t announced = error.bytes.at(error.l4() + 5) * std::size_t{4};
  const std::size_t present = announced != 0 ? announced : error.bytes.size() - begin;
  return begin + std::min<std::size_t>(present, get16(error.bytes, begin + 2));
}

// The packet that an error quotes went the other way. Of one that is cut, as much is looked at as there is.
View quote_of(const View& error) {
  const std::size_t begin = error.l4() + kErrorHeader;
  return {.bytes = cut(error.bytes.data() + begin, end_of_quote(error) - begin),
          .side = error.side == Side::kInside ? Side::kOutside : Side::kInside};
}

void check_quote(const View& was, const View& is) {
  const bool has_checksum = was.checksum() + 2 <= was.bytes.size();
  const auto masked = [&](const View& quote) {
    Bytes bytes = quote.bytes;
    for (const std::size_t at : {std::size_t{10}, quote.address(), quote.address() + 2, quote.port()})
      bytes.at(at) = bytes.at(at + 1) = 0;
    if (has_checksum) bytes.at(quote.checksum()) = bytes.at(quote.checksum() + 1) = 0;
    return bytes;
  };
  require(masked(was) == masked(is), "only what translation is about changes in a quote");
  require(ip_checksum_error(was) == ip_checksum_error(is), "a quoted header's checksum is as right as it was");
  if (!has_checksum) return;
  const bool none = was.protocol() == 17 && get16(was.bytes, was.checksum()) == 0;
  require(none == (was.protocol() == 17 && get16(is.bytes, is.checksum()) == 0),
          "a quoted datagram has a checksum exactly when it had one");
  require(none || was.checksum_error() == is.checksum_error(), "a quoted checksum is as right as it was");
}

// An ICMP error: its own address, and its quote as whoever gets it knows the packet.
void check_error(const View& was, const View& is, const Packet& packet, const Tables& tables) {
  const std::size_t end = end_of_quote(was);
  require(end <= was.bytes.size(), "a quote ends with the packet or before");
  const bool shortened = is.bytes.size() != was.bytes.size();
  if (packet.side == Side::kInside) {
    require(is.bytes.size() == end, "nothing follows a quote to the outside");
  } else {
    require(!shortened && std::equal(was.bytes.begin() + static_cast<std::ptrdiff_t>(end), was.bytes.end(),
                                     is.bytes.begin() + static_cast<std::ptrdiff_t>(end)),
            "what follows a quote is left alone");
  }
  const auto masked = [&](const View& error) {
    Bytes bytes = cut(error.bytes.data(), error.l4() + kErrorHeader);
    bytes.at(8) = 0;
    for (const std::size_t at : {std::size_t{10}, error.address(), error.address() + 2, error.l4() + 2})
      bytes.at(at) = bytes.at(at + 1) = 0;
    if (shortened) bytes.at(2) = bytes.at(3) = bytes.at(error.l4() + 5) = 0;
    return bytes;
  };
  require(masked(was) == masked(is), "only what translation is about changes around a quote");
  require(ip_checksum_is_right(is) && is.checksum_error() == 0, "an error's checksums are right");
  const View quote = quote_of(is);
  check_quote(quote_of(was), quote);
  const Ipv4Address changed = address_at(is.bytes, is.address());
  require(changed == address_at(quote.bytes, quote.address()), "an error and its quote name the same end");
  if (packet.side == Side::kInside)
    require(changed == tables.interfaces[packet.egress.interface].address, "no inside address is seen outside");
  else
    check_inbound(is, packet, tables);
}

}  // namespace

void check_forwarded(const Bytes& before, const Packet& packet, const Tables& tables) {
  const auto offset = static_cast<std::size_t>(reinterpret_cast<std::uint8_t*>(packet.ip) - packet.frame);
  const std::size_t length = get16(before, offset + 2);
  const View was{.bytes = cut(before.data() + offset, length), .side = packet.side, .fragment = packet.fragment};
  const std::size_t new_length = swap16(packet.ip->total_length_be);
  require(new_length <= length, "no packet gets longer");
  const View is{.bytes = cut(packet.frame + offset, new_length), .side = packet.side, .fragment = packet.fragment};
  require(std::equal(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(offset), packet.frame),
          "what lies in front of the packet is left alone");
  require(std::equal(before.begin() + static_cast<std::ptrdiff_t>(offset + length), before.end(),
                     packet.frame + offset + length),
          "padding is left alone");
  require(was.bytes[8] > 1 && is.bytes[8] == was.bytes[8] - 1, "the time to live goes down by one, never to zero");
  if (packet.content == Content::kError) return check_error(was, is, packet, tables);
  require(was.constant_part() == is.constant_part(), "only what translation is about changes");
  check_checksums(was, is);
  if (packet.side == Side::kInside)
    check_outbound(is, packet, tables);
  else
    check_inbound(is, packet, tables);
}

void check_answer(const Bytes& answer, const Packet& packet) {
  const View view{.bytes = answer, .side = packet.side};
  require(get16(answer, 2) == answer.size(), "an answer has the length that it says");
  require(ip_checksum_is_right(view) && view.checksum_error() == 0, "an answer's checksums are right");
  require(address_at(answer, 16) == packet.src, "an answer goes to whom it answers");
  if (view.protocol() == 6) {
    require(address_at(answer, 12) == packet.dst, "a RST comes from whom the segment was for");
    return;
  }
  const auto quoted = static_cast<std::ptrdiff_t>(answer.size() - kErrorHeaders);
  require(std::equal(answer.end() - quoted, answer.end(), reinterpret_cast<const std::uint8_t*>(packet.ip)),
          "an error quotes the packet as it came");
}

}  // namespace hypernat::dataplane
