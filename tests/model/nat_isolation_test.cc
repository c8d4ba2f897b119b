// One tenant floods the workers with everything it has; another, meanwhile, goes about its work: nothing of that is
// dropped and none of its openings fails. In virtual time.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/packet/fragments.h"
#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Echo;
using craft::Ip;
using craft::Tcp;
using craft::Udp;

constexpr std::uint16_t kWorkers = 4;
constexpr Tick kStep = 10;
constexpr int kSteps = 300;
constexpr const char* kInterface = "10.0.1.20";  // of both tenants

std::string address(std::uint32_t first, std::uint32_t n) {
  return to_string(Ipv4Address::from_host(first + n));
}

// Everything that does not need the other tenant's help, as fast as a burst goes.
class Flooder {
 public:
  explicit Flooder(std::uint64_t seed) : random_(seed) {}

  NatWorld::Arrival next() {
    switch (below(12)) {
      case 8:  // later fragments whose first does not come
        return piece_from_inside(later(), port());
      case 9:  // first fragments, of datagrams whose rest does not come
        return piece_from_inside(first(), port());
      case 10:  // the same from its own network, again and again with the identifications of others
        return {.side = Side::kOutside, .from = {}, .subnet = 1, .datagram = {}, .piece = from_outside(first())};
      case 11:
        return {.side = Side::kOutside, .from = {}, .subnet = 1, .datagram = {}, .piece = from_outside(later())};
      case 0:  // new flows towards one server
        return from_inside(ip(kServer) / Udp{.src = port(), .dst = 53});
      case 1:  // new flows towards neighbours that there are not
        return from_inside(ip(address(0x0a000102, below(250))) / Udp{.src = port(), .dst = 53});
      case 2:
        return from_inside(ip(address(0x0b000000, below(1U << 20))) / Tcp{.src = port(), .dst = port(), .flags = "S"});
      case 3:  // segments that ask for a RST
        return from_inside(ip(kServer) / Tcp{.src = port(), .dst = 80, .flags = "A"});
      case 4:  // what is no TCP at all, or from nobody
        return from_inside(ip(kServer) / Tcp{.src = port(), .dst = 80, .flags = "SF"});
      case 5:
        return from_inside(Ip{.src = address(0x64401000, below(9)), .dst = kServer} / Echo{.id = port()});
      case 6:  // from its own network, at ports that nobody has
        return {.side = Side::kOutside,
                .from = {},
                .subnet = 1,
                .datagram = Ip{.src = kServer, .dst = kInterface} / Udp{.src = 53, .dst = port()}};
      default:  // packets of a flow that it may have
        return from_inside(ip(kServer) / Udp{.src = 7, .dst = 7});
    }
  }

 private:
  static constexpr const char* kServer = "10.0.1.10";
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
  std::uint16_t port() { return static_cast<std::uint16_t>(random_()); }
  Ip ip(const std::string& dst) { return {.src = address(0x64400001, below(200)), .dst = dst}; }
  static NatWorld::Arrival from_inside(const craft::Datagram& datagram) {
    return {.side = Side::kInside, .from = {.mapping = 1}, .datagram = datagram};
  }
  NatWorld::Arrival piece_from_inside(craft::Piece piece, std::uint16_t identification) {
    piece.ip = ip(kServer);
    piece.ip.identification = identification;
    return {.side = Side::kInside, .from = {.mapping = 1}, .datagram = {}, .piece = piece.bytes()};
  }
  craft::Bytes from_outside(craft::Piece piece) {
    piece.ip = {.src = kServer, .dst = kInterface, .identification = static_cast<std::uint16_t>(below(64))};
    return piece.bytes();
  }
  craft::Piece first() { return {.ip = {}, .offset = 0, .more = true, .payload = craft::Bytes(64, 0x30)}; }
  craft::Piece later() {
    return {.ip = {}, .offset = 64 * (1 + below(20)), .more = below(2) == 0, .payload = craft::Bytes(64, 0x30)};
  }
  std::mt19937_64 random_;
};

// Steady flows of every protocol, each with an answer to every packet, and new ones all the time.
class Bystander {
 public:
  explicit Bystander(NatWorld& world) : world_(world) {
    for (std::uint16_t n = 0; n < 30; ++n) steady_.push_back(open(n));
  }

  void step() {
    for (Talk& talk : steady_) exchange(talk);
    for (Talk& talk : steady_) exchange_in_pieces(talk);
    for (int i = 0; i < 4; ++i) {
      Talk talk = open(next_++);
      exchange(talk);
    }
  }

 private:
  inline static const Environment kHome{.mapping = 3};
  struct Talk {
    std::uint32_t n = 0;
    std::uint16_t port = 0;  ///< of the interface
  };

