// Every encapsulation inside with every one outside: all kinds of packets, there and back, byte by byte; and the same
// bytes whatever the devices do of the work.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/unit/dataplane/worker_world.h"

namespace hypernat::dataplane {
namespace worker_encapsulations {

using craft::Bytes;
using craft::Datagram;
using craft::Echo;
using craft::Ethernet;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

/// Mapping n is of subnet n, so it says which outside port packets leave by.
struct Way {
  AttachPort inside;
  std::uint32_t mapping;
};
constexpr AttachPort kOutsideOfMapping[] = {kPorts, kTenants, kTenants, kLan, kTrunk, kCloud};

std::vector<Way> every_way() {
  std::vector<Way> ways;
  for (const AttachPort inside : {kHosts, kPods, kRacks, kBench}) {
    for (const std::uint32_t mapping : {1U, 3U, 4U, 5U}) ways.push_back({inside, mapping});
  }
  return ways;
}

/// Any protocol, since what matters is the frame.
Bytes framed(Ethernet header, const Bytes& payload, std::uint16_t type) {
  header.type = type;
  return header / payload;
}

Bytes from_inside(const Way& way, const Bytes& packet) {
  const Bytes frame = to_gateway() / packet;
  switch (way.inside) {
    case kHosts:
      return from_host(way.mapping) / frame;
    case kPods:
      return from_pod(way.mapping) / frame;
    case kRacks:
      return Ethernet{.dst = kGatewayMac, .src = kEnvironmentMac, .vlan = static_cast<std::uint16_t>(way.mapping)} /
             packet;
    default:
      return frame;
  }
}

Bytes from_outside(const Way& way, const Bytes& payload, std::uint16_t type = craft::kIpv4Type) {
  const Bytes frame = framed(to_interface(way.mapping), payload, type);
  switch (way.mapping) {
    case 1:
      return from_vtep() / frame;
    case 4:
      return framed({.dst = interface_mac(4), .src = kServerMac, .vlan = 104}, payload, type);
    case 5:
      return from_cloud() / frame;
    default:
      return frame;
  }
}

/// The packet in a frame of the port, without checks: comparing it whole is one.
Bytes packet_in(AttachPort port, const Bytes& frame) {
  const bool tunnel = port == kHosts || port == kPods || port == kTenants || port == kCloud;
  const std::size_t headers = tunnel ? 64 : port == kRacks || port == kTrunk ? 18 : 14;
  return frame.size() < headers ? Bytes{} : Bytes(frame.begin() + static_cast<std::ptrdiff_t>(headers), frame.end());
}

class Trip {
 public:
  Trip(const Way& way, WorkerWorld::Options options) : way_(way), world_(with(options, way)) {}

  using Arrival = std::function<void(WorkerWorld&, std::uint16_t, const Bytes&)>;
  /// How frames come in, unless it is whole and as they are.
  Arrival arrival = [](WorkerWorld& world, std::uint16_t port, const Bytes& frame) { world.arrive(port, frame); };

  AttachPort outside() const { return kOutsideOfMapping[way_.mapping]; }
  WorkerWorld& world() { return world_; }

  /// The frames that a packet leaves as, outbound or inbound.
  std::vector<Bytes> outbound(const Bytes& packet) { return pass(way_.inside, from_inside(way_, packet), outside()); }
  std::vector<Bytes> inbound(const Bytes& packet) { return pass(outside(), from_outside(way_, packet), way_.inside); }

 private:
  static WorkerWorld::Options with(WorkerWorld::Options options, const Way& way) {
    options.bench_mapping = way.mapping;
    return options;
  }

  std::vector<Bytes> pass(std::uint16_t in, const Bytes& frame, std::uint16_t out) {
    arrival(world_, in, frame);
    world_.run();
    // The underlay first, then who is asked for through it.
    for (int layer = 0; layer < 2; ++layer) {
      answer();
      world_.run();
    }
    return world_.sent_packets(out);
  }

  void answer() {
    world_.answer_underlay(kHosts, "192.0.2.11");
    world_.answer_underlay(kPods, "192.0.3.254");
    world_.answer_underlay(kTenants, "198.51.100.11");
    world_.answer_underlay(kTenants, "198.51.100.12");
    world_.answer_underlay(kCloud, "198.51.101.11");
    world_.arrive(outside(), from_outside(way_,
                                          craft::bytes_of({.operation = 2,
                                                           .sender_mac = kServerMac,
                                                           .sender = "10.0.1.53",
                                                           .target_mac = interface_mac(way_.mapping),
                                                           .target = "10.0.1.20"}),
                                          craft::kArpType));
  }

