// TCP through the NAT: what opens a flow, what each segment does to it, and what strangers get.
#include <gtest/gtest.h>

#include "dataplane/nat/answer.h"
#include "dataplane/nat/tcp_state.h"
#include "tests/packet/tcp_connection.h"

namespace hypernat::dataplane {
namespace nat_tcp {

using craft::Ip;
using craft::Tcp;

constexpr const char* kClient = "100.64.0.5";
constexpr const char* kServer = "10.0.1.10";
constexpr const char* kInterface = "10.0.1.20";

TEST(TcpTranslation, carries_a_connection_from_handshake_to_close_byte_for_byte) {
  NatWorld world;
  const craft::Bytes options{2, 4, 5, 0xb4, 1, 3, 3, 7};
  const Outcome syn = world.outbound(
      Ip{.src = kClient, .dst = kServer, .dscp_ecn = 0xb9, .fragment = 0x4000} /
      Tcp{.src = 4000, .dst = 80, .flags = "S", .seq = 0xfffffff0, .window = 29200, .options = options} / "fast open");
  ASSERT_TRUE(syn.forwarded()) << syn.text();
  const std::uint16_t port = syn.seen.src_port;
  EXPECT_EQ(
      syn.bytes,
      (Ip{.src = kInterface, .dst = kServer, .ttl = 63, .dscp_ecn = 0xb9, .fragment = 0x4000} /
       Tcp{.src = port, .dst = 80, .flags = "S", .seq = 0xfffffff0, .window = 29200, .options = options} / "fast open")
          .bytes());
  const Outcome answer = world.inbound(Ip{.src = kServer, .dst = kInterface} /
                                       Tcp{.src = 80, .dst = port, .flags = "SA", .seq = 5, .ack = 0xfffffff1});
  ASSERT_TRUE(answer.forwarded()) << answer.text();
  EXPECT_EQ(answer.bytes, (Ip{.src = kServer, .dst = kClient, .ttl = 63} /
                           Tcp{.src = 80, .dst = 4000, .flags = "SA", .seq = 5, .ack = 0xfffffff1})
                              .bytes());
}

TEST(TcpState, follows_the_connection) {
  struct Step {
    const char* what;
    Side from;
    const char* flags;
    const char* state;
  };
  constexpr auto kIn = Side::kInside;
  constexpr auto kOut = Side::kOutside;
  const std::vector<std::vector<Step>> lives = {
      {{"handshake", kIn, "S", "opening"},
       {"SYN again", kIn, "S", "opening"},
       {"SYN ACK", kOut, "SA", "established"},
       {"SYN ACK again", kOut, "SA", "established"},
       {"ACK", kIn, "A", "established"},
       {"data", kIn, "PA", "established"},
       {"client is done", kIn, "FA", "established"},
       {"half-closed: data the other way", kOut, "PA", "established"},
       {"and its acknowledgment", kIn, "A", "established"},
       {"server is done", kOut, "FA", "closing"},
       {"last ACK", kIn, "A", "closing"},
       {"FIN again", kOut, "FA", "closing"},
       {"late data", kOut, "PA", "closing"},
       {"the tuple again in TIME_WAIT", kIn, "S", "opening"},
       {"its SYN ACK", kOut, "SA", "established"}},
      {{"SYN", kIn, "S", "opening"}, {"refused", kOut, "RA", "closing"}, {"tried again", kIn, "S", "opening"}},
      {{"SYN", kIn, "S", "opening"},
       {"simultaneous open", kOut, "S", "established"},
       {"its SYN ACK", kIn, "SA", "established"}},
      {{"SYN", kIn, "S", "opening"},
       {"SYN ACK", kOut, "SA", "established"},
       {"blind RST", kOut, "R", "closing"},
       {"another", kOut, "RA", "closing"},
       {"data brings it back", kIn, "PA", "established"},
       {"RST of the client's own", kIn, "R", "closing"},
       {"the server did not get it", kOut, "A", "established"}},
      {{"SYN", kIn, "S", "opening"},
       {"a RST before any answer", kOut, "R", "closing"},
       {"is not enough to make it established", kIn, "A", "opening"}},
      {{"SYN", kIn, "S", "opening"}, {"ACK of an unacceptable segment", kOut, "A", "opening"}},
      {{"SYN", kIn, "S", "opening"},
       {"SYN ACK", kOut, "SA", "established"},
       {"SYN in an established connection", kIn, "S", "established"},
       {"challenge ACK", kOut, "A", "established"},
       {"RST that answers it", kIn, "R", "closing"},
       {"SYN anew", kIn, "S", "opening"}},
      {{"SYN", kIn, "S", "opening"},
       {"SYN ACK", kOut, "SA", "established"},
       {"server closes first", kOut, "FPA", "established"},
       {"client closes", kIn, "FA", "closing"},
       {"RST after both", kIn, "R", "closing"},
       {"ACK after it", kOut, "A", "closing"}},
  };
  for (const auto& life : lives) {
    Connection connection;
    std::uint16_t port = 0;
    for (const Step& step : life) {
      const Outcome outcome =
          step.from == Side::kInside ? connection.client(step.flags) : connection.server(step.flags);
      ASSERT_TRUE(outcome.forwarded()) << step.what << ": " << outcome.text();
      EXPECT_EQ(connection.state(), step.state) << step.what;
      if (port == 0) port = connection.port;
      EXPECT_EQ(connection.port, port) << step.what << ": a flow keeps its port";
      EXPECT_EQ(connection.world.open_flows(), 1U);
    }
  }
}

TEST(TcpOpening, is_for_a_syn_only) {
  for (const std::string flags : {"SA", "A", "PA", "FA", "FPA", "AU"}) {
    Connection connection;
    EXPECT_EQ(connection.client(flags).verdict, Verdict::kAnswered) << flags;
    EXPECT_EQ(connection.world.open_flows(), 0U) << flags;
  }
  for (const std::string flags : {"S", "SPU", "SEC", "SU"}) {
    Connection connection;
    EXPECT_TRUE(connection.client(flags).opened) << flags;
  }
}

TEST(TcpOpening, never_comes_from_outside) {
  for (const std::string flags : {"S", "SA", "A", "FA", "R", "RA"}) {
    Connection connection;
    connection.port = 5000;
    EXPECT_TRUE(connection.server(flags).dropped(Drop::no_flow)) << flags;
    EXPECT_EQ(connection.world.open_flows(), 0U);
  }
}

TEST(TcpFlags, that_no_tcp_sends_are_dropped_with_and_without_a_flow) {
  const std::vector<std::string> illegal = {"", "F", "P", "U", "SF", "SR", "SFA", "SRA", "RF", "RFA", "SFRPAU", "FPU"};
  for (const std::string& flags : illegal) {
    Connection connection;
    EXPECT_TRUE(connection.client(flags).dropped(Drop::bad_tcp_flags)) << flags;
    connection.shake_hands();
    EXPECT_TRUE(connection.client(flags).dropped(Drop::bad_tcp_flags)) << flags;
    EXPECT_TRUE(connection.server(flags).dropped(Drop::bad_tcp_flags)) << flags;
    EXPECT_EQ(connection.state(), "established") << flags;
  }
}

TEST(TcpFlags, are_legal_exactly_in_six_combinations) {
  int legal = 0;
  for (unsigned flags = 0; flags < 256; ++flags) legal += legal_tcp_flags(static_cast<std::uint8_t>(flags)) ? 1 : 0;
  EXPECT_EQ(legal, 6 * 16) << "each with any of PSH, URG, ECE, CWR";
}

// ---- The answer to a segment that has no flow
// ------------------------------------------------------------------------

Packet descriptor_of(craft::Bytes& bytes) {
  const craft::Seen seen = craft::look_at(bytes);
  Packet packet;
  packet.ip = reinterpret_cast<Ipv4Header*>(bytes.data());
  packet.l4 = bytes.data() + packet.ip->header_length();
  packet.l4_length = static_cast<std::uint16_t>(bytes.size() - packet.ip->header_length());
  packet.protocol = Protocol::kTcp;
  packet.tcp_flags = seen.tcp_flags;
  packet.src = packet.ip->src();
  packet.dst = packet.ip->dst();
  return packet;
}

TEST(TcpReset, answers_by_the_rules_for_a_closed_connection) {
  struct Row {
    const char* what;
    Tcp segment;
    const char* payload;
    Tcp answer;
  };
  const std::vector<Row> rows = {
      {"with ACK: its acknowledgment is the sequence number",
       {.flags = "A", .seq = 77, .ack = 1234},
       "",
       {.flags = "R", .seq = 1234, .ack = 0}},
      {"with ACK and data: the same",
       {.flags = "PA", .seq = 77, .ack = 0xffffffff},
       "abc",
       {.flags = "R", .seq = 0xffffffff, .ack = 0}},
      {"SYN ACK", {.flags = "SA", .seq = 77, .ack = 5}, "", {.flags = "R", .seq = 5, .ack = 0}},
      {"FIN ACK", {.flags = "FA", .seq = 77, .ack = 5}, "", {.flags = "R", .seq = 5, .ack = 0}},
      {"without ACK: zero, and all of it acknowledged; SYN counts",
       {.flags = "S", .seq = 77},
       "",
       {.flags = "RA", .seq = 0, .ack = 78}},
      {"SYN with data", {.flags = "S", .seq = 77}, "abcd", {.flags = "RA", .seq = 0, .ack = 82}},
      {"around the end of the sequence space",
       {.flags = "S", .seq = 0xffffffff},
       "ab",
       {.flags = "RA", .seq = 0, .ack = 2}},
      {"options are no text",
       {.flags = "S", .seq = 77, .options = craft::Bytes(40, 1)},
       "a",
       {.flags = "RA", .seq = 0, .ack = 79}},
  };
  for (Row row : rows) {
    row.segment.src = 4000;
    row.segment.dst = 80;
    row.answer.src = 80;
    row.answer.dst = 4000;
    row.answer.window = 0;
    craft::Bytes bytes = (Ip{.src = kClient, .dst = kServer} / row.segment / row.payload).bytes();
    const Packet packet = descriptor_of(bytes);
    craft::Bytes answer(kMaxAnswerBytes);
    answer.resize(build_answer(packet, std::span<std::uint8_t, kMaxAnswerBytes>(answer)));
    const Ip ip{.src = kServer, .dst = kClient, .ttl = 64, .identification = 0, .fragment = 0x4000};
    EXPECT_EQ(answer, (ip / row.answer).bytes()) << row.what;
  }
}

TEST(TcpReset, goes_back_the_way_the_segment_came_and_leaves_its_bytes_alone) {
  NatWorld world;
  const auto segment = Ip{.src = "100.64.16.9", .dst = kServer} / Tcp{.src = 4000, .dst = 80, .flags = "A"};
  const Environment from{.mapping = 2, .worker_host = "192.0.2.12", .mac = {{2, 0, 0, 0, 0, 9}}, .attachment = 0};
  const Outcome outcome = world.outbound(from, segment);
  ASSERT_TRUE(outcome.answered(Drop::no_flow)) << outcome.text();
  EXPECT_EQ(outcome.bytes, segment.bytes());
  EXPECT_EQ(outcome.answer, (Ip{.src = kServer, .dst = "100.64.16.9", .identification = 0, .fragment = 0x4000} /
                             Tcp{.src = 80, .dst = 4000, .flags = "R", .seq = 0, .window = 0})
                                .bytes());
  EXPECT_EQ(to_string(outcome.egress.peer), "192.0.2.12");
  EXPECT_EQ(to_string(outcome.egress.environment_mac), "02:00:00:00:00:09");
  EXPECT_EQ(outcome.egress.mapping, world.tables().mapping_by_number.find(2));
}

TEST(TcpReset, is_not_sent_for_a_rst_nor_to_the_outside_nor_for_a_forged_source) {
  Connection connection;
  EXPECT_TRUE(connection.client("R").dropped(Drop::no_flow));
  EXPECT_TRUE(connection.client("RA").dropped(Drop::no_flow));
  connection.port = 2000;
  EXPECT_TRUE(connection.server("A").dropped(Drop::no_flow));
  const auto forged = Ip{.src = "100.64.16.5", .dst = kServer} / Tcp{.src = 1, .dst = 2, .flags = "A"};
  EXPECT_TRUE(connection.world.outbound(forged).dropped(Drop::spoofed_source));
}

TEST(TcpReset, is_limited_per_tenant_and_second) {
  NatWorld world({.resets_per_second = 10});
  const auto segment = [](std::uint16_t port) {
    return Ip{.src = kClient, .dst = kServer} / Tcp{.src = port, .dst = 80, .flags = "A"};
  };
  const auto resets = [&](std::uint32_t mapping, int segments) {
    int count = 0;
    for (int i = 0; i < segments; ++i) {
      const Outcome outcome = world.outbound({.mapping = mapping}, segment(static_cast<std::uint16_t>(1000 + i)));
      if (outcome.answered(Drop::no_flow))
        ++count;
      else
        EXPECT_TRUE(outcome.dropped(Drop::reset_rate_limited)) << outcome.text();
    }
    return count;
  };
  EXPECT_EQ(resets(1, 50), 10);
  EXPECT_EQ(resets(2, 50), 0) << "another mapping of the same tenant";
  EXPECT_EQ(resets(3, 50), 10) << "another tenant has his own";
  world.pass(500);
  EXPECT_EQ(resets(1, 50), 5);
  for (int i = 0; i < 10; ++i) {
    world.pass(99);
    resets(1, 1);
  }
  world.pass(10);
  EXPECT_EQ(resets(1, 50), 1) << "990 ms of small steps earned nine, the tenth came now";
  world.pass(3'600'000);
  EXPECT_EQ(resets(1, 50), 10);
  EXPECT_EQ(world.tenant_counter(2, &TenantCounters::resets), 10U);
}

}  // namespace nat_tcp
}  // namespace hypernat::dataplane
