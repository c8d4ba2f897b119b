// How long a TCP flow lasts in each state, and what a late segment changes about that in each direction.
#include <gtest/gtest.h>

#include "tests/packet/tcp_connection.h"

namespace hypernat::dataplane {
namespace nat_tcp_timers {

using craft::Ip;
using craft::Tcp;

constexpr Tick kSecond = 1000;
constexpr Tick kOpening = 240 * kSecond;
constexpr Tick kEstablished = 350 * kSecond;
constexpr Tick kClosing = 60 * kSecond;
constexpr Tick kLate = 10 * kSecond;  // before the flow would go
constexpr Tick kNoChange = kLate;     // it goes when it would have gone

constexpr auto kIn = Side::kInside;
constexpr auto kOut = Side::kOutside;

struct Segment {
  Side from;
  const char* flags;
};

struct LateSegment {
  Segment segment;
  Tick goes_after;  ///< from then on
};

struct TimerRow {
  const char* state;
  std::vector<Segment> before;
  Tick goes_after;
  std::vector<LateSegment> late;
};

const std::vector<TimerRow> kRows = {
    {"opening",
     {{kIn, "S"}},
     kOpening,
     {{{kIn, "S"}, kOpening},
      {{kIn, "A"}, kOpening},
      {{kIn, "R"}, kClosing},
      {{kOut, "A"}, kNoChange},
      {{kOut, "FA"}, kNoChange},
      {{kOut, "R"}, kClosing},
      {{kOut, "RA"}, kClosing},
      {{kOut, "S"}, kEstablished},
      {{kOut, "SA"}, kEstablished}}},
    {"established",
     {{kIn, "S"}, {kOut, "SA"}, {kIn, "A"}},
     kEstablished,
     {{{kIn, "A"}, kEstablished},
      {{kIn, "S"}, kEstablished},
      {{kIn, "FA"}, kEstablished},
      {{kIn, "R"}, kClosing},
      {{kOut, "PA"}, kEstablished},
      {{kOut, "SA"}, kEstablished},
      {{kOut, "FA"}, kEstablished},
      {{kOut, "R"}, kClosing}}},
    {"established by a simultaneous open",
     {{kIn, "S"}, {kOut, "S"}},
     kEstablished,
     {{{kIn, "SA"}, kEstablished}, {{kOut, "SA"}, kEstablished}, {{kOut, "R"}, kClosing}}},
    {"half-closed by the client",
     {{kIn, "S"}, {kOut, "SA"}, {kIn, "FA"}},
     kEstablished,
     {{{kIn, "A"}, kEstablished},
      {{kIn, "FA"}, kEstablished},
      {{kIn, "R"}, kClosing},
      {{kOut, "PA"}, kEstablished},
      {{kOut, "FA"}, kClosing},
      {{kOut, "R"}, kClosing}}},
    {"half-closed by the server",
     {{kIn, "S"}, {kOut, "SA"}, {kOut, "FA"}},
     kEstablished,
     {{{kIn, "PA"}, kEstablished},
      {{kIn, "FA"}, kClosing},
      {{kIn, "R"}, kClosing},
      {{kOut, "FA"}, kEstablished},
      {{kOut, "A"}, kEstablished},
      {{kOut, "R"}, kClosing}}},
    {"closed",
     {{kIn, "S"}, {kOut, "SA"}, {kIn, "FA"}, {kOut, "FA"}},
     kClosing,
     {{{kIn, "A"}, kNoChange},
      {{kIn, "FA"}, kNoChange},
      {{kIn, "R"}, kNoChange},
      {{kIn, "S"}, kOpening},
      {{kOut, "A"}, kNoChange},
      {{kOut, "PA"}, kNoChange},
      {{kOut, "FA"}, kNoChange},
      {{kOut, "R"}, kNoChange},
      {{kOut, "S"}, kNoChange},
      {{kOut, "SA"}, kNoChange}}},
    {"closed by both at once",
     {{kIn, "S"}, {kOut, "SA"}, {kOut, "FA"}, {kIn, "FA"}},
     kClosing,
     {{{kIn, "A"}, kNoChange}, {{kOut, "A"}, kNoChange}, {{kIn, "S"}, kOpening}}},
    {"reset by the server, or by somebody who says he is it",
     {{kIn, "S"}, {kOut, "SA"}, {kOut, "R"}},
     kClosing,
     {{{kIn, "A"}, kEstablished},
      {{kIn, "FA"}, kEstablished},
      {{kIn, "R"}, kNoChange},
      {{kIn, "S"}, kOpening},
      {{kOut, "A"}, kEstablished},
      {{kOut, "SA"}, kEstablished},
      {{kOut, "R"}, kNoChange},
      {{kOut, "RA"}, kNoChange}}},
    {"reset by the client",
     {{kIn, "S"}, {kOut, "SA"}, {kIn, "RA"}},
     kClosing,
     {{{kIn, "PA"}, kEstablished}, {{kOut, "PA"}, kEstablished}, {{kIn, "S"}, kOpening}, {{kOut, "R"}, kNoChange}}},
    {"reset while half-closed",
     {{kIn, "S"}, {kOut, "SA"}, {kIn, "FA"}, {kOut, "R"}},
     kClosing,
     {{{kOut, "PA"}, kEstablished}, {{kIn, "A"}, kEstablished}, {{kOut, "FA"}, kClosing}, {{kIn, "S"}, kOpening}}},
    {"refused",
     {{kIn, "S"}, {kOut, "RA"}},
     kClosing,
     {{{kIn, "S"}, kOpening},
      {{kIn, "A"}, kOpening},
      {{kOut, "SA"}, kEstablished},
      {{kOut, "R"}, kNoChange},
      {{kOut, "A"}, kOpening}}},
};

Outcome send(Connection& connection, const Segment& segment) {
  return segment.from == kIn ? connection.client(segment.flags) : connection.server(segment.flags);
}

std::string name_of_late(const TimerRow& row, const LateSegment& late) {
  return std::string(row.state) + ", then " + late.segment.flags +
         (late.segment.from == kIn ? " from inside" : " from outside");
}

TEST(TcpTimers, of_each_state_are_exact_and_late_segments_change_what_they_may) {
  for (const TimerRow& row : kRows) {
    for (const LateSegment& late : row.late) {
      Connection connection;
      for (const Segment& segment : row.before) ASSERT_TRUE(send(connection, segment).forwarded()) << row.state;
      connection.world.pass(row.goes_after - kLate);
      const std::uint16_t port = connection.port;
      ASSERT_TRUE(send(connection, late.segment).forwarded()) << name_of_late(row, late);
      EXPECT_EQ(connection.port, port) << name_of_late(row, late);
      EXPECT_TRUE(connection.goes_after(late.goes_after)) << name_of_late(row, late);
    }
  }
}

TEST(TcpTimers, once_run_out_leave_a_rst_to_the_inside_silence_to_the_outside_and_nothing_else) {
  for (const TimerRow& row : kRows) {
    Connection connection;
    for (const Segment& segment : row.before) ASSERT_TRUE(send(connection, segment).forwarded()) << row.state;
    EXPECT_TRUE(connection.goes_after(row.goes_after)) << row.state;
    for (const char* flags : {"A", "PA", "FA", "SA"})
      EXPECT_EQ(connection.client(flags).verdict, Verdict::kAnswered) << row.state << ": the client must not hang";
    for (const char* flags : {"A", "PA", "FA", "SA", "S", "R"})
      EXPECT_TRUE(connection.server(flags).dropped(Drop::no_flow)) << row.state << ": " << flags;
    EXPECT_TRUE(connection.client("R").dropped(Drop::no_flow)) << row.state;
    EXPECT_EQ(connection.world.flows_of_tenant(1), 0U);
    EXPECT_EQ(connection.world.next_hops_held(), 0U);
    EXPECT_EQ(connection.world.interface_counter("eni-1", &InterfaceCounters::flows_open), 0U);
  }
}

TEST(TcpTimers, count_an_opening_flow_from_its_last_syn_and_from_nothing_that_comes_from_outside) {
  Connection connection;
  connection.client("S");
  connection.world.pass(100 * kSecond);
  connection.client("S");
  connection.world.pass(100 * kSecond);
  connection.server("A");
  EXPECT_TRUE(connection.goes_after(140 * kSecond));
}

TEST(TcpTimers, let_a_half_closed_connection_carry_data_one_way_for_as_long_as_it_likes) {
  for (const Side closing : {kIn, kOut}) {
    Connection connection;
    connection.shake_hands();
    send(connection, {closing, "FA"});
    const Segment data{closing == kIn ? kOut : kIn, "PA"};
    for (int i = 0; i < 20; ++i) {
      connection.world.pass(340 * kSecond);
      ASSERT_TRUE(send(connection, data).forwarded()) << i;
      ASSERT_EQ(connection.state(), "established");
    }
    EXPECT_TRUE(connection.goes_after(kEstablished));
  }
}

TEST(TcpTimers, are_those_of_the_configuration) {
  const NatWorld::Options options{
      .timeouts = {.tcp_opening = 5'000, .tcp_established = 7'000'000, .tcp_closing = 2'000}};
  Connection opening(options);
  opening.client("S");
  EXPECT_TRUE(opening.goes_after(5'000));
  Connection established(options);
  established.shake_hands();
  EXPECT_TRUE(established.goes_after(7'000'000)) << "longer than a turn of the wheel";
  Connection closing(options);
  closing.shake_hands();
  closing.server("R");
  EXPECT_TRUE(closing.goes_after(2'000));
}

TEST(TcpTimers, come_earlier_in_every_state_whose_timeout_is_shorter) {
  struct Row {
    const char* what;
    FlowTimeouts timeouts;
    std::vector<std::string> segments;  // "<" before those from the server
    Tick idle;
  };
  const FlowTimeouts long_opening{.tcp_opening = 100'000, .tcp_established = 10'000, .tcp_closing = 50'000};
  const FlowTimeouts long_closing{.tcp_opening = 10'000, .tcp_established = 20'000, .tcp_closing = 90'000};
  const std::vector<Row> rows = {
      {"opening to established", long_opening, {"S", "<SA"}, 10'000},
      {"closing back to established", long_opening, {"S", "<SA", "<R", "A"}, 10'000},
      {"closing back to opening", long_closing, {"S", "<R", "A"}, 10'000},
      {"closing to opened anew", long_closing, {"S", "<SA", "<R", "S"}, 10'000},
  };
  for (const Row& row : rows) {
    Connection connection({.timeouts = row.timeouts});
    for (const std::string& segment : row.segments)
      ASSERT_TRUE((segment[0] == '<' ? connection.server(segment.substr(1)) : connection.client(segment)).forwarded());
    EXPECT_TRUE(connection.goes_after(row.idle)) << row.what;
  }
}

TEST(TcpTimers, are_given_back_to_an_opening_flow_whose_reset_was_undone_late) {
  Connection connection({.timeouts = {.tcp_opening = 10'000, .tcp_closing = 90'000}});
  connection.client("S");
  connection.server("R");
  connection.world.pass(60'000);
  EXPECT_TRUE(connection.server("A").forwarded());
  EXPECT_TRUE(connection.goes_after(10'000));
}

// Every port towards the server is in use, but for what a closed connection leaves.
TEST(TcpQuarantine, keeps_a_closed_connections_port_for_its_own_environment_and_from_others_who_find_another) {
  NatWorld world({.flows = kInterfacePorts + 100, .timeouts = {.tcp_opening = 10'000'000}});
  const auto segment = [](std::uint32_t n, const char* flags) {
    return Ip{.src = to_string(Ipv4Address::from_host(0x64400001 + n / 60'000)), .dst = "10.0.1.10"} /
           Tcp{.src = static_cast<std::uint16_t>(1 + n % 60'000), .dst = 80, .flags = flags};
  };
  const std::uint16_t port = world.outbound(segment(0, "S")).seen.src_port;
  for (std::uint32_t n = 1; n < kInterfacePorts - 2; ++n) ASSERT_TRUE(world.outbound(segment(n, "S")).opened) << n;
  const auto answer = [&](const char* flags) {
    return world.inbound(Ip{.src = "10.0.1.10", .dst = "10.0.1.20"} / Tcp{.src = 80, .dst = port, .flags = flags});
  };
  const auto close = [&] {
    ASSERT_TRUE(answer("SA").forwarded());
    ASSERT_TRUE(world.outbound(segment(0, "FA")).forwarded());
    ASSERT_TRUE(answer("FA").forwarded());
  };
  close();
  EXPECT_NE(world.outbound(segment(kInterfacePorts, "S")).seen.src_port, port) << "it rests";
  const Outcome again = world.outbound(segment(0, "S"));
  ASSERT_TRUE(again.forwarded()) << "its own environment need not wait";
  EXPECT_EQ(again.seen.src_port, port);
  close();
  world.pass(kClosing - 1);
  EXPECT_NE(world.outbound(segment(kInterfacePorts + 1, "S")).seen.src_port, port);
  ASSERT_EQ(world.open_flows(), kInterfacePorts);
  world.pass(1 + 256);
  ASSERT_EQ(world.open_flows(), kInterfacePorts - 1);
  const Outcome other = world.outbound(segment(kInterfacePorts + 2, "S"));
  ASSERT_TRUE(other.opened) << other.text();
  EXPECT_EQ(other.seen.src_port, port) << "the only one there is";
}

}  // namespace nat_tcp_timers
}  // namespace hypernat::dataplane
