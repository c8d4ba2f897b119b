// hypernat trace: arms the data plane's trace, and prints the decisions for each packet that matched.
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "control/cli/commands.h"
#include "control/cli/errors.h"
#include "control/cli/telemetry_client.h"
#include "control/cli/text_table.h"

namespace hypernat::cli {

int trace_packets(const Options& options, const TraceOptions& trace) {
  const TelemetryClient dataplane(options.dataplane);
  dataplane.ask("/hypernat/trace_start", trace.filter);
  const auto limit = std::chrono::steady_clock::now() + trace.patience;
  nlohmann::json records = nlohmann::json::array();
  while (records.size() < trace.count && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    records = dataplane.ask_pages("/hypernat/trace");
  }
  dataplane.ask("/hypernat/trace_stop");
  if (records.empty()) throw CommandError("no packet matched within " + std::to_string(trace.patience.count()) + " s");
  std::cout << records.dump(2) << "\n";
  return 0;
}

}  // namespace hypernat::cli
