// How it grows: memory for a flow, workers, mappings, and what packets see while a large table is replaced.
#pragma once

#include "tests/bench/dataplane/report.h"
#include "tests/bench/dataplane/world.h"

namespace hypernat::bench {

/// Bytes of the process for each flow, all in, once `options.flows` are open.
void measure_memory(const World::Options& options, Report& report);

/// Outbound packets of open flows on 1 and on 2 workers, each polling on an lcore of its own: packets a microsecond in
/// all, and how many were handed over. The physics is measured on as many lcores beside it. EAL has two lcores besides
/// the main one.
void measure_workers(const World::Options& options, Report& report);

/// The next generation of the table is compiled on another lcore and given to the worker while it forwards:
/// milliseconds of compiling, microseconds of the worker's rounds meanwhile.
void measure_reload(const World::Options& options, Report& report);

}  // namespace hypernat::bench
