// ICMP errors as they arrive: whose flow they are about, and the names of those that are about nobody's.
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/packet/quote.h"
#include "tests/packet/attach_world.h"

namespace hypernat::dataplane {
namespace attach_errors {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::IcmpError;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr const char* kEnvironment = "100.64.0.5";
constexpr const char* kInterface = "10.0.1.20";
constexpr const char* kServer = "10.0.1.53";
constexpr const char* kRouter = "10.0.9.9";
constexpr std::uint16_t kMoreFragments = 0x2000;

// What left, and what was delivered.
const Ip kLeft{.src = kInterface, .dst = kServer, .ttl = 1};
const Ip kDelivered{.src = kServer, .dst = kEnvironment, .ttl = 9};
const Datagram kUdpLeft = kLeft / Udp{.src = 2000, .dst = 53} / "who";
const Datagram kTcpLeft = kLeft / Tcp{.src = 2000, .dst = 80} / "fast";
const Datagram kEchoLeft = kLeft / Echo{.id = 7};
const Datagram kUdpDelivered = kDelivered / Udp{.src = 53, .dst = 4000} / "me";

Bytes from_router(const Bytes& quoted, const IcmpError& error = {}) {
  return from_vtep() / (to_interface(1) / (Ip{.src = kRouter, .dst = kInterface} / error / quoted));
}
Bytes from_environment(const Bytes& quoted, const IcmpError& error = {}) {
  return from_host() / (to_gateway() / (Ip{.src = kEnvironment, .dst = kServer} / error / quoted));
}
Bytes cut(Bytes bytes, std::size_t length) {
  bytes.resize(length);
  return bytes;
}
// A quoted packet with another byte in its IPv4 header, whose checksum is right again; or in what follows it.
Bytes with_header_byte(Bytes bytes, std::size_t at, std::uint8_t value) {
  bytes[at] = value;
  return craft::with_ip_checksum(std::move(bytes));
}
Bytes with_byte(Bytes bytes, std::size_t at, std::uint8_t value) {
  bytes[at] = value;
  return bytes;
}
// RFC 4884: padded to 128 bytes, with an extension behind.
Bytes with_extension(Bytes quoted, const Bytes& extension) {
  quoted.resize(128);
  quoted.insert(quoted.end(), extension.begin(), extension.end());
  return quoted;
}
constexpr IcmpError kExtended{.type = 11, .code = 0, .length = 32};
Datagram with_fragment(Datagram datagram, std::uint16_t fragment) {
  datagram.ip.fragment = fragment;
  return datagram;
}

TEST(IcmpErrors, belong_to_the_flow_of_the_packet_they_quote) {
  struct Row {
    const char* what;
    std::uint16_t port;
    Bytes frame;
    Protocol protocol;
    const char* src;
    std::uint16_t src_port;
    const char* dst;
    std::uint16_t dst_port;
  };
  const Row rows[] = {
      {"udp from outside", kTenants, from_router(kUdpLeft.bytes()), Protocol::kUdp, kServer, 53, kInterface, 2000},
      {"tcp from outside", kTenants, from_router(kTcpLeft.bytes()), Protocol::kTcp, kServer, 80, kInterface, 2000},
      {"echo from outside", kTenants, from_router(kEchoLeft.bytes()), Protocol::kIcmp, kServer, 7, kInterface, 7},
      {"udp from inside", kHosts, from_environment(kUdpDelivered.bytes()), Protocol::kUdp, kEnvironment, 4000, kServer,
       53},
      {"tcp from inside", kHosts, from_environment((kDelivered / Tcp{.src = 80, .dst = 4000, .flags = "SA"}).bytes()),
       Protocol::kTcp, kEnvironment, 4000, kServer, 80},
      {"echo from inside", kHosts, from_environment((kDelivered / Echo{.id = 7, .type = craft::kReply}).bytes()),
       Protocol::kIcmp, kEnvironment, 7, kServer, 7},
      {"eight bytes", kTenants, from_router(cut(kTcpLeft.bytes(), 28)), Protocol::kTcp, kServer, 80, kInterface, 2000},
      {"a first fragment", kTenants, from_router(with_fragment(kUdpLeft, kMoreFragments).bytes()), Protocol::kUdp,
       kServer, 53, kInterface, 2000},
      {"a first fragment of a longer datagram", kTenants,
       from_router(with_byte(with_fragment(kUdpLeft, kMoreFragments).bytes(), 20 + 4, 0x10)), Protocol::kUdp, kServer,
       53, kInterface, 2000},
      {"padding behind the quote", kTenants, from_router(cut(kUdpLeft.bytes(), 64)), Protocol::kUdp, kServer, 53,
       kInterface, 2000},
      {"an extension behind the quote", kTenants,
       from_router(with_extension(kUdpLeft.bytes(), {0x20, 0, 0x86, 0xc1, 0, 8, 1, 1, 0x58, 0x34, 0, 1}), kExtended),
       Protocol::kUdp, kServer, 53, kInterface, 2000},
      {"one without a checksum", kTenants,
       from_router(with_extension(kUdpLeft.bytes(), {0x20, 0, 0, 0, 0, 4, 9, 9, 0, 8, 1, 1, 1, 2, 3, 4}), kExtended),
       Protocol::kUdp, kServer, 53, kInterface, 2000},
      {"padding for one that is not there", kTenants, from_router(cut(kUdpLeft.bytes(), 128), kExtended),
       Protocol::kUdp, kServer, 53, kInterface, 2000}};
  const AttachWorld world;
  for (const Row& row : rows) {
    const auto received = world.receive(row.port, row.frame);
    ASSERT_EQ(received.parsed, Parsed::kPacket) << row.what << ": " << name_of(received.packet.drop);
    const Packet& packet = received.packet;
    EXPECT_EQ(packet.content, Content::kError) << row.what;
    EXPECT_EQ(packet.protocol, row.protocol) << row.what;
    EXPECT_EQ(to_string(packet.src), row.src) << row.what;
    EXPECT_EQ(to_string(packet.dst), row.dst) << row.what;
    EXPECT_EQ(packet.src_port.host(), row.src_port) << row.what;
    EXPECT_EQ(packet.dst_port.host(), row.dst_port) << row.what;
    EXPECT_EQ(packet.tcp_flags, 0) << row.what;
    EXPECT_EQ(Bytes(packet.frame, packet.frame + packet.length), row.frame) << "the frame must stay as it came";
  }
  EXPECT_EQ(world.receive(kHosts, from_host() / (to_gateway() / (Ip{.src = kEnvironment, .dst = kServer} / Echo{})))
                .packet.content,
            Content::kDatagram);
}

TEST(IcmpErrors, that_are_about_nobody_are_dropped_by_name) {
  struct Row {
    const char* what;
    Bytes frame;
    Drop drop;
  };
  const Bytes udp = kUdpLeft.bytes();
  const Bytes tcp = kTcpLeft.bytes();
  const auto elsewhere = [](const char* src, const char* dst) {
    return (Ip{.src = src, .dst = dst} / Udp{.src = 2000, .dst = 53}).bytes();
  };
  const Row rows[] = {
      {"no quote", from_router({}), Drop::bad_quote},
      {"half a header", from_router(cut(udp, 19)), Drop::bad_quote},
      {"a header alone", from_router(cut(udp, 20)), Drop::bad_quote},
      {"seven bytes behind it", from_router(cut(udp, 27)), Drop::bad_quote},
      {"seven bytes behind its options", from_router(cut(with_header_byte(cut(udp, 36), 0, 0x47), 35)),
       Drop::bad_quote},
      {"options beyond the quote", from_router(with_header_byte(udp, 0, 0x4f)), Drop::bad_quote},
      {"version six", from_router(with_header_byte(udp, 0, 0x65)), Drop::bad_quote},
      {"a header of sixteen bytes", from_router(with_header_byte(udp, 0, 0x44)), Drop::bad_quote},
      {"a wrong header checksum", from_router(with_byte(udp, 8, 77)), Drop::bad_quote},
      {"a total length of the header", from_router(with_header_byte(udp, 3, 20)), Drop::bad_quote},
      {"a total length below eight bytes more", from_router(with_header_byte(udp, 3, 27)), Drop::bad_quote},
      {"udp longer than its packet", from_router(with_byte(udp, 20 + 5, 12)), Drop::bad_quote},
      {"udp shorter than its header", from_router(with_byte(udp, 20 + 5, 7)), Drop::bad_quote},
      {"a tcp header longer than its packet", from_router(with_byte(tcp, 20 + 12, 0x70)), Drop::bad_quote},
      {"a tcp header shorter than one", from_router(with_byte(tcp, 20 + 12, 0x40)), Drop::bad_quote},
      {"tcp in a packet too short for it", from_router(cut(with_header_byte(tcp, 3, 39), 28)), Drop::bad_quote},
      {"a quote that is said to be longer than it is", from_router(udp, {.type = 11, .code = 0, .length = 32}),
       Drop::bad_quote},
      {"a quote that is said to end before the ports", from_router(cut(udp, 136), {.type = 3, .code = 1, .length = 6}),
       Drop::bad_quote},
      {"an extension of another version", from_router(with_extension(udp, {0x10, 0, 0, 0}), kExtended),
       Drop::bad_quote},
      {"half an extension's header", from_router(with_extension(udp, {0x20, 0, 0}), kExtended), Drop::bad_quote},
      {"an extension with a wrong checksum", from_router(with_extension(udp, {0x20, 0, 1, 2, 0, 4, 1, 1}), kExtended),
       Drop::bad_quote},
      {"an object longer than the extensions", from_router(with_extension(udp, {0x20, 0, 0, 0, 0, 8, 1, 1}), kExtended),
       Drop::bad_quote},
      {"an object shorter than its header", from_router(with_extension(udp, {0x20, 0, 0, 0, 0, 3, 1, 1}), kExtended),
       Drop::bad_quote},
      {"an object of no length", from_router(with_extension(udp, {0x20, 0, 0, 0, 0, 0, 1, 1}), kExtended),
       Drop::bad_quote},
      {"an object of odd length",
       from_router(with_extension(udp, {0x20, 0, 0, 0, 0, 5, 1, 1, 1, 0, 4, 1, 1, 1, 1, 1}), kExtended),
       Drop::bad_quote},
      {"half an object", from_router(with_extension(udp, {0x20, 0, 0, 0, 0, 4, 1, 1, 0, 4}), kExtended),
       Drop::bad_quote},
      {"a later fragment", from_router(with_fragment(kUdpLeft, 0x00b9).bytes()), Drop::quoted_fragment},
      {"a later fragment that more follow", from_router(with_fragment(kUdpLeft, 0x20b9).bytes()),
       Drop::quoted_fragment},
      {"gre", from_router(with_header_byte(udp, 9, 47)), Drop::unsupported_quote},
      {"sctp", from_router(with_header_byte(udp, 9, 132)), Drop::unsupported_quote},
      {"another error", from_router((kLeft / IcmpError{} / udp).bytes()), Drop::unsupported_quote},
      {"a timestamp request", from_router((kLeft / Echo{.id = 7, .type = 13}).bytes()), Drop::unsupported_quote},
      {"an echo reply, which the inside never sends", from_router((kLeft / Echo{.id = 7, .type = 0}).bytes()),
       Drop::unsupported_quote},
      {"an echo request, which the outside never sends", from_environment((kDelivered / Echo{.id = 7}).bytes()),
       Drop::unsupported_quote},
      {"a packet of somebody else's", from_router(elsewhere("10.0.1.21", kServer)), Drop::error_misaddressed},
      {"what came to the interface", from_router(elsewhere(kServer, kInterface)), Drop::error_misaddressed},
      {"what another environment got", from_environment(elsewhere(kServer, "100.64.0.6")), Drop::error_misaddressed},
      {"what another remote sent", from_environment(elsewhere("10.0.1.54", kEnvironment)), Drop::error_misaddressed},
      {"what the environment sent", from_environment(elsewhere(kEnvironment, kServer)), Drop::error_misaddressed},
      {"a wrong checksum", from_router(udp, {.checksum = 0x1234}), Drop::bad_l4_checksum},
      {"a redirect", from_router(udp, {.type = 5}), Drop::icmp_redirect},
      {"a redirect from inside", from_environment(kUdpDelivered.bytes(), {.type = 5}), Drop::icmp_redirect},
      {"a source quench", from_router(udp, {.type = 4, .code = 0}), Drop::icmp_source_quench},
      {"a router advertisement", from_router(udp, {.type = 9}), Drop::unsupported_icmp},
      {"a timestamp", from_router(udp, {.type = 13}), Drop::unsupported_icmp},
      {"an address mask", from_router(udp, {.type = 17}), Drop::unsupported_icmp}};
  const AttachWorld world;
  for (const Row& row : rows) {
    const bool outside = row.frame[0] == port_mac(kTenants).bytes[0] && row.frame[5] == port_mac(kTenants).bytes[5];
    const auto received = world.receive(outside ? kTenants : kHosts, row.frame);
    EXPECT_EQ(received.parsed, Parsed::kDropped) << row.what;
    EXPECT_EQ(name_of(received.packet.drop), name_of(row.drop)) << row.what;
  }
}

// The inner packet of a frame, shortened with its lengths and checksums made right again, so that nothing but the quote
// is at fault.
TEST(IcmpErrors, of_every_length_are_read_to_their_end_and_no_further) {
  const AttachWorld world;
  for (const Datagram& about : {kUdpLeft, kTcpLeft, kEchoLeft}) {
    const Bytes quoted = about.bytes();
    for (std::size_t length = 0; length <= quoted.size(); ++length) {
      const auto received = world.receive(kTenants, from_router(cut(quoted, length)));
      EXPECT_EQ(received.parsed, length < 28 ? Parsed::kDropped : Parsed::kPacket) << length;
    }
    const Bytes frame = from_router(quoted);
    for (std::size_t length = 0; length < frame.size(); ++length)
      EXPECT_EQ(world.receive(kTenants, cut(frame, length)).parsed, Parsed::kDropped) << length;
  }
}

// Whatever stands in the quote: what passes has a quote that lies within the packet, with its ports.
TEST(IcmpErrors, with_any_byte_in_the_quote_never_lead_beyond_the_packet) {
  const AttachWorld world;
  for (const Datagram& about : {kUdpLeft, kTcpLeft, kEchoLeft}) {
    const Bytes quoted = about.bytes();
    for (std::size_t at = 0; at < quoted.size(); ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        for (const std::uint8_t length : {std::uint8_t{0}, std::uint8_t{7}, std::uint8_t{8}}) {
          const Bytes changed = at < 20 ? with_header_byte(quoted, at, static_cast<std::uint8_t>(value))
                                        : with_byte(quoted, at, static_cast<std::uint8_t>(value));
          const auto received =
              world.receive(kTenants, from_router(changed, {.type = 11, .code = 0, .length = length}));
          if (received.parsed != Parsed::kPacket) continue;
          const Packet& packet = received.packet;
          Quote quote;
          ASSERT_EQ(read_quote({packet.l4, packet.l4_length}, quote), QuoteFault::kSound);
          ASSERT_GE(quote.l4, packet.l4 + 28);
          ASSERT_GE(quote.l4_length, 8);
          ASSERT_LE(quote.l4 + quote.l4_length, packet.l4 + packet.l4_length);
        }
      }
    }
  }
}

}  // namespace attach_errors
}  // namespace hypernat::dataplane
