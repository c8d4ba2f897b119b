// So many flows that some have lost their hints, and some hints name another flow: each packet finds its own.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace nat_hints {

using craft::Ip;
using craft::Udp;

constexpr std::uint32_t kFlows = 65536;

// Of the nth flow.
std::string environment(std::uint32_t n) {
  return to_string(Ipv4Address::from_host(0x64400001 + n % 1000));
}
std::string server(std::uint32_t n) {
  return to_string(Ipv4Address::of(10, 0, 1, static_cast<std::uint8_t>(30 + n % 50)));
}
std::uint16_t port(std::uint32_t n) {
  return static_cast<std::uint16_t>(1024 + n / 1000);
}
craft::Datagram outbound(std::uint32_t n) {
  return Ip{.src = environment(n), .dst = server(n)} / Udp{.src = port(n), .dst = 53};
}

TEST(Hints, send_no_packet_to_another_flow) {
  NatWorld world({.flows = kFlows});
  std::vector<std::uint16_t> interface_ports;
  for (std::uint32_t n = 0; n < kFlows; ++n) {
    const Outcome opening = world.outbound(outbound(n));
    ASSERT_TRUE(opening.opened) << n << opening.text();
    interface_ports.push_back(opening.seen.src_port);
  }
  for (std::uint32_t n = 0; n < kFlows; ++n) {
    const Outcome out = world.outbound(outbound(n));
    ASSERT_TRUE(out.forwarded() && !out.opened) << n << out.text();
    ASSERT_EQ(out.seen.src_port, interface_ports[n]) << n;
    const Outcome in =
        world.inbound(Ip{.src = server(n), .dst = "10.0.1.20"} / Udp{.src = 53, .dst = interface_ports[n]});
    ASSERT_TRUE(in.forwarded()) << n << in.text();
    ASSERT_EQ(in.seen.dst, environment(n)) << n;
    ASSERT_EQ(in.seen.dst_port, port(n)) << n;
  }
}

}  // namespace nat_hints
}  // namespace hypernat::dataplane