  static std::string server(std::uint32_t n) { return address(0x0a000164, n % 40); }
  static Ip there(std::uint32_t n) { return {.src = address(0x64400001, n % 500), .dst = server(n)}; }
  static Ip back(std::uint32_t n) { return {.src = server(n), .dst = kInterface}; }
  static std::uint16_t src(std::uint32_t n) { return static_cast<std::uint16_t>(1024 + n % 60'000); }

  static craft::Datagram request(std::uint32_t n, const char* flags) {
    if (n % 3 == 0) return there(n) / Udp{.src = src(n), .dst = 53};
    if (n % 3 == 1) return there(n) / Tcp{.src = src(n), .dst = 80, .flags = flags};
    return there(n) / Echo{.id = src(n)};
  }
  static craft::Datagram reply(const Talk& talk, const char* flags) {
    if (talk.n % 3 == 0) return back(talk.n) / Udp{.src = 53, .dst = talk.port};
    if (talk.n % 3 == 1) return back(talk.n) / Tcp{.src = 80, .dst = talk.port, .flags = flags};
    return back(talk.n) / Echo{.id = talk.port, .type = craft::kReply};
  }

  Talk open(std::uint32_t n) {
    const Outcome out = world_.outbound(kHome, request(n, "S"));
    EXPECT_TRUE(out.opened) << "opening " << n << ": " << out.text();
    const Talk talk{n, out.seen.src_port};
    const Outcome in = world_.inbound(2, reply(talk, "SA"));
    EXPECT_TRUE(in.forwarded()) << "answer " << n << ": " << in.text();
    return talk;
  }
  void exchange(const Talk& talk) {
    const Outcome out = world_.outbound(kHome, request(talk.n, "PA"));
    EXPECT_TRUE(out.forwarded()) << "flow " << talk.n << ": " << out.text();
    EXPECT_EQ(out.seen.src_port, talk.port) << "flow " << talk.n;
    const Outcome in = world_.inbound(2, reply(talk, "PA"));
    EXPECT_TRUE(in.forwarded()) << "flow " << talk.n << ": " << in.text();
  }

  // As fragments, the last one first: each way all of them arrive.
  void exchange_in_pieces(const Talk& talk) {
    if (talk.n % 3 == 1) return;  // a segment is not so long
    const auto send = [&](NatWorld::Arrival arrival, craft::Datagram datagram) {
      datagram.payload.resize(150, 0x55);
      datagram.ip.identification = static_cast<std::uint16_t>(++identification_ % 64);
      auto pieces = craft::cut(datagram.bytes(), {64, 128});
      std::ranges::reverse(pieces);
      std::vector<std::size_t> sent;
      for (const craft::Bytes& piece : pieces) {
        arrival.piece = piece;
        sent.push_back(world_.send(arrival));
      }
      world_.carry_all();
      for (const std::size_t packet : sent) {
        const Outcome out = world_.outcome(packet);
        EXPECT_TRUE(out.forwarded()) << "a fragment of flow " << talk.n << ": " << out.text();
      }
    };
    send({.side = Side::kInside, .from = kHome, .datagram = {}}, request(talk.n, "PA"));
    send({.side = Side::kOutside, .from = {}, .subnet = 2, .datagram = {}}, reply(talk, "PA"));
  }

  NatWorld& world_;
  std::uint32_t identification_ = 0;
  std::vector<Talk> steady_;
  std::uint32_t next_ = 1'000;
};

struct Row {
  const char* name;
  config::TenantLimits limits;      ///< the flooder's
  std::vector<Drop> must_have_met;  ///< else it was no flood
};

class Isolation : public testing::TestWithParam<Row> {};

TEST_P(Isolation, of_one_tenant_from_the_flood_of_another_is_whole) {
  const Row& row = GetParam();
  config::Table table = two_tenants();
  table.tenants[0].limits = row.limits;
  NatWorld world({.table = table,
                  .workers = kWorkers,
                  .flows = 1'000,
                  .flows_per_tenant = 500,
                  .redirects = 64,
                  .redirects_per_tenant = 32,
                  .next_hops = 128,
                  .fragments = {.datagrams = 64,
                                .datagrams_per_tenant = 8,
                                .held = 64,
                                .held_per_tenant = 8,
                                .timeout = 500,
                                .tenants = 16},
                  .timeouts = {.tcp_opening = 900, .tcp_established = 900, .udp = 900, .icmp = 900},
                  .seed = 7});
  Flooder flooder(11);
  Bystander bystander(world);
  std::map<Drop, std::uint32_t> met;
  for (int step = 0; step < kSteps && !testing::Test::HasFailure(); ++step) {
    for (int burst = 0; burst < 4; ++burst) {
      std::vector<NatWorld::Arrival> arrivals;
      for (std::size_t i = 0; i < Nat::kMaxBurst; ++i) arrivals.push_back(flooder.next());
      for (const Outcome& out : world.burst(arrivals))
        if (out.verdict == Verdict::kDrop) ++met[out.drop];
    }
    bystander.step();
    world.pass(kStep);
  }
  EXPECT_EQ(world.tenant_counter(2, &TenantCounters::drops), 0U);
  EXPECT_GT(world.tenant_counter(1, &TenantCounters::drops), 10'000U);
  for (const Drop drop : row.must_have_met) EXPECT_GT(met[drop], 100U) << name_of(drop);
  world.pass(20'000);
  EXPECT_EQ(world.open_flows(), 0U);
  EXPECT_EQ(world.flows_of_tenant(1), 0U);
  EXPECT_EQ(world.next_hops_held(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Rows, Isolation,
                         testing::Values(Row{"no_limit_but_shares",
                                             {},
                                             {Drop::flow_share_full, Drop::next_hop_table_full, Drop::bad_tcp_flags,
                                              Drop::spoofed_source, Drop::no_flow, Drop::reset_rate_limited,
                                              Drop::fragment_share_full, Drop::fragment_overlap}},
                                         Row{"flows", {.flows = 100}, {Drop::tenant_flow_limit}},
                                         Row{"new_flows", {.new_flows_per_second = 50}, {Drop::tenant_new_flow_limit}},
                                         Row{"packets", {.packets_per_second = 5'000}, {Drop::tenant_packet_limit}},
                                         Row{"all_of_them",
                                             {.flows = 200, .new_flows_per_second = 150, .packets_per_second = 15'000},
                                             {Drop::tenant_packet_limit, Drop::tenant_new_flow_limit}}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace hypernat::dataplane