  Way way_;
  WorkerWorld world_;
};

Datagram with_options(Datagram datagram) {
  datagram.ip.options = {148, 4, 0, 0, 1, 7, 3, 4};  // router alert, no operation, an empty record route
  return datagram;
}
Datagram sized(Datagram datagram, std::size_t payload) {
  for (std::size_t i = 0; i < payload; ++i) datagram.payload.push_back(static_cast<std::uint8_t>(i * 7 + 1));
  return datagram;
}

std::vector<Datagram> requests() {
  const Ip ip{.src = "100.64.0.5", .dst = "10.0.1.53", .dscp_ecn = 0xb9, .identification = 77};
  const Datagram udp = ip / Udp{.src = 4000, .dst = 53};
  const Datagram tcp = ip / Tcp{.src = 4001, .dst = 80, .flags = "SEC", .options = {2, 4, 5, 100, 1, 1, 4, 2}};
  const Datagram echo = ip / Echo{.id = 4002, .seq = 9};
  const Datagram bare = ip / Udp{.src = 4003, .dst = 53, .checksum = std::uint16_t{0}};
  std::vector<Datagram> all;
  for (const std::size_t payload : {0U, 1U, 2U, 3U, 17U, 1001U}) {
    for (const Datagram& one : {udp, tcp, echo, bare}) all.push_back(sized(one, payload));
  }
  for (const Datagram& one : {udp, tcp, echo, bare}) all.push_back(with_options(sized(one, 5)));
  return all;
}

/// The request as the server must see it: `port` is the interface's.
Datagram translated(Datagram request, std::uint16_t port) {
  request.ip.src = "10.0.1.20";
  request.ip.ttl -= 1;
  if (auto* udp = std::get_if<Udp>(&request.l4)) udp->src = port;
  if (auto* tcp = std::get_if<Tcp>(&request.l4)) tcp->src = port;
  if (auto* echo = std::get_if<Echo>(&request.l4)) echo->id = port;
  return request;
}

/// The server's reply to the request that it saw.
Datagram reply_to(const Datagram& seen) {
  Datagram reply = seen;
  std::swap(reply.ip.src, reply.ip.dst);
  reply.ip.ttl = 50;
  if (auto* udp = std::get_if<Udp>(&reply.l4)) std::swap(udp->src, udp->dst);
  if (auto* tcp = std::get_if<Tcp>(&reply.l4)) {
    std::swap(tcp->src, tcp->dst);
    tcp->flags = "SA";
  }
  if (auto* echo = std::get_if<Echo>(&reply.l4)) echo->type = craft::kReply;
  return reply;
}

/// The reply as the environment must see it.
Datagram translated_back(Datagram reply, const Datagram& request) {
  reply.ip.dst = request.ip.src;
  reply.ip.ttl -= 1;
  if (auto* udp = std::get_if<Udp>(&reply.l4)) udp->dst = std::get<Udp>(request.l4).src;
  if (auto* tcp = std::get_if<Tcp>(&reply.l4)) tcp->dst = std::get<Tcp>(request.l4).src;
  if (auto* echo = std::get_if<Echo>(&reply.l4)) echo->id = std::get<Echo>(request.l4).id;
  return reply;
}

/// There and back; every frame that left, in order. `behind` is link padding.
std::vector<Bytes> there_and_back(Trip& trip, const Datagram& request, const Way& way, std::size_t behind = 0) {
  const auto padded = [behind](Bytes packet) {
    packet.resize(packet.size() + behind, 0xee);
    return packet;
  };
  std::vector<Bytes> frames = trip.outbound(padded(request.bytes()));
  if (frames.size() != 1) {
    ADD_FAILURE() << frames.size() << " frames left outside";
    return frames;
  }
  const Bytes out = packet_in(trip.outside(), frames[0]);
  const Datagram expected = translated(request, craft::look_at(out).src_port);
  EXPECT_EQ(out, expected.bytes());
  const Datagram reply = reply_to(expected);
  const std::vector<Bytes> back = trip.inbound(padded(reply.bytes()));
  if (back.size() != 1) {
    ADD_FAILURE() << back.size() << " frames left inside";
    return frames;
  }
  EXPECT_EQ(packet_in(way.inside, back[0]), translated_back(reply, request).bytes());
  frames.push_back(back[0]);
  return frames;
}

std::string name_of_way(const testing::TestParamInfo<Way>& row) {
  const auto name = [](AttachPort port) {
    return port == kHosts || port == kTenants ? "vxlan"
           : port == kPods || port == kCloud  ? "geneve"
           : port == kRacks || port == kTrunk ? "vlan"
                                              : "plain";
  };
  return std::string(name(row.param.inside)) + "_to_" + name(kOutsideOfMapping[row.param.mapping]);
}

class Encapsulations : public testing::TestWithParam<Way> {};

TEST_P(Encapsulations, CarryEveryKindOfPacketThereAndBack) {
  Trip trip(GetParam(), {});
  for (const Datagram& request : requests()) {
    there_and_back(trip, request, GetParam());
    there_and_back(trip, request, GetParam(), 7);
  }
  const AccountView total = trip.world().total();
  EXPECT_EQ(total.dropped_total(), 0U);
  EXPECT_EQ(total.held, 0U);
}

TEST_P(Encapsulations, CarryFramesAsLargeAsTheMtuAllows) {
  constexpr std::uint16_t kMtu = 9000;
  Trip trip(GetParam(), {.buffers = 1023, .room = 10'240, .mtu = kMtu});
  const bool tunnel = GetParam().mapping != 3 && GetParam().mapping != 4;
  const bool tunnel_inside = GetParam().inside == kHosts || GetParam().inside == kPods;
  const std::size_t largest = kMtu - (tunnel || tunnel_inside ? 50U : 0U);
  const Datagram udp = Ip{.src = "100.64.0.5", .dst = "10.0.1.53"} / Udp{.src = 4000, .dst = 53};
  for (const std::size_t bytes : {largest - 1, largest}) there_and_back(trip, sized(udp, bytes - 28), GetParam());
  EXPECT_EQ(trip.world().total().dropped_total(), 0U);
}

// Whatever a device does of the work, the wire sees the same.
TEST_P(Encapsulations, SendTheSameBytesWithAndWithoutDevicesThatWriteHeaders) {
  const DeviceWrites all{DeviceWrites::kOuterChecksum | DeviceWrites::kVlanTag};
  Trip software(GetParam(), {});
  Trip hardware(GetParam(), {.device_writes = all});
  std::size_t frames = 0;
  for (const Datagram& request : requests()) {
    const auto expected = there_and_back(software, request, GetParam());
    EXPECT_EQ(there_and_back(hardware, request, GetParam()), expected);
    frames += expected.size();
  }
  EXPECT_EQ(software.world().completed(), 0U);
  const bool plain_inside = GetParam().inside == kBench;
  const bool plain_outside = GetParam().mapping == 3;
  const std::size_t sides_of_work = (plain_inside ? 0U : 1U) + (plain_outside ? 0U : 1U);
  EXPECT_GE(hardware.world().completed(), frames / 2 * sides_of_work) << "the devices had their part";
}

TEST_P(Encapsulations, TakeFramesInPieces) {
  Trip whole(GetParam(), {});
  Trip pieces(GetParam(), {});
  std::uint16_t piece = 10;
  pieces.arrival = [&piece](WorkerWorld& world, std::uint16_t port, const Bytes& frame) {
    world.arrive_in_pieces(port, frame, piece);
  };
  for (const Datagram& request : requests()) {
    EXPECT_EQ(there_and_back(pieces, request, GetParam()), there_and_back(whole, request, GetParam()));
    piece = static_cast<std::uint16_t>(piece + 13);
  }
}

TEST_P(Encapsulations, TakeFramesWithoutTheTagThatTheDeviceTookOff) {
  const auto tagged = [](std::uint16_t port) { return port == kRacks || port == kTrunk; };
  if (!tagged(GetParam().inside) && !tagged(kOutsideOfMapping[GetParam().mapping])) return;
  Trip whole(GetParam(), {});
  Trip stripped(GetParam(), {});
  stripped.arrival = [tagged](WorkerWorld& world, std::uint16_t port, const Bytes& frame) {
    tagged(port) ? world.arrive_stripped(port, frame) : world.arrive(port, frame);
  };
  for (const Datagram& request : requests()) {
    EXPECT_EQ(there_and_back(stripped, request, GetParam()), there_and_back(whole, request, GetParam()));
  }
}

// Nobody's checksum is repaired: who gets the packet must see that it was damaged.
TEST_P(Encapsulations, KeepCorruptChecksumsCorrupt) {
  Trip trip(GetParam(), {});
  const Ip out{.src = "100.64.0.5", .dst = "10.0.1.53"};
  const std::uint16_t wrong = 0x1234;
  const Datagram good = sized(out / Udp{.src = 4000, .dst = 53}, 33);
  const auto port = craft::look_at(packet_in(trip.outside(), trip.outbound(good.bytes()).at(0))).src_port;
  for (const Datagram& one : {sized(out / Udp{.src = 4000, .dst = 53, .checksum = wrong}, 33),
                              sized(out / Tcp{.src = 4000, .dst = 80, .checksum = wrong}, 33),
                              sized(out / Echo{.id = 4000, .checksum = wrong}, 33)}) {
    const auto frames = trip.outbound(one.bytes());
    ASSERT_EQ(frames.size(), 1U);
    const craft::Seen seen = craft::look_at(packet_in(trip.outside(), frames[0]));
    EXPECT_TRUE(seen.ip_checksum_right);
    EXPECT_FALSE(seen.l4_checksum_right) << "protocol " << int{seen.protocol};
  }
  const Datagram reply =
      sized(Ip{.src = "10.0.1.53", .dst = "10.0.1.20"} / Udp{.src = 53, .dst = port, .checksum = wrong}, 33);
  const auto back = trip.inbound(reply.bytes());
  ASSERT_EQ(back.size(), 1U);
  EXPECT_FALSE(craft::look_at(packet_in(GetParam().inside, back[0])).l4_checksum_right);
}

INSTANTIATE_TEST_SUITE_P(Ways, Encapsulations, testing::ValuesIn(every_way()), name_of_way);

Bytes request() {
  return from_host() /
         (to_gateway() / sized(Ip{.src = "100.64.0.5", .dst = "10.0.1.53"} / Udp{.src = 4000, .dst = 53}, 900));
}

TEST(Devices, ThatSayAChecksumIsWrongHaveThePacketDropped) {
  const std::pair<std::uint64_t, bool> rows[] = {{RTE_MBUF_F_RX_L4_CKSUM_BAD, false},
                                                 {RTE_MBUF_F_RX_OUTER_L4_CKSUM_BAD, false},
                                                 {RTE_MBUF_F_RX_L4_CKSUM_BAD | RTE_MBUF_F_RX_IP_CKSUM_GOOD, false},
                                                 {RTE_MBUF_F_RX_L4_CKSUM_GOOD, true},
                                                 {RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD, true},
                                                 {RTE_MBUF_F_RX_L4_CKSUM_NONE, true},
                                                 {0, true}};
  for (const auto& [flags, passes] : rows) {
    WorkerWorld world;
    world.know_neighbours();
    const std::uint64_t before = world.total().dropped_total();
    world.arrive_flagged(kHosts, request(), flags);
    world.run();
    EXPECT_EQ(world.sent_packets(kTenants).size(), passes ? 1U : 0U) << flags;
    const AccountView total = world.total();
    EXPECT_EQ(total.dropped_total() - before, passes ? 0U : 1U);
    EXPECT_EQ(total.dropped[static_cast<std::size_t>(Drop::bad_l4_checksum)], passes ? 0U : 1U);
  }
}

TEST(Devices, ThatScatterAFrameBeyondOneBufferHaveItDropped) {
  WorkerWorld world;
  world.know_neighbours();
  Datagram large = Ip{.src = "100.64.0.5", .dst = "10.0.1.53"} / Udp{.src = 4000, .dst = 53};
  const auto as_frame = [&] { return from_host() / (to_gateway() / large); };
  world.arrive_in_pieces(kHosts, as_frame(), 20);
  world.run();
  EXPECT_EQ(world.sent_packets(kTenants).size(), 1U);
  large.payload.resize(3000);
  world.arrive_in_pieces(kHosts, as_frame(), 1600);
  world.run();
  EXPECT_TRUE(world.sent_packets(kTenants).empty());
  EXPECT_EQ(world.total().dropped[static_cast<std::size_t>(Drop::scattered)], 1U);
}

TEST(Devices, ThatRefuseToPrepareAFrameHaveItDroppedAndSendTheOthers) {
  WorkerWorld world({.device_writes = {DeviceWrites::kOuterChecksum}});
  world.know_neighbours();
  world.refuse_frames_longer_than(kTenants, 500);
  const auto of_size = [](std::uint16_t port, std::size_t payload) {
    return from_host() /
           (to_gateway() / sized(Ip{.src = "100.64.0.5", .dst = "10.0.1.53"} / Udp{.src = port, .dst = 53}, payload));
  };
  const std::size_t sizes[] = {900, 900, 10, 900, 20, 30, 900};
  std::uint16_t port = 5000;
  for (const std::size_t size : sizes) world.arrive(kHosts, of_size(port++, size));
  world.run();
  EXPECT_EQ(world.sent_packets(kTenants).size(), 3U);
  EXPECT_EQ(world.total().dropped[static_cast<std::size_t>(Drop::transmit_refused)], 4U);
}

}  // namespace worker_encapsulations
}  // namespace hypernat::dataplane
