// What a running data plane tells through rte_telemetry, under /hypernat/…: read by `hypernat`, dpdk-telemetry.py and
// the tests alike.
//
// Handlers run on DPDK's telemetry thread, one at a time here. Counters are read as they are; what only a worker knows
// (its account at one moment, its flows, its neighbours) is asked for through its mailbox.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "dataplane/process/dataplane.h"
#include "dataplane/telemetry/answer.h"
#include "dataplane/worker/trace.h"

namespace hypernat::dataplane {

class Telemetry {
 public:
  /// Registers the commands. One at a time in a process.
  explicit Telemetry(Dataplane& dataplane);
  ~Telemetry();
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;

  // Each answers one command; `parameter` is what follows its comma, or null. Returns 0, or a negative errno.
  int info(const char* parameter, Answer& answer);
  int workers(const char* parameter, Answer& answer);
  int account(const char* parameter, Answer& answer);
  int drops(const char* parameter, Answer& answer);
  int ports(const char* parameter, Answer& answer);
  int interfaces(const char* parameter, Answer& answer);
  int tenants(const char* parameter, Answer& answer);
  int mappings(const char* parameter, Answer& answer);
  int flows(const char* parameter, Answer& answer);
  int neighbours(const char* parameter, Answer& answer);
  int trace_start(const char* parameter, Answer& answer);
  int trace(const char* parameter, Answer& answer);
  int trace_stop(const char* parameter, Answer& answer);

 private:
  /// Where a page of a list that lies in several workers begins.
  struct Place {
    std::size_t worker = 0;
    std::uint32_t cursor = 0;
  };
  template <typename Add>
  int walk_workers(Mailbox::Question question, const char* parameter, std::vector<Place>& pages, Answer& answer,
                   Add&& add);
  const Mailbox::Answer* ask(Worker& worker, Mailbox::Question question, std::uint32_t cursor);
  void collect_trace();

  Dataplane& dataplane_;
  std::vector<Place> flow_pages_;       ///< as far as they were asked for
  std::vector<Place> neighbour_pages_;  ///< likewise
  std::deque<TraceFilter> filters_;     ///< all there ever were: a worker may still read the last
  std::vector<TraceRecord> records_;    ///< of the filter last set
};

}  // namespace hypernat::dataplane
