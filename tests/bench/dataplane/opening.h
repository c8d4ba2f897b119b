// What a new flow costs: the opening packet's journey, at a table that is empty, part-full and nearly full, towards
// many remotes and towards one; a TCP connection from SYN to the last FIN; and what packets see while many flows
// expire or are closed.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/bench/dataplane/report.h"
#include "tests/bench/dataplane/world.h"

namespace hypernat::bench {

struct OpeningPlan {
  World::Options world;                    ///< `flows`: what the table is sized for
  std::vector<std::uint32_t> standing{0};  ///< flows there before, ascending
  std::uint32_t openings = 500'000;        ///< measured at each
};

/// Cycles of an opening packet from receive to transmit, in samples of 8,192, with the floor of the same frames.
void measure_opening(const OpeningPlan& plan, Report& report);

/// UDP flows of one mapping with four interfaces towards one remote endpoint: the first and the last hundredth of its
/// 258,048 ports.
void measure_last_ports(Report& report);

/// TCP connections: SYN, SYN ACK, ACK, request, answer, FIN, FIN ACK, ACK. Cycles of one connection, all eight packets.
void measure_connections(const World::Options& options, Report& report);

/// A million UDP flows expire while packets of others are forwarded: microseconds of each round, and beside them the
/// gaps that an idle loop of the same length sees, which are the machine's own.
void measure_expiry(const World::Options& options, Report& report);
/// The same while the flows are closed whose mappings are in the table no more, over VXLAN: all but 65,536.
void measure_closing(const World::Options& options, Report& report);

}  // namespace hypernat::bench
